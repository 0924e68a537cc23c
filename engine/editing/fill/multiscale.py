"""Coarse-to-fine filling of one hole by patch matching and voting, large shapes before small ones.

After Wexler, Shechtman, Irani: Space-Time Completion of Video (2007): alternately every patch of the hole finds its
nearest match outside, and every pixel becomes the weighted mean of what the patches over it propose. Beside colour each
pixel carries the roughness of its surroundings at the full size of the image (Newson and others: Video Inpainting of
Complex Scenes, 2014), because grass and sand look alike once they have been reduced.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.editing.fill.first_sketch import sketch
from engine.editing.fill.patch_match import RADIUS, SIDE, Bytes, Field, Index, new_field, patches, search
from engine.editing.fill.smooth_fill import membrane, resized
from engine.images.arrays import Mask

Layers: TypeAlias = NDArray[np.float32]
"""h x w x 5: Lab in OpenCV's bytes (0..255), then roughness along and across, as float32."""

COARSEST = 6.0
"""The hole's half width in pixels at the coarsest level."""
SMALLEST = 20
"""No side is reduced below this."""
_FADE = 1.25
"""Factor by which a patch's weight falls per pixel of depth in the hole."""
_MAX_DEPTH = 40.0
_ROUGHNESS = 2.0
"""Weight of roughness beside colour."""
_WORK = 150_000
"""Patch look-ups per level: coarse levels get many iterations, a large hole at its finest level one."""
_MAX_ITERATIONS = 12


@dataclass
class Level:
    """One level of the pyramid."""

    layers: Layers
    hole: Mask
    guide: Layers | None = None
    """Lab without texture, including the hole; None where no contour crosses it."""
    number: int = 0
    """How often it was halved."""

    @property
    def shape(self) -> tuple[int, int]:
        return self.hole.shape[0], self.hole.shape[1]


LevelCallback = Callable[[float, Layers], None]


def pyramid(picture: Bytes, hole: Mask, side: int) -> list[Level]:
    """Levels of the image (uint8 RGB) and its hole, from its own size, at most `side` pixels long, to the coarsest."""
    picture, hole = _limit_size(picture, hole, side)
    lab = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2Lab), np.float32)
    known = ~hole
    grey = np.where(known, lab[..., 0], 0).astype(np.float32)
    rough = np.stack([_roughness(grey, known, axis) for axis in (0, 1)], axis=-1)
    level = Level(np.concatenate([lab, rough], axis=-1), hole, sketch(lab, hole))
    levels = [level]
    while _half_width(level.hole) > COARSEST and min(level.shape) >= 2 * SMALLEST:
        level = _reduced(level, 0.5)
        if not (~level.hole).any():
            break
        levels.append(level)
    return levels


