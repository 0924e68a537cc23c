"""Builders of request and response examples for the OpenAPI document of `/api`."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample

MOMENT = "2026-11-20T12:00:04.512000Z"


def request_example(value: Any, name: str = "Request") -> OpenApiExample:
    """A body that a caller sends."""
    return OpenApiExample(name, value=value, request_only=True)


def response_example(value: Any, status: int = 200, name: str = "Answer") -> OpenApiExample:
    """A body of a response."""
    return OpenApiExample(name, value=value, response_only=True, status_codes=[str(status)])


def page_example(*rows: Any, after: str = "") -> OpenApiExample:
    """A page of a list; `after`: the URL of the next one."""
    return response_example({"results": list(rows), "next": after or None})
