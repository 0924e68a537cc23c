"""Score bonus for portraits: bodies cut by the lower edge, of which a face alone would be only a part."""

from __future__ import annotations

import numpy as np

from engine.images.arrays import Mask

TALL, BROAD, TAPERED = 0.55, 0.4, 0.75
"""A body spans at least this share of the height, the lower edge cuts it over this share of the width, and its upper
third is at most this share as wide."""
HIGH, FREE = 0.6, 0.1
"""Above this share of the height it touches at most this share of either side; land touches more."""
PART = 0.95
"""Share of a shape that must lie in the body to be a part of it."""
BODY, EVEN = 2.0, 9.0
"""Bonus of a body, and factor of the bonus for mirror symmetry above `MIRRORED`."""
MIRRORED = 0.6


def body_bonus(mask: Mask, part: Mask) -> float:
    """Score bonus of a mask that is a body of which the best-scored shape, `part`, is only a part."""
    within = np.count_nonzero(part)
    if not within or np.count_nonzero(part & mask) < PART * within or not _is_body(mask):
        return 0.0
    mirrored = mask[:, ::-1]
    even = np.count_nonzero(mask & mirrored) / np.count_nonzero(mask | mirrored)
    return BODY + EVEN * max(0.0, even - MIRRORED)


def _is_body(mask: Mask) -> bool:
    height, width = mask.shape
    broad = mask.sum(axis=1) / width
    top = int(np.argmax(broad > 0))
    lowest = float(broad[-max(1, height // 50) :].mean())
    upper = float(broad[top : top + max(1, (height - top) // 3)].mean())
    sides = mask[: max(1, round(HIGH * height)), [0, -1]].mean(axis=0).max()
    return bool(height - top > TALL * height and lowest > BROAD and upper < TAPERED * lowest and sides < FREE)
