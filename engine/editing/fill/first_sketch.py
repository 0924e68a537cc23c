"""The initial guess for a hole: each area between its contours in smooth colours."""

from __future__ import annotations

import cv2
import numpy as np

from engine.editing.fill.contours import PATH_DISTANCE, Curve, curves, without_texture
from engine.editing.fill.smooth_fill import membrane
from engine.images.arrays import Mask, Picture

_MAX_AREAS = 24
MAX_HOLE_SHARE = 0.25
"""Maximum share of a hole in the image for contours: across a larger one they are mere guesses."""


def sketch(lab: Picture, hole: Mask) -> Picture | None:
    """`lab` (bytes as float32) without texture, the hole filled by areas; None where no contour crosses it."""
    if hole.mean() > MAX_HOLE_SHARE:
        return None
    plain = without_texture(lab, (~hole).astype(np.float32))
    found = curves(plain, hole)
    return guided(np.where(hole[..., None], lab, plain).astype(np.float32), hole, found) if found else None


def guided(image: Picture, hole: Mask, curves: list[Curve]) -> Picture:
    """`image` (h x w x c) with its hole filled smoothly from the rim, no colour crossing a curve."""
    plain = membrane(image, hole)
    size = 2 * PATH_DISTANCE + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    grown = cv2.dilate(hole.astype(np.uint8), disc)
    lines = np.zeros(hole.shape, np.uint8)
    for curve in curves:
        places = np.round(np.array(curve) * 16).astype(np.int32)
        cv2.polylines(lines, [places[:, None, :]], False, 1, 2, cv2.LINE_8, 4)
    areas, labels = cv2.connectedComponents(np.where(lines > 0, 0, grown).astype(np.uint8), connectivity=4)
    out = plain.copy()
    done = np.zeros(hole.shape, bool)
    for area in range(1, min(areas, _MAX_AREAS + 1)):
        inside = labels == area
        rim = inside & ~hole
        if np.count_nonzero(rim) < 2 * PATH_DISTANCE or not (inside & hole).any():
            continue
        smooth = membrane(image, ~rim)
        out[inside & hole] = smooth[inside & hole]
        done |= inside & hole
    # Pixels under a curve, or in an area without a rim, are filled from the neighbouring areas.
    return membrane(out, hole & ~done) if done.any() else plain
