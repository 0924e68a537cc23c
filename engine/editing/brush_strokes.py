"""Painterly rendering: curved strokes along an image's shapes, coarse layers first, fine ones where those missed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.images.arrays import Picture, Plane, blur
from engine.painting.random_streams import Streams
from engine.painting.styles.brush import busy, luma, relief, streaks, tangents

RADII = (0.055, 0.031, 0.0175, 0.0098, 0.0055, 0.0031)
"""Half width of the strokes of each layer, as a share of the image's unit (the mean of its sides)."""
MAX_ERROR = 0.035
"""Colour difference, 0..1, from which on the next layer paints over a place."""
JOINTS = 5
"""Joints of a broad stroke on each side of its middle; fine ones have fewer, since their bends are invisible."""
FINE_RADIUS = 4.0
"""Half width in pixels below which a stroke is fine."""
_FIXED = 4
"""Fractional bits of OpenCV's sub-pixel coordinates."""


@dataclass(frozen=True)
class _Field:
    """Guidance of the strokes: unit vectors along the shapes, and local detail density, 0..1."""

    tx: Plane
    ty: Plane
    busy: Plane


def paint_strokes(
    picture: Picture,
    streams: Streams,
    quality: float,
    on_progress: Callable[[float, Picture], None] = lambda share, canvas: None,
) -> Picture:
    """The image in strokes, float32 of the same size, 0..1. Fewer steps (`quality` below 1) leave out fine layers.

    `on_progress` gets the share of finished layers, and the canvas.
    """
    height, width = picture.shape[:2]
    unit = float(np.sqrt(height * width))
    tx, ty = tangents(picture, streams, max(1.0, 0.010 * unit))
    guidance = _Field(tx, ty, busy(picture))
    canvas = _eight_bits(blur(picture, RADII[0] * unit))
    layers = _layers(quality)
    for number, share in enumerate(layers):
        radius = share * unit
        if radius < 0.7:
            break
        _paint_layer(canvas, picture, guidance, radius, streams.rng(f"dabs/{number}"), first=number == 0)
        on_progress((number + 1) / len(layers), _floats(canvas))
    return _with_bristles(_floats(canvas), guidance, streams, unit)


def _layers(quality: float) -> tuple[float, ...]:
    return RADII[: 3 + round(3 * min(1.0, max(0.0, quality) ** 0.5))]


def _paint_layer(
    canvas: NDArray[np.uint8],
    picture: Picture,
    guidance: _Field,
    radius: float,
    rng: np.random.Generator,
    *,
    first: bool,
) -> None:
    """Paint one layer of strokes of half width `radius` pixels onto the canvas."""
    target = blur(picture, 0.55 * radius)
    missing = np.abs(canvas.astype(np.float32) / 255 - target).mean(axis=2)
    missing = blur(missing, 0.8 * radius)
    places = _places(missing.shape, radius, rng)
    rows, columns = places[:, 1].astype(int), places[:, 0].astype(int)
    if not first:
        # Errors show most where detail is dense; the finest strokes are for such places alone.
        limit = MAX_ERROR * ((1.6 if radius < FINE_RADIUS / 2 else 1.0) - guidance.busy[rows, columns] * 0.5)
        places = places[missing[rows, columns] > limit]
    if len(places) == 0:
        return
    rng.shuffle(places)
    paths, kept = _paths(places, target, guidance, radius)
    colours = _colours(target, places, rng)
    _draw(canvas, paths, kept, colours, radius)


