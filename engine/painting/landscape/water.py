"""Water: reflections broken by waves, tint, and glitter under the sun."""

from __future__ import annotations

import math

import cv2
import numpy as np

from engine.images.arrays import Plane
from engine.painting.landscape.noise_tiles import Tile
from engine.painting.palette import tint_image
from engine.painting.prompt.lexicon import COLOURS
from engine.painting.stage import Stage, mix, smooth


def paint_water(stage: Stage) -> None:
    """Paint every wet pixel of the stage from the canvas above it."""
    if stage.wet is None or not (stage.wet > 0).any():
        return
    frame = stage.frame
    start = int(np.argmax((stage.wet > 0).any(axis=1)))
    land = stage.canvas[start:].copy()
    _extend_shores(stage, start)
    x, z = _plane(stage, start)
    wave, tilt = _waves(stage, x, z)
    image = _mirror(stage, start, wave)
    below = (frame.rows()[start:] - frame.horizon) / max(1.0, frame.height - frame.horizon)
    grazing = np.clip(1.0 - below, 0, 1) ** 1.5
    heavy = max(0.0, rough(stage) - 1.0)
    open_sea = 0.75 if stage.prompt.scene == "sea" else 0.35
    fresnel = np.clip(
        0.34 + 0.58 * grazing + (open_sea + 1.1 * heavy) * tilt + 0.35 * heavy * wave, 0.06, 0.97
    )[..., None]
    colour = mix(_water_colour(stage, wave, start), image, fresnel)
    colour = _glitter(stage, colour, wave, tilt, start)
    if "crest" in stage.ground:
        colour = _wave_crests(stage, colour, wave, start)
    colour = _foam(stage, colour, wave, tilt, start)
    stage.canvas[start:] = mix(land, colour, stage.wet[start:, :, None])


def _extend_shores(stage: Stage, start: int) -> None:
    """Continue the colour of every shore down over the wet pixels, so that no mirror finds the bed or the sky there."""
    assert stage.wet is not None
    row = np.arange(stage.frame.height - start, dtype=np.int32)[:, None]
    shore = np.maximum.accumulate(np.where(stage.wet[start:] < 0.02, row, 0), axis=0)
    stage.canvas[start:] = np.take_along_axis(stage.canvas[start:], shore[..., None], axis=0)


def rough(stage: Stage) -> float:
    """How high the waves go: 0.25 on a lake, 1 at sea, more in a storm."""
    calm = 0.30
    if stage.prompt.scene == "sea":
        calm = 0.95 * float(stage.streams.rng("breeze").uniform(0.75, 1.6))
    for name, factor in (("storm", 2.4), ("rain", 1.5), ("fog", 0.7), ("clear", 1.35)):
        if name in stage.prompt.weather:
            calm *= factor
    return calm


def _plane(stage: Stage, start: int) -> tuple[Plane, Plane]:
    """World x and z of the water under each pixel row from `start` down."""
    frame = stage.frame
    below = np.maximum(frame.rows()[start:] - frame.horizon, 0.35)
    z = np.float32(frame.focal * frame.eye) / below
    return (frame.columns() - frame.width / 2) / np.float32(frame.focal) * z + np.float32(frame.slide), z


def _waves(stage: Stage, x: Plane, z: Plane) -> tuple[Plane, Plane]:
    """Wave height and slope toward the viewer, each around 0; waves too far to be seen fade out."""
    tile = Tile.make(stage.streams.child("water"))
    pixel = z * z / np.float32(stage.frame.focal * stage.frame.eye)
    height = np.zeros(np.broadcast_shapes(x.shape, z.shape), np.float32)
    cell = 0.62 if stage.prompt.scene == "sea" else 0.40
    for k in range(max(2, min(6, stage.octaves - 1))):
        size = cell / 1.9**k
        weight = np.clip(size / pixel * 0.9 - 0.25, 0, 1)
        # Crests lie across the view: stretched sideways, short along it. Long waves run faster than short ones.
        run = np.float32(stage.clock * 0.55 * math.sqrt(size) * (1.0 + 0.35 * rough(stage)))
        away, aside = z + run, x * 0.42 + (0.35 * run if k % 2 else -0.2 * run)
        height += (tile.sample(f"wave/{k}", aside, away, size) - 0.5) * weight * np.float32(0.68**k)
    tilt = np.empty_like(height)
    tilt[1:] = height[1:] - height[:-1]
    tilt[0] = 0
    return height, tilt * np.clip(stage.frame.height / 512.0, 0.2, 4)


