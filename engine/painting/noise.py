"""Fractal noise from small fixed lattices: the same shapes at every image size."""

from __future__ import annotations

import math

import cv2
import numpy as np

from engine.images.arrays import Plane
from engine.painting.random_streams import Streams

_FINE = 8  # a coarse lattice is first enlarged this often, so that its rim can be cut off at whole cells


def lattice(rng: np.random.Generator, rows: int, cols: int, height: int, width: int) -> Plane:
    """Smooth noise 0..1 of `height` x `width` pixels from `rows` x `cols` random lattice cells (cubic)."""
    small = rng.random((rows + 2, cols + 2), dtype=np.float32)
    if rows < 24:
        # cv2.resize holds the outermost half cell flat; on a coarse lattice that would be seen.
        grown = cv2.resize(small, None, fx=_FINE, fy=_FINE, interpolation=cv2.INTER_CUBIC)
        small = grown[_FINE:-_FINE, _FINE:-_FINE]
    else:
        small = small[1:-1, 1:-1]
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def fbm(
    streams: Streams,
    name: str,
    height: int,
    width: int,
    *,
    cells: float,
    octaves: int,
    gain: float = 0.5,
    ridged: bool = False,
) -> Plane:
    """Fractal noise, float32 `height` x `width`, about 0..1 around 0.5.

    `cells` counts lattice cells along the height in the first octave and doubles with every further one;
    each octave has its own generator, so a smaller `octaves` leaves the coarse shapes exactly where they
    were. Octaves finer than a pixel are left out, and lattices never exceed twice the picture. `ridged`
    folds each octave into crests.
    """
    key = ("fbm", name, height, width, cells, octaves, gain, ridged)
    return streams.cached(key, lambda: _fbm(streams, name, (height, width), cells, octaves, gain, ridged))


def _fbm(
    streams: Streams, name: str, size: tuple[int, int], cells: float, octaves: int, gain: float, ridged: bool
) -> Plane:
    height, width = size
    total = np.full((height, width), 0.5, dtype=np.float32)
    scale = math.sqrt(1.0 - min(gain, 0.95) ** 2)
    for octave in range(max(1, octaves)):
        wanted = cells * 2**octave
        if octave and wanted > height:
            break
        rows = int(min(max(1, round(wanted)), 2 * height))
        cols = int(min(max(1, round(wanted * width / height)), 2 * width))
        layer = lattice(streams.rng(f"{name}/{octave}"), rows, cols, height, width)
        if ridged:
            layer = 1.0 - np.abs(2.0 * layer - 1.0)
        total += (layer - 0.5) * np.float32(scale * gain**octave)
    return _read_only(total)


def roll(plane: Plane, right: float, down: float) -> Plane:
    """The plane moved by shares of its height, mirrored where it ends; itself where it does not move."""
    if right == 0.0 and down == 0.0:
        return plane
    height, width = plane.shape[:2]
    shift = np.array([[1, 0, right * height], [0, 1, down * height]], np.float32)
    return cv2.warpAffine(plane, shift, (width, height), borderMode=cv2.BORDER_REFLECT_101)


def shift_line(line: Plane, share: float) -> Plane:
    """One-dimensional noise moved right by a share of its length, mirrored where it ends."""
    if share == 0.0:
        return line
    last = line.size - 1
    place = np.abs(np.mod(np.arange(line.size) - share * line.size + last, 2 * last) - last)
    return np.interp(place, np.arange(line.size), line).astype(np.float32)


def _read_only(plane: Plane) -> Plane:
    # It may be cached for later frames: callers must copy it before modifying it.
    plane.flags.writeable = False
    return plane


def strip(streams: Streams, name: str, width: int, *, cells: float, octaves: int, gain: float = 0.5) -> Plane:
    """One-dimensional fractal noise, float32 of `width` values, about 0..1; `cells` along the whole width."""
    total = np.full(width, 0.5, dtype=np.float32)
    scale = math.sqrt(1.0 - min(gain, 0.95) ** 2)
    for octave in range(max(1, octaves)):
        cols = int(min(max(1, round(cells * 2**octave)), 2 * width))
        if octave and cols > width:
            break
        knots = streams.rng(f"{name}/{octave}").random((1, cols + 2), dtype=np.float32)
        grown = cv2.resize(knots, ((cols + 2) * _FINE, 1), interpolation=cv2.INTER_CUBIC)
        line = cv2.resize(grown[:, _FINE:-_FINE], (width, 1), interpolation=cv2.INTER_CUBIC)
        total += (line[0] - 0.5) * np.float32(scale * gain**octave)
    return total