def _places(shape: tuple[int, ...], radius: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Midpoints of strokes, N x 2 (column, row), on a jittered grid."""
    height, width = shape[:2]
    gap = 1.15 * radius
    x, y = np.meshgrid(np.arange(0, width + gap, gap), np.arange(0, height + gap, gap))
    places = np.stack([x.ravel(), y.ravel()], axis=1) + rng.uniform(-0.5, 0.5, (x.size, 2)) * gap
    return np.clip(places, 0, (width - 1.001, height - 1.001)).astype(np.float32)


def _paths(
    places: NDArray[np.float32], target: Picture, guidance: _Field, radius: float
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Each stroke's joints, N x joints x 2, and which of them match the stroke's colour."""
    count, steps = len(places), JOINTS if radius >= FINE_RADIUS else 2
    joints = np.empty((count, 2 * steps + 1, 2), np.float32)
    kept = np.zeros((count, 2 * steps + 1), bool)
    joints[:, steps], kept[:, steps] = places, True
    start_colours = _at(target, places)
    size = np.array([target.shape[1] - 1, target.shape[0] - 1], np.float32)
    for direction in (-1, 1):
        positions, heading, active = places.copy(), None, np.ones(count, bool)
        for step in range(1, steps + 1):
            along = np.stack([_at(guidance.tx, positions), _at(guidance.ty, positions)], axis=1)
            along = along * np.float32(direction) if heading is None else along
            if heading is not None:
                # A tangent has no orientation: continue in the direction that turns least.
                along *= np.where((along * heading).sum(axis=1) < 0, -1, 1)[:, None].astype(np.float32)
            heading = along
            positions = np.clip(positions + along * np.float32(3.6 / steps * radius), 0, size)
            active &= np.abs(_at(target, positions) - start_colours).mean(axis=1) < 0.055
            joints[:, steps + direction * step], kept[:, steps + direction * step] = positions, active
    return joints, kept


def _at(plane: NDArray[np.float32], places: NDArray[np.float32]) -> NDArray[np.float32]:
    found: NDArray[np.float32] = plane[places[:, 1].astype(np.intp), places[:, 0].astype(np.intp)]
    return found


def _colours(target: Picture, places: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The colour of each stroke: the image's at its midpoint, with slight random variation."""
    found = _at(target, places) * (1 + rng.normal(0, 0.022, (len(places), 1)))
    found = found + rng.normal(0, 0.008, (len(places), 3))
    return (np.clip(found, 0, 1) * 255 + 0.5).astype(np.uint8)


def _draw(
    canvas: NDArray[np.uint8],
    joints: NDArray[np.float32],
    kept: NDArray[np.bool_],
    colours: NDArray[np.uint8],
    radius: float,
) -> None:
    fixed = np.round(joints * (1 << _FIXED)).astype(np.int32)
    half = joints.shape[1] // 2
    starts = half - (kept[:, :half].sum(axis=1))
    ends = half + 1 + kept[:, half + 1 :].sum(axis=1)
    wide = max(1, round(1.7 * radius))
    for path, start, end, colour in zip(fixed, starts.tolist(), ends.tolist(), colours.tolist(), strict=True):
        cv2.polylines(canvas, [path[start:end]], False, colour, wide, cv2.LINE_AA, _FIXED)


def _with_bristles(image: Picture, guidance: _Field, streams: Streams, unit: float) -> Picture:
    """Add the furrows that bristles leave in wet paint, lit from the upper left."""
    furrows = streaks(
        guidance.tx, guidance.ty, streams, "dabs/bristles", rows=300, length=0.045 * unit, steps=6
    )
    lit = relief(blur(furrows, 0.0012 * unit), 0.9 * unit / 512) * (0.35 + 0.65 * (1 - guidance.busy))
    ridges = relief(blur(luma(image), 0.0012 * unit), 1.2 * unit / 512)
    light = np.float32(0.045) * lit + np.float32(0.020) * ridges
    return np.clip(image * (1 + light[..., None]), 0, 1).astype(np.float32)


def _eight_bits(picture: Picture) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.clip(picture, 0, 1) * 255 + 0.5, np.float32).astype(np.uint8)


def _floats(levels: NDArray[np.uint8]) -> Picture:
    return np.multiply(levels, np.float32(1 / 255), dtype=np.float32)
