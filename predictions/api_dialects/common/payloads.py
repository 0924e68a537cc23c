"""JSON request and response bodies of the dialects."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse

from core.http import json_body


def parse_json(request: HttpRequest) -> Any:
    """The body as JSON, whatever its Content-Type. Raises MalformedBody, or RequestDataTooBig (413)."""
    return json_body.loads(request.body)


def type_name(value: Any) -> str:
    """JSON name of a value's type."""
    names = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}
    return names.get(type(value), "null")


def json_response(value: Any, status: int = 200) -> HttpResponse:
    """A JSON response."""
    return HttpResponse(json.dumps(value, ensure_ascii=False), status=status, content_type="application/json")
