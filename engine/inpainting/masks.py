"""Inpainting masks as submitted: white is repainted, black is kept."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

THRESHOLD = 127
"""Lightness up to which a pixel is kept."""


def mask_from(image: Image.Image, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Which pixels of a picture of `size` (width, height) are repainted.

    The mask is stretched to the picture without mixing pixels; transparent places of it count as black.
    """
    light = np.asarray(image.convert("RGBA").convert("LA"), np.uint16)
    shown = (light[..., 0] * light[..., 1] + 127) // 255
    stretched = cv2.resize(shown.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    return np.asarray(stretched > THRESHOLD)


def depth_inside(hole: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Distance in pixels from each place of the hole to the nearest pixel that is kept; 0 outside.

    The picture's own rim is no edge of the hole: what lies beyond it is not seen.
    """
    if hole.all():
        return np.full(hole.shape, 1e6, np.float32)
    return np.asarray(cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 5), np.float32)


def box_of(hole: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of what is repainted, ends excluded. The hole must not be empty."""
    rows, columns = np.flatnonzero(hole.any(axis=1)), np.flatnonzero(hole.any(axis=0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
