"""Graphic styles: pixel art, flat colour, poster, low poly."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.images.arrays import Picture, Plane, blur
from engine.painting.random_streams import Streams
from engine.painting.styles.brush import busy, flattened, luma, saturate, smoothstep

PIXEL_COLOURS = 24
_BAYER = (
    np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], np.float32) / 16 - 0.5 + 1 / 32
)


def pixel(rgb: Picture, streams: Streams, quality: float) -> Picture:
    """Pixel art: about 96 cells along the short side in at most 24 colours, which survive 8-bit storage."""
    height, width = rgb.shape[:2]
    cells = 60 + 36 * quality
    block = max(min(height, width) / cells, 1.0)
    rows, cols = max(2, round(height / block)), max(2, round(width / block))
    small = cv2.resize(saturate(rgb, 1.18), (cols, rows), interpolation=cv2.INTER_AREA)
    # Area averaging greys the edges: sharpen what is left, as a pixel artist would.
    small = np.clip(small + 0.55 * (small - blur(small, 0.9)), 0, 1)
    palette = _palette(small, PIXEL_COLOURS)
    tile = np.tile(_BAYER, (rows // 4 + 1, cols // 4 + 1))[:rows, :cols, None]
    index = _nearest(small + np.float32(0.030) * tile, palette)
    flat_cells = (np.round(palette * 255) / 255).astype(np.float32)[index]
    across = np.arange(width) * cols // width
    down = np.arange(height) * rows // height
    return flat_cells[down[:, None], across[None]]


def _palette(small: Picture, count: int) -> NDArray[np.float32]:
    """At most `count` colours by repeated means, started from a median cut: no chance involved."""
    pixels = np.ascontiguousarray(small.reshape(-1, 3))
    boxes = [pixels]
    while len(boxes) < count:
        spans = [
            float(np.ptp(box, axis=0).max()) * len(box) ** 0.35 if len(box) > 1 else 0.0 for box in boxes
        ]
        widest = int(np.argmax(spans))
        if spans[widest] <= 0:
            break
        box = boxes.pop(widest)
        axis = int(np.argmax(np.ptp(box, axis=0)))
        box = box[np.argsort(box[:, axis], kind="stable")]
        boxes += [box[: len(box) // 2], box[len(box) // 2 :]]
    centres = np.stack([box.mean(axis=0) for box in boxes]).astype(np.float32)
    for _ in range(6):
        index = _nearest(pixels, centres)
        counts = np.bincount(index, minlength=len(centres)).astype(np.float32)
        sums = np.stack([np.bincount(index, pixels[:, c], len(centres)) for c in range(3)], axis=1)
        used = counts > 0
        centres[used] = (sums[used] / counts[used, None]).astype(np.float32)
    return centres


def _nearest(pixels: Picture, palette: NDArray[np.float32]) -> NDArray[np.int64]:
    """The index of the nearest palette colour for each pixel, green weighing most."""
    weight = np.array([0.55, 0.75, 0.40], np.float32)
    best = np.full(pixels.shape[:-1], np.inf, np.float32)
    index = np.zeros(pixels.shape[:-1], np.int64)
    for k, colour in enumerate(palette):
        distance = (((pixels - colour) * weight) ** 2).sum(axis=-1)
        closer = distance < best
        best[closer] = distance[closer]
        index[closer] = k
    return index


def flat(rgb: Picture, streams: Streams, quality: float) -> Picture:
    """Flat colour with dark outlines, as in a printed comic."""
    height = rgb.shape[0]
    smooth = _plain(rgb, (0.012 + 0.010 * (1 - quality)) * height)
    cut = _step_lightness(smooth, levels=7, softness=0.10)
    # Small features would drown in ink: draw thinly where much happens.
    lines = _outlines(smooth, height) * (1 - np.float32(0.55) * busy(rgb))
    return saturate(cut, 1.22) * (1 - np.float32(0.88) * lines[..., None])


def poster(rgb: Picture, streams: Streams, quality: float) -> Picture:
    """A screen print: four inks of light, strong colour, no lines, a cream margin."""
    height, width = rgb.shape[:2]
    smooth = _plain(rgb, (0.018 + 0.012 * (1 - quality)) * height)
    cut = saturate(_step_lightness(smooth, levels=4, softness=0.06), 1.38)
    paper = np.array([0.965, 0.935, 0.865], np.float32)
    print_ = cut * (np.float32(0.25) + np.float32(0.75) * paper) + np.float32(0.02)
    margin = round(0.030 * min(height, width))
    framed = np.broadcast_to(paper, rgb.shape).astype(np.float32)
    framed[margin : height - margin, margin : width - margin] = print_[
        margin : height - margin, margin : width - margin
    ]
    return framed


def _plain(rgb: Picture, radius: float) -> Picture:
    return flattened(flattened(rgb, radius), radius * 0.7)


def _step_lightness(rgb: Picture, *, levels: int, softness: float) -> Picture:
    """Cut lightness into `levels` steps whose risers are `softness` of a step wide; hue stays."""
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2Lab)
    value = lab[..., 0] * np.float32(levels / 100)
    base = np.floor(value)
    lab[..., 0] = (base + smoothstep(value - base, 0.5 - softness, 0.5 + softness)) * np.float32(100 / levels)
    return np.clip(cv2.cvtColor(lab, cv2.COLOR_Lab2RGB), 0, 1)


def _outlines(rgb: Picture, height: int) -> Plane:
    """Lines of about 0.4 % of the height along strong changes of colour, 0..1."""
    width = max(0.0022 * height, 0.8)
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2Lab)
    lab[..., 0] *= np.float32(1.2)
    energy = np.zeros(rgb.shape[:2], np.float32)
    lab = blur(lab, width * 0.7)
    for channel in range(3):
        for dx, dy in ((1, 0), (0, 1)):
            edge = cv2.Sobel(lab[..., channel], cv2.CV_32F, dx, dy, ksize=3, borderType=cv2.BORDER_REFLECT)
            energy += edge * edge
    strength = np.sqrt(energy) * np.float32(width / 4)
    return smoothstep(blur(strength, width * 0.35), 5.0, 9.0)


def lowpoly(rgb: Picture, streams: Streams, quality: float) -> Picture:
    """Facets: triangles over points that gather where the picture changes, each of one colour."""
    height, width = rgb.shape[:2]
    points = _points(rgb, streams, round(350 + 800 * quality))
    size = np.array([width, height], np.float32)
    plane = cv2.Subdiv2D((-1, -1, width + 2, height + 2))
    plane.insert([(float(x), float(y)) for x, y in points * size])
    triangles = np.asarray(plane.getTriangleList(), np.float32).reshape(-1, 3, 2)
    inside = ((triangles >= -0.5) & (triangles <= size + 0.5)).all(axis=(1, 2))
    triangles = triangles[inside]
    smooth = blur(rgb, 0.004 * height)
    # The mean of four places: the middle, and halfway toward each corner.
    middle = triangles.mean(axis=1, keepdims=True)
    places = np.concatenate([middle, (triangles + middle) / 2], axis=1)
    xs = np.clip(places[..., 0], 0, width - 1).astype(np.int64)
    ys = np.clip(places[..., 1], 0, height - 1).astype(np.int64)
    colours = smooth[ys, xs].mean(axis=1)
    tilt = (triangles[:, 0] - triangles[:, 1]) / np.float32(height)
    colours = saturate(colours * (1 + np.float32(0.9) * tilt[:, :1] * 0.6), 1.15)
    canvas = np.ascontiguousarray(smooth)
    corners = np.round(triangles * 16).astype(np.int32)
    for corner, colour in zip(corners, colours.tolist(), strict=True):
        cv2.fillConvexPoly(canvas, corner, colour, lineType=cv2.LINE_8, shift=4)
    return canvas


def _points(rgb: Picture, streams: Streams, count: int) -> NDArray[np.float32]:
    """`count` points in the unit square, dense along edges, and a ring around the frame; none coincide."""
    small = cv2.resize(rgb, (160, 160), interpolation=cv2.INTER_AREA)
    level = blur(luma(small), 1.2)
    gx, gy = cv2.Sobel(level, cv2.CV_32F, 1, 0), cv2.Sobel(level, cv2.CV_32F, 0, 1)
    density = np.sqrt(gx * gx + gy * gy) + np.float32(0.05)
    chance = np.cumsum(density.astype(np.float64).ravel())
    # Equal strides through the sum spread the points evenly; noise alone would clump them.
    rng = streams.rng("style/lowpoly")
    draws = (np.arange(count) + rng.random(count)) / count * chance[-1]
    cell = np.clip(np.searchsorted(chance, draws), 0, 160 * 160 - 1)
    jitter = rng.random((count, 2))
    inner = np.stack([(cell % 160 + jitter[:, 0]) / 160, (cell // 160 + jitter[:, 1]) / 160], axis=1)
    t = np.linspace(0, 1, 15)
    ring = np.concatenate(
        [np.stack(side, axis=1) for side in ((t, 0 * t), (t, 0 * t + 1), (0 * t, t), (0 * t + 1, t))]
    )
    return np.unique(np.concatenate([inner, ring]).astype(np.float32), axis=0)
