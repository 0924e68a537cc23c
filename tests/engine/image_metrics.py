"""Image metrics shared by the painter's tests."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


def lab(pixels: Pixels) -> NDArray[np.float32]:
    """CIE Lab of a uint8 sRGB picture: L 0..100, a and b about -128..127."""
    return cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)


def mean_lab(pixels: Pixels, mask: Pixels | None = None) -> tuple[float, float, float]:
    """Mean L, a, b, over the mask's pixels above 127 when one is given."""
    values = lab(pixels).reshape(-1, 3)
    if mask is not None:
        values = values[mask.reshape(-1) > 127]
    lightness, a, b = values.mean(axis=0)
    return float(lightness), float(a), float(b)


def ssim(first: Pixels, second: Pixels) -> float:
    """Structural similarity of two pictures' luma: 1 for equal, about 0 for unrelated (Gaussian window, sigma 1.5)."""
    x, y = (cv2.cvtColor(p, cv2.COLOR_RGB2GRAY).astype(np.float64) for p in (first, second))

    def blur(a: NDArray[np.float64]) -> NDArray[np.float64]:
        return cv2.GaussianBlur(a, (11, 11), 1.5)

    mx, my = blur(x), blur(y)
    vx, vy, both = blur(x * x) - mx * mx, blur(y * y) - my * my, blur(x * y) - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    index = ((2 * mx * my + c1) * (2 * both + c2)) / ((mx * mx + my * my + c1) * (vx + vy + c2))
    return float(index.mean())


def blurred(pixels: Pixels, sigma: float) -> Pixels:
    """The picture after a Gaussian blur of `sigma` pixels."""
    return cv2.GaussianBlur(pixels, (0, 0), sigma)


def sharpness(pixels: Pixels) -> float:
    """Mean step between neighbours along a row after a blur of one pixel, in levels."""
    grey = cv2.GaussianBlur(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 1.0)
    return float(np.abs(np.diff(grey, axis=1)).mean())


def overlap(first: Pixels, second: Pixels) -> float:
    """Intersection over union of two masks (above 127)."""
    a, b = first > 127, second > 127
    return float((a & b).sum() / max(1, (a | b).sum()))


def reduced(pixels: Pixels, side: int) -> Pixels:
    """The picture scaled down so that its longer side has `side` pixels."""
    h, w = pixels.shape[:2]
    scale = side / max(h, w)
    return cv2.resize(pixels, (round(w * scale), round(h * scale)), interpolation=cv2.INTER_AREA)
