"""Light estimation: direction and colour of a photograph's light around a hole, for rendering subjects in it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.images.arrays import Mask, Picture
from engine.inpainting.masks import box_of
from engine.painting.subjects import Light

_SIDE = 128
_DARK = 0.30
"""Mean lightness below which lamps and windows are lit."""


def light_around(picture: Picture, hole: Mask) -> tuple[Light, bool]:
    """Direction and colours of the light near the hole of an sRGB image (float32, 0..1), and whether it is dark.

    Estimated from the lightness gradient of the surroundings; never so dark that a figure would be invisible.
    """
    colours, places, weights = _surroundings(picture, hole)
    grey = colours @ np.array([0.299, 0.587, 0.114], np.float32)
    mean = np.average(colours, axis=0, weights=weights)
    bright = grey >= np.quantile(grey, 0.75)
    shine = np.average(colours[bright], axis=0, weights=weights[bright])
    right, down = _slope(grey, places, weights)
    x = float(np.clip(1.6 * right, -0.8, 0.8))
    if abs(x) < 0.2:
        x = 0.30 if x > 0 else -0.30
    y, z = float(np.clip(0.50 - 0.9 * down, 0.25, 0.85)), 0.62
    length = float(np.sqrt(x * x + y * y + z * z))
    tint = 0.45 + 0.55 * shine / max(float(shine.max()), 1e-3)
    level = float(np.clip(0.28 + 1.0 * float(shine.mean()), 0.42, 1.08))
    pale = 0.5 * mean + 0.5 * mean.mean()
    return (
        Light(
            (x / length, y / length, z / length),
            _rgb(tint * level),
            _rgb(np.clip(0.14 + 0.82 * pale, 0, 1)),
            _rgb(0.45 * tint * level),
        ),
        float(np.average(grey, weights=weights)) < _DARK,
    )


def _rgb(values: NDArray[np.floating]) -> tuple[float, float, float]:
    r, g, b = (float(v) for v in values)
    return r, g, b


def _surroundings(picture: Picture, hole: Mask) -> tuple[Picture, Picture, Picture]:
    """Colours (n x 3), positions (n x 2: right, down, in hole sizes from its centre) and weights of kept pixels."""
    h, w = hole.shape
    scale = min(1.0, _SIDE / max(h, w))
    size = (max(1, round(w * scale)), max(1, round(h * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).reshape(-1, 3)
    kept = cv2.resize((~hole).astype(np.float32), size, interpolation=cv2.INTER_AREA).reshape(-1)
    top, bottom, left, right = box_of(hole)
    reach = max(bottom - top, right - left, 1)
    columns, rows = np.meshgrid(
        (np.arange(size[0]) + 0.5) / size[0] * w, (np.arange(size[1]) + 0.5) / size[1] * h
    )
    places = (
        np.stack([columns.reshape(-1) - (left + right) / 2, rows.reshape(-1) - (top + bottom) / 2], axis=-1)
        / reach
    )
    weights = (0.04 + np.exp(-0.5 * (places**2).sum(axis=-1))) * (kept > 0.99)
    if not weights.any():
        weights = np.full(len(weights), 1.0)
    good = weights > 0
    return small[good], places[good].astype(np.float32), weights[good].astype(np.float32)


def _slope(grey: Picture, places: Picture, weights: Picture) -> tuple[float, float]:
    """Lightness gradient to the right and downward, per hole size."""
    root = np.sqrt(weights)[:, None]
    matrix = np.concatenate([np.ones((len(places), 1), np.float32), places], axis=1)
    solved, *_ = np.linalg.lstsq(
        (matrix * root).astype(np.float64), (grey[:, None] * root).astype(np.float64), rcond=1e-6
    )
    return float(solved[1, 0]), float(solved[2, 0])
