"""Cumulus clouds: piles of round puffs with flat bases, lit like solids."""

from __future__ import annotations

import math

import cv2
import numpy as np

from engine.images.arrays import Plane
from engine.painting.movement import wind_of
from engine.painting.noise import fbm, roll
from engine.painting.stage import Stage, mix, smooth

_GRID = 240  # rows of the grid on which piles are shaped, the same for every picture size


def paint_cumulus(stage: Stage) -> None:
    """Set the stage's heap clouds into its sky, the far and small ones first."""
    count = _pile_count(stage)
    bottom = int(stage.frame.horizon)
    if count == 0 or bottom < 8:
        return
    w = stage.frame.width
    solid, rise = stage.streams.cached(("heaps", count, w, bottom), lambda: _piles(stage, count))
    solid, rise = (cv2.resize(p, (w, bottom), interpolation=cv2.INTER_CUBIC) for p in (solid, rise))
    fray = fbm(stage.streams, "heap fray", bottom, w, cells=15, octaves=stage.octaves, gain=0.58) - 0.5
    if stage.clock:
        gone = wind_of(stage)[0] * 0.0011 * stage.frame.unit / bottom
        solid, rise, fray = roll(solid, gone, 0.0), roll(rise, gone, 0.0), roll(fray, 1.15 * gone, 0.0)
    body = solid + 0.46 * fray * smooth(0.0, 0.22, solid)
    cover = smooth(0.10, 0.30, body)
    colour = _colours(stage, body, rise, bottom)
    air = (
        smooth(0.30, 0.0, (stage.frame.horizon - stage.frame.rows()[:bottom]) / stage.frame.height) * 0.55
    )[..., None]
    colour = mix(colour, stage.canvas[:bottom], air)
    stage.canvas[:bottom] = mix(stage.canvas[:bottom], colour, (0.95 * cover)[..., None])


def _pile_count(stage: Stage) -> int:
    prompt = stage.prompt
    if stage.time == "night" or prompt.weather & {"clear", "storm", "rain", "fog", "snow"}:
        return 0
    if prompt.features & {"mars", "lunar"} or "aurora" in prompt.sky:
        return 0
    if "clouds" in prompt.weather:
        return 16
    draw = stage.streams.rng("heaps").random()
    most = 5 if prompt.scene in ("desert", "city", "forest") else 8
    return int(draw * most) + (1 if prompt.scene in ("hills", "sea") else 0)


def _piles(stage: Stage, count: int) -> tuple[Plane, Plane]:
    """Height of the piles toward the viewer (0 where there is none) and how high a point is in its pile, 0..1."""
    frame, rng = stage.frame, stage.streams.rng("heap piles")
    rows = _GRID
    cols = max(8, round(_GRID * frame.width / max(1.0, frame.horizon)))
    y = (np.arange(rows, dtype=np.float32)[:, None] + 0.5) / rows
    x = (np.arange(cols, dtype=np.float32)[None, :] + 0.5) / rows
    solid, rise = np.zeros((rows, cols), np.float32), np.zeros((rows, cols), np.float32)
    wide = cols / rows
    places = sorted((float(rng.uniform(0.42, 0.97)), float(rng.uniform(-0.05, 1.05))) for _ in range(count))
    for base, across in reversed(places):
        size = 0.05 + 0.34 * (1.0 - base) ** 0.9
        puffs = rng.normal(0, 1, (34, 2))
        sizes = [float(r) for r in rng.uniform(0.28, 0.60, 34)]
        pile: Plane = np.zeros((rows, cols), np.float32)
        for (dx, dy), radius in zip(puffs, sizes, strict=True):
            px = across * wide + float(np.clip(dx, -1.35, 1.35)) * size * 0.90
            r = size * radius * max(0.35, 1 - 0.33 * abs(float(dx)))
            py = (
                base - r * 0.55 - min(1.6, abs(float(dy))) * size * 0.36 * max(0.1, 1 - 0.42 * abs(float(dx)))
            )
            # A puff is seen within its radius only, most of the sky is none.
            down, right = _within(py, r, rows), _within(px, r, cols)
            d = 1 - ((x[:, right] - px) ** 2 + ((y[down] - py) * 1.08) ** 2) / (r * r)
            here = pile[down, right]
            np.maximum(here, np.sqrt(np.maximum(d, 0)) * np.float32(radius), out=here)
        pile = pile * smooth(base + 0.10 * size, base - 0.10 * size, y)
        high: Plane = np.clip((base - y) / (size * 1.15), 0, 1)
        rise = np.where(pile > solid, high, rise)
        solid = np.maximum(solid, pile)
    # Neighbouring puffs melt into each other instead of meeting in a crease.
    solid = 0.55 * solid + 0.45 * cv2.GaussianBlur(solid, (0, 0), 0.010 * rows)
    rise = cv2.GaussianBlur(rise, (0, 0), 0.012 * rows)
    return solid, rise


def _within(middle: float, radius: float, count: int) -> slice:
    """The cells of a line of `count` that lie within `radius` of `middle`, in grid heights, and one to either side."""
    first, last = math.floor((middle - radius) * _GRID) - 1, math.ceil((middle + radius) * _GRID) + 1
    return slice(min(max(first, 0), count), min(max(last, 0), count))


def _colours(stage: Stage, body: Plane, rise: Plane, bottom: int) -> Plane:
    """Lit and shaded sides of the piles; near the sun their rims shine through."""
    p, frame = stage.palette, stage.frame
    shape = cv2.GaussianBlur(body, (0, 0), max(0.6, 0.0045 * frame.unit))
    gain = np.float32(frame.unit * 0.060)
    slope_x, slope_y = (
        cv2.Sobel(shape, cv2.CV_32F, 1, 0, scale=0.125),
        cv2.Sobel(shape, cv2.CV_32F, 0, 1, scale=0.125),
    )
    side = (stage.sun[0] / frame.width - 0.5) * 1.6
    up = 0.55 if p.elevation > 0.2 else 0.30
    length = math.sqrt(side * side + up * up + 0.5)
    turned = (-slope_x * side + slope_y * up) * gain / length
    bright = np.clip(0.50 + 0.62 * turned + 0.34 * (rise - 0.35), 0, 1)
    colour = mix(p.cloud_dark, p.cloud_lit, bright[..., None])
    dx = (frame.columns() - stage.sun[0]) / frame.unit
    dy = (frame.rows()[:bottom] - stage.sun[1]) / frame.unit
    rim = np.exp(-np.sqrt(dx * dx + dy * dy) / 0.20) * smooth(0.50, 0.12, body) * 0.55 * p.glow
    return np.asarray(colour + rim[..., None] * np.array(p.sun, np.float32), np.float32)
