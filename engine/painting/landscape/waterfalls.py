"""A waterfall: from the shoulder of the mountain down to where the river begins."""

from __future__ import annotations

import cv2
import numpy as np

from engine.images.arrays import Plane
from engine.painting.landscape.terrain import Ground
from engine.painting.noise import fbm, roll
from engine.painting.stage import Stage, mix, smooth


def paint_waterfall(stage: Stage, ground: Ground) -> None:
    """Let water fall in the column of the far end of the river, with spray at its foot."""
    spot = stage.streams.cached(("fall", ground.z.shape), lambda: _fall_position(stage, ground))
    if spot is None:
        return
    column, top, foot = spot
    row = min(int(foot), ground.z.shape[0] - 1)
    away = stage.streams.cached(("fall away", ground.z.shape), lambda: float(ground.z[row, int(column)]))
    column += stage.frame.drift(max(away, 4.0))
    frame = stage.frame
    h, w = frame.height, frame.width
    t = (frame.rows() - top) / max(1.0, foot - top)
    sway = fbm(stage.streams, "fall path", h, 2, cells=5, octaves=2)[:, :1] - 0.5
    middle = column + sway * 0.030 * h * np.clip(t, 0, 1)
    half = h * (0.008 + 0.011 * np.clip(t, 0, 1))
    across = np.abs(frame.columns() - middle) / half
    threads = cv2.resize(
        roll(
            fbm(stage.streams, "fall threads", 24, 256, cells=6, octaves=4, gain=0.7), 0.0, 0.9 * stage.clock
        ),
        (w, h),
        interpolation=cv2.INTER_CUBIC,
    )
    body = smooth(1.0, 0.35, across + 0.7 * (threads - 0.5)) * smooth(0.0, 0.02, t) * smooth(1.03, 1.0, t)
    bank = smooth(2.2, 1.0, across) * smooth(0.0, 0.05, t) * smooth(1.03, 1.0, t)
    stage.canvas *= (1 - 0.35 * bank)[..., None]
    white = _white(stage)
    stage.canvas[:] = mix(stage.canvas, white * (0.78 + 0.35 * threads)[..., None], (0.95 * body)[..., None])
    dx, dy = (frame.columns() - column) / h, (frame.rows() - foot) / h
    billow = roll(fbm(stage.streams, "spray", h, w, cells=14, octaves=4), 0.0, -0.03 * stage.clock)
    spray = np.exp(
        -((dx / 0.055) ** 2) - (np.minimum(dy + 0.012, 0) / 0.045) ** 2 - (np.maximum(dy, 0) / 0.012) ** 2
    )
    stage.canvas[:] = mix(stage.canvas, white, np.clip(spray * (0.35 + 0.8 * billow), 0, 0.85)[..., None])


def _white(stage: Stage) -> Plane:
    p = stage.palette
    return np.clip(0.62 * np.array(p.ambient, np.float32) + 0.62 * np.array(p.light, np.float32), 0, 1)


def _fall_position(stage: Stage, ground: Ground) -> tuple[float, float, float] | None:
    """Column, top row and foot row: above the farthest water, from a third below the skyline."""
    if stage.wet is None or not (stage.wet > 0.5).any():
        return None
    foot = int(np.argmax((stage.wet > 0.5).any(axis=1)))
    column = float(np.median(np.flatnonzero(stage.wet[foot] > 0.5)))
    skyline = int(np.argmax(ground.view.cover[:, int(column)] > 0.5))
    if foot - skyline < 0.06 * stage.frame.height:
        return None
    return column, skyline + 0.30 * (foot - skyline), foot + 1.0
