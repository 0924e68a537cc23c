"""PatchMatch: for every patch of a hole, the most similar patch of the surroundings.

After Barnes, Shechtman, Finkelstein, Goldman: PatchMatch (2009), in whole-array steps: every round all targets try
their neighbours' matches, shifted, and random places ever nearer to their own match. Distances are sums of absolute
differences of 7 x 7 patches in Lab, which OpenCV adds up faster than memory delivers them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.images.arrays import Mask

RADIUS = 3
SIDE = 2 * RADIUS + 1
_STEPS = (1, 4, 2, 1)
"""Distances in pixels of the neighbours whose matches are tried, in order, in each round."""
_DIRECTIONS = ((0, 1), (0, -1), (1, 0), (-1, 0))
_NEAREST = 2
"""Radius in pixels below which random search stops; nearer places are covered by the neighbours."""

Index: TypeAlias = NDArray[np.int64]
Bytes: TypeAlias = NDArray[np.uint8]


def patches(image: Bytes, places: Index | None = None) -> Bytes:
    """Rows of patch bytes, one for each pixel of `image` (h x w x c) that has a whole patch, row by row.

    With `places` (flat indices into those pixels) only these rows, in that order.
    """
    window = np.lib.stride_tricks.sliding_window_view(image, (SIDE, SIDE), axis=(0, 1))
    if places is None:
        return np.ascontiguousarray(window).reshape(window.shape[0] * window.shape[1], -1)
    rows, columns = np.divmod(places, window.shape[1])
    return np.ascontiguousarray(window[rows, columns]).reshape(len(places), -1)


@dataclass
class Field:
    """The nearest-neighbour field: targets and their matches at one level.

    `targets` and `matches` are flat pixel indices (row * width + column): every pixel whose patch touches the hole,
    and the centre of the most similar known patch. `cost` is their distance.
    """

    width: int
    height: int
    targets: Index
    matches: Index
    sources: Mask
    """Valid matches, flat: pixels with a complete, entirely known patch."""
    cost: NDArray[np.int32]
    lookup: Index
    """From flat pixel index to position in `targets`; -1 elsewhere."""


def new_field(targets: Index, matches: Index, sources: Mask, shape: tuple[int, int]) -> Field:
    """A field over an image of `shape` (height, width) whose costs are not known yet."""
    lookup = np.full(shape[0] * shape[1], -1, np.int64)
    lookup[targets] = np.arange(len(targets))
    cost = np.full(len(targets), np.iinfo(np.int32).max, np.int32)
    return Field(shape[1], shape[0], targets, matches, sources.reshape(-1), cost, lookup)


def distances(known_patches: Bytes, target_patches: Bytes, places: Index) -> NDArray[np.int32]:
    """Summed absolute difference of each row of `target_patches` to the row of `known_patches` at `places`."""
    difference = cv2.absdiff(np.take(known_patches, places, axis=0), target_patches)
    summed: NDArray[Any] = cv2.reduce(difference, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S)
    return summed.reshape(-1).astype(np.int32, copy=False)


def search(
    field: Field, known_patches: Bytes, target_patches: Bytes, rounds: int, rng: np.random.Generator
) -> None:
    """Improve the matches of `field` in place; patches are known for every pixel and given for every target."""
    field.cost = distances(known_patches, target_patches, field.matches)
    neighbour_lists = [_neighbours(field, step) for step in _STEPS]
    for _ in range(rounds):
        for step, neighbours in zip(_STEPS, neighbour_lists, strict=True):
            for (down, right), neighbour in zip(_DIRECTIONS, neighbours, strict=True):
                _propagate(field, known_patches, target_patches, neighbour, (step * down, step * right))
        _random_search(field, known_patches, target_patches, rng)


def _neighbours(field: Field, step: int) -> list[Index]:
    """For each direction, the index among the targets of each target's neighbour `step` pixels away, or -1."""
    rows, columns = np.divmod(field.targets, field.width)
    found = []
    for down, right in _DIRECTIONS:
        y, x = rows + step * down, columns + step * right
        inside = (y >= 0) & (y < field.height) & (x >= 0) & (x < field.width)
        flat = np.where(inside, y * field.width + x, 0)
        found.append(np.where(inside, field.lookup[flat], -1))
    return found


def _propagate(
    field: Field, known_patches: Bytes, target_patches: Bytes, neighbour: Index, offset: tuple[int, int]
) -> None:
    """Propagation: try the match implied by the neighbour's for each target."""
    indices = np.flatnonzero(neighbour >= 0)
    rows, columns = np.divmod(field.matches[neighbour[indices]], field.width)
    _try(field, known_patches, target_patches, indices, rows - offset[0], columns - offset[1])


def _random_search(
    field: Field, known_patches: Bytes, target_patches: Bytes, rng: np.random.Generator
) -> None:
    """Random search: try random places around each match, in ever smaller radii."""
    reach = float(max(field.width, field.height))
    every_target = np.arange(len(field.targets))
    while reach > _NEAREST:
        rows, columns = np.divmod(field.matches, field.width)
        draw = rng.uniform(-reach, reach, (2, len(every_target)))
        y = np.clip(rows + draw[0], 0, field.height - 1).astype(np.int64)
        x = np.clip(columns + draw[1], 0, field.width - 1).astype(np.int64)
        _try(field, known_patches, target_patches, every_target, y, x)
        reach *= 0.4


def _try(
    field: Field, known_patches: Bytes, target_patches: Bytes, indices: Index, rows: Index, columns: Index
) -> None:
    """Set the matches of the targets at `indices` to (rows, columns) where that is valid and better."""
    inside = (rows >= 0) & (rows < field.height) & (columns >= 0) & (columns < field.width)
    flat = np.where(inside, rows * field.width + columns, 0)
    good = inside & field.sources[flat] & (flat != field.matches[indices])
    indices, flat = indices[good], flat[good]
    if len(indices) == 0:
        return
    cost = distances(known_patches, np.take(target_patches, indices, axis=0), flat)
    better = cost < field.cost[indices]
    field.matches[indices[better]] = flat[better]
    field.cost[indices[better]] = cost[better]
