"""Salient object segmentation without a trained model: a mask of the most prominent object of an image."""

from __future__ import annotations

import cv2
import numpy as np

from engine.background.shape_search import find_shape
from engine.images.arrays import Pixels, Plane


def salient_mask(rgb: Pixels) -> Plane | None:
    """Soft mask of the most prominent object, float32 H x W, 0..1; None where nothing stands out.

    `rgb` is uint8 H x W x 3, sRGB, of any size. Deterministic.
    """
    mask = find_shape(rgb)
    if mask is None:
        return None
    size = (rgb.shape[1], rgb.shape[0])
    return np.asarray(cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_LINEAR), np.float32)


__all__ = ["find_shape", "salient_mask"]
