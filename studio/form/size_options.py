"""Sizes and aspect ratios: ready pairs of width and height, and their small outlines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from engine import published_models


@dataclass(frozen=True)
class Shape:
    """A pair of width and height (in pixels) for models that take both."""

    label: str
    width: int
    height: int
    outline: tuple[int, int]
    chosen: bool


@dataclass(frozen=True)
class Side:
    """What a model accepts for a width or a height, in pixels."""

    value: str
    default: str
    choices: Sequence[int] = ()
    minimum: str = ""
    maximum: str = ""


RATIOS = ("1:1", "4:5", "3:4", "2:3", "9:16", "9:21", "5:4", "4:3", "3:2", "16:9", "21:9")


def pairs(width: Side, height: Side) -> list[Shape]:
    """The usual ratios as the closest pairs that the model accepts, at about the area of its default size."""
    side = math.sqrt(float(width.default or 1024) * float(height.default or 1024))
    found: dict[tuple[int, int], Shape] = {}
    for ratio in RATIOS:
        wide, high = (int(part) for part in ratio.split(":"))
        root = math.sqrt(wide / high)
        pair = (_nearest(width, side * root), _nearest(height, side / root))
        chosen = (str(pair[0]), str(pair[1])) == (width.value, height.value)
        found.setdefault(pair, Shape(ratio, *pair, outline(wide / high), chosen))
    return list(found.values())


def pixels_of_ratio(ratio: str) -> str:
    """`1024 × 1024`: how large a model that takes a published ratio makes it; empty for any other ratio."""
    size = published_models.RATIOS.get(ratio)
    return f"{size[0]} × {size[1]}" if size else ""


def _nearest(side: Side, length: float) -> int:
    if side.choices:
        return min(side.choices, key=lambda value: abs(value - length))
    low = float(side.minimum or 64)
    high = float(side.maximum or 2048)
    return round(min(high, max(low, length)) / 64) * 64


def nearest_pair(
    ratio: float, area: float, widths: Sequence[int], heights: Sequence[int]
) -> tuple[int, int] | None:
    """The available size closest to that ratio and area (in pixels); None where any size is possible.

    The ratio counts first: sizes less than 0.02 (in log ratio) off are as good as exact.
    """
    pairs = [(width, height) for width in widths for height in heights]

    def distance(pair: tuple[int, int]) -> float:
        shape = abs(math.log(pair[0] / pair[1] / ratio))
        return 8 * max(0.0, shape - 0.02) + abs(math.log(pair[0] * pair[1] / area))

    return min(pairs, key=distance) if pairs else None


def ratio_outline(ratio: str) -> tuple[int, int]:
    """The outline of a ratio such as `4:5`, at about the same area for each; a square for anything else."""
    wide, _colon, high = ratio.partition(":")
    return outline(float(wide) / float(high) if wide.isdigit() and high.isdigit() and int(high) else 1.0)


def outline(ratio: float) -> tuple[int, int]:
    """Width and height of a small drawing of a ratio, in CSS pixels."""
    width, height = 17 * math.sqrt(ratio), 17 / math.sqrt(ratio)
    scale = min(1.0, 22 / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))
