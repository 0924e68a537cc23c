"""Filling holes in photographs from their own surroundings: texture by matching patches, tone by a membrane."""

from __future__ import annotations

from .filling import fill

__all__ = ["fill"]
