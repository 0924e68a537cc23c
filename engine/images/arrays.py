"""Type aliases of image arrays (value range and shape), and a fast Gaussian blur."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[np.uint8]
"""Bytes of sRGB: height × width × 3, or × 4 with alpha; several one after another where it is a video."""
Picture: TypeAlias = NDArray[np.float32]
"""Colours from 0 to 1, sRGB unless stated otherwise: height × width × 3."""
Plane: TypeAlias = NDArray[np.float32]
"""One number per pixel: height × width."""
Mask: TypeAlias = NDArray[np.bool_]
"""A selection of pixels: height × width."""


_WIDE = 12.0  # pixels; beyond it a reduced picture blurs as well and many times faster


def blur(picture: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Blur a float32 plane or picture by `sigma` pixels, mirrored at the frame; returns a new array.

    Below a third of a pixel the picture itself is returned.
    """
    if sigma < 0.34:
        return picture
    if sigma <= _WIDE:
        return cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    height, width = picture.shape[:2]
    scale = 0.5 * _WIDE / sigma
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), 0.5 * _WIDE, borderType=cv2.BORDER_REFLECT)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
