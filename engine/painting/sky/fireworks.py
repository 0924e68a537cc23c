"""Fireworks: shells that burst into falling sparks over the horizon."""

from __future__ import annotations

import math

import cv2
import numpy as np

from engine.images.arrays import Plane
from engine.painting.stage import Stage

_HUES = (
    (1.0, 0.30, 0.24), (1.0, 0.78, 0.32), (0.40, 1.0, 0.52), (0.40, 0.72, 1.0), (0.92, 0.46, 1.0), (1.0, 0.92, 0.80),
)  # fmt: skip
_SHELLS, _SPARKS, _KNOTS = 7, 64, 9


def paint_fireworks(stage: Stage) -> None:
    """Add the bursts to the sky; in a video each grows, falls and repeats."""
    frame = stage.frame
    light = np.zeros_like(stage.canvas)
    for number in range(_SHELLS):
        rng = stage.streams.rng(f"shell {number}")
        x = (0.10 + 0.80 * (number + float(rng.uniform(0.1, 0.9))) / _SHELLS) * frame.width
        y = float(rng.uniform(0.12, 0.58)) * frame.horizon
        size = float(rng.uniform(0.10, 0.20)) * frame.unit
        hue = np.array(_HUES[int(rng.integers(len(_HUES)))], np.float32)
        age = (
            (float(rng.uniform(0.55, 0.95)) + 0.55 * stage.clock) % 1.0
            if stage.clock
            else float(rng.uniform(0.6, 0.95))
        )
        _burst(light, x, y, size, hue, age, rng)
    glow = cv2.GaussianBlur(light, (0, 0), max(0.8, 0.012 * frame.unit))
    above = np.clip((frame.horizon - frame.rows()) / (0.02 * frame.height), 0, 1)[..., None]
    stage.canvas += (light + 1.3 * glow) * above


def _burst(
    light: Plane, x: float, y: float, size: float, hue: Plane, age: float, rng: np.random.Generator
) -> None:
    """One shell `age` 0..1 after it burst: sparks on a ball, brightest at their heads."""
    thick = max(1, round(size / 70))
    turns, out = rng.uniform(0, 2 * math.pi, _SPARKS), np.sqrt(rng.uniform(0.15, 1.0, _SPARKS))
    fade = min(1.0, 1.9 - 1.5 * age)
    for turn, reach in zip(turns, out, strict=True):
        before: tuple[int, int] | None = None
        for k in range(_KNOTS):
            t = age * (0.25 + 0.75 * k / (_KNOTS - 1))
            run = size * float(reach) * (1 - (1 - t) ** 2)
            here = (
                round((x + run * math.cos(turn)) * 16),
                round((y + run * math.sin(turn) + 0.30 * size * t * t) * 16),
            )
            if before is not None:
                strength = fade * (k / (_KNOTS - 1)) ** 1.5
                ink = hue * np.float32(0.85 * strength) + np.float32(0.35 * strength**3)
                cv2.line(light, before, here, [float(c) for c in ink], thick, cv2.LINE_8, 4)
            before = here
