"""Surface materials: how they reflect light, and their fine texture, from the random streams."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.images.arrays import Plane
from engine.painting.random_streams import Streams
from engine.painting.subjects.primitives import Point

_HAIR_LATTICE = 96


@dataclass(frozen=True)
class Material:
    """How a surface answers light.

    `spec` and `power` are the highlight, `wrap` lets light creep round the edge, `mirror` is how much sky
    and ground it reflects (`metal` tints that by its colour), `grain` varies the colour and `bump` the
    relief (in figure heights), `hair` makes both run in strands, `ragged` frays the rim by that much,
    `smooth` scales the smoothing of the relief, `ink` leaves the colour flat.
    """

    spec: float = 0.1
    power: float = 18.0
    wrap: float = 0.25
    mirror: float = 0.0
    metal: float = 0.0
    grain: float = 0.05
    bump: float = 0.0008
    hair: bool = False
    ragged: float = 0.0
    smooth: float = 1.0
    ink: bool = False


MATERIALS: dict[str, Material] = {
    "clay": Material(spec=0.14, power=20, grain=0.05, bump=0.0010),
    "skin": Material(spec=0.16, power=16, wrap=0.42, grain=0.035, bump=0.0004, smooth=1.3),
    "fur": Material(spec=0.07, power=8, wrap=0.36, grain=0.24, bump=0.0033, hair=True, ragged=0.005),
    "coat": Material(spec=0.16, power=12, wrap=0.30, grain=0.075, bump=0.0009, hair=True, ragged=0.0015),
    "hide": Material(spec=0.10, power=10, wrap=0.30, grain=0.10, bump=0.0030),
    "scale": Material(spec=0.30, power=22, wrap=0.25, grain=0.07, bump=0.0012),
    "plush": Material(spec=0.03, power=6, wrap=0.40, grain=0.12, bump=0.0022, hair=True, ragged=0.003),
    "mane": Material(spec=0.30, power=12, wrap=0.30, grain=0.30, bump=0.0045, hair=True, ragged=0.004),
    "feather": Material(spec=0.12, power=14, wrap=0.30, grain=0.13, bump=0.0022, hair=True, ragged=0.004),
    "cloth": Material(spec=0.04, power=8, wrap=0.35, grain=0.07, bump=0.0013),
    "paper": Material(spec=0.03, power=8, wrap=0.45, grain=0.03, bump=0.0004),
    "stone": Material(spec=0.04, power=10, wrap=0.15, grain=0.16, bump=0.0016, smooth=0.4),
    "wood": Material(spec=0.12, power=16, grain=0.16, bump=0.0008, hair=True, smooth=0.5),
    "leaf": Material(spec=0.16, power=14, wrap=0.40, grain=0.13, bump=0.0016),
    "foliage": Material(spec=0.08, power=10, wrap=0.40, grain=0.30, bump=0.0060, ragged=0.014, smooth=1.2),
    "petal": Material(spec=0.10, power=10, wrap=0.50, grain=0.10, bump=0.0010, hair=True),
    "gloss": Material(spec=0.60, power=60, wrap=0.20, mirror=0.22, grain=0.0, bump=0.0, smooth=0.8),
    "wax": Material(spec=0.45, power=40, wrap=0.30, mirror=0.08, grain=0.03, bump=0.0002),
    "metal": Material(spec=0.70, power=36, wrap=0.10, mirror=0.62, metal=0.85, grain=0.04, bump=0.0002),
    "glass": Material(spec=0.90, power=90, wrap=0.10, mirror=0.75, grain=0.0, bump=0.0, smooth=0.8),
    "eye": Material(spec=0.35, power=70, wrap=0.55, mirror=0.10, grain=0.0, bump=0.0, smooth=0.6),
    "rubber": Material(spec=0.10, power=10, wrap=0.15, grain=0.04, bump=0.0006),
    "ink": Material(spec=0.0, grain=0.0, bump=0.0, ink=True),
    "glint": Material(spec=0.0, grain=0.0, bump=0.0, ink=True),
}


class Textures:
    """The noise that a figure's layers share, on lattices counted per figure and never per pixel."""

    def __init__(self, streams: Streams, name: str, x: Plane, y: Plane, scale: float) -> None:
        """For the points `x` (1 x w) and `y` (h x 1), `scale` pixels per figure height."""
        self._streams = streams
        self._name = f"figure/{name}"
        self.scale = scale
        self._x, self._y = x, y
        self._planes: dict[str, Plane] = {}
        self._hair: NDArray[np.float32] | None = None

    def plane(self, name: str, cells: int) -> Plane:
        """Smooth noise about -1..1 over the whole figure, `cells` per figure height, made once."""
        key = f"{name}/{cells}"
        if key not in self._planes:
            # The lattice spans four figure heights whatever the crop, so that a close-up shows the same coat.
            rng = self._streams.rng(f"{self._name}/{key}")
            grid = rng.random((4 * cells, 4 * cells), dtype=np.float32)
            map_x = (self._x[0] + 2) * np.float32(cells)
            map_y = (self._y[:, 0] + 2) * np.float32(cells)
            self._planes[key] = 2 * _upscale(grid, map_x, map_y) - 1
        return self._planes[key]

    def grain(self, rows: slice, cols: slice) -> Plane:
        """Fine unordered noise about -1..1 in a window of the figure."""
        total = 0.6 * self.plane("grain", 28)[rows, cols]
        for cells, gain in ((64, 0.5), (150, 0.35)):
            fade = _fade(self.scale / cells)
            if fade > 0:
                total = total + gain * fade * self.plane("grain", cells)[rows, cols]
        return total

    def hair(self, rows: slice, cols: slice, flow: float | Point) -> Plane:
        """Noise about -1..1 drawn out along `flow` in a window of the figure."""
        along, across = self._lie(rows, cols, flow)
        if self._hair is None:
            rng = self._streams.rng(f"{self._name}/hair")
            grid = 2 * rng.random((_HAIR_LATTICE, _HAIR_LATTICE), dtype=np.float32) - 1
            # cv2.remap does not wrap more than once round, so we wrap by hand within a padded lattice.
            self._hair = np.pad(grid, 4, mode="wrap")
        total = np.zeros(along.shape, np.float32)
        for dense, long, gain in ((58, 8, 0.40), (130, 17, 0.62), (290, 34, 0.5)):
            fade = _fade(self.scale / dense) * gain
            if fade > 0:
                u = np.mod(across * np.float32(dense), _HAIR_LATTICE) + 4
                v = np.mod(along * np.float32(long), _HAIR_LATTICE) + 4
                sample = cv2.remap(self._hair, u, v, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
                total += np.float32(fade) * sample
        if isinstance(flow, tuple):
            # Strands that all meet in one point would draw a star there.
            total *= np.clip((along - 1) / np.float32(0.11), 0.12, 1)
        return total

    def _lie(self, rows: slice, cols: slice, flow: float | Point) -> tuple[Plane, Plane]:
        """Coordinates along and across the hair, bent a little so that no two strands are parallel."""
        x, y = self._x[:, cols], self._y[rows]
        bend = np.float32(0.035) * self.plane("bend", 7)[rows, cols]
        if isinstance(flow, tuple):
            px, py = x - np.float32(flow[0]), y - np.float32(flow[1])
            along = np.sqrt(px * px + py * py)
            across = np.arctan2(py, px).astype(np.float32) * np.float32(0.2) + bend * np.float32(0.5)
            return (along + 1).astype(np.float32), across + np.float32(1)
        c, s = math.cos(math.radians(flow)), math.sin(math.radians(flow))
        along = x * np.float32(c) + y * np.float32(s) + 2
        across = y * np.float32(c) - x * np.float32(s) + bend + 2
        return along.astype(np.float32), across.astype(np.float32)


def _fade(pixels_per_cell: float) -> float:
    """0 where cells are finer than the pixels can show, 1 where they are well visible."""
    return float(min(max((pixels_per_cell - 1.0) / 1.2, 0.0), 1.0))


def _taps(positions: Plane, count: int) -> tuple[NDArray[np.int64], Plane]:
    """The four neighbours of each position and their Catmull-Rom weights, both 4 x n."""
    base = np.floor(positions).astype(np.int64)
    t = (positions - base).astype(np.float32)
    t2, t3 = t * t, t * t * t
    weights = np.stack(
        [(-t + 2 * t2 - t3) / 2, (2 - 5 * t2 + 3 * t3) / 2, (t + 4 * t2 - 3 * t3) / 2, (t3 - t2) / 2]
    )
    return np.clip(base[None] + np.arange(-1, 3)[:, None], 0, count - 1), weights


def _upscale(grid: Plane, map_x: Plane, map_y: Plane) -> Plane:
    """Cubic samples of `grid` on the product of two lines of positions."""
    at, weight = _taps(map_y, grid.shape[0])
    rows = grid[at[0]] * weight[0][:, None]
    for k in range(1, 4):
        rows += grid[at[k]] * weight[k][:, None]
    at, weight = _taps(map_x, grid.shape[1])
    total = rows[:, at[0]] * weight[0]
    for k in range(1, 4):
        total += rows[:, at[k]] * weight[k]
    return total
