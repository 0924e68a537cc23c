"""The most prominent thing of a picture as a mask at working size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictions.engine.cutout.carving import carve, largest_piece, piece_sizes, refit, tidied
from predictions.engine.cutout.choosing import score
from predictions.engine.cutout.planes import Bits, Pixels, Plane, fitted, otsu, to_lab
from predictions.engine.cutout.salience import salience
from predictions.engine.cutout.superpixels import patches

SIDE = 320
"""Longest side of the picture that is looked at, in pixels."""
SMALLEST = 16
"""A picture with a shorter side than this, in pixels, has no shape to find."""
PLAIN = 1.5
"""Standard deviation in Lab below which a picture is flat."""
TOO_LITTLE, TOO_MANY = 0.02, 3
"""A mask below this share of the picture, or in more similar pieces than this, is no thing."""


@dataclass(frozen=True)
class Guess:
    """One idea of the thing: its mask, and how much it looks like one (comparable within one picture)."""

    mask: Bits
    score: float


def find_shape(rgb: Pixels) -> Bits | None:
    """The mask of the most prominent thing, at most `SIDE` pixels a side; None where there is none."""
    small = fitted(rgb, SIDE)
    lab = to_lab(small)
    if min(small.shape[:2]) < SMALLEST or float(lab.std(axis=(0, 1)).max()) < PLAIN:
        return None
    best = max((Guess(mask, score(lab, mask)) for mask in _guesses(small, lab)), key=lambda g: g.score)
    if is_thing(best.mask):
        return best.mask
    frame = _framed(small)
    return frame if is_thing(frame) else None


def _guesses(small: Pixels, lab: Plane) -> list[Bits]:
    parts = patches(lab)
    masks = []
    for reach, share in ((0.5, 0.4), (0.4, 0.9)):
        seen = parts.spread(salience(parts, reach))
        threshold = otsu(seen)
        masks.append(whole(small, seen > share * threshold, seen < 0.1 * threshold))
    return masks


def whole(small: Pixels, likely: Bits, never: Bits) -> Bits:
    """A shape carved from a guess and fitted twice to its outline."""
    band = max(2, round(0.03 * max(small.shape[:2])))
    mask = tidied(carve(small, likely, never))
    for _ in range(2):
        mask = tidied(refit(small, mask, band))
    return mask


def is_thing(mask: Bits) -> bool:
    """Whether a mask is large enough, and one piece or few, to be taken for a thing."""
    largest = largest_piece(mask)
    similar = sum(size > 0.3 * largest for size in piece_sizes(mask))
    return TOO_LITTLE <= float(mask.mean()) <= 0.97 and similar <= TOO_MANY


def _framed(small: Pixels) -> Bits:
    """Everything within a frame of 6 % that is unlike the frame."""
    inside = np.zeros(small.shape[:2], bool)
    rim_y, rim_x = max(1, round(0.06 * small.shape[0])), max(1, round(0.06 * small.shape[1]))
    inside[rim_y:-rim_y, rim_x:-rim_x] = True
    return tidied(carve(small, inside, ~inside))
