"""Fractal noise from small fixed lattices, so that a large and a small picture show the same shapes."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .streams import Streams

# float32 throughout; the looser type spares a cast after every product with a Python number.
Plane = NDArray[np.floating[Any]]

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
    return total


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
