"""Justified rows: line breaks of picture rows for six container widths at once, so the layout needs no script.

Tiles have `flex: var(--r) 1 0` and `aspect-ratio: var(--r)`; between two breaks they fill the width at equal
height. A break is an empty full-width element that is displayed in its width class alone. Breaks minimise the
sum of squares of log(row height ÷ target height), by dynamic programming.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

MIN_RATIO, MAX_RATIO = 0.4, 2.6
"""Aspect ratios beyond these are cropped in rows (not on the item's own page)."""


@dataclass(frozen=True)
class Width:
    """A class of container widths: a typical width, the target height of rows and the gap, in CSS pixels."""

    width: int
    target: int
    gap: int


# Classes start at container widths 320, 440, 600, 840, 1150 and 1600; each is laid out for a width inside it.
GALLERY = (
    Width(375, 210, 3), Width(510, 215, 3), Width(710, 220, 4),
    Width(980, 250, 6), Width(1340, 260, 6), Width(1840, 320, 8),
)  # fmt: skip
LIBRARY = (
    Width(375, 120, 3), Width(510, 140, 3), Width(710, 160, 4),
    Width(980, 185, 6), Width(1180, 196, 6), Width(1680, 232, 8),
)  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """Result for all width classes. `breaks`: per tile, the classes in which a row ends after it; `fillers`:
    per class, the filler of the last row in units of ratio; `heights`: per class, the total height of all rows
    in CSS pixels."""

    breaks: list[str]
    fillers: list[float] = field(default_factory=list)
    heights: list[int] = field(default_factory=list)

    @property
    def filler_style(self) -> str:
        """The fillers as CSS custom properties `--f0` to `--f5`, in units of ratio; 0 means none."""
        return ";".join(f"--f{index}:{value:.3f}" for index, value in enumerate(self.fillers))

    @property
    def height_style(self) -> str:
        """The heights as CSS custom properties `--h0` to `--h5`: reserved for rows outside the viewport."""
        return ";".join(f"--h{index}:{value}px" for index, value in enumerate(self.heights))


def clamped_ratio(ratio: float) -> float:
    """The aspect ratio of a picture in a row, clamped to MIN_RATIO and MAX_RATIO."""
    return min(MAX_RATIO, max(MIN_RATIO, ratio))


def lay_out(ratios: Sequence[float], widths: Sequence[Width] = GALLERY, *, more: bool = False) -> Layout:
    """Rows for pictures of these (clamped) ratios. With `more` to come, the last row is filled up as well."""
    classes: list[list[str]] = [[] for _ in ratios]
    fillers, heights = [], []
    for index, width in enumerate(widths):
        ends, filler = _best_breaks(ratios, width, more)
        for end in ends[:-1]:
            classes[end - 1].append(f"b{index}")
        fillers.append(filler)
        heights.append(_height(ratios, ends, width, filler))
    return Layout([" ".join(names) for names in classes], fillers, heights)


def _best_breaks(ratios: Sequence[float], width: Width, more: bool) -> tuple[list[int], float]:
    """The ends of the rows (exclusive; the last is the number of tiles), and the filler of the last row."""
    count = len(ratios)
    costs = [0.0] + [math.inf] * count
    starts = [0] * (count + 1)
    for end in range(1, count + 1):
        total = 0.0
        for start in range(end - 1, -1, -1):
            total += ratios[start]
            height = (width.width - width.gap * (end - start - 1)) / total
            cost = costs[start] + _cost(height, width.target, last=end == count and not more)
            if cost < costs[end]:
                costs[end], starts[end] = cost, start
            # More pictures only make the row lower; below a third of the target nothing is gained.
            if height < width.target / 3:
                break
    ends = []
    end = count
    while end:
        ends.append(end)
        end = starts[end]
    ends.reverse()
    return ends, _filler(ratios[ends[-2] if len(ends) > 1 else 0 :], width, more) if count else 0.0


def _height(ratios: Sequence[float], ends: Sequence[int], width: Width, filler: float) -> int:
    """The total height of these rows at the width of the class, gaps included."""
    height, start = 0.0, 0
    for end in ends:
        total = sum(ratios[start:end]) + (filler if end == ends[-1] else 0.0)
        height += (width.width - width.gap * (end - start - 1)) / total
        start = end
    return round(height + width.gap * max(0, len(ends) - 1))


def scaled(widths: Sequence[Width], target: int) -> tuple[Width, ...]:
    """The same classes scaled to another row height; `target` is that of the class of usual desktops."""
    factor = target / widths[-2].target
    return tuple(replace(width, target=max(48, round(width.target * factor))) for width in widths)


def _cost(height: float, target: int, *, last: bool) -> float:
    # A short last row gets a filler, so its height costs nothing.
    return 0.0 if last and height > target else math.log(height / target) ** 2


def _filler(ratios: Sequence[float], width: Width, more: bool) -> float:
    """The filler, in units of ratio, that brings the last row down to the target height."""
    total = sum(ratios)
    height = (width.width - width.gap * (len(ratios) - 1)) / total
    # With more to come a full row stays full, unless so few pictures are left that it would be far too high.
    if height <= width.target * (1.6 if more else 1.15):
        return 0.0
    return max(0.0, (width.width - width.gap * len(ratios)) / width.target - total)
