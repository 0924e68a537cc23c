"""Night sky: stars, the milky way, the moon and the aurora."""

from __future__ import annotations

import cv2
import numpy as np

from engine.images.arrays import Plane
from engine.painting.noise import fbm, roll, shift_line, strip
from engine.painting.palette import tint_image
from engine.painting.prompt.lexicon import COLOURS
from engine.painting.stage import Stage, mix, smooth

_STARS = 900


def scatter_stars(stage: Stage, name: str, count: int, *, low: float = 1.0) -> Plane:
    """H x W x 3 of starlight: many faint, few bright (power law), down to the share `low` of the height."""
    key = ("starlight", name, count, low, stage.frame.width, stage.frame.height)
    return stage.streams.cached(key, lambda: _scattered(stage, name, count, low))


def _scattered(stage: Stage, name: str, count: int, low: float) -> Plane:
    frame = stage.frame
    rng = stage.streams.rng(name)
    place = rng.random((count, 2))
    power = (1.0 - rng.random(count)) ** -0.62 * 0.12
    heat = rng.random(count)
    light = np.zeros((frame.height, frame.width, 3), np.float32)
    unit = frame.unit / 512.0
    for (x, y), strong, warm in zip(place, np.minimum(power, 2.2), heat, strict=True):
        radius = (0.42 + 0.85 * min(strong, 1.4)) * unit
        colour = np.array((0.72 + 0.28 * warm, 0.86, 1.06 - 0.34 * warm)) * min(1.0, 0.25 + strong)
        _dot(light, x * frame.width, y * frame.height * low, radius, colour)
    return light


def _dot(light: Plane, x: float, y: float, radius: float, colour: Plane) -> None:
    """Add a soft round dot; below a pixel it dims instead of shrinking."""
    dim = min(1.0, (radius / 0.7) ** 2)
    radius = max(radius, 0.7)
    reach = int(radius * 2.2) + 1
    x0, x1 = max(0, int(x) - reach), min(light.shape[1], int(x) + reach + 1)
    y0, y1 = max(0, int(y) - reach), min(light.shape[0], int(y) + reach + 1)
    if x0 >= x1 or y0 >= y1:
        return
    dx = np.arange(x0, x1, dtype=np.float32)[None, :] + 0.5 - x
    dy = np.arange(y0, y1, dtype=np.float32)[:, None] + 0.5 - y
    spot = np.exp(-(dx * dx + dy * dy) / (radius * radius)) * dim
    light[y0:y1, x0:x1] += spot[..., None].astype(np.float32) * colour.astype(np.float32)


def paint_stars(stage: Stage) -> None:
    """Stars above the horizon, fading toward it; with a milky way if requested."""
    frame = stage.frame
    requested = bool(stage.prompt.sky & {"stars", "milkyway"})
    low = min(1.0, max(0.05, frame.horizon / frame.height))
    light = scatter_stars(stage, "stars", int(_STARS * (1.9 if requested else 1.0)), low=low)
    if stage.clock:
        sparkle = fbm(stage.streams, "twinkle", frame.height, frame.width, cells=64, octaves=1)
        light = light * (0.45 + 1.1 * roll(sparkle, 0.13 * stage.clock, 0.09 * stage.clock))[..., None]
    fade = smooth(0.0, 0.22, (frame.horizon - frame.rows()) / max(frame.horizon, 1.0)) * stage.palette.stars
    stage.canvas += light * fade[..., None]
    if "milkyway" in stage.prompt.sky or (requested and stage.time == "night"):
        stage.canvas += milky_way(stage) * fade[..., None]


def milky_way(stage: Stage) -> Plane:
    """A slanted band of starlight broken by dust."""
    frame = stage.frame
    h, w = frame.height, frame.width
    tilt = float(stage.streams.rng("milky way").uniform(-0.7, 0.7))
    across = (frame.columns() - w * 0.5) / h - tilt * (frame.rows() / h - 0.3) * 1.6
    wander = (fbm(stage.streams, "milky way bend", h, w, cells=2, octaves=2) - 0.5) * 0.30
    band = np.exp(-(((across + wander) / 0.17) ** 2))
    dust = fbm(stage.streams, "milky way dust", h, w, cells=7, octaves=stage.octaves, gain=0.6)
    core = np.exp(-(((across + wander) / 0.07) ** 2))
    glow = band * np.clip(0.25 + dust, 0, 1.2) - 0.9 * core * smooth(0.45, 0.75, dust)
    tone = mix((0.34, 0.36, 0.62), (0.66, 0.52, 0.56), core[..., None])
    return np.asarray(np.clip(glow, 0, 1)[..., None] * tone * 0.62, np.float32)


