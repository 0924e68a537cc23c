"""The beam of a lighthouse in dark or hazy air."""

from __future__ import annotations

import cv2
import numpy as np

from engine.painting.stage import Stage
from engine.painting.subjects import Figure


def paint_beam(stage: Stage, figure: Figure, foot_x: float, foot_y: float) -> None:
    """The two beams of a lighthouse whose base stands at pixel (foot_x, foot_y)."""
    lamp = figure.emissive
    if not stage.dark or lamp is None:
        return
    h = lamp.shape[0]
    strength = lamp[: h // 3].sum(axis=-1)
    if float(strength.max()) <= 0:
        return
    row, column = np.unravel_index(int(np.argmax(cv2.blur(strength, (5, 5)))), strength.shape)
    x, y = foot_x - figure.base[0] + column, foot_y - figure.base[1] + row
    dx, dy = stage.frame.columns() - x, stage.frame.rows() - y
    tilt = float(stage.streams.rng("beam").uniform(-0.10, 0.10))
    off = np.abs(dy - tilt * dx)
    # The lamp turns: what we see of its beams grows short when they point at us.
    seen = max(0.12, abs(np.cos(1.5 * stage.clock)))
    wide = 0.010 * stage.frame.height + 0.085 * np.abs(dx) / seen
    away = np.abs(dx) / stage.frame.width / seen
    beam = np.exp(-((off / wide) ** 2)) * np.exp(-away * 2.6) * 0.55
    halo = np.exp(-(dx * dx + dy * dy) / (0.05 * stage.frame.height) ** 2) * 0.7
    stage.canvas += (
        (beam + halo)[..., None]
        * np.array((1.0, 0.92, 0.70), np.float32)
        * (1.05 - np.clip(stage.canvas, 0, 1))
    )
