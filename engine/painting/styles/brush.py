"""Brush effects: edge-preserving smoothing, stroke direction and bristle streaks."""

from __future__ import annotations

import cv2
import numpy as np

from engine.images.arrays import Picture, Plane, blur
from engine.painting.noise import fbm, lattice
from engine.painting.random_streams import Streams

_COMPASS = (
    (1.0, 0.0),
    (0.707, 0.707),
    (0.0, 1.0),
    (-0.707, 0.707),
    (-1.0, 0.0),
    (-0.707, -0.707),
    (0.0, -1.0),
    (0.707, -0.707),
)


def luma(rgb: Picture) -> Plane:
    """Rec. 601 brightness of an sRGB picture, 0..1."""
    return rgb @ np.array([0.299, 0.587, 0.114], np.float32)


def kuwahara(rgb: Picture, radius_px: float) -> Picture:
    """Flatten a picture into dabs of about `radius_px` pixels with crisp borders.

    Each pixel takes the mean of those of eight neighbouring regions that vary least. Returns a new
    float32 H x W x 3; a radius below one pixel returns the picture unchanged.
    """
    if radius_px < 1:
        return rgb
    sigma = radius_px * 0.42
    mean = blur(rgb, sigma)
    level = luma(rgb)
    spread = blur(level * level, sigma) - blur(level, sigma) ** 2
    calm = 1 / (1 + np.maximum(spread, 0) * np.float32(900))
    calm *= calm
    calm *= calm
    weight = calm * calm + np.float32(1e-7)
    stack = np.dstack([mean * weight[..., None], weight])
    pad = int(np.ceil(radius_px)) + 1
    stack = cv2.copyMakeBorder(stack, pad, pad, pad, pad, cv2.BORDER_REFLECT)
    height, width = rgb.shape[:2]
    total = np.zeros((height, width, 4), np.float32)
    for cx, cy in _COMPASS:
        left = pad + round(cx * radius_px * 0.72)
        top = pad + round(cy * radius_px * 0.72)
        total += stack[top : top + height, left : left + width]
    return total[..., :3] / total[..., 3:]


def busy(rgb: Picture) -> Plane:
    """Local detail density, 0..1, at the scale of a hundredth of the height."""
    height = rgb.shape[0]
    level = luma(rgb)
    stir = blur(np.abs(level - blur(level, 0.0065 * height)), 0.010 * height)
    return smoothstep(stir, 0.025, 0.075)


def flattened(rgb: Picture, radius_px: float, keep: float = 0.30) -> Picture:
    """Dabs of `radius_px`, but of `keep` times that where detail is dense, so that eyes remain recognisable."""
    share = busy(rgb)[..., None]
    broad, fine = kuwahara(rgb, radius_px), kuwahara(rgb, radius_px * keep)
    return broad + share * (fine - broad)


def tangents(rgb: Picture, streams: Streams, reach: float, wander: float = 0.0015) -> tuple[Plane, Plane]:
    """Unit vectors along the edges of the picture, smoothed over `reach` pixels.

    Where there are no edges, a slow swirl of noise of strength `wander` gives the direction.
    """
    height, width = rgb.shape[:2]
    level = blur(luma(rgb), max(reach * 0.25, 0.6))
    gx = cv2.Sobel(level, cv2.CV_32F, 1, 0, ksize=3, borderType=cv2.BORDER_REFLECT)
    gy = cv2.Sobel(level, cv2.CV_32F, 0, 1, ksize=3, borderType=cv2.BORDER_REFLECT)
    scale = np.float32((height / 512) ** 2)
    xx, yy, xy = (blur(part * scale, reach) for part in (gx * gx, gy * gy, gx * gy))
    swirl = fbm(streams, "style/swirl", height, width, cells=2.2, octaves=2) * np.float32(9.0)
    xx = xx + np.float32(wander) * (1 + np.cos(swirl))
    yy = yy + np.float32(wander) * (1 - np.cos(swirl))
    xy = xy + np.float32(wander) * np.sin(swirl)
    angle = np.float32(0.5) * np.arctan2(2 * xy, xx - yy) + np.float32(np.pi / 2)
    return np.cos(angle), np.sin(angle)


def streaks(
    tx: Plane, ty: Plane, streams: Streams, name: str, *, rows: int, length: float, steps: int = 7
) -> Plane:
    """Noise about -1..1 drawn out `length` pixels along the tangents: the furrows of a brush.

    `rows` counts the noise's cells along the height, whatever the picture's size.
    """
    height, width = tx.shape
    rows = min(rows, 2 * height)
    cols = min(max(1, round(rows * width / height)), 2 * width)
    noise = lattice(streams.rng(name), rows, cols, height, width)
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    total = noise.copy()
    stride = np.float32(length / (2 * steps))
    for way in (-1, 1):
        px, py = xs.copy(), ys.copy()
        dx, dy = tx * np.float32(way), ty * np.float32(way)
        for _ in range(steps):
            px += dx * stride
            py += dy * stride
            total += cv2.remap(noise, px, py, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    total /= 2 * steps + 1
    # Averaging narrows the range; stretch it back by what it was before.
    return np.clip((total - total.mean()) / (3 * total.std() + np.float32(1e-6)), -1, 1)


def relief(height_map: Plane, strength: float) -> Plane:
    """How much a surface gains or loses by light from the upper left, about -1..1."""
    gx = cv2.Sobel(height_map, cv2.CV_32F, 1, 0, ksize=3, borderType=cv2.BORDER_REFLECT)
    gy = cv2.Sobel(height_map, cv2.CV_32F, 0, 1, ksize=3, borderType=cv2.BORDER_REFLECT)
    return np.tanh((gx + gy) * np.float32(-strength))


def saturate(rgb: Picture, amount: float) -> Picture:
    """Push colours away from (above 1) or toward (below 1) their grey."""
    grey = luma(rgb)[..., None]
    return np.clip(grey + (rgb - grey) * np.float32(amount), 0, 1)


def smoothstep(value: Plane, low: float, high: float) -> Plane:
    """0 below `low`, 1 above `high`, a soft ramp between; `low` may be the larger."""
    t = np.clip((value - np.float32(low)) / np.float32(high - low), 0, 1)
    return t * t * (3 - 2 * t)
