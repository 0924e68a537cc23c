"""Perspective projection of a height field over depth slices, with hidden surfaces removed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.images.arrays import Plane
from engine.painting.stage import Frame

_FEET = 3.0  # world units: how far the foreground reaches


@dataclass(frozen=True)
class Slices:
    """Depths of the slices (S x 1, growing), world x of every sample (S x W) and their spacing (S x 1)."""

    z: Plane
    x: Plane
    spacing: Plane


@dataclass(frozen=True)
class View:
    """The projection of the land onto pixels.

    `slice_map` and `column_map` feed cv2.remap on S x W planes; `cover` 0..1 is how much of the pixel is land
    (the rest is sky); `crest` marks pixels on the rim of a nearer ridge.
    """

    slice_map: Plane
    column_map: Plane
    cover: Plane
    crest: NDArray[np.bool_]

    def to_image(self, plane: Plane) -> Plane:
        """Project a plane (S x W or S x W x C) of the slices into the image."""
        return cv2.remap(
            plane, self.column_map, self.slice_map, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
        )


def geometric_slices(frame: Frame, spans: list[tuple[float, float, int]]) -> Slices:
    """Slices geometrically spaced in each span (from, to, count)."""
    parts = [np.geomspace(a, b, n, endpoint=False) for a, b, n in spans]
    z = np.append(np.concatenate(parts), spans[-1][1]).astype(np.float32)[:, None]
    x = (frame.columns() - np.float32(frame.width / 2)) / np.float32(frame.focal) * z + np.float32(
        frame.slide
    )
    gap = np.gradient(z[:, 0])[:, None].astype(np.float32)
    # Across the view samples lie closer than along it; the mean keeps detail without streaks.
    return Slices(z, x, np.sqrt(gap * np.float32(1.0 / frame.focal) * z))


def project(frame: Frame, slices: Slices, height: Plane) -> View:
    """Project `height` (S x W world heights): the nearest slice that reaches a pixel row hides those behind."""
    h, w, count = frame.height, frame.width, slices.z.shape[0]
    rows = np.float32(frame.horizon) - np.float32(frame.focal) * (height - np.float32(frame.eye)) / slices.z
    skyline = np.minimum.accumulate(rows, axis=0)
    first = np.clip(np.ceil(skyline - 0.5), 0, h).astype(np.int32)
    flat = first * w + np.arange(w, dtype=np.int32)[None, :]
    counts = np.bincount(flat.ravel(), minlength=(h + 1) * w).reshape(h + 1, w)
    hidden = np.cumsum(counts[::-1], axis=0)[::-1][1:].astype(np.int32)
    near, far = np.clip(hidden - 1, 0, count - 1), np.minimum(hidden, count - 1)
    y_near, y_far = np.take_along_axis(rows, near, 0), np.take_along_axis(rows, far, 0)
    gap = y_near - y_far
    share = np.where(np.abs(gap) > 1e-4, (y_near - frame.rows()) / np.where(np.abs(gap) > 1e-4, gap, 1), 1.0)
    top = skyline[-1]
    # A summit is seen from the front: a step behind the crest the far side's light would shine through.
    summit = np.maximum(np.argmin(rows, axis=0) - 1.5, 0).astype(np.float32)[None, :]
    position = np.where(hidden >= count, summit, near + np.clip(share, 0, 1)).astype(np.float32)
    cover = _coverage(frame, top)
    column = np.ascontiguousarray(np.broadcast_to(frame.columns() - 0.5, (h, w)), dtype=np.float32)
    jump = np.zeros((h, w), dtype=bool)
    jump[1:] = np.abs(position[1:] - position[:-1]) > max(4.0, count * 0.02)
    return View(position, column, cover, jump & (cover > 0))


def reflection_rows(frame: Frame, slices: Slices, land: Plane, surface: Plane) -> Plane:
    """The reflection map of calm water: for every pixel row the row of the image reflected there.

    The reflection is the same world seen upside down by a camera as far under the water as the real one is above it;
    each point that it sees is looked up where the real camera sees the same point.
    """
    below = replace(frame, eye=-frame.eye)
    # A bank at our own feet stands before the water that mirrors; only what lies beyond is in the mirror.
    beyond = (land > 0) & (slices.z > _FEET)
    view = project(below, slices, np.where(beyond, surface, np.float32(-1e3)))
    ours = np.float32(frame.horizon) - np.float32(frame.focal) * (surface - np.float32(frame.eye)) / slices.z
    rows = frame.rows() - 0.5
    found = np.where(view.cover > 0.5, view.to_image(ours.astype(np.float32)), rows)
    flipped = np.clip(2 * frame.horizon - 1 - np.arange(frame.height), 0, frame.height - 1)
    return np.asarray(np.clip(found[np.round(flipped).astype(np.int32)], 0, frame.height - 1), np.float32)


def _coverage(frame: Frame, top: Plane) -> Plane:
    """How much land each pixel holds under the skyline `top` (W rows), averaged over the pixel's width."""
    padded = np.concatenate([top[:1], top, top[-1:]])
    total = np.zeros((frame.height, frame.width), np.float32)
    for share in (-1 / 3, 0.0, 1 / 3):
        beside = padded[2:] if share > 0 else padded[:-2]
        line = top + (beside - top) * np.float32(abs(share))
        total += np.clip(frame.rows() + 0.5 - line[None, :], 0, 1)
    return total / np.float32(3)
