"""Parser of JSON request bodies of all APIs, with limits against hostile ones: encoding, number of values, depth."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

MAX_DEPTH = 64
MAX_VALUES = 100_000
"""Values inside a body. Each is read several times, and returned with every poll."""
MAX_OWN_API = 256 * 1024
"""Bytes of a body under `/api/` that carries no picture."""
# Separators of values, also inside strings, where prose has one in fifty characters. Counting them costs nothing;
# parsing millions of empty lists would take a hundred times the memory of their body before values could be counted.
_MAX_SEPARATORS = 5 * MAX_VALUES


class MalformedBody(Exception):
    """The body cannot be read; `detail` says why, in a sentence that holds nothing of the body."""

    def __init__(self, detail: str) -> None:
        self.detail = detail
        super().__init__(detail)


def loads(raw: bytes) -> Any:
    """The value of a JSON body, whatever its content type. Raises MalformedBody."""
    if sum(raw.count(sign) for sign in (b",", b"[", b"{")) > _MAX_SEPARATORS:
        raise MalformedBody(f"The body holds more than {MAX_VALUES} values.")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedBody("The body is not UTF-8.") from None
    try:
        value = json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except RecursionError:
        raise MalformedBody(f"The body is nested deeper than {MAX_DEPTH} levels.") from None
    except ValueError:
        raise MalformedBody("The body is not JSON.") from None
    _check_size(value)
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _check_size(value: Any) -> None:
    """Raise MalformedBody for a value that is nested too deep or holds too many values; level by level."""
    level, count = [value], 0
    for _depth in range(MAX_DEPTH + 1):
        deeper: list[Any] = []
        for container in level:
            if isinstance(container, dict | list):
                count += len(container)
                if count > MAX_VALUES:
                    raise MalformedBody(f"The body holds more than {MAX_VALUES} values.")
                deeper += container.values() if isinstance(container, dict) else container
        level = [value for value in deeper if isinstance(value, dict | list)]
        if not level:
            return
    raise MalformedBody(f"The body is nested deeper than {MAX_DEPTH} levels.")


def is_unicode(text: str) -> bool:
    """Whether the text can be written as UTF-8 (JSON's escapes can name halves of a surrogate pair)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
