"""Ground noise: one square tile of smooth noise, sampled at world coordinates in perspective."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from engine.images.arrays import Plane
from engine.painting.noise import lattice
from engine.painting.random_streams import Streams

_CELLS = 64
_SIDE = 1024


@dataclass(frozen=True)
class Tile:
    """A repeating square of noise 0..1; every octave of every name samples it at its own offset."""

    streams: Streams
    texture: Plane

    @classmethod
    def make(cls, streams: Streams) -> Tile:
        """Draw the tile once for a picture."""
        texture = streams.cached(
            ("tile",), lambda: lattice(streams.rng("tile"), _CELLS, _CELLS, _SIDE, _SIDE)
        )
        return cls(streams, texture)

    def sample(self, name: str, x: Plane, z: Plane, cell: float) -> Plane:
        """Noise 0..1 at world positions; `cell` is the size of one lattice cell in world units.

        `x` and `z` broadcast to the answer. The lattice is turned at random, so that no ridge follows an axis.
        """
        rng = self.streams.rng(name)
        turn, off_x, off_z = rng.uniform(0, 6.283), rng.uniform(0, _SIDE), rng.uniform(0, _SIDE)
        step = _SIDE / _CELLS / cell
        cos, sin = np.float32(np.cos(turn) * step), np.float32(np.sin(turn) * step)
        u = _folded(x * cos + z * sin + np.float32(off_x))
        v = _folded(z * cos - x * sin + np.float32(off_z))
        return cv2.remap(self.texture, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)

    def fbm(
        self,
        name: str,
        x: Plane,
        z: Plane,
        *,
        cell: float,
        octaves: int,
        gain: float = 0.5,
        spacing: Plane | None = None,
    ) -> Plane:
        """Fractal noise around 0 (about -0.6..0.6); octaves finer than `spacing` (rows x 1) fade out."""
        shape = np.broadcast_shapes(x.shape, z.shape)
        total = np.zeros(shape, np.float32)
        for octave in range(octaves):
            size = cell / 2**octave
            rows, weight = _visible(shape[0], size, spacing)
            if rows == 0:
                break
            noise = self.sample(f"{name}/{octave}", _part(x, rows), _part(z, rows), size)
            total[:rows] += (noise - 0.5) * (weight * np.float32(gain**octave))
        return total

    def ridges(
        self,
        name: str,
        x: Plane,
        z: Plane,
        *,
        cell: float,
        octaves: int,
        gain: float = 0.5,
        spacing: Plane | None = None,
    ) -> Plane:
        """Crests about 0..1.2; fine crests grow only on coarse ones, so valleys stay calm."""
        shape = np.broadcast_shapes(x.shape, z.shape)
        total = np.zeros(shape, np.float32)
        carry = np.ones(shape, np.float32)
        for octave in range(octaves):
            size = cell / 2**octave
            rows, weight = _visible(shape[0], size, spacing)
            if rows == 0:
                break
            noise = self.sample(f"{name}/{octave}", _part(x, rows), _part(z, rows), size)
            crest = 1.0 - np.abs(2.0 * noise - 1.0)
            crest = crest * crest * carry[:rows]
            total[:rows] += crest * (weight * np.float32(gain**octave))
            carry[:rows] = np.clip(crest * 1.7, 0, 1)
        return total


def _folded(position: Plane) -> Plane:
    """Fold positions back and forth into the tile, so that it never shows a seam."""
    last = np.float32(_SIDE - 1)
    if position.min() >= 0 and position.max() <= last:
        return np.asarray(position, np.float32)
    turned = position - np.floor(position * (0.5 / last)) * (2 * last)
    return np.asarray(np.minimum(turned, 2 * last - turned), np.float32)


def _part(values: Plane, rows: int) -> Plane:
    return values if values.shape[0] == 1 else values[:rows]


def _visible(rows: int, size: float, spacing: Plane | None) -> tuple[int, Plane | float]:
    """How many leading rows an octave of this cell size reaches, and its weight there."""
    if spacing is None:
        return rows, 1.0
    weight = np.clip(np.float32(size) / spacing * 0.5 - 0.5, 0, 1)
    count = int(np.count_nonzero(weight > 0))
    return count, weight[:count]
