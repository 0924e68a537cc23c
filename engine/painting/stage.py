"""The state that all painting steps of one image share: frame, light, and what has been painted so far."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.images.arrays import Plane
from engine.painting.landscape.plant_sprites import Sprite
from engine.painting.palette import Palette, Rgb
from engine.painting.prompt.interpretation import ParsedPrompt
from engine.painting.random_streams import Streams


@dataclass(frozen=True)
class Frame:
    """Geometry of the view. Pixels count from the top left; world units are metres-like, y up, z away.

    `focal` in pixels is the geometric mean of the sides times a lens factor, so tall and wide pictures see
    about as much. `horizon` is the row of the infinite plain, `eye` the camera's height over the water.
    """

    width: int
    height: int
    horizon: float
    focal: float
    eye: float = 0.35
    slide: float = 0.0
    """How far the camera has moved to the right, in world units; a still is seen from 0."""

    @property
    def unit(self) -> float:
        """The picture's size in pixels for things round or square: the geometric mean of its sides."""
        return math.sqrt(self.width * self.height)

    def column(self, x: float, z: float) -> float:
        """Pixel column of a point at world `x`, `z`."""
        return self.width / 2 + self.focal * (x - self.slide) / z

    def drift(self, z: float) -> float:
        """Pixels by which the camera's way has moved something at distance `z` to the right."""
        return -self.focal * self.slide / z

    def row(self, y: float, z: float) -> float:
        """Pixel row of a point at world height `y`, distance `z`."""
        return self.horizon - self.focal * (y - self.eye) / z

    def rows(self) -> Plane:
        """Pixel-centre rows, H x 1."""
        return (np.arange(self.height, dtype=np.float32) + 0.5)[:, None]

    def columns(self) -> Plane:
        """Pixel-centre columns, 1 x W."""
        return (np.arange(self.width, dtype=np.float32) + 0.5)[None, :]


@dataclass
class Stage:
    """The unfinished image: float32 sRGB `canvas`, `depth` in world units (sky = inf), `wet` 0..1."""

    prompt: ParsedPrompt
    time: str
    palette: Palette
    streams: Streams
    frame: Frame
    octaves: int
    sun: tuple[float, float]
    canvas: Plane
    depth: Plane
    wet: Plane | None = None
    glare: Plane | None = None
    mask: Plane | None = None
    ground: dict[str, Plane] = field(default_factory=dict)
    plants: dict[tuple[str, int], Sprite] = field(default_factory=dict)
    painted: dict[tuple[Any, ...], Plane] = field(default_factory=dict)
    """Plates of these plants in the stage's colours and light, by kind, plant, height and tones."""
    clock: float = 0.0
    """Seconds since the video began; 0 in a still."""

    @property
    def dark(self) -> bool:
        """Whether lamps and windows are lit."""
        return self.time in ("night", "dusk") or "storm" in self.prompt.weather

    @property
    def sun_visible(self) -> bool:
        """Whether the sun or the moon may be drawn as a disc."""
        if self.prompt.weather & {"storm", "rain", "fog"}:
            return self.time == "night" and "moon" in self.prompt.sky and "storm" not in self.prompt.weather
        sky = self.prompt.sky
        if self.time == "night" and sky & {"stars", "milkyway"} and "moon" not in sky:
            return False  # a full moon would outshine the requested stars
        return self.time != "dusk" or "moon" in sky

    def toward_sun(self) -> tuple[float, float, float]:
        """Unit vector toward the light for shading: x right, y up, z toward the viewer.

        The sun of the picture stands behind the land; lighting the side that is seen reads better, so the
        light keeps its side and height and comes from a little in front.
        """
        x = (self.sun[0] / self.frame.width - 0.5) * 2.4
        y = 0.30 + 0.85 * max(0.0, self.palette.elevation)
        z = 0.55
        if self.prompt.scene == "desert":
            # A high sun flattens dunes: their shape lives from raking light.
            x, y, z = (1.1 if x > 0 else -1.1), 0.30 + 0.3 * y, 0.25
        length = math.sqrt(x * x + y * y + z * z)
        return x / length, y / length, z / length


def mix(a: Plane | Rgb, b: Plane | Rgb, k: Plane | float) -> Plane:
    """`a` where k is 0, `b` where it is 1; a plane k gets a colour axis when needed."""
    first, second, weight = np.asarray(a, np.float32), np.asarray(b, np.float32), np.asarray(k, np.float32)
    return first + (second - first) * weight


def smooth(low: float, high: float, value: Plane) -> Plane:
    """Smooth step from 0 at `low` to 1 at `high`."""
    t = np.clip((value - np.float32(low)) / np.float32(high - low), 0, 1)
    return t * t * (3 - 2 * t)