def _limit_size(picture: Bytes, hole: Mask, side: int) -> tuple[Bytes, Mask]:
    """Both reduced to `side` pixels where they are longer; pixels of the hole do not blend into others."""
    longest = max(hole.shape)
    if longest <= side:
        return picture, hole
    size = (math.ceil(hole.shape[1] * side / longest), math.ceil(hole.shape[0] * side / longest))
    known = (~hole).astype(np.uint8) * np.uint8(255)
    share = cv2.resize(known, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    dark = cv2.bitwise_and(picture, picture, mask=known)
    small = cv2.resize(dark, size, interpolation=cv2.INTER_AREA) / np.maximum(share, 1e-3)[..., None]
    return np.clip(small + 0.5, 0, 255).astype(np.uint8), np.asarray(share < 0.5)


def _roughness(grey: Layers, known: Mask, axis: int) -> Layers:
    """Mean difference to the next pixel along `axis` around each pixel, of known pixels only."""
    step = np.zeros_like(grey)
    both = np.zeros_like(known)
    ahead, here = (np.s_[1:], np.s_[:-1]) if axis == 0 else (np.s_[:, 1:], np.s_[:, :-1])
    step[here] = np.abs(grey[ahead] - grey[here])
    both[here] = known[ahead] & known[here]
    size = (9, 9)
    total = cv2.blur(step * both, size)
    return np.asarray(
        _ROUGHNESS * total / np.maximum(cv2.blur(both.astype(np.float32), size), 0.02), np.float32
    )


def _half_width(hole: Mask) -> float:
    padded = cv2.copyMakeBorder(hole.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    return float(cv2.distanceTransform(padded, cv2.DIST_L2, 3).max())


def _reduced(level: Level, factor: float) -> Level:
    height, width = (max(1, math.ceil(side * factor)) for side in level.shape)
    known = (~level.hole).astype(np.float32)
    share = cv2.resize(known, (width, height), interpolation=cv2.INTER_AREA)
    total = resized(level.layers * known[..., None], (width, height))
    # A pixel that is half known counts as known: otherwise a narrow rim would lose its sources to the hole.
    hole = share < 0.5
    guide = None if level.guide is None else resized(level.guide, (width, height))
    return Level(
        np.asarray(total / np.maximum(share, 1e-3)[..., None], np.float32), hole, guide, level.number + 1
    )


def targets_and_sources(hole: Mask) -> tuple[Index, Mask]:
    """Every pixel whose patch touches the hole (flat), and which pixels have a whole and wholly known patch."""
    touched = cv2.dilate(hole.astype(np.uint8), np.ones((SIDE, SIDE), np.uint8)) > 0
    sources = ~touched
    for edge in (np.s_[:RADIUS], np.s_[-RADIUS:], np.s_[:, :RADIUS], np.s_[:, -RADIUS:]):
        sources[edge] = False
    return np.flatnonzero(touched), sources


def complete(levels: list[Level], rng: np.random.Generator, on_progress: LevelCallback) -> Field | None:
    """The matches at the finest level; None where too little is known to find any. Modifies the levels' layers."""
    field: Field | None = None
    coarsest = levels[-1]
    coarsest.layers[:] = membrane(coarsest.layers, coarsest.hole)
    if coarsest.guide is not None:
        coarsest.layers[coarsest.hole, :3] = coarsest.guide[coarsest.hole]
    for number, level in enumerate(reversed(levels)):
        targets, sources = targets_and_sources(level.hole)
        places = np.flatnonzero(sources)
        if len(places) < 2 * SIDE:
            field = None
            continue
        matches = places[rng.integers(0, len(places), len(targets))]
        if field is not None:
            _inherit(field, level, targets, sources, matches)
        elif number:
            level.layers[:] = membrane(level.layers, level.hole)
        known_before = field is not None
        field = new_field(targets, matches, sources, level.shape)
        if known_before:
            vote(field, level, _weights(field, level, even=True))
        iterations = min(_MAX_ITERATIONS, max(1, _WORK // max(1, len(targets))))
        for iteration, _ in enumerate(_iterate(field, level, iterations, rng), 1):
            on_progress((number + iteration / iterations) / len(levels), level.layers)
    return field


def _inherit(field: Field, level: Level, targets: Index, sources: Mask, matches: Index) -> None:
    """Use the coarser level's matches; random ones remain where those are not valid sources."""
    flat, _ = inherit_matches(field, targets, level.shape)
    good = (flat >= 0) & sources.reshape(-1)[np.maximum(flat, 0)]
    matches[good] = flat[good]


def inherit_matches(field: Field, targets: Index, shape: tuple[int, int]) -> tuple[Index, Index]:
    """Matches of `targets` (flat) in a larger image of `shape`, and the index in `field` they derive from; or -1."""
    height, width = shape
    ratio_y, ratio_x = height / field.height, width / field.width
    rows, columns = np.divmod(targets, width)
    y = np.minimum((rows / ratio_y).astype(np.int64), field.height - 1)
    x = np.minimum((columns / ratio_x).astype(np.int64), field.width - 1)
    position = field.lookup[y * field.width + x]
    parent_y, parent_x = np.divmod(field.matches[np.maximum(position, 0)], field.width)
    # Shifted by whole pixels: neighbours with equal offsets keep equal offsets.
    there_y = rows + np.rint((parent_y - y) * ratio_y).astype(np.int64)
    there_x = columns + np.rint((parent_x - x) * ratio_x).astype(np.int64)
    inside = (position >= 0) & (there_y >= 0) & (there_y < height) & (there_x >= 0) & (there_x < width)
    return np.where(inside, there_y * width + there_x, -1), position


def _iterate(field: Field, level: Level, iterations: int, rng: np.random.Generator) -> Iterator[None]:
    """Alternate between matching every patch and setting every pixel to what the patches over it propose."""
    everywhere, there = _guides(level, None), _guides(level, field.targets)
    known: Bytes | None = None
    for _ in range(iterations):
        image = _bytes(level.layers)
        if known is None:
            known = _joined(patches(image), everywhere)
        wanted = _joined(patches(image, field.targets), there)
        search(field, known, wanted, 1, rng)
        vote(field, level, _weights(field, level))
        yield


def _guides(level: Level, places: Index | None) -> Bytes | None:
    """The guide's pixels under each patch; at the finest level every other one, since texture dominates there."""
    if level.guide is None:
        return None
    rows = patches(_bytes(level.guide), places).reshape(-1, 3, SIDE, SIDE)
    every = 1 if level.number else 2
    return np.ascontiguousarray(rows[:, :, ::every, ::every]).reshape(len(rows), -1)


def _joined(rows: Bytes, more: Bytes | None) -> Bytes:
    return rows if more is None else np.concatenate([rows, more], axis=1)


def _bytes(layers: Layers) -> Bytes:
    """The layers as bytes with mirrored padding, so that every pixel has a patch."""
    whole = np.clip(layers + 0.5, 0, 255).astype(np.uint8)
    kind = cv2.BORDER_REFLECT_101 if min(layers.shape[:2]) > RADIUS else cv2.BORDER_REPLICATE
    parts = [
        cv2.copyMakeBorder(whole[..., at : at + 3], RADIUS, RADIUS, RADIUS, RADIUS, kind)
        for at in range(0, whole.shape[2], 3)
    ]
    return np.concatenate(parts, axis=-1)


def _weights(field: Field, level: Level, *, even: bool = False) -> NDArray[np.float32]:
    """Weight of each target's proposal: higher near the rim than deep inside, and for better matches."""
    padded = cv2.copyMakeBorder(level.hole.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1].reshape(-1)[field.targets]
    sure = np.float32(_FADE) ** -np.minimum(depth, np.float32(_MAX_DEPTH))
    if even:
        return np.asarray(sure, np.float32)
    cost = field.cost.astype(np.float32)
    usual = max(float(np.percentile(cost, 75)), 1.0)
    like = np.exp(-0.5 * np.minimum(cost / np.float32(usual), 8.0) ** 2)
    return np.asarray(sure * like + 1e-12, np.float32)


def vote(field: Field, level: Level, weights: NDArray[np.float32]) -> None:
    """Set every pixel of the hole to the weighted mean of the proposals of the patches over it."""
    flat = level.layers.reshape(-1, level.layers.shape[2])
    inside, colours = proposals(field, level.hole, flat, weights)
    flat[inside] = colours


def proposals(field: Field, hole: Mask, known: Layers, weights: NDArray[np.float32]) -> tuple[Index, Layers]:
    """Flat places of the hole's pixels and their proposed values, from `known` (pixels x channels)."""
    inside: Index = np.flatnonzero(hole)
    total = np.zeros((len(inside), known.shape[1]), np.float32)
    weight = np.zeros(len(inside), np.float32)
    for which, chosen, offset in overlapping_patches(field, inside):
        share = weights[chosen]
        total[which] += np.take(known, field.matches[chosen] + offset, axis=0) * share[:, None]
        weight[which] += share
    return inside, np.asarray(total / np.maximum(weight, 1e-30)[:, None], np.float32)


def overlapping_patches(
    field: Field, inside: Index, stride: int = 1
) -> Iterator[tuple[Index | slice, Index, int]]:
    """For each place in a patch: which pixels of `inside` lie there, the index of the patch, and its flat offset.

    With a `stride` only every n-th place, in both directions.
    """
    rows, columns = np.divmod(inside, field.width)
    for down in range(-RADIUS, RADIUS + 1, stride):
        for right in range(-RADIUS, RADIUS + 1, stride):
            y, x = rows - down, columns - right
            within = (y >= 0) & (y < field.height) & (x >= 0) & (x < field.width)
            position = np.where(within, field.lookup[np.where(within, y * field.width + x, 0)], -1)
            found = position >= 0
            which = slice(None) if found.all() else np.flatnonzero(found)
            yield which, position[which], down * field.width + right
