"""The procedural painter: a picture from words, drawn from a word list, without weights or network."""

from __future__ import annotations

from .compose import VERSION, Moment, Picture, colours_of, paint, paint_moment
from .palette import Palette
from .understand import Understanding, understand

__all__ = [
    "VERSION",
    "Moment",
    "Palette",
    "Picture",
    "Understanding",
    "colours_of",
    "paint",
    "paint_moment",
    "understand",
]
