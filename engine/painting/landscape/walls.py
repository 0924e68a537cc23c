"""A great wall that winds over the land from ridge to ridge, with battlements and watch-towers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.images.arrays import Plane
from engine.painting.landscape.terrain import Ground, haze_at, haze_colour
from engine.painting.noise import fbm
from engine.painting.stage import Stage

# World units, in which a tree is about 0.7 tall.
_TALL, _HALF, _MERLON = 0.15, 0.075, 0.030
_BETWEEN_TOWERS, _BETWEEN_MERLONS = 2.6, 0.085
_NEAREST, _FARTHEST = 0.40, 30.0
_STEPS = 900
_STONE = np.array((0.66, 0.60, 0.50), np.float32)


@dataclass(frozen=True)
class _Post:
    """A point of the wall: pixel column and row of its foot, pixels per world unit, distance, length so far."""

    x: float
    y: float
    scale: float
    z: float
    length: float


def paint_wall(stage: Stage, ground: Ground) -> None:
    """Paint the wall where the land it stands on is seen, the farthest piece first."""
    posts = stage.streams.cached(("wall", ground.z.shape), lambda: _route(stage, ground))
    if len(posts) < 2:
        return
    h, w = ground.z.shape
    plate = np.zeros((2 * h, 2 * w, 4), np.uint8)
    stones = _StonePlate(stage, plate)
    tower = merlon = 0
    for far, near in zip(posts[:0:-1], posts[-2::-1], strict=True):
        if far.z < 1.3 * near.z:
            stones.piece(far, near)
            if int(near.length / _BETWEEN_MERLONS) != merlon:
                merlon = int(near.length / _BETWEEN_MERLONS)
                stones.merlons(near)
        if int(near.length / _BETWEEN_TOWERS) != tower:
            tower = int(near.length / _BETWEEN_TOWERS)
            stones.tower(near)
    small = cv2.resize(plate, (w, h), interpolation=cv2.INTER_AREA).astype(np.float32) / np.float32(255)
    stage.ground["built"] = small[..., 3]
    small[..., :3] *= (0.80 + 0.40 * fbm(stage.streams, "stones", h, w, cells=70, octaves=3))[..., None]
    stage.canvas *= 1 - small[..., 3:]
    stage.canvas += small[..., :3]


def _route(stage: Stage, ground: Ground) -> list[_Post]:
    """The course of the wall from near to far: it swings across the picture while it climbs to the skyline."""
    frame, rng = stage.frame, stage.streams.rng("wall")
    h, w = ground.z.shape
    side, phase = float(rng.choice((-1.0, 1.0))), float(rng.uniform(-0.5, 0.5))
    turns, wide = float(rng.uniform(1.5, 2.1)), float(rng.uniform(0.26, 0.34))
    posts: list[_Post] = []
    length = 0.0
    land = ground.view.cover > 0.9
    for t in np.linspace(0, 1, _STEPS):
        u = 0.5 + side * wide * min(1.0, 0.25 + 2.2 * t) * (1 - 0.45 * t) * math.sin(
            phase + 0.9 + 2 * math.pi * turns * t**1.5
        )
        column = int(min(max(u, 0.0), 0.999) * w)
        top = int(np.argmax(land[:, column])) if land[:, column].any() else h
        bottom = 1.40 * h  # below the frame, so that the near end is not seen
        y = bottom + (top - bottom) * (1 - (1 - t) ** 1.15)
        row = int(min(max(y, 0), h - 1))
        z = float(ground.z[row, column])
        z *= (row - frame.horizon) / max(y - frame.horizon, 1.0) if y > row + 1 else 1.0
        if not land[row, column] or not _NEAREST < z < _FARTHEST or float(ground.h[row, column]) < 0:
            continue
        scale = frame.focal / z
        if posts:
            last = posts[-1]
            if z < 0.97 * last.z:
                continue  # the wall never returns toward the viewer, it would cross itself
            step = math.hypot(u * w - last.x, 0.0) / scale + abs(z - last.z) * 0.4
            length += min(step, 0.5)
        posts.append(_Post(u * w + frame.drift(z), y, scale, z, length))
    return posts


class _StonePlate:
    """Draws stones into a plate of twice the picture's size, premultiplied, in the stage's light."""

    def __init__(self, stage: Stage, plate: NDArray[np.uint8]) -> None:
        """Mix the colours of the lit, the shaded and the upper sides once."""
        self.stage, self.plate = stage, plate
        p = stage.palette
        ambient, sun = np.array(p.ambient, np.float32), np.array(p.light, np.float32)
        right = stage.toward_sun()[0] > 0
        stone = _STONE if "snow" not in stage.prompt.weather else _STONE * 0.85
        lit, dim = stone * (ambient * 0.75 + sun * 0.80), stone * (ambient * 0.80 + sun * 0.18)
        self.left, self.right = (dim, lit) if right else (lit, dim)
        cap = (
            _STONE * 1.12 if "snow" not in stage.prompt.weather else np.array((0.92, 0.94, 0.98), np.float32)
        )
        self.top = cap * (ambient * 0.75 + sun * 0.62)
        self.front = stone * (ambient * 0.85 + sun * 0.45)
        self.air = haze_colour(stage).reshape(-1, 3).mean(axis=0)

    def fill(self, corners: list[tuple[float, float]], colour: Plane, z: float) -> None:
        """A polygon of pixel corners, in `colour` as seen through the air."""
        haze = float(haze_at(self.stage, np.array(z, np.float32)))
        seen = np.clip(colour + (self.air - colour) * haze, 0, 1) * 255
        points = np.round(np.array(corners) * 2 * 16).astype(np.int32)
        ink = (float(seen[0]), float(seen[1]), float(seen[2]), 255.0)
        cv2.fillPoly(self.plate, [points], ink, cv2.LINE_AA, 4)

    def piece(self, far: _Post, near: _Post) -> None:
        """The walk and both flanks between two posts."""
        a, b = far.scale, near.scale
        for side, colour in ((-1, self.left), (1, self.right)):
            x0, x1 = far.x + side * _HALF * a, near.x + side * _HALF * b
            course = 0.93 + 0.07 * math.sin(near.length * 60)
            self.fill(
                [(x0, far.y - _TALL * a), (x1, near.y - _TALL * b), (x1, near.y + 0.02 * b), (x0, far.y)],
                colour * np.float32(course),
                near.z,
            )
        roof = [
            (far.x - _HALF * a, far.y - _TALL * a),
            (far.x + _HALF * a, far.y - _TALL * a),
            (near.x + _HALF * b, near.y - _TALL * b),
            (near.x - _HALF * b, near.y - _TALL * b),
        ]
        self.fill(roof, self.top, near.z)

    def merlons(self, post: _Post) -> None:
        """A tooth on either edge of the walk."""
        s = post.scale
        for side, colour in ((-1, self.left), (1, self.right)):
            x, y = post.x + side * _HALF * s, post.y - _TALL * s
            self.box(x, y, 0.018 * s, _MERLON * s, colour, post.z)

    def box(self, x: float, y: float, half: float, tall: float, colour: Plane, z: float) -> None:
        """An upright rectangle on its foot (x, y)."""
        corners = [(x - half, y - tall), (x + half, y - tall), (x + half, y), (x - half, y)]
        self.fill(corners, colour, z)

    def tower(self, post: _Post) -> None:
        """A watch-tower astride of the wall."""
        s, half, tall = post.scale, 0.17, 0.36
        self.box(post.x, post.y + 0.03 * s, half * s, tall * s, self.front, post.z)
        flank = self.left if self.left.sum() < self.right.sum() else self.right
        side = -1 if flank is self.left else 1
        self.box(post.x + side * half * 0.82 * s, post.y + 0.03 * s, 0.18 * half * s, tall * s, flank, post.z)
        top = post.y + (0.03 - tall) * s
        self.box(post.x, top, (half + 0.02) * s, 0.03 * s, self.top, post.z)
        for k in range(-2, 3):
            self.box(post.x + k * 0.087 * s, top - 0.028 * s, 0.024 * s, 0.045 * s, self.front, post.z)
        lamp = np.array((1.0, 0.78, 0.40), np.float32) if self.stage.dark else self.front * 0.35
        for x in (-0.075, 0.075):
            self.box(post.x + x * s, top + 0.17 * s, 0.020 * s, 0.065 * s, lamp, post.z)
