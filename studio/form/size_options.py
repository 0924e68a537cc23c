"""Sizes and aspect ratios as little outlines, and width and height as one control."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """A ready pair of width and height (in pixels) for models that take both."""

    label: str
    width: int
    height: int
    outline: tuple[int, int]
    chosen: bool


@dataclass(frozen=True)
class Side:
    """What a model takes for a width or a height, in pixels."""

    value: str
    default: str
    choices: Sequence[int] = ()
    minimum: str = ""
    maximum: str = ""


RATIOS = ("1:1", "4:5", "3:4", "2:3", "9:16", "9:21", "5:4", "4:3", "3:2", "16:9", "21:9")
FLUX_PIXELS = {
    "1:1": "1024 × 1024", "16:9": "1344 × 768", "21:9": "1536 × 640", "3:2": "1216 × 832", "2:3": "832 × 1216",
    "4:5": "896 × 1088", "5:4": "1088 × 896", "3:4": "896 × 1152", "4:3": "1152 × 896", "9:16": "768 × 1344",
    "9:21": "640 × 1536",
}  # fmt: skip
"""How large the flux models make each ratio."""


def pairs(width: Side, height: Side) -> list[Shape]:
    """The usual ratios as the nearest pairs that the model takes, at about the area of its default size."""
    side = math.sqrt(float(width.default or 1024) * float(height.default or 1024))
    found: dict[tuple[int, int], Shape] = {}
    for ratio in RATIOS:
        wide, high = (int(part) for part in ratio.split(":"))
        root = math.sqrt(wide / high)
        pair = (_nearest(width, side * root), _nearest(height, side / root))
        chosen = (str(pair[0]), str(pair[1])) == (width.value, height.value)
        found.setdefault(pair, Shape(ratio, *pair, outline(wide / high), chosen))
    return list(found.values())


def _nearest(side: Side, wanted: float) -> int:
    if side.choices:
        return min(side.choices, key=lambda value: abs(value - wanted))
    low = float(side.minimum or 64)
    high = float(side.maximum or 2048)
    return round(min(high, max(low, wanted)) / 64) * 64


def nearest_pair(
    ratio: float, area: float, widths: Sequence[int], heights: Sequence[int]
) -> tuple[int, int] | None:
    """Of the sizes that exist, the one of about that ratio and area (in pixels); None where sizes are free.

    The shape counts first: sizes whose ratio is off by less than two hundredths are as good as exact.
    """
    pairs = [(width, height) for width in widths for height in heights]

    def off(pair: tuple[int, int]) -> float:
        shape = abs(math.log(pair[0] / pair[1] / ratio))
        return 8 * max(0.0, shape - 0.02) + abs(math.log(pair[0] * pair[1] / area))

    return min(pairs, key=off) if pairs else None


def of_ratio(ratio: str) -> tuple[int, int]:
    """The outline of a ratio such as `4:5`, drawn at about the same area for each; a square for other words."""
    wide, _colon, high = ratio.partition(":")
    return outline(float(wide) / float(high) if wide.isdigit() and high.isdigit() and int(high) else 1.0)


def outline(ratio: float) -> tuple[int, int]:
    """Width and height of a small drawing of a ratio, in CSS pixels."""
    width, height = 17 * math.sqrt(ratio), 17 / math.sqrt(ratio)
    scale = min(1.0, 22 / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))