def _mirror(stage: Stage, start: int, wave: Plane) -> Plane:
    """The reflection in calm water, displaced by the waves."""
    assert stage.wet is not None
    frame = stage.frame
    h, w = frame.height, frame.width
    row = np.arange(h, dtype=np.float32)[start:, None]
    column = np.arange(w, dtype=np.float32)[None, :]
    # Without a land of its own (a city's quay) everything mirrors about one waterline.
    source = stage.ground.get(
        "mirror", np.broadcast_to(2 * frame.horizon - 1 - np.arange(h)[:, None], (h, w))
    )
    flat = np.ascontiguousarray(np.broadcast_to(column, (h - start, w)))
    found = np.abs(source[start:]).astype(np.float32)
    calm = cv2.remap(stage.canvas, flat, found, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    below = (row - frame.horizon) / (0.12 * h)
    shake = rough(stage) * h * wave
    down = (
        row
        - start
        + 0.034 * shake * np.clip(below, 0.05, 1)
        + 0.05 * rough(stage) * wave * (row - frame.horizon)
    )
    across = column + 0.022 * shake * np.clip(below, 0.0, 1)
    image = cv2.remap(
        calm,
        across.astype(np.float32),
        down.astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )
    if stage.sun_visible and stage.palette.elevation > 0.3:
        image = _without_disc(stage, image, start)
    return np.asarray(np.clip(image, 0, 1.2) * (0.93 + 0.10 * wave[..., None]), np.float32)


def _without_disc(stage: Stage, image: Plane, start: int) -> Plane:
    """Waves break the mirrored disc of a high sun or moon into the glitter; its ghost must not float there."""
    frame = stage.frame
    dx = (frame.columns() - stage.sun[0]) / frame.unit
    dy = (frame.rows()[start:] - (2 * frame.horizon - stage.sun[1])) / frame.unit
    ghost = np.exp(-(((dx * dx + dy * dy) / 0.075**2) ** 2))
    h, w = image.shape[:2]
    small = cv2.resize(np.minimum(image, 0.6), (max(2, w // 8), max(2, h // 8)), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), max(0.8, 0.02 * frame.unit))
    return mix(image, cv2.resize(soft, (w, h), interpolation=cv2.INTER_LINEAR), (0.9 * ghost)[..., None])


def _water_colour(stage: Stage, wave: Plane, start: int) -> Plane:
    """The water's own colour, lighter and greener where it is shallow and warm."""
    p = stage.palette
    deep = np.array((0.05, 0.20, 0.29), np.float32)
    if {"beach", "island", "palms"} & stage.prompt.features:
        deep = np.array((0.03, 0.44, 0.50), np.float32)
    light = 0.75 * np.array(p.ambient, np.float32) + 0.30 * np.array(p.light, np.float32)
    colour = np.broadcast_to(deep * light * 1.5, (*wave.shape, 3))
    colour = colour * (1 + (0.85 if stage.prompt.scene == "sea" else 0.55) * wave[..., None])
    for name in stage.prompt.colours_of("water")[:1]:
        if name in COLOURS:
            colour = tint_image(np.clip(colour + 0.06, 0, 1).astype(np.float32), name, 0.8)
    return np.asarray(colour, np.float32)


def _glitter(stage: Stage, colour: Plane, wave: Plane, tilt: Plane, start: int) -> Plane:
    """A path of light under the sun or moon, made of wave facets."""
    if not stage.sun_visible or stage.palette.elevation < -0.02:
        return colour
    frame = stage.frame
    below = (frame.rows()[start:] - frame.horizon) / frame.height
    reach = 0.018 + 0.20 * np.clip(below, 0, 1) + 0.05 * rough(stage)
    if stage.time == "night":
        reach = 1.6 * reach  # the eye is wide open: the moon's path reaches far to the sides
    aside = np.abs(frame.columns() - stage.sun[0]) / frame.height
    path = np.exp(-((aside / reach) ** 2)) * (0.35 + 0.65 * np.exp(-np.clip(below, 0, 1) * 2.2))
    facet = smooth(0.06, 0.34, wave + 0.5 * tilt + 0.10 * np.exp(-np.clip(below, 0, 1) * 30))
    strength = path * facet * (1 - 0.85 * np.clip(below / 0.42, 0, 1))
    strength = strength * (1.15 if stage.palette.elevation < 0.4 or stage.dark else 0.55)
    return colour + (strength * 0.85)[..., None] * np.array(stage.palette.sun, np.float32)


def _wave_crests(stage: Stage, colour: Plane, wave: Plane, start: int) -> Plane:
    """Light and foam on the flanks and crests of high waves."""
    crest, lit = stage.ground["crest"][start:], stage.ground["lit"][start:]
    p = stage.palette
    high = smooth(0.02, 0.26, crest)
    # Crests are thin: light comes through them, greener than the deep water.
    day = np.array(p.ambient, np.float32) + 0.6 * np.array(p.light, np.float32)
    glow = np.array((0.30, 0.52, 0.50), np.float32) * day
    colour = mix(colour * (0.55 + 0.75 * lit)[..., None], glow, (0.55 * high)[..., None])
    foam = smooth(0.17, 0.29, crest + 0.14 * wave) * smooth(-0.05, 0.25, wave)
    streaks = 0.30 * smooth(0.10, 0.34, wave) * high
    white = np.clip(np.array(p.ambient, np.float32) * 0.9 + np.array(p.light, np.float32) * 0.75, 0, 1)
    return mix(colour, white, np.clip(0.8 * foam + streaks, 0, 0.9)[..., None])


def _foam(stage: Stage, colour: Plane, wave: Plane, tilt: Plane, start: int) -> Plane:
    """White caps in heavy weather and a lace of foam along a beach or a cliff."""
    amount = np.zeros(wave.shape, np.float32)
    ground = stage.ground.get("h")
    # A cliff falls through the waterline between two slices: only flat shores have a lace to show.
    if ground is not None and {"beach", "island"} & stage.prompt.features:
        shallow = ground[start:]
        lace = smooth(-0.075, -0.004, shallow + 0.05 * wave) * smooth(
            -0.10, 0.12, wave + 0.9 * (shallow + 0.03)
        )
        line = np.exp(-(((shallow + 0.012 + 0.018 * wave) / 0.008) ** 2))
        amount += np.clip(0.55 * lace + 0.8 * line, 0, 0.9)
        clear = smooth(-0.16, 0.0, shallow)[..., None] * (0.45 if "beach" in stage.prompt.features else 0.0)
        light = np.array(stage.palette.ambient, np.float32) * 0.6 + 0.45 * np.array(
            stage.palette.light, np.float32
        )
        colour = mix(colour, np.array((0.50, 0.86, 0.80), np.float32) * light, clear)
    white = np.clip(
        np.array(stage.palette.ambient, np.float32) * 0.7 + np.array(stage.palette.light, np.float32) * 0.62,
        0,
        1,
    )
    return mix(colour, white, np.clip(amount, 0, 1)[..., None])
