"""Expected size of an output image, from its inputs and the model's schema. Pure arithmetic."""

from __future__ import annotations

import math
from typing import Any

from engine.published_models import RATIOS

LARGEST = 8192
STEP = 8
USUAL = 1024
"""Side in pixels of the square with the area of an image for which only the aspect ratio is given."""
LOSSLESS, LOSSY = 1.6, 0.3
"""Typical bytes per pixel in a PNG, and in a JPEG or WebP."""
THUMBNAILS = 48 * 1024
"""Bytes of both thumbnails."""


def expected_size(inputs: dict[str, Any], properties: dict[str, dict[str, Any]]) -> tuple[int, int] | None:
    """Width and height in pixels of an image made with these inputs; None where unknown."""
    width, height = _value("width", inputs, properties), _value("height", inputs, properties)
    if isinstance(width, int) and isinstance(height, int):
        return (width, height) if min(width, height) > 0 and max(width, height) <= LARGEST else None
    ratio = _value("aspect_ratio", inputs, properties)
    if not isinstance(ratio, str):
        return None
    if ratio in RATIOS:
        return RATIOS[ratio]
    shape = logarithm(ratio)
    if not abs(shape) <= math.log(LARGEST / USUAL):
        return None
    side = math.exp(shape / 2)
    return round(USUAL * side / STEP) * STEP, round(USUAL / side / STEP) * STEP


def expected_bytes(inputs: dict[str, Any], properties: dict[str, dict[str, Any]]) -> int:
    """Estimated bytes of one image made with these inputs, thumbnails included; rather too many."""
    width, height = expected_size(inputs, properties) or (USUAL, USUAL)
    form = _value("output_format", inputs, properties)
    return int(width * height * (LOSSY if form in ("jpg", "jpeg", "webp") else LOSSLESS)) + THUMBNAILS


def _value(name: str, inputs: dict[str, Any], properties: dict[str, dict[str, Any]]) -> Any:
    """The value of an input, else its default; None for an input that the model does not have."""
    return inputs.get(name, properties[name].get("default")) if name in properties else None


def logarithm(ratio: str) -> float:
    """The logarithm of width by height of `W:H`; infinite for words such as "custom", which some models list too."""
    width, _colon, height = ratio.partition(":")
    try:
        return math.log(float(width) / float(height))
    except (ValueError, ZeroDivisionError, OverflowError):
        return math.inf
