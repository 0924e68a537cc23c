"""True examples for the description of `/api`: what was sent and what came back, shortened nowhere that matters."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample

PREDICTION = "q3x8m1v6r2c9t4k7w5n0p8s1d6"
MOMENT = "2026-11-20T12:00:04.512000Z"
MODEL = "lucataco/flux-schnell-lora"
VERSION = "2a6b576af31790b470f0a8442e1e9791213fa13799cbb65a9fc1436e96389574"


def sent(value: Any, name: str = "Request") -> OpenApiExample:
    """A body that a caller sends."""
    return OpenApiExample(name, value=value, request_only=True)


def came(value: Any, status: int = 200, name: str = "Answer") -> OpenApiExample:
    """A body that comes back."""
    return OpenApiExample(name, value=value, response_only=True, status_codes=[str(status)])


def page(*rows: Any, after: str = "") -> OpenApiExample:
    """A page of a list; `after` is the address of the next one."""
    return came({"results": list(rows), "next": after or None})
