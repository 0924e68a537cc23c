"""Persistence map: how long each place of the input stays as strength grows; the main object or busy middle longest."""

from __future__ import annotations

import cv2
import numpy as np

from engine.background import salient_mask
from engine.images.arrays import Pixels, Plane, blur
from engine.painting.styles.brush import luma, smoothstep

SIDE = 112
"""Longest side in pixels of the analysed copy; enough for a soft map."""
MIN_SIDE = 48
"""Shorter side in pixels below which there is no map."""
MIN_SHARE, MAX_SHARE = 0.015, 0.7
"""Minimum and maximum share of the image for an object."""
MIN_SOLIDITY = 0.4
"""Share of its convex hull that a compact object fills; scattered pieces fill less."""

MIN_LARGEST_PIECE = 0.65
"""Share of the mask that its largest piece must have."""

MIN_DETAIL_INSIDE = 0.48
"""Share of the image's detail that must lie in the object: an eye is not the face."""


def persistence(picture: Pixels) -> Plane | None:
    """Persistence of each pixel, float32 H x W, 0..1 (1: stays longest); None where no place stands out.

    `picture` is uint8 H x W x 3, sRGB. Deterministic.
    """
    height, width = picture.shape[:2]
    if min(height, width) < MIN_SIDE:
        return None
    scale = min(1.0, SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    found = _main_object(small)
    found = _busy_middle(small) if found is None else found
    if found is None:
        return None
    return np.clip(cv2.resize(found, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1)


def _main_object(small: Pixels) -> Plane | None:
    """The most prominent object, gaps closed, if it is one compact piece."""
    mask = salient_mask(small)
    if mask is None:
        return None
    unit = float(np.sqrt(mask.size))
    size = 2 * round(0.018 * unit) + 1
    round_brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    solid = cv2.morphologyEx((mask > 0.5).astype(np.uint8), cv2.MORPH_CLOSE, round_brush)
    outlines, _tree = cv2.findContours(solid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not outlines:
        return None
    largest = max(outlines, key=cv2.contourArea)
    whole, hull = np.zeros(solid.shape, np.uint8), np.zeros(solid.shape, np.uint8)
    cv2.drawContours(whole, [largest], -1, 1, cv2.FILLED)
    cv2.fillConvexPoly(hull, cv2.convexHull(largest), 1)
    area = int(whole.sum())
    if not MIN_SHARE * mask.size < area < MAX_SHARE * mask.size:
        return None
    if area < MIN_SOLIDITY * int(hull.sum()) or area < MIN_LARGEST_PIECE * int(solid.sum()):
        return None
    activity = _activity(small)
    around = cv2.dilate(whole, np.ones((2 * round(0.025 * unit) + 1,) * 2, np.uint8)) > 0
    if float(activity[around].sum()) < MIN_DETAIL_INSIDE * float(activity.sum()):
        return None
    return blur(whole.astype(np.float32), 0.003 * unit)


def _busy_middle(small: Pixels) -> Plane | None:
    """An ellipse around the densest detail, such as the eyes and mouth of a close-up; None without detail."""
    weight = _activity(small)
    height, width = weight.shape
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    total = float(weight.sum())
    if total < 2e-4 * weight.size:
        return None
    middle = (float((weight * x).sum()) / total, float((weight * y).sum()) / total)
    dx, dy = x - middle[0], y - middle[1]
    spread = [max(0.06, float((weight * d * d).sum()) / total) for d in (dx, dy)]
    distance = dx * dx / (2.8 * spread[0]) + dy * dy / (2.8 * spread[1])
    return smoothstep(np.sqrt(distance), 1.25, 0.55)


def _activity(small: Pixels) -> Plane:
    """Local detail density at each pixel, weighted toward the middle."""
    level = luma(np.multiply(small, np.float32(1 / 255), dtype=np.float32))
    height, width = level.shape
    activity = np.abs(level - blur(level, 0.03 * float(np.sqrt(level.size))))
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    return (activity * activity * np.exp(-0.7 * (x * x + y * y))).astype(np.float32)
