"""Score bonus for portraits: bodies cut by the lower edge, of which a face alone would be only a part."""

from __future__ import annotations

import numpy as np

from engine.images.arrays import Mask

MIN_HEIGHT, MIN_WIDTH, MAX_TAPER = 0.55, 0.4, 0.75
"""A body spans at least this share of the height, the lower edge cuts it over this share of the width, and its upper
third is at most this share as wide."""
SIDE_HEIGHT, MAX_SIDE_CONTACT = 0.6, 0.1
"""Above this share of the height it touches at most this share of either side; land touches more."""
MIN_PART = 0.95
"""Share of a shape that must lie in the body to be a part of it."""
BODY_BONUS, SYMMETRY_BONUS = 2.0, 9.0
"""Bonus of a body, and factor of the bonus for mirror symmetry above `MIN_SYMMETRY`."""
MIN_SYMMETRY = 0.6


def body_bonus(mask: Mask, part: Mask) -> float:
    """Score bonus of a mask that is a body of which the best-scored shape, `part`, is only a part."""
    within = np.count_nonzero(part)
    if not within or np.count_nonzero(part & mask) < MIN_PART * within or not _is_body(mask):
        return 0.0
    mirrored = mask[:, ::-1]
    symmetry = np.count_nonzero(mask & mirrored) / np.count_nonzero(mask | mirrored)
    return BODY_BONUS + SYMMETRY_BONUS * max(0.0, symmetry - MIN_SYMMETRY)


def _is_body(mask: Mask) -> bool:
    height, width = mask.shape
    widths = mask.sum(axis=1) / width
    top = int(np.argmax(widths > 0))
    lowest = float(widths[-max(1, height // 50) :].mean())
    upper = float(widths[top : top + max(1, (height - top) // 3)].mean())
    sides = mask[: max(1, round(SIDE_HEIGHT * height)), [0, -1]].mean(axis=0).max()
    return bool(
        height - top > MIN_HEIGHT * height
        and lowest > MIN_WIDTH
        and upper < MAX_TAPER * lowest
        and sides < MAX_SIDE_CONTACT
    )
