"""How large a picture will be, as far as its inputs and the model's schema say. Pure arithmetic."""

from __future__ import annotations

import math
from typing import Any

from engine.published_models import RATIOS

LARGEST = 8192
STEP = 8
USUAL = 1024
"""Side of the square, in pixels, whose area a picture has that is asked for by its shape alone."""
LOSSLESS, LOSSY = 1.6, 0.3
"""Bytes that a pixel usually takes in a PNG, and in a JPEG or WebP."""
THUMBNAILS = 48 * 1024
""" Bytes of both."""


def expected_size(given: dict[str, Any], properties: dict[str, dict[str, Any]]) -> tuple[int, int] | None:
    """Width and height in pixels of a picture made with these inputs; None where nothing says."""
    width, height = _value("width", given, properties), _value("height", given, properties)
    if isinstance(width, int) and isinstance(height, int):
        return (width, height) if min(width, height) > 0 and max(width, height) <= LARGEST else None
    ratio = _value("aspect_ratio", given, properties)
    if not isinstance(ratio, str):
        return None
    if ratio in RATIOS:
        return RATIOS[ratio]
    shape = logarithm(ratio)
    if not abs(shape) <= math.log(LARGEST / USUAL):
        return None
    side = math.exp(shape / 2)
    return round(USUAL * side / STEP) * STEP, round(USUAL / side / STEP) * STEP


def expected_bytes(given: dict[str, Any], properties: dict[str, dict[str, Any]]) -> int:
    """Bytes that one picture made with these inputs will take with its thumbnails, roughly and rather too many."""
    width, height = expected_size(given, properties) or (USUAL, USUAL)
    form = _value("output_format", given, properties)
    return int(width * height * (LOSSY if form in ("jpg", "jpeg", "webp") else LOSSLESS)) + THUMBNAILS


def _value(name: str, given: dict[str, Any], properties: dict[str, dict[str, Any]]) -> Any:
    """What is given for an input, else its default; None for one that the model does not have, which nothing checks."""
    return given.get(name, properties[name].get("default")) if name in properties else None


def logarithm(ratio: str) -> float:
    """The logarithm of width by height of `W:H`; infinite for words such as "custom", which some models list too."""
    width, _colon, height = ratio.partition(":")
    try:
        return math.log(float(width) / float(height))
    except (ValueError, ZeroDivisionError, OverflowError):
        return math.inf
