"""Abstract images: folds of marbled paint, warped by noise and lit like relief."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.images.arrays import Picture, Plane
from engine.painting.noise import fbm, roll
from engine.painting.random_streams import Streams

Rgb = tuple[float, float, float]


def paint_abstract(
    streams: Streams, width: int, height: int, *, palette: list[Rgb], octaves: int, clock: float = 0.0
) -> Picture:
    """Paint a domain-warped marbling, float32 `height` x `width` x 3, sRGB 0..1.

    `clock` in seconds stirs it.

    `palette` holds sRGB colours in the order in which they follow one another (empty: violet, teal and
    gold); `octaves` (2..8) is how fine the folds become. The folds are the same at any size.
    """
    colours = np.asarray(palette or [(0.34, 0.16, 0.62), (0.10, 0.55, 0.60), (0.93, 0.73, 0.26)], np.float32)
    octaves = int(min(max(octaves, 2), 8))
    field, fold = _marble(streams, height, width, octaves, clock)
    rgb = _colour(field, fold, colours)
    return _light(rgb, field, fold, height, colours)


def _marble(streams: Streams, height: int, width: int, octaves: int, clock: float) -> tuple[Plane, Plane]:
    """The fold height 0..1 and the second warp, which tells neighbouring folds apart."""
    coarse = min(octaves, 4)
    qx = fbm(streams, "abstract/qx", height, width, cells=1.6, octaves=coarse) - 0.5
    qy = fbm(streams, "abstract/qy", height, width, cells=1.6, octaves=coarse) - 0.5
    qx, qy = roll(qx, 0.03 * clock, 0.0), roll(qy, 0.0, 0.03 * clock)
    reach = 0.42 * (1 + 0.10 * math.sin(0.8 * clock))
    rx = (
        _transformed(fbm(streams, "abstract/rx", height, width, cells=2.2, octaves=coarse), qx, qy, reach)
        - 0.5
    )
    ry = (
        _transformed(fbm(streams, "abstract/ry", height, width, cells=2.2, octaves=coarse), qx, qy, reach)
        - 0.5
    )
    base = fbm(streams, "abstract/base", height, width, cells=2.0, octaves=octaves, gain=0.46)
    return _transformed(base, rx, ry, 0.62), np.sqrt(rx * rx + ry * ry)


def _transformed(plane: Plane, dx: Plane, dy: Plane, reach: float) -> Plane:
    """`plane` looked up `reach` picture heights along (dx, dy), mirrored at the frame."""
    height, width = plane.shape
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    step = np.float32(reach * height)
    return cv2.remap(plane, xs + step * dx, ys + step * dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def _colour(field: Plane, fold: Plane, colours: NDArray[np.float32]) -> Picture:
    """Bands of the palette along the folds; each colour also in a lighter and a deeper tint."""
    count = len(colours)
    tints = []
    for k, colour in enumerate(colours):
        deep = colour * np.float32(0.42)
        pale = colour + (1 - colour) * np.float32(0.45 if count > 1 else 0.6)
        tints += [deep, colour, pale, colour] if k % 2 == 0 else [deep, colour, colour, pale]
    ring = np.asarray(tints, np.float32)
    place = (field * np.float32(1.9) + fold * np.float32(1.1)) * len(ring)
    base = np.floor(place).astype(np.int64)
    t = (place - base).astype(np.float32)
    t = t * t * (3 - 2 * t)
    first, second = ring[base % len(ring)], ring[(base + 1) % len(ring)]
    return first + t[..., None] * (second - first)


def _light(rgb: Picture, field: Plane, fold: Plane, height: int, colours: NDArray[np.float32]) -> Picture:
    """Light the folds from the upper left, with a wet highlight along their crests."""
    crest = np.sin(field * np.float32(38)) * np.float32(0.5) + np.float32(0.5)
    relief = cv2.GaussianBlur(crest, (0, 0), max(0.0022 * height, 0.5), borderType=cv2.BORDER_REFLECT)
    gain = np.float32(height * 0.020 / 8)
    gx = cv2.Sobel(relief, cv2.CV_32F, 1, 0, ksize=3, borderType=cv2.BORDER_REFLECT) * gain
    gy = cv2.Sobel(relief, cv2.CV_32F, 0, 1, ksize=3, borderType=cv2.BORDER_REFLECT) * gain
    nz = 1 / np.sqrt(1 + gx * gx + gy * gy)
    lit = np.clip((0.50 * gx + 0.55 * gy + 0.67) * nz, 0, 1)
    shine = np.clip((0.274 * gx + 0.301 * gy + 0.913) * nz, 0, 1) ** np.float32(42)
    shade = np.float32(0.42) + np.float32(0.90) * lit * (0.62 + 0.38 * relief)
    out = rgb * shade[..., None] + shine[..., None] * np.float32(0.34)
    warm = colours.mean(axis=0) * np.float32(0.10)
    return np.clip(out + warm * (1 - relief)[..., None] * np.float32(0.4), 0, 1)
