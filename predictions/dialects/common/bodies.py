"""JSON bodies, parsed as hostile: size, encoding, depth, then use."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from django.http import HttpRequest

MAX_DEPTH = 64
MAX_VALUES = 100_000
"""Values inside a body. Each is looked at several times, and shown again with every poll."""


class MalformedBody(Exception):
    """The body cannot be read; `detail` says why, in a sentence that holds nothing of the body."""

    def __init__(self, detail: str) -> None:
        self.detail = detail
        super().__init__(detail)


def parse_json(request: HttpRequest) -> Any:
    """The body as JSON, whatever its label says. Raises MalformedBody, or RequestDataTooBig (413)."""
    raw = request.body
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


def type_name(value: Any) -> str:
    """The JSON name of a value's type."""
    names = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}
    return names.get(type(value), "null")


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
