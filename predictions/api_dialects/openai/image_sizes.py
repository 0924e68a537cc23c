"""Mapping OpenAI's `size` to a model's inputs: width and height, or the nearest aspect ratio. Pure functions."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

STEP = 8
"""Pixels: latent models work in blocks of this side."""
SMALLEST, LARGEST = 16, 8192
_SIZE = re.compile(r"([1-9][0-9]{1,3})x([1-9][0-9]{1,3})")


class NoSuchSize(Exception):
    """The text is no size, or the model has no input for it; the message says which."""


@dataclass(frozen=True)
class Size:
    """Size in pixels."""

    width: int
    height: int


def parse(text: str) -> Size | None:
    """`WxH` in pixels; None for `auto`, the model's default. Raises NoSuchSize."""
    if text == "auto":
        return None
    match = _SIZE.fullmatch(text)
    if match:
        size = Size(int(match.group(1)), int(match.group(2)))
        if min(size.width, size.height) >= SMALLEST and max(size.width, size.height) <= LARGEST:
            return size
    raise NoSuchSize(f"size must be WIDTHxHEIGHT, {SMALLEST} to {LARGEST} pixels each, or auto.")


def inputs_for(size: Size, properties: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The inputs nearest to the size, for a model with these properties. Raises NoSuchSize."""
    if "width" in properties and "height" in properties:
        return _pixels(size, properties["width"], properties["height"])
    ratios = properties.get("aspect_ratio", {}).get("enum")
    if ratios:
        return {"aspect_ratio": _nearest_ratio(size, ratios)}
    raise NoSuchSize("This model has no size to choose; leave it out or send auto.")


def _pixels(size: Size, width: dict[str, Any], height: dict[str, Any]) -> dict[str, Any]:
    # If one side is too long both are scaled down, to keep the aspect ratio.
    shrink = min(1.0, _most(width) / size.width, _most(height) / size.height)
    return {"width": _side(size.width * shrink, width), "height": _side(size.height * shrink, height)}


def _most(rule: dict[str, Any]) -> float:
    return float(max(rule["enum"])) if rule.get("enum") else float(rule.get("maximum", math.inf))


def _side(wanted: float, rule: dict[str, Any]) -> int:
    if rule.get("enum"):
        return int(min(rule["enum"], key=lambda side: (abs(side - wanted), side)))
    step = int(rule.get("multipleOf", STEP))
    least = math.ceil(rule.get("minimum", step) / step) * step
    most = math.floor(rule.get("maximum", LARGEST) / step) * step
    return max(least, min(most, round(wanted / step) * step))


def _nearest_ratio(size: Size, ratios: list[str]) -> str:
    wanted = math.log(size.width / size.height)

    def distance(ratio: str) -> float:
        width, _colon, height = ratio.partition(":")
        try:
            return abs(math.log(float(width) / float(height)) - wanted)
        except (ValueError, ZeroDivisionError):
            # Some models list words such as "custom" among their ratios.
            return math.inf

    return min(ratios, key=distance)
