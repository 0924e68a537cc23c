"""Inpainting masks as submitted: white is repainted, black is kept."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

THRESHOLD = 127
"""Mask lightness up to which a pixel is kept."""


def mask_from(image: Image.Image, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels to repaint in an image of `size` (width, height), as a boolean mask.

    The mask is stretched to the image by nearest neighbour; its transparent pixels count as black.
    """
    light = np.asarray(image.convert("RGBA").convert("LA"), np.uint16)
    lightness = (light[..., 0] * light[..., 1] + 127) // 255
    stretched = cv2.resize(lightness.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    return np.asarray(stretched > THRESHOLD)


def depth_inside(hole: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Distance in pixels from each pixel of the hole to the nearest kept pixel; 0 outside.

    The image border is not an edge of the hole: nothing beyond it is visible.
    """
    if hole.all():
        return np.full(hole.shape, 1e6, np.float32)
    return np.asarray(cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 5), np.float32)


def box_of(hole: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of the hole, ends excluded. It must not be empty."""
    rows, columns = np.flatnonzero(hole.any(axis=1)), np.flatnonzero(hole.any(axis=0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
