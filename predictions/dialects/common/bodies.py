"""JSON bodies of the dialects."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from accounts import json_body


def parse_json(request: HttpRequest) -> Any:
    """The body as JSON, whatever its label says. Raises MalformedBody, or RequestDataTooBig (413)."""
    return json_body.loads(request.body)


def type_name(value: Any) -> str:
    """The JSON name of a value's type."""
    names = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}
    return names.get(type(value), "null")
