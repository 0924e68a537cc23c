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

SIDE = 320
"""Longest side in pixels of the image from which regions are proposed."""
CARVED = 240
"""Longest side of the image in which the best proposals are carved, for comparison."""
FINE = 448
"""Longest side of the image in which the chosen shape is refined."""
SMALLEST = 16
"""Minimum shorter side in pixels; smaller images have no result."""
PLAIN = 1.5
"""Standard deviation in Lab below which an image is flat."""
MAX_CARVED = 5
"""Number of proposals that are carved."""
DIFFERENT = 0.75
"""Overlap (intersection over union) above which two proposals count as the same."""
VOTERS = 25
"""Number of best proposals that vote on the carved shapes."""
AGREED, KEPT = 6.0, 2.0
"""Score of full agreement with those proposals, and with the proposal that a shape was carved from."""
USUALLY_KEPT = 0.7
"""The latter agreement for the shape that was carved from no proposal."""
TOO_LITTLE, TOO_MUCH, TOO_MANY = 0.02, 0.97, 3
"""Minimum and maximum share of the image, and maximum number of similar pieces, of a valid mask."""

ProgressCallback = Callable[[float, Mask], None]
"""Callback with the finished share of the work, 0 to 1, and the best mask so far."""


def find_shape(rgb: Pixels, seen: ProgressCallback | None = None) -> Mask | None:
    """The mask of the most prominent object, at most `FINE` pixels a side; None where there is none."""
    small = fitted(rgb, SIDE)
    if min(small.shape[:2]) < SMALLEST or float(to_lab(small).std(axis=(0, 1)).max()) < PLAIN:
        return None
    fine = fitted(rgb, FINE)
    clear = in_focus(fine)
    if clear is not None:
        return clear
    best = _best(rgb, small, seen or _unseen)
    if not is_object(best):
        return None
    return tidied(refit(fine, _resized(best, fine), _band(fine)))


def _unseen(fraction: float, mask: Mask) -> None:
    """The default callback: does nothing."""


def _best(rgb: Pixels, small: Pixels, seen: ProgressCallback) -> Mask:
    """The best of the carved proposals: scores are reliable only once the outline is accurate. Shapes on which many
    proposals agree, and which stayed close to their own proposal, are preferred."""
    scene = analyse(small)
    ideas = proposals(scene)
    work = fitted(rgb, CARVED)
    voices = ideas[np.argsort(-score(scene, ideas), kind="stable")[:VOTERS]]
    carved: list[tuple[float, Mask]] = []
    candidates: list[Mask | None] = [*ideas[_different(scene, ideas)], None]
    for done, idea in enumerate(candidates, 1):
        mask = (
            _framed(work) if idea is None else carve_shape(work, _resized(idea[scene.patches.labels], work))
        )
        shares = _shares(scene, mask)
        kept = USUALLY_KEPT if idea is None else _likeness(scene, idea[None], shares)
        agreed = _likeness(scene, voices, shares) if len(voices) else 0.0
        worth = float(score(scene, shares[None])[0]) + AGREED * agreed + KEPT * kept
        carved.append((worth, mask))
        seen(done / (len(candidates) + 1), max(carved, key=_worth)[1])
    best = max(carved, key=_worth)[1]
    return max(((worth + body_bonus(mask, best), mask) for worth, mask in carved), key=_worth)[1]


def _worth(carved: tuple[float, Mask]) -> float:
    return carved[0]


def _likeness(scene: Scene, ideas: Mask, shares: Matrix) -> float:
    """Mean overlap of the proposals with a shape that covers these shares of the patches, 0..1."""
    both = np.minimum(ideas, shares) @ scene.patches.share
    return float((both / (np.maximum(ideas, shares) @ scene.patches.share + 1e-9)).mean())


def _different(scene: Scene, ideas: Mask) -> list[int]:
    """Indices of the best proposals without near duplicates, best first."""
    share = scene.patches.share
    found: list[int] = []
    for index in np.argsort(-score(scene, ideas), kind="stable"):
        if all(_overlap(ideas[index], ideas[other], share) < DIFFERENT for other in found):
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


def carve_shape(rgb: Pixels, idea: Mask) -> Mask:
    """A shape carved from a proposal within its neighbourhood, and refitted twice to its outline."""
    mask = tidied(carve(rgb, idea, ~dilated(idea, round(0.12 * max(rgb.shape[:2]))), rounds=3))
    if np.count_nonzero(mask) < 0.3 * np.count_nonzero(idea):
        mask = idea
    for _ in range(2):
        mask = tidied(refit(rgb, mask, _band(rgb), rounds=2))
    return mask


def is_object(mask: Mask) -> bool:
    """Whether a mask is large enough, and of few enough pieces, to be an object."""
    largest = largest_piece(mask)
    similar = sum(size > 0.3 * largest for size in piece_sizes(mask))
    return TOO_LITTLE <= float(mask.mean()) <= TOO_MUCH and similar <= TOO_MANY


def _framed(rgb: Pixels) -> Mask:
    """Everything unlike a border of 6 % along the upper edge and the sides; people are cut by the lower edge."""
    inside = np.zeros(rgb.shape[:2], bool)
    rim_y, rim_x = max(1, round(0.06 * rgb.shape[0])), max(1, round(0.06 * rgb.shape[1]))
    inside[rim_y:, rim_x:-rim_x] = True
    mask = tidied(carve(rgb, inside, ~inside))
    return tidied(refit(rgb, mask, _band(rgb), rounds=2))
