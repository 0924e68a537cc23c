"""Hole filling in photographs from their surroundings: texture by patch matching, tone by a membrane."""

from __future__ import annotations

from engine.editing.fill.holes import fill
from engine.editing.fill.object_parts import include_parts

__all__ = ["fill", "include_parts"]
