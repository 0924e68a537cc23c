"""Compositing of patch matches: the filled pixels at the full size of the image, with matched tone."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.editing.fill.multiscale import inherit_matches, overlapping_patches, targets_and_sources
from engine.editing.fill.patch_match import RADIUS, Bytes, Field, Index, new_field
from engine.editing.fill.smooth_fill import membrane
from engine.images.arrays import Mask

_SOFTNESS = 0.35
"""Softness of the weighting of proposals, in usual costs; the smaller, the more the best one dominates."""
_LARGE_HOLE = 150_000
"""Pixels from which on only every third place of a patch is used, in both directions."""
_CHUNK = 200_000
_RIM = 2
"""Width in pixels of the rim where pasted and known pixels are compared; every patch must reach that far."""
_LIGHT_DIFFERENCE = 14.0
"""Difference in levels that still counts as different light."""
_RIM_BLUR = 5.0
"""Pixels along the rim over which differences are averaged."""


def paste(picture: Bytes, hole: Mask, field: Field) -> Bytes:
    """Fill the hole with pixels of the image itself (uint8 RGB), according to the matches.

    The field may be of a smaller size of the image. Each pixel is the weighted mean of what the patches over it
    propose, dominated by the best, so that it stays as sharp as its source.
    """
    if hole.shape != (field.height, field.width):
        larger = _enlarged(field, hole)
        if larger is None:
            return smooth(picture, hole)
        field = larger
    cost = field.cost.astype(np.float32)
    soft = np.float32(_SOFTNESS * max(float(np.median(cost[cost < np.iinfo(np.int32).max])), 1.0))
    inside = np.flatnonzero(hole)
    stride = RADIUS if len(inside) > _LARGE_HOLE else 1
    out = picture.reshape(-1, 3).copy()
    for start in range(0, len(inside), _CHUNK):
        chunk = inside[start : start + _CHUNK]
        out[chunk] = _mixed(picture.reshape(-1, 3), field, chunk, cost, soft, stride)
    return _toned(out.reshape(picture.shape), picture, hole, field, cost, soft, stride)


def _toned(
    out: Bytes,
    picture: Bytes,
    hole: Mask,
    field: Field,
    cost: NDArray[np.float32],
    soft: np.float32,
    stride: int,
) -> Bytes:
    """The filled pixels, adjusted to the light at the rim.

    Patches over the rim propose known pixels: their error there, smoothed, is spread into the hole. A large error
    means a different object, not different light, and is ignored.
    """
    grown = cv2.dilate(hole.astype(np.uint8), np.ones((2 * _RIM + 1, 2 * _RIM + 1), np.uint8)) > 0
    rim = grown & ~hole
    places = np.flatnonzero(rim)
    if len(places) == 0:
        return out
    wrong = picture.reshape(-1, 3)[places].astype(np.float32)
    wrong -= _mixed(picture.reshape(-1, 3), field, places, cost, soft, stride)
    error = np.zeros((*hole.shape, 4), np.float32)
    slight = np.exp(-0.5 * (np.abs(wrong).max(axis=1) / _LIGHT_DIFFERENCE) ** 2)
    error.reshape(-1, 4)[places] = (
        np.concatenate([wrong, np.ones((len(wrong), 1), np.float32)], axis=1) * slight[:, None]
    )
    blurred = cv2.GaussianBlur(error, (0, 0), _RIM_BLUR)
    valid = rim & (blurred[..., 3] > 1e-3)
    correction = np.zeros((*hole.shape, 3), np.float32)
    correction[valid] = blurred[valid, :3] / blurred[valid, 3:]
    box = _box(grown)
    spread = membrane(correction[box], ~valid[box])
    whole = out[box].astype(np.float32) + spread
    out[box][hole[box]] = np.clip(whole + 0.5, 0, 255).astype(np.uint8)[hole[box]]
    return out


def _box(mask: Mask) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _mixed(
    known: Bytes, field: Field, inside: Index, cost: NDArray[np.float32], soft: np.float32, stride: int
) -> Bytes:
    best = np.full(len(inside), np.inf, np.float32)
    for which, chosen, _ in overlapping_patches(field, inside, stride):
        best[which] = np.minimum(best[which], cost[chosen])
    total = np.zeros((len(inside), 4), np.float32)
    for which, chosen, offset in overlapping_patches(field, inside, stride):
        share = np.exp((best[which] - cost[chosen]) / soft)
        colours = np.take(known, field.matches[chosen] + offset, axis=0).astype(np.float32)
        total[which, :3] += colours * share[:, None]
        total[which, 3] += share
    return np.clip(total[:, :3] / total[:, 3:] + 0.5, 0, 255).astype(np.uint8)


def smooth(picture: Bytes, hole: Mask) -> Bytes:
    """`picture` with its hole filled without texture, for images where no whole patch is known."""
    return np.clip(membrane(picture.astype(np.float32), hole) + 0.5, 0, 255).astype(np.uint8)


def _enlarged(field: Field, hole: Mask) -> Field | None:
    """The field enlarged to the size of `hole`, each match shifted with its target; invalid ones get the highest cost.

    None where no patch is wholly known at that size, as with a mask of specks.
    """
    targets, sources = targets_and_sources(hole)
    shape = (hole.shape[0], hole.shape[1])
    flat, parents = inherit_matches(field, targets, shape)
    good = (flat >= 0) & sources.reshape(-1)[np.maximum(flat, 0)]
    if not sources.any():
        return None
    anywhere = int(np.flatnonzero(sources)[0])
    larger = new_field(targets, np.where(good, flat, anywhere), sources, shape)
    larger.cost = np.where(good, field.cost[np.maximum(parents, 0)], np.iinfo(np.int32).max).astype(np.int32)
    return larger
