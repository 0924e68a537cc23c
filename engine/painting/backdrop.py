"""Studio backdrops for subjects whose prompt names no scene."""

from __future__ import annotations

import math

import cv2
import numpy as np

from engine.images.arrays import Plane
from engine.painting.noise import fbm, roll, strip
from engine.painting.palette import tint_image
from engine.painting.prompt.lexicon import COLOURS
from engine.painting.stage import Stage, mix, smooth

_BACKDROPS = (
    (0.36, 0.40, 0.50), (0.55, 0.42, 0.31), (0.28, 0.42, 0.45), (0.44, 0.36, 0.46), (0.62, 0.50, 0.37),
    (0.30, 0.42, 0.33), (0.62, 0.50, 0.40), (0.40, 0.50, 0.58), (0.58, 0.44, 0.42), (0.60, 0.60, 0.56),
)  # fmt: skip
_AT_NIGHT = {"night": 0.38, "dusk": 0.6}


def paint_studio(stage: Stage) -> None:
    """A backdrop by seed (painted cloth, drapes, light from a window, lamps out of focus) and its floor."""
    frame, rng = stage.frame, stage.streams.rng("backdrop")
    tone = np.array(_BACKDROPS[int(rng.integers(len(_BACKDROPS)))], np.float32)
    tone = tone * np.float32(_AT_NIGHT.get(stage.time, 1.0) * rng.uniform(0.92, 1.32))
    centre, middle = float(rng.uniform(0.22, 0.78)), float(rng.uniform(0.26, 0.52))
    # In a video the lamp moves slowly past, and the camera with it.
    centre += (0.13 if centre < 0.5 else -0.13) * stage.clock
    dx = (frame.columns() - centre * frame.width) / frame.unit
    dy = (frame.rows() - middle * frame.height) / frame.unit
    pool = np.exp(-(dx * dx * 1.5 + dy * dy * 2.2) / float(rng.uniform(0.16, 0.34)))
    cloth = _dabs(stage)
    kinds = (_cloth, _drapes, _window, _lamps)
    kind = kinds[int(rng.integers(len(kinds)))]
    if "window" in stage.prompt.features:
        kind = _at_window
    if stage.prompt.style in ("ink", "sketch"):
        # Drawn on bare paper, not before a dark wall.
        kind, tone = _cloth, np.full(3, 0.80, np.float32)
    wall = kind(stage, tone, pool, cloth)
    # The floor takes the light from above and runs into the wall without an edge.
    floor = smooth(0.0, 0.16, (frame.rows() - frame.horizon) / frame.height)
    ground = tone * (0.62 + 0.42 * np.exp(-(dx * dx * 1.2)) + 0.24 * cloth)[..., None]
    seam = np.exp(-(((frame.rows() - frame.horizon) / (0.05 * frame.height)) ** 2)) * 0.13
    stage.canvas[:] = mix(wall, ground, floor[..., None]) * (1 - seam)[..., None]
    for name in stage.prompt.colours_of("*")[:1]:
        if name in COLOURS:
            stage.canvas[:] = tint_image(stage.canvas, name, 0.75)


def _dabs(stage: Stage) -> Plane:
    """Texture of a sponged backdrop, around 0: large clouds of tone and small dabs."""
    frame = stage.frame
    h, w = frame.height, frame.width
    octaves = max(3, stage.octaves - 3)
    clouds = fbm(stage.streams, "cloth", h, w, cells=2.5, octaves=2, gain=0.5) - 0.5
    dabs = fbm(stage.streams, "dabs", h, w, cells=14, octaves=min(3, octaves), gain=0.7) - 0.5
    return roll(np.asarray(0.8 * clouds + 0.32 * dabs, np.float32), -0.065 * stage.clock, 0.0)


def _cloth(stage: Stage, tone: Plane, pool: Plane, cloth: Plane) -> Plane:
    """A painted cloth, lit in the middle, darker toward the rims."""
    return np.asarray(tone * (0.52 + 0.66 * pool + 0.46 * cloth)[..., None], np.float32)


def _drapes(stage: Stage, tone: Plane, pool: Plane, cloth: Plane) -> Plane:
    """A curtain hanging in folds."""
    frame, rng = stage.frame, stage.streams.rng("drapes")
    across = np.arange(frame.width, dtype=np.float32)[None, :] / np.float32(frame.unit)
    bend = strip(stage.streams, "folds", frame.width, cells=5, octaves=3)[None, :] - 0.5
    sway = (frame.rows() / frame.height - 0.5) * float(rng.uniform(-0.06, 0.06))
    sway = sway + 0.008 * math.sin(1.7 * stage.clock) - 0.05 * stage.clock
    fold = np.sin((across + sway) * float(rng.uniform(34, 58)) + 9.0 * bend + float(rng.uniform(0, 6.28)))
    deep = (0.55 + 0.45 * np.abs(fold)) * fold
    light = 0.54 + 0.46 * pool + 0.20 * cloth + 0.17 * deep
    return np.asarray(tone * np.maximum(light, 0.12)[..., None], np.float32)


