"""Missing parts of an object mask: adjacent pieces whose texture occurs nowhere else in the image.

A mask of a prominent object often lacks a dark leg or a thin tail. Patches of those have no match in the surroundings,
whereas the surroundings repeat themselves; so whatever touches the mask and differs more from the surroundings than
they differ from themselves is taken to belong to the object.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.editing.fill.patch_match import RADIUS, Bytes, Index, new_field, patches, search
from engine.images.arrays import Mask
from engine.painting.random_streams import Streams

_ROUNDS = 3
_MAX_DISTANCE = 0.6
"""Maximum distance of parts from the mask, in mean sides of its box."""
_BLOCK = 24
"""Side in pixels of the blocks into which the surroundings are divided for comparison with themselves."""
_USUAL_QUANTILE = 0.96
"""Quantile of the surroundings' dissimilarity that counts as usual."""
_MAX_ADDITION = 0.8
"""Maximum addition, in sizes of the mask; beyond it the surroundings are too varied to decide."""
_COLOUR = 2.0
_ROUGHNESS = 2.0
_LEAST_FAR = 0.2
"""Minimum share of the image that must be surroundings."""


def include_parts(picture: Bytes, mask: Mask) -> Mask:
    """`mask` (bool) of an object in `picture` (uint8 RGB), extended by unusual parts that touch it."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if len(rows) == 0:
        return mask
    reach = _MAX_DISTANCE * (rows[-1] - rows[0] + columns[-1] - columns[0] + 2) / 2
    distance = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    near, far = (distance > 0) & (distance <= reach), distance > reach
    if far.mean() < _LEAST_FAR or not near.any():
        return mask
    dissimilarity = _dissimilarity(picture, near, far)
    if dissimilarity is None:
        return mask
    unusual = near & (dissimilarity > _limit(dissimilarity[far]))
    # A gap of a pixel or two does not separate parts of one object.
    joined = cv2.dilate((unusual | mask).astype(np.uint8), np.ones((3, 3), np.uint8))
    _, labels = cv2.connectedComponents(joined, connectivity=8)
    own = unusual & np.isin(labels, np.unique(labels[mask]))
    if np.count_nonzero(own) > _MAX_ADDITION * np.count_nonzero(mask):
        return mask
    return np.asarray(mask | own)


def _limit(values: NDArray[np.float32]) -> float:
    """Threshold of dissimilarity, above the `_USUAL_QUANTILE` of the surroundings; 0 marks pixels without a value."""
    return 1.1 * float(np.quantile(values[values > 0], _USUAL_QUANTILE)) + 3.0 if (values > 0).any() else 3.0


def _dissimilarity(picture: Bytes, near: Mask, far: Mask) -> NDArray[np.float32] | None:
    """Mean difference in levels of each patch to its best match in the surroundings; 0 where it is not computed.

    In the surroundings every other block is compared with the blocks between.
    """
    known = patches(_features(picture))
    height, width = far.shape
    odd = ((np.arange(height)[:, None] // _BLOCK + np.arange(width)[None] // _BLOCK) % 2).astype(bool)
    whole = cv2.erode(far.astype(np.uint8), np.ones((2 * RADIUS + 1, 2 * RADIUS + 1), np.uint8)) > 0
    out = np.zeros(far.shape, np.float32)
    for number, (queries, candidates) in enumerate(((near, whole), (far & odd, whole & ~odd))):
        cost = _costs(known, np.flatnonzero(queries), candidates, number)
        if cost is None:
            return None
        out[queries] = cost
    return np.asarray(cv2.blur(out, (3, 3)), np.float32)


def _features(picture: Bytes) -> Bytes:
    """Lab with amplified colours, and local roughness: a smooth wing is unusual on gravel of the same grey."""
    lab = cv2.cvtColor(picture, cv2.COLOR_RGB2Lab).astype(np.float32)
    lab[..., 1:] = 128 + _COLOUR * (lab[..., 1:] - 128)
    grey = lab[..., :1]
    steps = [np.abs(np.diff(grey, axis=axis, append=np.take(grey, [-1], axis=axis))) for axis in (0, 1)]
    rough = [_ROUGHNESS * cv2.blur(step, (7, 7))[..., None] for step in steps]
    whole = np.clip(np.concatenate([lab, *rough], axis=-1), 0, 255).astype(np.uint8)
    parts = (whole[..., :3], whole[..., 3:])
    size = (RADIUS, RADIUS, RADIUS, RADIUS)
    return np.concatenate(
        [cv2.copyMakeBorder(part, *size, cv2.BORDER_REFLECT_101) for part in parts], axis=-1
    )


def _costs(known: Bytes, targets: Index, candidates: Mask, number: int) -> NDArray[np.float32] | None:
    sources = candidates.copy()
    for edge in (np.s_[:RADIUS], np.s_[-RADIUS:], np.s_[:, :RADIUS], np.s_[:, -RADIUS:]):
        sources[edge] = False
    places = np.flatnonzero(sources)
    if len(places) < 64 or len(targets) == 0:
        return None
    rng = Streams("strange", number).rng("matches")
    field = new_field(
        targets,
        places[rng.integers(0, len(places), len(targets))],
        sources,
        (candidates.shape[0], candidates.shape[1]),
    )
    search(field, known, np.take(known, targets, axis=0), _ROUNDS, rng)
    return np.asarray(field.cost / np.float32(known.shape[1]), np.float32)
