"""Array operations shared by the segmentation steps: Lab, resizing, thresholds, morphology."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from engine.images.arrays import Mask, Pixels, Plane


def to_lab(rgb: Pixels) -> Plane:
    """CIE Lab of sRGB pixels, float32 H x W x 3: L 0..100, a and b about -128..127."""
    return np.asarray(cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2Lab), np.float32)


def fitted(rgb: Pixels, side: int) -> Pixels:
    """The image reduced so that its longer side has at most `side` pixels, each side at least one."""
    height, width = rgb.shape[:2]
    scale = min(1.0, side / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return rgb if scale == 1.0 else np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def stretched(values: Plane) -> Plane:
    """The values normalised to span 0..1; all zero where they are all equal."""
    low, high = float(values.min()), float(values.max())
    if high - low < 1e-6:
        return np.zeros_like(values)
    return ((values - low) / (high - low)).astype(np.float32)


def otsu(values: Plane) -> float:
    """Otsu's threshold of values in 0..1."""
    level, _ = cv2.threshold((np.clip(values, 0, 1) * 255).astype(np.uint8), 0, 255, cv2.THRESH_OTSU)
    return float(level) / 255


def ellipse(radius: int) -> Any:
    """A round structuring element of that radius in pixels."""
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))


def dilated(mask: Mask, radius: int) -> Mask:
    """The mask dilated by `radius` pixels."""
    return np.asarray(cv2.dilate(mask.astype(np.uint8), ellipse(radius)), bool)


def eroded(mask: Mask, radius: int) -> Mask:
    """The mask eroded by `radius` pixels; the image border does not erode it."""
    return np.asarray(cv2.erode(mask.astype(np.uint8), ellipse(radius)), bool)
