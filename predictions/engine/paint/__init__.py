"""The procedural painter: a picture from words, drawn from a word list, without weights or network."""

from __future__ import annotations

from .compose import VERSION, Picture, paint
from .understand import Understanding, understand

__all__ = ["VERSION", "Picture", "Understanding", "paint", "understand"]
