"""A city across the water: layers of towers with windows, lamps on the embankment."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from engine.images.arrays import Plane
from engine.painting.landscape.terrain import haze_colour
from engine.painting.landscape.trees import SpriteSet
from engine.painting.noise import fbm
from engine.painting.prompt.lexicon import COLOURS
from engine.painting.stage import Stage, mix

_NEON = ((1.0, 0.16, 0.62), (0.10, 0.90, 1.0), (0.58, 0.28, 1.0), (1.0, 0.55, 0.15), (0.25, 1.0, 0.55))
_WARM = ((1.0, 0.82, 0.50), (1.0, 0.90, 0.68), (1.0, 0.70, 0.36), (0.82, 0.90, 1.0))


@dataclass(frozen=True)
class _Tower:
    """A box in shares of the picture: left edge, width, height over the base; and its own look."""

    x: float
    width: float
    height: float
    wall: tuple[float, float, float]
    glass: bool
    number: int


def paint_city(stage: Stage) -> None:
    """Paint the skyline over the sky; everything below the quay becomes water."""
    frame = stage.frame
    base = int(frame.horizon)
    air = haze_colour(stage)[0]
    for layer in range(4):
        for tower in _row_of_towers(stage, layer):
            _paint_tower(stage, tower, layer, base, air)
    _quay(stage, base)
    stage.depth[:base] = np.where(np.isfinite(stage.depth[:base]), stage.depth[:base], np.inf)
    stage.wet = np.zeros((frame.height, frame.width), np.float32)
    stage.wet[base:] = 1.0


def _row_of_towers(stage: Stage, layer: int) -> list[_Tower]:
    rng = stage.streams.rng(f"towers {layer}")
    walls = (
        (0.42, 0.44, 0.48),
        (0.55, 0.50, 0.45),
        (0.36, 0.40, 0.47),
        (0.60, 0.58, 0.55),
        (0.46, 0.36, 0.32),
    )
    aspect = stage.frame.height / stage.frame.width
    towers, x, number = [], -0.06, 0
    centre = float(rng.uniform(0.3, 0.7))
    while x < 1.05:
        width = float(rng.uniform(0.045, 0.095)) * (0.8 + 0.22 * layer) * min(1.0, 0.4 + 0.6 * aspect)
        tall = (0.25 - 0.045 * layer) + (0.31 - 0.040 * layer) * float(rng.random()) ** 2.2
        tall *= 0.72 + 0.5 * float(np.exp(-(((x - centre) / 0.26) ** 2)))
        towers.append(
            _Tower(x, width, tall, walls[int(rng.integers(len(walls)))], bool(rng.random() < 0.5), number)
        )
        x += width * float(rng.uniform(0.62, 1.25)) + (0.02 if layer == 3 and rng.random() < 0.4 else 0.0)
        number += 1
    return towers


def _paint_tower(stage: Stage, tower: _Tower, layer: int, base: int, air: Plane) -> None:
    """One tower: two faces, window grid, steps and a mast."""
    frame = stage.frame
    rng = stage.streams.rng(f"tower {layer} {tower.number}")
    # Towers farther back move less past the camera.
    drift = frame.drift((30.0, 20.0, 13.0, 9.0)[layer])
    left, right = tower.x * frame.width + drift, (tower.x + tower.width) * frame.width + drift
    top = base - tower.height * frame.height
    haze = (0.70, 0.48, 0.25, 0.06)[layer] * (0.6 if stage.time == "night" else 1.0)
    if "fog" in stage.prompt.weather:
        haze = min(0.93, haze + 0.32)
    shape = int(rng.integers(5))
    boxes = [(left, right, top)]
    for _ in range(max(0, shape - 2)):
        # Setbacks: each step is narrower and stands on the one below.
        inset, rise = (right - left) * float(rng.uniform(0.12, 0.20)), tower.height * frame.height * 0.09
        last = boxes[0]
        boxes.insert(0, (last[0] + inset, last[1] - inset, last[2] - rise))
    for box in boxes:
        _box(stage, tower, rng, box, base, haze, air, layer)
    if _is_neon(stage) and layer >= 1:
        _sign(stage, rng, (round(left), round(right), round(top)), base, haze)
    if shape in (1, 3):
        middle, mast = round((left + right) / 2), round(frame.height * float(rng.uniform(0.03, 0.08)))
        tip = round(boxes[0][2])
        if 0 <= middle < frame.width:
            thick = max(1, round(frame.height * 0.003))
            dark = mix(np.array(stage.palette.ambient, np.float32) * 0.5, air[middle], haze)
            stage.canvas[max(0, tip - mast) : max(0, tip), middle : middle + thick] = dark
            if stage.dark and tip - mast > 0:
                stage.canvas[tip - mast : tip - mast + thick, middle : middle + thick] = (1.4, 0.25, 0.2)


def _is_neon(stage: Stage) -> bool:
    return stage.dark and ("neon" in stage.prompt.features or stage.prompt.style == "neon")


def _sign(stage: Stage, rng: np.random.Generator, box: tuple[int, int, int], base: int, haze: float) -> None:
    """Neon on a tower: a tube along an edge or the roof, or a board with bars of light."""
    left, right, top = box
    frame = stage.frame
    hue = np.array(_NEON[int(rng.integers(len(_NEON)))], np.float32) * np.float32(1.25 * (1 - 0.7 * haze))
    thick = max(1, round(0.004 * frame.height))
    kind, at, reach = int(rng.integers(3)), float(rng.uniform(0.1, 0.7)), float(rng.uniform(0.3, 0.8))
    end = int(top + (base - top) * reach)
    top = max(0, top)
    if kind == 0:
        column = min(max(left if at < 0.4 else right - thick, 0), frame.width - 1)
        stage.canvas[top:end, column : column + thick] = hue
    elif kind == 1:
        stage.canvas[top : top + thick, max(0, left) : max(0, right)] = hue
    else:
        wide = max(2, round((right - left) * 0.26))
        x0 = max(0, left + round((right - left) * at))
        rows = np.arange(top, max(top, end - (end - top) // 3))
        bars = rng.random(24)[((rows - top) * 24 // max(1, len(rows)))] > 0.28
        stage.canvas[rows[bars], x0 : x0 + wide] = hue


def _box(
    stage: Stage,
    tower: _Tower,
    rng: np.random.Generator,
    box: tuple[float, float, float],
    base: int,
    haze: float,
    air: Plane,
    layer: int,
) -> None:
    """One block of a tower: `box` is its left, right and top in pixels, unrounded."""
    frame = stage.frame
    x0, x1 = max(0, round(box[0])), min(frame.width, round(box[1]))
    y0 = max(0, round(box[2]))
    if x1 - x0 < 1 or base - y0 < 1:
        return
    h = frame.height
    v = (np.arange(y0, base, dtype=np.float32)[:, None] - box[2]) / h
    u = (np.arange(x0, x1, dtype=np.float32)[None, :] - box[0]) / h
    wide = (box[1] - box[0]) / h
    face = _facade(stage, tower, u, v, wide, layer)
    lamps, size = _windows(stage, rng, u, v, wide, tower, layer)
    glow = lamps * (0.95 if stage.dark else 0.62 if stage.time in ("sunset", "dawn") else 0.0)
    pane = size[..., None] * (0.42 if not stage.dark else 0.6)
    face = mix(face, face * 0.45 + 0.30 * np.array(stage.palette.middle, np.float32), pane)
    # The air is thickest over the water.
    low = np.exp(-(base - np.arange(y0, base, dtype=np.float32)[:, None, None]) / (0.13 * h))
    veil = haze + (0.85 - haze) * 0.45 * low * (0.4 + 0.6 * haze)
    face = mix(face, air[x0:x1], veil)
    stage.canvas[y0:base, x0:x1] = face + glow * (1 - 0.62 * veil)


def _facade(stage: Stage, tower: _Tower, u: Plane, v: Plane, wide: float, layer: int) -> Plane:
    """The wall: a lit face and a shaded one, brighter toward the top, mirroring the sky when of glass."""
    p = stage.palette
    lx = stage.toward_sun()[0]
    corner = wide * (0.70 if lx < 0 else 0.30)
    front = (u < corner) if lx < 0 else (u >= corner)
    lit = np.where(front, 0.78, 0.24) * np.ones_like(v)
    wall = np.array(tower.wall, np.float32)
    for name in stage.prompt.colours_of("city")[:1]:
        wall = np.array(COLOURS.get(name, tower.wall), np.float32)
    light = np.array(p.ambient, np.float32) * 0.95 + np.array(p.light, np.float32) * lit[..., None] * 0.8
    colour: Plane = wall * light
    if tower.glass:
        sky = mix(p.low, p.middle, np.clip(1 - v * 2.2, 0, 1)[..., None])
        colour = mix(colour, sky * (0.55 + 0.5 * lit[..., None]), 0.50)
    return np.asarray(colour * (1 - 0.25 * np.clip(v * 1.6, 0, 1))[..., None], np.float32)


def _windows(
    stage: Stage, rng: np.random.Generator, u: Plane, v: Plane, wide: float, tower: _Tower, layer: int
) -> tuple[Plane, Plane]:
    """Light of the lit windows (h x w x 3) and where window glass is (0..1)."""
    cell = 0.0105 + 0.0028 * layer
    columns = max(2, round(wide / cell))
    step_u, step_v = wide / columns, cell * float(rng.uniform(1.05, 1.5))
    rows = int(0.9 / step_v) + 2
    on = rng.random((rows, columns)) < float(rng.uniform(0.18, 0.55)) * (
        1.0 if stage.time == "night" else 0.6
    )
    # Whole floors and stairwells are often lit together.
    on |= (rng.random((rows, 1)) < 0.05) | (rng.random((1, columns)) < 0.04)
    neon = "neon" in stage.prompt.features or stage.prompt.style == "neon"
    hues = _NEON if neon and rng.random() < 0.75 else _WARM
    hue = np.array(hues, np.float32)[
        rng.integers(0, len(hues)) if neon else rng.integers(0, len(hues), (rows, columns))
    ]
    strength = rng.uniform(0.35, 1.15, (rows, columns)).astype(np.float32) * on
    grid = np.broadcast_to(hue, (rows, columns, 3)) * strength[..., None]
    i = np.clip(((v - 0.012) / step_v).astype(np.int32), 0, rows - 1)
    j = np.clip((u / step_u).astype(np.int32), 0, columns - 1)
    fu, fv = u / step_u - np.floor(u / step_u), (v - 0.012) / step_v - np.floor((v - 0.012) / step_v)
    pixel_u, pixel_v = 1 / stage.frame.height / step_u, 1 / stage.frame.height / step_v
    inside_u = np.clip(np.minimum(fu - 0.20, 0.82 - fu) / pixel_u + 0.5, 0, 1)
    inside_v = np.clip(np.minimum(fv - 0.24, 0.78 - fv) / pixel_v + 0.5, 0, 1)
    glass = (inside_u * inside_v * (v > 0.012)).astype(np.float32)
    return grid[i, j] * glass[..., None], glass


def _quay(stage: Stage, base: int) -> None:
    """A dark embankment with trees of light along the waterline."""
    frame = stage.frame
    thick = max(2, round(0.014 * frame.height))
    dark = np.array(stage.palette.ambient, np.float32) * 0.45
    _avenue(stage, base - thick)
    stage.canvas[base - thick : base] = dark
    if not stage.dark:
        return
    rng = stage.streams.rng("lamps")
    light = np.zeros((frame.height, frame.width), np.float32)
    for x in np.arange(0.02, 1.0, 0.045):
        column = int((x + float(rng.uniform(-0.006, 0.006))) * frame.width + frame.drift(7.0))
        cv2.circle(light, (column, base - thick), max(1, round(0.0035 * frame.height)), 1.0, -1, cv2.LINE_8)
    light = cv2.GaussianBlur(light, (0, 0), max(0.5, 0.0025 * frame.height)) * 1.6
    stage.canvas += light[..., None] * np.array((1.0, 0.78, 0.46), np.float32)


def _avenue(stage: Stage, base: int) -> None:
    """A row of trees along the quay."""
    rng, frame = stage.streams.rng("avenue"), stage.frame
    sprites = SpriteSet(stage, ("leafy", "bush"), 2)
    x = float(rng.uniform(0, 0.03))
    while x < 1.02:
        height = frame.height * float(rng.uniform(0.030, 0.062))
        sprites.set(x * frame.width + frame.drift(7.0), base + 0.006 * frame.height, height, 7.0, rng)
        x += (
            float(rng.uniform(0.014, 0.050))
            * (1.0 if rng.random() < 0.86 else 3.5)
            * frame.height
            / frame.width
        )


def paint_promenade(stage: Stage) -> None:
    """Paving in front of the water for subjects to stand on, in perspective, with a low wall."""
    frame, p = stage.frame, stage.palette
    top = int(frame.horizon + 0.36 * (frame.height - frame.horizon))
    rows = frame.rows()[top:]
    z = np.float32(frame.focal * frame.eye) / np.maximum(rows - frame.horizon, 1.0)
    x = (frame.columns() - frame.width / 2) / np.float32(frame.focal) * z + np.float32(frame.slide)
    pixel = z / np.float32(frame.focal)
    joint_x = np.clip(0.006 / pixel - np.abs(np.mod(x / 0.16 + 0.5, 1) - 0.5) * 0.16 / pixel, 0, 1)
    joint_z = np.clip(0.5 - np.abs(np.mod(z / 0.16 + 0.5, 1) - 0.5) * 0.16 / (pixel * z * 4), 0, 1)
    stone = 0.36 + 0.10 * fbm(
        stage.streams, "paving", frame.height - top, frame.width, cells=9, octaves=5, gain=0.6
    )
    light = np.array(p.ambient, np.float32) * 1.0 + np.array(p.light, np.float32) * 0.6
    paving = (stone * (1 - 0.35 * np.maximum(joint_x, joint_z)))[..., None] * light
    # Damp stone keeps a little of what stands behind it.
    mirror = stage.canvas[top - 1 : 2 * top - frame.height - 1 : -1] if 2 * top > frame.height + 1 else None
    if mirror is not None and mirror.shape[0] == paving.shape[0]:
        wet = 0.30 if stage.prompt.weather & {"rain", "storm"} or stage.dark else 0.08
        paving = mix(paving, cv2.GaussianBlur(mirror, (0, 0), max(0.5, 0.006 * frame.height)), wet)
    stage.canvas[top:] = paving
    stage.depth[top:] = z
    wall = max(2, round(0.030 * frame.height))
    stage.canvas[top - wall : top] = np.array((0.42, 0.41, 0.40), np.float32) * light
    stage.canvas[top - wall : top - wall + max(1, wall // 4)] *= 1.35
    if stage.wet is not None:
        stage.wet[top - wall :] = 0