def paint_moon(stage: Stage) -> None:
    """A full or waxing moon with seas, lit from the side when a crescent."""
    frame = stage.frame
    unit = frame.unit
    radius = unit * (0.062 if "moon" in stage.prompt.sky else 0.045)
    dx = (frame.columns() - stage.sun[0]) / radius
    dy = (frame.rows() - stage.sun[1]) / radius
    distance = np.sqrt(dx * dx + dy * dy)
    halo = (
        np.exp(-np.maximum(distance - 1, 0) / 1.1) * 0.26 + np.exp(-np.maximum(distance - 1, 0) / 4.5) * 0.12
    )
    tone = np.array((0.80, 0.87, 1.0), np.float32)
    stage.canvas += (halo[..., None] * tone * (1.0 - np.clip(stage.canvas, 0, 1))).astype(np.float32)
    seas = fbm(stage.streams, "moon", 128, 128, cells=3, octaves=5, gain=0.55)
    map_x = np.broadcast_to((dx * 0.5 + 0.5) * 127, distance.shape).astype(np.float32)
    map_y = np.broadcast_to((dy * 0.5 + 0.5) * 127, distance.shape).astype(np.float32)
    mark = cv2.remap(seas, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    limb = np.sqrt(np.clip(1 - distance * distance, 0, 1))
    face = (0.99 - 0.30 * smooth(0.48, 0.70, mark)) * (0.80 + 0.20 * limb)
    colour = face[..., None] * np.array((1.0, 0.985, 0.93), np.float32)
    for name in stage.prompt.colours_of("moon")[:1]:
        if name in COLOURS:
            colour = tint_image(colour.astype(np.float32), name, 0.8)
    inside = np.clip((1 - distance) * radius + 0.5, 0, 1)[..., None]
    stage.canvas[:] = mix(stage.canvas, colour, inside)


def paint_aurora(stage: Stage) -> None:
    """Curtains of light: bright folded lower rims with rays rising from them and fading upward."""
    frame, w, h = stage.frame, stage.frame.width, stage.frame.height
    light = np.zeros((h, w, 3), np.float32)
    rows = frame.rows() / max(frame.horizon, 1.0)
    for k in range(3):
        name = f"aurora {k}"
        bend = strip(stage.streams, name + " bend", w, cells=3, octaves=4) - 0.5
        rays = strip(stage.streams, name + " rays", w, cells=26, octaves=max(3, stage.octaves - 2), gain=0.72)
        veil = strip(stage.streams, name + " veil", w, cells=4, octaves=3)
        # The folds wander slowly, the rays run along them.
        bend, rays = (
            shift_line(bend, 0.05 * (k - 1.4) * stage.clock),
            shift_line(rays, 0.045 * (1.5 - k) * stage.clock),
        )
        veil = shift_line(veil, 0.11 * stage.clock)
        rim = 0.80 - 0.17 * k + 0.42 * bend
        height = 0.20 + 0.38 * np.clip(rays, 0, 1.2)
        above = (rim[None, :] - rows) / height[None, :]
        curtain = np.exp(-np.maximum(above, 0) * 1.9) * smooth(0, 0.10, above)
        strength = (
            curtain
            * np.clip(veil * 1.7 - 0.35, 0, 1.2)[None, :]
            * (0.35 + 0.9 * np.clip(rays, 0, 1))[None, :]
        )
        tone = mix((0.16, 1.0, 0.56), (0.56, 0.22, 0.86), np.clip(above * 0.62 - 0.10, 0, 1)[..., None])
        light += (strength[..., None] * tone * (0.95 - 0.18 * k)).astype(np.float32)
    light = 0.7 * light + 0.5 * cv2.GaussianBlur(light, (0, 0), max(0.8, 0.018 * h))
    for name in stage.prompt.colours_of("aurora")[:1]:
        if name in COLOURS:
            light = tint_image(np.clip(light, 0, 1), name, 0.85)
    stage.canvas += light * (1.0 - 0.6 * np.clip(stage.canvas, 0, 1))
    stage.glare = light
