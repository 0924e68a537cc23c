"""Outer space: stars, nebulae, a planet with bands or seas, rings and a moon."""

from __future__ import annotations

import math

import cv2
import numpy as np

from engine.images.arrays import Plane
from engine.painting.noise import fbm, roll
from engine.painting.prompt.lexicon import COLOURS
from engine.painting.sky.night import scatter_stars
from engine.painting.stage import Stage, mix, smooth

_GASES = (
    ((0.10, 0.45, 0.62), (0.95, 0.50, 0.24), (0.98, 0.85, 0.66)),
    ((0.42, 0.16, 0.66), (0.95, 0.30, 0.56), (0.60, 0.80, 1.0)),
    ((0.08, 0.30, 0.72), (0.12, 0.72, 0.66), (1.0, 0.90, 0.76)),
    ((0.62, 0.14, 0.24), (0.95, 0.55, 0.28), (0.96, 0.82, 0.88)),
)
_WORLDS = (
    ((0.78, 0.66, 0.50), (0.62, 0.42, 0.28), (0.93, 0.86, 0.72)),
    ((0.30, 0.52, 0.62), (0.80, 0.72, 0.56), (0.86, 0.90, 0.88)),
    ((0.36, 0.42, 0.74), (0.20, 0.24, 0.52), (0.70, 0.78, 0.95)),
    ((0.80, 0.45, 0.30), (0.55, 0.24, 0.16), (0.95, 0.75, 0.58)),
)


def paint_space(stage: Stage) -> None:
    """Fill the whole canvas with space."""
    stage.canvas[:] = (0.006, 0.008, 0.018)
    stage.canvas += roll(scatter_stars(stage, "stars", 1300), 0.012 * stage.clock, 0.0)
    _nebula(stage)
    stage.canvas += roll(scatter_stars(stage, "near stars", 160), 0.05 * stage.clock, 0.0) * 0.9
    if "galaxy" in stage.prompt.features:
        _spiral(stage)
    _bright_stars(stage)
    wants = "planet" in stage.prompt.features
    if wants or (
        stage.streams.rng("planet chance").random() < 0.35 and "galaxy" not in stage.prompt.features
    ):
        _planet(stage)


def _gases(stage: Stage) -> tuple[tuple[float, float, float], ...]:
    named = [COLOURS[c] for c in stage.prompt.colours_of("*") if c in COLOURS]
    pick = _GASES[int(stage.streams.rng("gas").integers(len(_GASES)))]
    if {"rainbow", "vivid"} & set(stage.prompt.colours_of("*")):
        return ((0.95, 0.25, 0.45), (0.98, 0.80, 0.25), (0.20, 0.65, 0.98))
    return tuple((named * 3)[:3]) if named else pick


