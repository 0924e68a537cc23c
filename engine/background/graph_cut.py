"""Graph cuts (GrabCut): from a rough candidate to one whole shape, by colour models of both sides."""

from __future__ import annotations

import cv2
import numpy as np

from engine.background.array_math import dilated, eroded
from engine.images.arrays import Mask, Pixels

SEED = 20
"""Seed of OpenCV's generator before each graph cut: its colour clusters start at random points."""


def carve(rgb: Pixels, likely: Mask, never: Mask, rounds: int = 4) -> Mask:
    """GrabCut from an initial guess: `likely` is probable foreground, `never` certain background."""
    trimap = np.where(likely, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    trimap[never & ~likely] = cv2.GC_BGD
    return _cut(rgb, trimap, rounds)


def refit(rgb: Pixels, mask: Mask, band: int, rounds: int = 3) -> Mask:
    """Move the contour to the best separation of both sides' colours, by at most `band` pixels."""
    trimap = np.where(mask, cv2.GC_FGD, cv2.GC_BGD).astype(np.uint8)
    trimap[mask & ~eroded(mask, band)] = cv2.GC_PR_FGD
    trimap[~mask & dilated(mask, band)] = cv2.GC_PR_BGD
    return _cut(rgb, trimap, rounds)


def _cut(rgb: Pixels, trimap: Pixels, rounds: int) -> Mask:
    foreground = (trimap == cv2.GC_FGD) | (trimap == cv2.GC_PR_FGD)
    # GrabCut cannot model a side with fewer pixels than its five colour clusters.
    if min(np.count_nonzero(foreground), np.count_nonzero(~foreground)) < 12:
        return foreground
    cv2.setRNGSeed(SEED)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(rgb, trimap, None, models[0], models[1], rounds, cv2.GC_INIT_WITH_MASK)
    return np.asarray((trimap == cv2.GC_FGD) | (trimap == cv2.GC_PR_FGD))


def tidied(mask: Mask, smallest: float = 0.08, holes: float = 0.01) -> Mask:
    """The mask without pieces below `smallest` of the largest one, and without holes below `holes` of the image."""
    kept = _without_small(mask, smallest * largest_piece(mask))
    return ~_without_small(~kept, holes * mask.size)


def largest_piece(mask: Mask) -> int:
    """Pixels of the largest connected piece; 0 where the mask is empty."""
    sizes = piece_sizes(mask)
    return max(sizes, default=0)


def piece_sizes(mask: Mask) -> list[int]:
    """Pixels of every connected piece."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    return [int(size) for size in stats[1:, cv2.CC_STAT_AREA]]


def _without_small(mask: Mask, least: float) -> Mask:
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    large = stats[:, cv2.CC_STAT_AREA] >= least
    large[0] = False
    return np.asarray(large[pieces])
