"""Django admin of the gallery's models; importing this package registers it."""

from __future__ import annotations

from gallery.admin import (
    cases,
    evidence,
    items,
    privacy,
    social,
)

__all__ = [
    "cases",
    "evidence",
    "items",
    "privacy",
    "social",
]