def _nebula(stage: Stage) -> None:
    """Clouds of gas: products of warped noise in three colours, cut by dark dust."""
    h, w, streams, octaves = stage.frame.height, stage.frame.width, stage.streams, stage.octaves
    row = np.arange(h, dtype=np.float32)[:, None]
    column = np.arange(w, dtype=np.float32)[None, :]
    wx = (fbm(streams, "gas warp", h, w, cells=2.6, octaves=5) - 0.5) * 0.34 * h
    wy = (fbm(streams, "gas warp side", h, w, cells=2.6, octaves=5) - 0.5) * 0.34 * h
    # The gases drift past one another, and boil a little.
    wx, wy = wx * (1 + 0.16 * math.sin(0.9 * stage.clock)), wy * (1 + 0.16 * math.sin(0.7 * stage.clock))
    wx = wx - np.float32(0.022 * h * stage.clock)
    light = np.zeros((h, w, 3), np.float32)
    for k, colour in enumerate(_gases(stage)):
        body = fbm(streams, f"gas {k}", h, w, cells=2.2 + 0.7 * k, octaves=octaves, gain=0.55)
        body = cv2.remap(body, column + wx, row + wy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        glow = smooth(0.50 + 0.03 * k, 1.02, body)
        light += (glow[..., None] * np.array(colour, np.float32)) * (1.05 - 0.1 * k)
        light += (smooth(0.82, 1.08, body) * 0.65)[..., None]
    dust = fbm(streams, "dust", h, w, cells=3.4, octaves=octaves, gain=0.6, ridged=True)
    dust = cv2.remap(dust, column - wy, row + wx, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    light *= (1.0 - 0.78 * smooth(0.62, 0.98, dust))[..., None]
    if "galaxy" in stage.prompt.features and "nebula" not in stage.prompt.features:
        light *= 0.4
    veil = np.clip(light.max(axis=-1, keepdims=True), 0, 1)
    stage.canvas[:] = stage.canvas * (1 - 0.65 * veil) + light


def _spiral(stage: Stage) -> None:
    """A spiral galaxy seen aslant: a warm core, two blue arms broken into knots, dust along their inner sides."""
    frame, rng = stage.frame, stage.streams.rng("spiral")
    h, w = frame.height, frame.width
    size = 0.46 * frame.unit
    side = -1.0 if "planet" not in stage.prompt.features else float(rng.choice((-1.0, 1.0)))
    offset = 0.0 if not stage.prompt.subjects and "planet" not in stage.prompt.features else 0.24 * side
    dx = (frame.columns() - w * (0.5 + offset)) / size
    dy = (frame.rows() - h * float(rng.uniform(0.30, 0.44))) / size
    turn, squeeze = float(rng.uniform(-0.7, 0.7)), float(rng.uniform(0.38, 0.6))
    cos, sin = math.cos(turn), math.sin(turn)
    x, y = dx * cos + dy * sin, (dy * cos - dx * sin) / squeeze
    radius = np.sqrt(x * x + y * y) + 1e-3
    knots = fbm(stage.streams, "knots", h, w, cells=11, octaves=stage.octaves, gain=0.62)
    phase = 2 * (np.arctan2(y, x) - 3.1 * np.log(radius) - 0.22 * stage.clock) + 2.0 * (knots - 0.5)
    arm, lane = 0.5 + 0.5 * np.cos(phase), 0.5 + 0.5 * np.cos(phase + 0.9)
    fall = np.exp(-radius / 0.42) * smooth(1.9, 1.0, radius)
    light = fall * (0.30 + 1.7 * arm**2 * (0.35 + knots))
    light = light * (1 - 0.55 * lane**4 * smooth(0.1, 0.3, radius))
    core = np.exp(-((radius / 0.15) ** 1.3))
    tone = mix((0.52, 0.66, 1.0), (1.0, 0.84, 0.62), np.exp(-radius / 0.30)[..., None])
    sparks = smooth(0.80, 1.0, knots) * arm * fall
    glow = (light * 1.25)[..., None] * tone + (core * 0.9)[..., None] * np.array(
        (1.0, 0.90, 0.74), np.float32
    )
    glow += (sparks * 1.6)[..., None] * np.array((1.0, 0.62, 0.80), np.float32)
    stage.canvas[:] = stage.canvas * (1 - 0.5 * np.clip(light, 0, 1))[..., None] + glow


def _bright_stars(stage: Stage) -> None:
    """A few stars with crossed rays."""
    frame, rng = stage.frame, stage.streams.rng("bright stars")
    unit = frame.unit
    for _ in range(9):
        x, y, size = (
            float(rng.random()) * frame.width,
            float(rng.random()) * frame.height,
            float(rng.uniform(0.4, 1.0)),
        )
        x += 0.05 * stage.clock * frame.height
        dx, dy = np.abs(frame.columns() - x) / unit, np.abs(frame.rows() - y) / unit
        arm = 0.030 * size
        cross = np.exp(-dx / arm * 2.2) * np.exp(-((dy / 0.0016) ** 2)) + np.exp(-dy / arm * 2.2) * np.exp(
            -((dx / 0.0016) ** 2)
        )
        core = np.exp(-(dx * dx + dy * dy) / (0.0042 * size) ** 2)
        stage.canvas += ((0.8 * cross + 1.3 * core) * size)[..., None] * np.array(
            (0.86, 0.93, 1.0), np.float32
        )


def _planet(stage: Stage) -> None:
    """A shaded sphere with bands or continents, an atmosphere on the lit rim, often rings."""
    frame, rng = stage.frame, stage.streams.rng("planet")
    unit = min(frame.width, frame.height)
    busy = bool(stage.prompt.subjects)
    radius = unit * float(rng.uniform(0.20, 0.28))
    side = float(rng.choice((-1.0, 1.0)))
    cx = frame.width * (0.5 + side * float(rng.uniform(0.16, 0.24) if not busy else rng.uniform(0.28, 0.36)))
    cy = frame.height * float(rng.uniform(0.52, 0.68) if not busy else rng.uniform(0.68, 0.80))
    cx += 0.03 * stage.clock * frame.height
    dx, dy = (frame.columns() - cx) / radius, (frame.rows() - cy) / radius
    tilt = float(rng.uniform(-0.5, 0.5))
    cos, sin = math.cos(tilt), math.sin(tilt)
    x, y = dx * cos + dy * sin, dy * cos - dx * sin
    rings = bool(rng.random() < 0.55)
    if rings:
        _rings(stage, x, y, front=False)
    _sphere(stage, dx, dy, x, y, radius, rng)
    if rings:
        _rings(stage, x, y, front=True)


def _sphere(
    stage: Stage, dx: Plane, dy: Plane, x: Plane, y: Plane, radius: float, rng: np.random.Generator
) -> None:
    r2 = dx * dx + dy * dy
    z = np.sqrt(np.clip(1 - r2, 0, 1))
    world = _WORLDS[int(rng.integers(len(_WORLDS)))]
    named = [COLOURS[c] for c in stage.prompt.colours_of("planet") if c in COLOURS]
    skin = fbm(stage.streams, "planet skin", 256, 512, cells=4, octaves=7, gain=0.58)
    lon = (np.arctan2(x, np.maximum(z, 1e-3)) / np.pi + 0.5).astype(np.float32)
    lat = (np.arcsin(np.clip(y, -1, 1)) / np.pi + 0.5).astype(np.float32)
    swirl = cv2.remap(
        skin,
        lon * 511 + np.float32(14.0 * stage.clock),
        lat * 255,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )
    bands = 0.5 + 0.5 * np.sin(lat * 44 + 5.0 * (swirl - 0.5) + 2.2 * np.sin(lat * 13))
    colour = mix(mix(world[0], world[1], bands[..., None]), world[2], smooth(0.5, 0.95, swirl)[..., None])
    if named:
        colour = mix(colour, named[0], 0.6)
    sun = np.array((-0.62, -0.46, 0.63), np.float32)
    day = np.clip(dx * sun[0] + dy * sun[1] + z * sun[2], -0.1, 1)
    shade = 0.015 + 1.12 * smooth(-0.08, 0.9, day)
    colour = colour * shade[..., None]
    rim = np.exp(-z / 0.22) * smooth(0.0, 0.7, day) * 0.55
    colour = colour + rim[..., None] * np.array((0.55, 0.75, 1.0), np.float32)
    cover = np.clip((1 - np.sqrt(r2)) * radius + 0.5, 0, 1)[..., None]
    halo = (
        np.exp(-np.maximum(np.sqrt(r2) - 1, 0) / 0.035) * smooth(-0.2, 0.8, dx * sun[0] + dy * sun[1]) * 0.40
    )
    stage.canvas += (halo * (1 - cover[..., 0]))[..., None] * np.array((0.5, 0.72, 1.0), np.float32)
    stage.canvas[:] = mix(stage.canvas, colour, cover)


def _rings(stage: Stage, x: Plane, y: Plane, *, front: bool) -> None:
    distance = np.sqrt(x * x + (y / 0.26) ** 2)
    band = smooth(1.28, 1.36, distance) * smooth(2.12, 2.02, distance)
    line = 0.55 + 0.45 * np.sin(distance * 34) * np.sin(distance * 11 + 1)
    gap = 1 - 0.8 * np.exp(-(((distance - 1.80) / 0.03) ** 2))
    half = (y > 0) if front else (y <= 0)
    tone = np.array((0.86, 0.78, 0.64), np.float32)
    stage.canvas[:] = mix(
        stage.canvas, tone * (0.62 + 0.38 * line[..., None]), (0.62 * band * gap * line * half)[..., None]
    )
