"""Morphing between two unrelated images: the backdrop changes along an irregular front, the subject changes shape.

Where two prompts share a composition none of this is needed: the painter paints the frames (`prompt_transitions`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from engine.animation.optical_flow import flow
from engine.images.arrays import Pixels, Plane
from engine.painting.noise import fbm
from engine.painting.random_streams import Streams

_SMALLEST = 0.004
"""A subject below this share of the image is treated as part of the backdrop."""


@dataclass(frozen=True)
class Scene:
    """One end of a morph: the whole image, the same without its subjects, and their mask (uint8, or None)."""

    whole: Pixels
    empty: Pixels
    mask: Pixels | None

    @property
    def subject(self) -> Pixels | None:
        """The mask, if the subject is large enough to be morphed."""
        if self.mask is None or float((self.mask > 127).mean()) < _SMALLEST:
            return None
        return self.mask


@dataclass(frozen=True)
class _Shape:
    """A subject: signed distance to its outline in pixels (inside positive), colours spread over the frame, box."""

    distance: Plane
    colours: Plane
    box: tuple[float, float, float, float]
    """Centre column and row, half width and half height, in pixels."""


class Morph:
    """A morph between two scenes of one size; expensive parts are computed once."""

    def __init__(self, first: Scene, last: Scene, streams: Streams) -> None:
        """`streams` determine the shape of the front."""
        self._first, self._last = first, last
        height, width = first.whole.shape[:2]
        self._front = _levelled(fbm(streams, "front", height, width, cells=2.4, octaves=6, gain=0.55))
        self._there = flow(first.empty, last.empty)
        self._back = flow(last.empty, first.empty)
        self._window = _window(first.empty, last.empty)
        self._tones = _Tone.of(first.empty), _Tone.of(last.empty)
        self._shades = _shade(first), _shade(last)
        self._shapes = _shape(first), _shape(last)

    def at(self, share: float) -> Pixels:
        """The image at this share, 0 to 1; at the ends exactly the scenes themselves."""
        if share <= 0.0:
            return self._first.whole
        if share >= 1.0:
            return self._last.whole
        canvas = self._backdrop(share)
        canvas = self._with_subject(canvas, share)
        return np.asarray(np.clip(canvas, 0, 255) + 0.5, np.uint8)

    def _backdrop(self, share: float) -> Plane:
        """Both empty scenes, toned and warped toward each other, mixed along the front."""
        first, last = (tone.toward(self._tones, share) for tone in self._tones)
        first, last = _moved(first, self._there, share), _moved(last, self._back, 1 - share)
        cover = self._along(share)[..., None]
        canvas = first + (last - first) * cover
        for shade, weight in zip(self._shades, (1 - share, share), strict=True):
            if shade is not None:
                canvas *= np.exp(shade * np.float32(weight * weight))
        return np.asarray(canvas, np.float32)

    def _along(self, share: float, window: float | None = None) -> Plane:
        """How far each pixel has changed, 0 to 1."""
        wide = np.float32(window or self._window)
        t = np.clip((share * (1 + wide) - self._front) / wide, 0, 1)
        return np.asarray(t * t * (3 - 2 * t), np.float32)

    def _with_subject(self, canvas: Plane, share: float) -> Plane:
        first, last = self._shapes
        if first is not None and last is not None:
            return _between(canvas, first, last, share, self._along(share, 1.6))
        single = first or last
        if single is None:
            return canvas
        # A single subject appears or disappears with its backdrop.
        along = self._along(share)
        cover = np.clip(single.distance + 0.5, 0, 1) * (1 - along if first is not None else along)
        return np.asarray(canvas + (single.colours - canvas) * cover[..., None], np.float32)


def _window(first: Pixels, last: Pixels) -> float:
    """Width of the front: between a dark and a bright scene a narrow one looks like smoke."""
    apart = abs(float(first.mean()) - float(last.mean())) / 255
    return float(np.clip(0.55 + 1.6 * apart, 0.55, 1.2))


def _levelled(noise: Plane) -> Plane:
    """The noise with equalised histogram, 0 to 1, so that the front advances evenly."""
    order = np.sort(noise[::4, ::4].ravel())
    return np.asarray(np.interp(noise, order, np.linspace(0, 1, order.size, dtype=np.float32)), np.float32)


@dataclass(frozen=True)
class _Tone:
    """An image in Lab (float32), with mean and standard deviation of each channel."""

    lab: Plane
    mean: Plane
    spread: Plane

    @classmethod
    def of(cls, picture: Pixels) -> _Tone:
        lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
        mean, spread = cv2.meanStdDev(lab)
        return cls(lab, mean.ravel(), np.maximum(spread.ravel(), 1.0))

    def toward(self, ends: tuple[_Tone, _Tone], share: float) -> Plane:
        """The image (float32, 0 to 255) with mean and contrast interpolated between both ends."""
        mean = ends[0].mean + (ends[1].mean - ends[0].mean) * share
        spread = ends[0].spread + (ends[1].spread - ends[0].spread) * share
        gain = np.clip(spread / self.spread, 0.5, 2.0)
        moved = self.lab * gain.astype(np.float32) + (mean - self.mean * gain).astype(np.float32)
        np.clip(moved[..., 0], 0, 100, out=moved[..., 0])
        rgb = cv2.cvtColor(moved, cv2.COLOR_Lab2RGB)
        return np.asarray(np.clip(rgb, 0, 1, out=rgb) * np.float32(255), np.float32)


def _moved(picture: Plane, displacement: Plane, share: float) -> Plane:
    height, width = picture.shape[:2]
    columns = np.arange(width, dtype=np.float32)[None, :] - displacement[..., 0] * np.float32(share)
    rows = np.arange(height, dtype=np.float32)[:, None] - displacement[..., 1] * np.float32(share)
    return cv2.remap(picture, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def _shade(scene: Scene) -> Plane | None:
    """Light and shadow that the subject casts on its surroundings: logarithms of factors, H x W x 1."""
    if scene.subject is None:
        return None
    whole, empty = (
        cv2.cvtColor(p, cv2.COLOR_RGB2GRAY).astype(np.float32) + 8 for p in (scene.whole, scene.empty)
    )
    outside = (scene.subject < 2).astype(np.float32)
    near = cv2.GaussianBlur(outside, (0, 0), 2.0)
    ratio = cv2.GaussianBlur((whole / empty) * outside, (0, 0), 2.0) / np.maximum(near, 1e-3)
    factor = 1 + (np.clip(ratio, 0.35, 1.7) - 1) * np.clip(near * 4, 0, 1)
    return np.asarray(np.log(factor)[..., None], np.float32)


def _shape(scene: Scene) -> _Shape | None:
    mask = scene.subject
    if mask is None:
        return None
    inside = (mask > 127).astype(np.uint8)
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    box = (
        (columns[0] + columns[-1]) / 2, (rows[0] + rows[-1]) / 2,
        max(2.0, (columns[-1] - columns[0] + 1) / 2), max(2.0, (rows[-1] - rows[0] + 1) / 2),
    )  # fmt: skip
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, 5) - cv2.distanceTransform(
        1 - inside, cv2.DIST_L2, 5
    )
    solid = cv2.erode((mask > 240).astype(np.uint8), np.ones((3, 3), np.uint8))
    if not solid.any():
        solid = inside
    return _Shape(distance, _spread(scene.whole, solid), tuple(float(v) for v in box))  # type: ignore[arg-type]


def _spread(picture: Pixels, known: Pixels) -> Plane:
    """The colours of the `known` pixels, extrapolated over the whole frame by a pull-push pyramid."""
    weight = known.astype(np.float32)
    levels = [(picture.astype(np.float32) * weight[..., None], weight)]
    while min(levels[-1][1].shape) > 2:
        colour, cover = levels[-1]
        size = (max(1, colour.shape[1] // 2), max(1, colour.shape[0] // 2))
        levels.append(
            (
                cv2.resize(colour, size, interpolation=cv2.INTER_AREA),
                cv2.resize(cover, size, interpolation=cv2.INTER_AREA),
            )
        )
    colour, cover = levels[-1]
    filled = colour / np.maximum(cover, 1e-4)[..., None]
    for colour, cover in reversed(levels[:-1]):
        size = (colour.shape[1], colour.shape[0])
        up = cv2.resize(filled, size, interpolation=cv2.INTER_LINEAR)
        known = np.clip(cover, 0, 1)[..., None]
        filled = colour / np.maximum(cover, 1e-4)[..., None] * known + up * (1 - known)
    return np.asarray(filled, np.float32)


def _between(canvas: Plane, first: _Shape, last: _Shape, share: float, along: Plane) -> Plane:
    """A subject with interpolated outline, its colours changing from one to the other's."""
    eased = share * share * (3 - 2 * share)
    box = _mid_box(first.box, last.box, eased)
    one, two = (_fitted(shape, box, canvas.shape[:2]) for shape in (first, last))
    distance = one[0] + (two[0] - one[0]) * np.float32(eased)
    cover = np.clip(distance + 0.5, 0, 1)[..., None]
    colour = one[1] + (two[1] - one[1]) * along[..., None]
    return np.asarray(canvas + (colour - canvas) * cover, np.float32)


def _mid_box(
    first: tuple[float, float, float, float], last: tuple[float, float, float, float], share: float
) -> tuple[float, float, float, float]:
    x, y = (a + (b - a) * share for a, b in zip(first[:2], last[:2], strict=True))
    wide, high = (
        math.exp(math.log(a) * (1 - share) + math.log(b) * share)
        for a, b in zip(first[2:], last[2:], strict=True)
    )
    return x, y, wide, high


def _fitted(
    shape: _Shape, box: tuple[float, float, float, float], size: tuple[int, int]
) -> tuple[Plane, Plane]:
    """Distance and colours of a shape scaled into another box."""
    sx, sy = box[2] / shape.box[2], box[3] / shape.box[3]
    matrix = np.array([[sx, 0, box[0] - sx * shape.box[0]], [0, sy, box[1] - sy * shape.box[1]]], np.float32)
    height, width = size
    distance = cv2.warpAffine(shape.distance, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    colours = cv2.warpAffine(shape.colours, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(distance * np.float32(math.sqrt(sx * sy)), np.float32), np.asarray(colours, np.float32)
