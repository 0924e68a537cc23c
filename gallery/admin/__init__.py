"""Admin of items, cases, shares and closures: registered as Django imports this package."""

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
