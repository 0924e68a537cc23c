"""Membrane interpolation: smoothest fill that meets the hole's rim; start of every fill, all of it without matches."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def membrane(image: NDArray[np.float32], hole: NDArray[np.bool_]) -> NDArray[np.float32]:
    """`image` (h x w x c) with its hole filled smoothly from the rim; mid-grey (128) where nothing is known.

    A pull-push pyramid: known pixels are reduced until they cover everything, then enlarged step by step under the
    known ones, and the filled part is relaxed at each level.
    """
    known = (~hole).astype(np.float32)
    if not known.any():
        return np.full_like(image, 128.0)
    return np.where(hole[..., None], _pushed(np.asarray(image * known[..., None], np.float32), known), image)


def resized(
    image: NDArray[np.float32], size: tuple[int, int], interpolation: int = cv2.INTER_AREA
) -> NDArray[np.float32]:
    """`image` (h x w x c, any c) resized to `size` (width, height); OpenCV itself averages at most four channels."""
    parts = [
        cv2.resize(np.ascontiguousarray(image[..., at : at + 3]), size, interpolation=interpolation)
        for at in range(0, image.shape[2], 3)
    ]
    return np.concatenate([part.reshape(size[1], size[0], -1) for part in parts], axis=-1)


def _pushed(total: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    h, w = weight.shape
    value = total / np.maximum(weight, 1e-6)[..., None]
    if weight.min() > 0 or max(h, w) <= 1:
        return np.asarray(value, np.float32)
    size = ((w + 1) // 2, (h + 1) // 2)
    coarse = _pushed(resized(total, size), resized(weight[..., None], size)[..., 0])
    grown = resized(coarse, (w, h), cv2.INTER_LINEAR)
    out = np.where(weight[..., None] > 0, value, grown).astype(np.float32)
    free = (weight == 0)[..., None]
    for _ in range(6):
        out = np.where(free, cv2.blur(out, (3, 3)).reshape(out.shape), out)
    return out
