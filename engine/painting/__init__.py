"""The procedural painter: images from prompts by a word list, without weights or network."""

from __future__ import annotations

from engine.painting.composition import VERSION, Moment, Picture, colours_of, paint, paint_moment
from engine.painting.palette import Palette
from engine.painting.prompt.interpretation import ParsedPrompt, parse_prompt

__all__ = [
    "VERSION",
    "Moment",
    "Palette",
    "ParsedPrompt",
    "Picture",
    "colours_of",
    "paint",
    "paint_moment",
    "parse_prompt",
]
