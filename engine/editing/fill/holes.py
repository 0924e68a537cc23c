"""Entry point of hole filling: parts of the hole, their relevant surroundings, the working size, the result."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.editing.fill.composite import paste, smooth
from engine.editing.fill.multiscale import complete, pyramid
from engine.images.arrays import Mask, Pixels
from engine.painting.random_streams import Streams

ProgressCallback = Callable[[float, Pixels | None], None]

WORK_SIDE = 512
"""Longest side of the surroundings for the search of matches; larger ones are reduced."""
WORK_SIDE_LARGE_HOLE = 256
"""The same where the hole covers more than `LARGE_HOLE` of them."""
LARGE_HOLE = 0.4
_MARGIN = 24
"""Minimum margin of surroundings around a hole, in pixels."""
_MAX_PARTS = 8


def fill(
    picture: Pixels, hole: Mask, *, seed: int = 0, on_progress: ProgressCallback | None = None
) -> Pixels:
    """Fill `hole` (bool) of `picture` (uint8 RGB, same size) from its surroundings.

    Pixels outside the hole are returned unchanged. Holes far apart are filled one by one. `on_progress` gets a
    non-decreasing fraction 0..1 and the unfinished image, or None.
    """
    if picture.shape[:2] != hole.shape:
        raise ValueError(f"the hole is {hole.shape}, the picture {picture.shape}")
    out = picture.copy()
    if not hole.any():
        return out
    streams = Streams("fill", seed)
    boxes = _parts(hole)
    for number, (rows, columns, mask) in enumerate(boxes):

        def report(
            fraction: float, part: Pixels | None, at: int = number, box: tuple[slice, slice] = (rows, columns)
        ) -> None:
            if on_progress is None:
                return
            preview = None
            if part is not None:
                preview = out.copy()
                preview[box] = part
            on_progress((at + fraction) / len(boxes), preview)

        # Nothing is copied from the hole of another part, filled or not.
        done = _fill_part(out[rows, columns], hole[rows, columns], streams.child(str(number)), report)
        out[rows, columns][mask] = done[mask]
        report(1.0, None)
    return out


def _parts(hole: Mask) -> list[tuple[slice, slice, Mask]]:
    """Boxes around the hole's parts with their surroundings, and in each the mask of pixels to fill.

    Parts whose surroundings overlap are filled together.
    """
    groups = _groups(hole)
    parts = []
    for box, members in groups:
        top, bottom, left, right = box
        parts.append((slice(top, bottom), slice(left, right), members[top:bottom, left:right]))
    return parts


Box = tuple[int, int, int, int]


def _groups(hole: Mask) -> list[tuple[Box, Mask]]:
    number, labels, stats, _ = cv2.connectedComponentsWithStats(hole.astype(np.uint8), connectivity=8)
    if number - 1 > 40:
        return [(_around(hole, _box(hole)), hole)]
    groups: list[tuple[Box, set[int]]] = []
    for label in range(1, number):
        left, top, width, height = (int(v) for v in stats[label, :4])
        merged = (top, top + height, left, left + width), {label}
        while (other := next((g for g in groups if _meet(hole, g[0], merged[0])), None)) is not None:
            groups.remove(other)
            merged = _union(other[0], merged[0]), other[1] | merged[1]
        groups.append(merged)
    if len(groups) > _MAX_PARTS:
        return [(_around(hole, _box(hole)), hole)]
    return [(_around(hole, box), np.isin(labels, list(members))) for box, members in groups]


def _box(hole: Mask) -> Box:
    rows, columns = np.flatnonzero(hole.any(axis=1)), np.flatnonzero(hole.any(axis=0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _around(hole: Mask, box: Box) -> Box:
    """The box with a margin of its mask size, clipped to the image."""
    top, bottom, left, right = box
    margin = max(bottom - top, right - left, _MARGIN)
    return (
        max(0, top - margin),
        min(hole.shape[0], bottom + margin),
        max(0, left - margin),
        min(hole.shape[1], right + margin),
    )


def _meet(hole: Mask, first: Box, second: Box) -> bool:
    a, b = _around(hole, first), _around(hole, second)
    return a[0] < b[1] and b[0] < a[1] and a[2] < b[3] and b[2] < a[3]


def _union(first: Box, second: Box) -> Box:
    return (
        min(first[0], second[0]),
        max(first[1], second[1]),
        min(first[2], second[2]),
        max(first[3], second[3]),
    )


def _fill_part(picture: Pixels, hole: Mask, streams: Streams, on_progress: ProgressCallback) -> Pixels:
    if hole.all():
        return picture
    side = WORK_SIDE_LARGE_HOLE if hole.mean() > LARGE_HOLE else WORK_SIDE
    levels = pyramid(picture, hole, side)

    def report(fraction: float, layers: NDArray[np.float32]) -> None:
        lab = np.clip(layers[..., :3], 0, 255).astype(np.uint8)
        on_progress(
            0.9 * fraction,
            np.asarray(cv2.resize(cv2.cvtColor(lab, cv2.COLOR_Lab2RGB), picture.shape[1::-1]), np.uint8),
        )

    field = complete(levels, streams.rng("matches"), report)
    if field is None:
        return smooth(picture, hole)
    return paste(picture, hole, field)
