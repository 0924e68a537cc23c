"""Region proposals: sets of connected patches that may be the object, from salience and from merging."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.background.array_math import otsu
from engine.background.candidate_scores import score
from engine.background.patch_graph import Matrix, Scene
from engine.background.salience import barrier_map, contrast_map, distance_map
from engine.background.superpixels import Patches
from engine.images.arrays import Mask, Plane

OTSU_FACTORS = (0.4, 0.65, 0.9, 1.2, 1.5)
"""Multiples of Otsu's threshold at which a salience map is cut."""
MIN_SHARE, MAX_SHARE = 0.012, 0.75
"""Minimum and maximum share of the image for a proposal."""
MAX_GROWN, MIN_ADDITION = 12, 0.004
"""Number of best proposals that are grown, and the minimum share of the image of the regions added."""
MAX_PAIRED = 40
"""Number of best proposals tried in pairs: objects often have two colours."""


def proposals(scene: Scene) -> Mask:
    """All distinct proposals, k x n: which of the n patches belong to each; k may be 0. Holes are filled."""
    parts = scene.patches
    found = merged(parts, scene.colour)
    for values in (contrast_map(scene), distance_map(scene), barrier_map(scene)):
        found.extend(_levels(values, parts))
    candidates = _valid(found, parts)
    if not len(candidates):
        return candidates
    best = candidates[np.argsort(-score(scene, candidates), kind="stable")]
    candidates = _valid([*candidates, *_pairs(best[:MAX_PAIRED], parts)], parts)
    best = candidates[np.argsort(-score(scene, candidates), kind="stable")]
    additions = _valid(merged(parts, scene.colour), parts, MIN_ADDITION)
    return _valid([*candidates, *(_grow(scene, region, additions) for region in best[:MAX_GROWN])], parts)


def _grow(scene: Scene, region: Mask, additions: Mask) -> Mask:
    """The proposal grown greedily by adjacent regions that raise its score."""
    value = float(score(scene, region[None])[0])
    while True:
        near = scene.patches.beside[region].any(axis=0)
        useful = (additions & near & ~region).any(axis=1)
        larger = additions[useful] | region
        larger = larger[(larger @ scene.patches.share) < MAX_SHARE]
        if not len(larger):
            return region
        values = score(scene, larger)
        best = int(np.argmax(values))
        if values[best] <= value + 1e-9:
            return region
        region, value = larger[best], float(values[best])


def _valid(found: list[Mask], parts: Patches, least: float = MIN_SHARE) -> Mask:
    candidates = np.unique(np.array([filled(region, parts) for region in found]), axis=0)
    area = candidates @ parts.share
    return np.asarray(candidates[(area > least) & (area < MAX_SHARE)], bool)


def _levels(values: Plane, parts: Patches) -> list[Mask]:
    found = []
    for share in OTSU_FACTORS:
        above = values > share * otsu(values)
        found.append(above)
        found.extend(pieces(above, parts.beside))
    return found


def _pairs(candidates: Mask, parts: Patches) -> list[Mask]:
    """Unions of two proposals that touch and do not overlap."""
    near = (candidates.astype(np.float32) @ parts.beside) > 0
    found = []
    for one in range(len(candidates)):
        for other in range(one):
            if not (candidates[one] & candidates[other]).any() and (near[one] & candidates[other]).any():
                found.append(candidates[one] | candidates[other])
    return found


def merged(parts: Patches, colour: Matrix) -> list[Mask]:
    """All regions of a hierarchical merging of the most similar neighbours (Ward's method)."""
    count = len(parts.share)
    size = parts.share.astype(np.float64) * count
    mean = parts.colour.astype(np.float64)
    touching, members = parts.beside.copy(), np.eye(count, dtype=bool)
    cost = np.where(touching, colour**2 * _harmonic(size[:, None], size[None, :]), np.inf)
    regions = []
    for _ in range(count - 1):
        one, other = divmod(int(np.argmin(cost)), count)
        if not np.isfinite(cost[one, other]):
            break
        mean[one] = (mean[one] * size[one] + mean[other] * size[other]) / (size[one] + size[other])
        size[one] += size[other]
        members[one] |= members[other]
        touching[one] |= touching[other]
        touching[:, one] |= touching[:, other]
        touching[other], touching[:, other], touching[one, one] = False, False, False
        cost[other], cost[:, other] = np.inf, np.inf
        distance = ((mean - mean[one]) ** 2).sum(axis=1) * _harmonic(size, size[one])
        cost[one] = cost[:, one] = np.where(touching[one], distance, np.inf)
        regions.append(members[one].copy())
    return regions


def _harmonic(one: Matrix, other: Matrix) -> Matrix:
    return np.asarray(one * other / (one + other))


def pieces(chosen: Mask, beside: NDArray[np.bool_]) -> list[Mask]:
    """The connected pieces of a set of patches."""
    left, found = chosen.copy(), []
    while left.any():
        first = np.zeros_like(left)
        first[int(np.argmax(left))] = True
        piece = _flood(first, left, beside)
        found.append(piece)
        left &= ~piece
    return found


def filled(region: Mask, parts: Patches) -> Mask:
    """The set of patches with its holes filled."""
    return ~_flood(~region & parts.edges.any(axis=1), ~region, parts.beside)


def _flood(start: Mask, within: Mask, beside: NDArray[np.bool_]) -> Mask:
    """All patches of `within` that can be reached from `start` without leaving it."""
    reached = start
    while True:
        grown = (reached | beside[reached].any(axis=0)) & within
        if (grown == reached).all():
            return reached
        reached = grown