def _window(stage: Stage, tone: Plane, pool: Plane, cloth: Plane) -> Plane:
    """Low light falling aslant through the panes of a window on a plastered wall."""
    frame, rng = stage.frame, stage.streams.rng("window")
    side = 1.0 if rng.random() < 0.5 else -1.0
    x = (frame.columns() / frame.width - float(rng.uniform(0.34, 0.66))) * frame.width / frame.unit
    y = (frame.rows() / frame.height - float(rng.uniform(0.28, 0.42))) * frame.height / frame.unit
    x = x + np.float32(0.065 * stage.clock)
    u, v = x + side * 0.30 * y, y + side * 0.26 * x
    wide, high = float(rng.uniform(0.26, 0.36)), float(rng.uniform(0.22, 0.30))
    soft = 0.016
    open_ = smooth(wide + soft, wide - soft, np.abs(u)) * smooth(high + soft, high - soft, np.abs(v))
    panes, rows = float(rng.integers(1, 3)) + 1, 2.0
    for place, number, half in ((u, panes, wide), (v, rows, high)):
        bar = np.abs(np.mod((place / half + 1) * number / 2 + 0.5, 1.0) - 0.5) * 2 * half / number
        open_ = open_ * (1 - 0.85 * smooth(0.022, 0.006, bar))
    warm = np.array((1.0, 0.90, 0.72), np.float32)
    wall = tone * (0.50 + 0.26 * pool + 0.46 * cloth)[..., None]
    return np.asarray(wall + (open_ * (0.30 + 0.12 * cloth))[..., None] * (0.35 + tone) * warm, np.float32)


def _at_window(stage: Stage, tone: Plane, pool: Plane, cloth: Plane) -> Plane:
    """The window itself, the sky and a garden out of focus behind its panes, and the sill below it."""
    frame, rng, p = stage.frame, stage.streams.rng("at the window"), stage.palette
    middle, wide = float(rng.uniform(0.42, 0.58)) * frame.width, float(rng.uniform(0.30, 0.38)) * frame.unit
    top, sill = 0.07 * frame.height, frame.horizon - 0.06 * frame.height
    x = (frame.columns() - middle - 0.05 * stage.clock * frame.unit) / wide
    y = (frame.rows() - top) / (sill - top)
    down = np.clip(y, 0, 1)[..., None]
    sky = mix(np.array(p.middle, np.float32), np.array(p.horizon, np.float32), down)
    leaves = np.array((0.24, 0.42, 0.16), np.float32) * (
        np.array(p.ambient, np.float32) + 0.6 * np.array(p.light)
    )
    garden = smooth(0.52, 0.74, y + 0.9 * (cloth - 0.25))
    view = mix(sky, leaves * (0.75 + 0.9 * cloth)[..., None], garden[..., None])
    edge = 1.5 / frame.unit + 0.004
    inside = smooth(1 + edge, 1 - edge, np.abs(x)) * smooth(-edge, edge, y) * smooth(1 + edge, 1 - edge, y)
    bars = np.maximum(smooth(0.045, 0.03, np.abs(x)), smooth(0.028, 0.018, np.abs(y - 0.38)))
    rim = smooth(1.13, 1.11, np.abs(x)) * smooth(-0.075, -0.06, y) * smooth(1.085, 1.075, y)
    wood = np.array((0.90, 0.87, 0.80), np.float32) * np.float32(0.35 + 0.65 * float(np.mean(p.ambient)))
    wood = wood * (0.82 + 0.18 * smooth(0.9, 1.1, np.abs(x)) + 0.12 * cloth)[..., None]
    wall = mix(_cloth(stage, tone, pool, cloth), wood, rim[..., None])
    return np.asarray(mix(wall, view, (inside * (1 - bars))[..., None]), np.float32)


def _lamps(stage: Stage, tone: Plane, pool: Plane, cloth: Plane) -> Plane:
    """Lamps far behind, out of focus."""
    frame, rng = stage.frame, stage.streams.rng("lamps")
    wall = np.asarray(tone * (0.42 + 0.34 * pool + 0.40 * cloth)[..., None], np.float32)
    light = np.zeros_like(wall)
    for u, v, size, hue, power in rng.random((34, 5)):
        radius = frame.unit * (0.018 + 0.045 * size * size)
        shine = np.array((0.9 + 0.1 * hue, 0.72 + 0.1 * hue, 0.42 + 0.45 * hue)) * (0.07 + 0.16 * power)
        x, y = float(u * frame.width - 0.065 * stage.clock * frame.height), float(v * frame.horizon * 0.94)
        left, top = max(0, int(x - radius - 2)), max(0, int(y - radius - 2))
        part = light[top : int(y + radius + 3), left : int(x + radius + 3)]
        disc = np.zeros(part.shape[:2], np.float32)
        at = round((x - left) * 16), round((y - top) * 16)
        cv2.circle(disc, at, round(radius * 16), 1.0, -1, cv2.LINE_AA, 4)
        part += disc[..., None] * shine.astype(np.float32)
    light = cv2.GaussianBlur(light, (0, 0), max(0.5, 0.003 * frame.unit))
    return np.asarray(wall + light * np.float32(math.sqrt(max(float(tone.mean()), 0.05))), np.float32)
