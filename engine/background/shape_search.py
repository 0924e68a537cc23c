"""The search for the most prominent object: proposals scored, carved by graph cuts, the best one refined."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import cv2
import numpy as np

from engine.background.array_math import dilated, fitted, to_lab
from engine.background.candidate_scores import score
from engine.background.focus_detection import in_focus
from engine.background.graph_cut import carve, largest_piece, piece_sizes, refit, tidied
from engine.background.patch_graph import Matrix, Scene, analyse
from engine.background.portraits import body_bonus
from engine.background.region_proposals import proposals
from engine.images.arrays import Mask, Pixels

PROPOSAL_SIDE = 320
"""Longest side in pixels of the image from which regions are proposed."""
CARVING_SIDE = 240
"""Longest side of the image in which the best proposals are carved, for comparison."""
FINE_SIDE = 448
"""Longest side of the image in which the chosen shape is refined."""
MIN_SIDE = 16
"""Minimum shorter side in pixels; smaller images have no result."""
MIN_DEVIATION = 1.5
"""Standard deviation in Lab below which an image is flat."""
MAX_CARVED = 5
"""Number of proposals that are carved."""
DUPLICATE_OVERLAP = 0.75
"""Overlap (intersection over union) above which two proposals count as the same."""
MAX_VOTERS = 25
"""Number of best proposals that vote on the carved shapes."""
AGREEMENT_SCORE, ORIGIN_SCORE = 6.0, 2.0
"""Score of full agreement with those proposals, and with the proposal that a shape was carved from."""
DEFAULT_ORIGIN_OVERLAP = 0.7
"""The latter agreement for the shape that was carved from no proposal."""
MIN_SHARE, MAX_SHARE, MAX_PIECES = 0.02, 0.97, 3
"""Minimum and maximum share of the image, and maximum number of similar pieces, of a valid mask."""

ProgressCallback = Callable[[float, Mask], None]
"""Callback with the finished share of the work, 0 to 1, and the best mask so far."""


def find_shape(rgb: Pixels, on_progress: ProgressCallback | None = None) -> Mask | None:
    """The mask of the most prominent object, at most `FINE_SIDE` pixels a side; None where there is none."""
    small = fitted(rgb, PROPOSAL_SIDE)
    if min(small.shape[:2]) < MIN_SIDE or float(to_lab(small).std(axis=(0, 1)).max()) < MIN_DEVIATION:
        return None
    fine = fitted(rgb, FINE_SIDE)
    focused = in_focus(fine)
    if focused is not None:
        return focused
    best = _best(rgb, small, on_progress or _ignore_progress)
    if not is_object(best):
        return None
    return tidied(refit(fine, _resized(best, fine), _band(fine)))


def _ignore_progress(fraction: float, mask: Mask) -> None:
    """The default callback: does nothing."""


def _best(rgb: Pixels, small: Pixels, on_progress: ProgressCallback) -> Mask:
    """The best of the carved proposals: scores are reliable only once the outline is accurate. Shapes on which many
    proposals agree, and which stayed close to their own proposal, are preferred."""
    scene = analyse(small)
    regions = proposals(scene)
    work = fitted(rgb, CARVING_SIDE)
    voters = regions[np.argsort(-score(scene, regions), kind="stable")[:MAX_VOTERS]]
    carved: list[tuple[float, Mask]] = []
    origins: list[Mask | None] = [*regions[_without_duplicates(scene, regions)], None]
    for done, region in enumerate(origins, 1):
        mask = (
            _framed(work)
            if region is None
            else carve_shape(work, _resized(region[scene.patches.labels], work))
        )
        shares = _shares(scene, mask)
        kept = DEFAULT_ORIGIN_OVERLAP if region is None else _mean_overlap(scene, region[None], shares)
        agreed = _mean_overlap(scene, voters, shares) if len(voters) else 0.0
        value = float(score(scene, shares[None])[0]) + AGREEMENT_SCORE * agreed + ORIGIN_SCORE * kept
        carved.append((value, mask))
        on_progress(done / (len(origins) + 1), max(carved, key=_value)[1])
    best = max(carved, key=_value)[1]
    return max(((value + body_bonus(mask, best), mask) for value, mask in carved), key=_value)[1]


def _value(carved: tuple[float, Mask]) -> float:
    return carved[0]


def _mean_overlap(scene: Scene, regions: Mask, shares: Matrix) -> float:
    """Mean overlap of the proposals with a shape that covers these shares of the patches, 0..1."""
    both = np.minimum(regions, shares) @ scene.patches.share
    return float((both / (np.maximum(regions, shares) @ scene.patches.share + 1e-9)).mean())


def _without_duplicates(scene: Scene, regions: Mask) -> list[int]:
    """Indices of the best proposals without near duplicates, best first."""
    share = scene.patches.share
    found: list[int] = []
    for index in np.argsort(-score(scene, regions), kind="stable"):
        if all(_overlap(regions[index], regions[other], share) < DUPLICATE_OVERLAP for other in found):
            found.append(int(index))
        if len(found) == MAX_CARVED:
            break
    return found


def _overlap(one: Mask, other: Mask, share: Iterable[float]) -> float:
    weight = np.asarray(share)
    return float(weight[one & other].sum() / weight[one | other].sum())


def _shares(scene: Scene, mask: Mask) -> Matrix:
    """Share of each patch that the mask covers."""
    labels = scene.patches.labels
    height, width = labels.shape
    inside = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR) > 0.5
    count = len(scene.patches.share)
    return np.bincount(labels.ravel(), inside.ravel(), count) / np.bincount(labels.ravel(), minlength=count)


def _resized(mask: Mask, like: Pixels) -> Mask:
    size = (like.shape[1], like.shape[0])
    return np.asarray(cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_LINEAR) > 0.5)


def _band(rgb: Pixels) -> int:
    return max(2, round(0.03 * max(rgb.shape[:2])))


def carve_shape(rgb: Pixels, region: Mask) -> Mask:
    """A shape carved from a proposal within its neighbourhood, and refitted twice to its outline."""
    mask = tidied(carve(rgb, region, ~dilated(region, round(0.12 * max(rgb.shape[:2]))), rounds=3))
    if np.count_nonzero(mask) < 0.3 * np.count_nonzero(region):
        mask = region
    for _ in range(2):
        mask = tidied(refit(rgb, mask, _band(rgb), rounds=2))
    return mask


def is_object(mask: Mask) -> bool:
    """Whether a mask is large enough, and of few enough pieces, to be an object."""
    largest = largest_piece(mask)
    similar = sum(size > 0.3 * largest for size in piece_sizes(mask))
    return MIN_SHARE <= float(mask.mean()) <= MAX_SHARE and similar <= MAX_PIECES


def _framed(rgb: Pixels) -> Mask:
    """Everything unlike a border of 6 % along the upper edge and the sides; people are cut by the lower edge."""
    inside = np.zeros(rgb.shape[:2], bool)
    rim_y, rim_x = max(1, round(0.06 * rgb.shape[0])), max(1, round(0.06 * rgb.shape[1]))
    inside[rim_y:, rim_x:-rim_x] = True
    mask = tidied(carve(rgb, inside, ~inside))
    return tidied(refit(rgb, mask, _band(rgb), rounds=2))
