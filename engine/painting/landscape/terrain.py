"""Terrain rendering: heights projected, lit, coloured and hazed into the canvas."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from engine.images.arrays import Plane
from engine.painting.landscape.elevation import has_water, height_of, slices_for, swell
from engine.painting.landscape.ground_colours import soil_colour
from engine.painting.landscape.noise_tiles import Tile
from engine.painting.landscape.perspective import Slices, View, project, reflection_rows
from engine.painting.noise import fbm, roll
from engine.painting.stage import Stage, mix, smooth


@dataclass(frozen=True)
class Ground:
    """The land at each pixel: world `x`, `z`, height `h`, upward normal `flat`, light and occlusion 0..1."""

    x: Plane
    z: Plane
    h: Plane
    flat: Plane
    lit: Plane
    open: Plane
    view: View


def paint_land(stage: Stage) -> Ground:
    """Paint the land over the sky and leave depth and wetness on the stage."""
    tile = Tile.make(stage.streams)
    slices = slices_for(stage.prompt.scene, stage.frame, stage.octaves)
    land = height_of(stage, tile, slices)
    surface = np.maximum(land, 0.0) if has_water(stage) else land
    heaving = stage.prompt.scene == "sea" and "storm" in stage.prompt.weather
    if heaving:
        surface = np.where(land < 0, swell(stage, tile, slices), land)
    view = project(stage.frame, slices, surface)
    ground = _visible_ground(stage, slices, land, surface, view)
    colour, bump = soil_colour(stage, tile, ground.x, ground.z, ground.h, ground.flat)
    shaded = _lit(stage, ground, colour, bump)
    shaded = _hazed(stage, ground, shaded)
    cover = view.cover[..., None]
    stage.canvas[:] = mix(stage.canvas, shaded, cover)
    _soften_rims(stage, view)
    if "volcano" in stage.prompt.features and "snowcap" not in stage.prompt.features:
        _eruption(stage, ground)
    stage.depth = np.where(view.cover > 0.5, ground.z, np.inf).astype(np.float32)
    if has_water(stage):
        stage.ground["mirror"] = reflection_rows(stage.frame, slices, land, surface)
        if heaving:
            stage.ground["crest"] = view.to_image(surface.astype(np.float32))
            stage.ground["lit"] = ground.lit
        wet = smooth(0.004, -0.004, ground.h) * (view.cover > 0.5)
        wet[stage.frame.rows()[:, 0] < stage.frame.horizon - 1] = 0
        stage.wet = wet.astype(np.float32)
    return ground


def _visible_ground(stage: Stage, s: Slices, land: Plane, surface: Plane, view: View) -> Ground:
    dx = s.z / np.float32(stage.frame.focal)
    slope_x = np.empty_like(surface)
    slope_x[:, 1:-1] = (surface[:, 2:] - surface[:, :-2]) / (2 * dx)
    slope_x[:, 0], slope_x[:, -1] = slope_x[:, 1], slope_x[:, -2]
    slope_z = np.gradient(surface, s.z[:, 0], axis=0).astype(np.float32)
    flat = 1.0 / np.sqrt(1.0 + slope_x * slope_x + slope_z * slope_z)
    lx, ly, lz = stage.toward_sun()
    lit = np.clip((ly - slope_x * lx + slope_z * lz) * flat, 0, 1) * _cast_shadow(s, surface, lx, ly)
    width = max(3, int(stage.frame.width * 0.06)) | 1
    hollow = cv2.blur(surface, (width, 9)) - surface
    opened = np.clip(1.0 - hollow * 1.3 / np.sqrt(s.z * 0.5 + 0.2), 0.35, 1.1)
    depth = np.broadcast_to(s.z, land.shape)
    first = view.to_image(np.dstack([land, depth, flat, lit]).astype(np.float32))
    z = np.maximum(first[..., 1], 1e-3)
    x = (stage.frame.columns() - stage.frame.width / 2) / np.float32(stage.frame.focal) * z
    x = x + np.float32(stage.frame.slide)
    h, up, light = first[..., 0], first[..., 2], first[..., 3]
    return Ground(x.astype(np.float32), z, h, up, light, view.to_image(opened.astype(np.float32)), view)


def _cast_shadow(s: Slices, surface: Plane, lx: float, ly: float) -> Plane:
    """Cast shadow along the picture, 0 dark..1 lit, by one running maximum per slice."""
    if abs(lx) < 0.08:
        return np.ones_like(surface)
    rise = np.float32(max(ly, 0.12) / abs(lx))
    reach = surface + rise * (s.x if lx < 0 else -s.x)
    ordered = reach if lx < 0 else reach[:, ::-1]
    over = np.maximum.accumulate(ordered, axis=1) - ordered
    over = over if lx < 0 else over[:, ::-1]
    soft = 0.02 + 0.02 * s.z
    return np.asarray(1.0 - 0.85 * np.clip(over / soft, 0, 1), np.float32)


def _lit(stage: Stage, ground: Ground, colour: Plane, bump: Plane) -> Plane:
    p = stage.palette
    # Sand under a moon is bright: it is what lights the night of a desert.
    moon = {"night": 1.7, "dusk": 1.35}.get(stage.time, 1.0) if stage.prompt.scene == "desert" else 1.0
    sky = np.array(p.ambient, np.float32) * (0.62 + 0.38 * ground.flat)[..., None] * ground.open[..., None]
    sun = (
        np.array(p.light, np.float32)
        * np.clip(ground.lit * (1 + 1.5 * bump) + 0.25 * bump, 0, 1.25)[..., None]
    )
    return np.asarray(colour * (1.05 * sky + 0.86 * sun) * np.float32(moon), np.float32)


def haze_at(stage: Stage, z: Plane) -> Plane:
    """Opacity of the haze at a distance, 0..0.94."""
    reach = 34.0
    for name, far in (("fog", 6.5), ("rain", 15.0), ("snow", 24.0), ("storm", 18.0)):
        if name in stage.prompt.weather:
            reach = min(reach, far)
    if "lunar" in stage.prompt.features:
        reach = 4000.0
    elif stage.prompt.scene == "sea":
        reach *= 1.6
    elif stage.prompt.scene == "desert":
        reach *= 1.25
    return np.asarray(0.94 * (1.0 - np.exp(-((z / reach) ** 1.25))), np.float32)


def haze_colour(stage: Stage) -> Plane:
    """The colour of far air, 1 x W x 3: the sky just over the horizon, calmer than the sky itself."""
    row = int(np.clip(stage.frame.horizon - 0.03 * stage.frame.height, 0, stage.frame.height - 1))
    line = cv2.GaussianBlur(stage.canvas[row : row + 1], (0, 0), max(1.0, stage.frame.width * 0.04))
    return mix(np.clip(line, 0, 1), stage.palette.haze, 0.55)


def _hazed(stage: Stage, ground: Ground, colour: Plane) -> Plane:
    air = haze_at(stage, ground.z)
    # Air is thicker in the valleys: peaks stand clear of it.
    air = air * np.clip(1.12 - 0.16 * np.maximum(ground.h, 0), 0.55, 1)
    return mix(colour, haze_colour(stage), air[..., None])


def _soften_rims(stage: Stage, view: View) -> None:
    """Anti-alias the rims of nearer ridges, which the projection leaves as steps."""
    soft = cv2.blur(stage.canvas, (3, 3))
    rim = cv2.dilate(view.crest.astype(np.float32), np.ones((2, 1), np.uint8))
    stage.canvas[:] = mix(stage.canvas, soft, (rim * 0.75)[..., None])


def _eruption(stage: Stage, ground: Ground) -> None:
    """Embers in the crater of a volcano and a plume of smoke lit from below."""
    frame = stage.frame
    row, home, away = stage.streams.cached(("crater", ground.z.shape), lambda: _crater(ground))
    column = home + frame.drift(away)
    dx, dy = (frame.columns() - column) / frame.height, (frame.rows() - row) / frame.height
    h, w = frame.height, frame.width
    billow = roll(fbm(stage.streams, "plume", h, w, cells=7, octaves=6, gain=0.55), 0.0, -0.05 * stage.clock)
    bend = 0.35 * (fbm(stage.streams, "plume bend", h, w, cells=2, octaves=2) - 0.5)
    up = np.clip(-dy, 0, 1)
    width = 0.020 + 0.34 * up
    smoke = (
        np.exp(-(((dx - bend * up) / width) ** 2))
        * smooth(0.0, 0.02, -dy)
        * smooth(0.30, 0.62, billow + 0.18 - 0.25 * up)
    )
    tone = mix(
        np.array(stage.palette.cloud_dark, np.float32) * 0.8,
        stage.palette.cloud_lit,
        np.clip(billow, 0, 1)[..., None] * 0.6,
    )
    fire = np.exp(-up / 0.07)[..., None]
    stage.canvas[:] = mix(stage.canvas, mix(tone, (1.0, 0.42, 0.12), 0.75 * fire), (0.85 * smoke)[..., None])
    glow = np.exp(-np.sqrt(dx * dx + dy * dy) / 0.05) * (1.0 if stage.dark else 0.55)
    stage.canvas += glow[..., None] * np.array((1.1, 0.38, 0.08), np.float32)
    lava = (
        np.exp(-(((dx - 0.35 * bend * np.clip(dy, 0, 1)) / 0.010) ** 2))
        * smooth(0.30, 0.02, dy)
        * smooth(-0.005, 0.01, dy)
    )
    seen = (np.abs(ground.z - away) < 6) * lava
    stage.canvas[:] = mix(stage.canvas, (1.25, 0.42, 0.10), (0.9 * seen)[..., None])


def _crater(ground: Ground) -> tuple[int, int, float]:
    """Pixel row, column and distance of a volcano's summit."""
    tall = np.where((ground.z > 15) & (ground.z < 30) & (ground.view.cover > 0.5), ground.h, -1)
    row, column = np.unravel_index(int(np.argmax(tall)), tall.shape)
    return int(row), int(column), float(ground.z[row, column])
