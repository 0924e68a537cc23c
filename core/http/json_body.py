"""JSON bodies of all APIs, parsed as hostile: encoding, number of values, depth, then use."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

MAX_DEPTH = 64
MAX_VALUES = 100_000
"""Values inside a body. Each is looked at several times, and shown again with every poll."""
MAX_OWN_API = 256 * 1024
"""Bytes of a body under `/api/` that carries no picture."""
# Signs that part values, in texts too, where prose has one in fifty characters. Counting them costs nothing; millions
# of empty lists would take a hundred times the memory of their body before anybody could count values.
_MAX_SEPARATORS = 5 * MAX_VALUES


class MalformedBody(Exception):
    """The body cannot be read; `detail` says why, in a sentence that holds nothing of the body."""

    def __init__(self, detail: str) -> None:
        self.detail = detail
        super().__init__(detail)


def loads(raw: bytes) -> Any:
    """The value that a body holds, whatever its label says. Raises MalformedBody."""
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
    _refuse_unwieldy(value)
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _refuse_unwieldy(value: Any) -> None:
    """Raises MalformedBody for what is nested too deep or holds too much, level by level."""
    level, seen = [value], 0
    for _depth in range(MAX_DEPTH + 1):
        deeper: list[Any] = []
        for one in level:
            if isinstance(one, dict | list):
                seen += len(one)
                if seen > MAX_VALUES:
                    raise MalformedBody(f"The body holds more than {MAX_VALUES} values.")
                deeper += one.values() if isinstance(one, dict) else one
        level = [one for one in deeper if isinstance(one, dict | list)]
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
