"""Composition of an image, back to front: the entry points `paint` and `paint_moment`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from engine.images.arrays import Pixels, Plane
from engine.painting import post_processing
from engine.painting.backdrop import paint_studio
from engine.painting.landscape.city import paint_city, paint_promenade
from engine.painting.landscape.elevation import needs_ground
from engine.painting.landscape.terrain import paint_land
from engine.painting.landscape.trees import paint_near_plants, paint_trees
from engine.painting.landscape.villages import paint_village
from engine.painting.landscape.walls import paint_wall
from engine.painting.landscape.water import paint_water
from engine.painting.landscape.waterfalls import paint_waterfall
from engine.painting.palette import Palette, palette_for, time_of
from engine.painting.prompt.interpretation import GROUNDED, ParsedPrompt, parse_prompt
from engine.painting.prompt.lexicon import COLOURS
from engine.painting.random_streams import Streams
from engine.painting.sky.atmosphere import paint_sky
from engine.painting.sky.outer_space import paint_space
from engine.painting.sky.weather import paint_far_weather, paint_near_weather, paint_underwater
from engine.painting.stage import Frame, Stage
from engine.painting.subject_placement import paint_subjects

Progress = Callable[[float, Pixels | None], None]

VERSION = "1.0"

_HORIZONS = {
    "mountain": 0.60, "hills": 0.56, "lake": 0.54, "sea": 0.58, "desert": 0.58, "forest": 0.66, "city": 0.70,
    "studio": 0.78, "space": 0.62, "underwater": 0.6,
}  # fmt: skip
_PREVIEW = 256
_SMALLEST = 24


@dataclass(frozen=True)
class Moment:
    """One frame of a video; the one of a still by default."""

    clock: float = 0.0
    """Seconds since the video began: clouds, water, weather and figures move on with it."""
    slide: float = 0.0
    """How far the camera has moved to the right, in world units (a person is about one tall)."""
    palette: Palette | None = None
    """Replaces the palette, and the height of the sun, of the prompt."""
    subjects: bool = True
    """Whether the subjects are drawn; their places stay free otherwise."""
    grain: bool = True
    """Whether a trace of film grain hides the banding of soft skies; it would flicker in a video."""
    memory: dict[Any, Any] | None = field(default=None, compare=False, repr=False)
    """Cache shared by the frames of one video; see `Streams.cached`. The first frame must have an unmoved camera."""


STILL = Moment()


@dataclass(frozen=True)
class Picture:
    """A finished image: `pixels` uint8 H x W x 3 sRGB; `subject_mask` uint8 H x W, or None without a subject."""

    pixels: Pixels
    subject_mask: Pixels | None


class _ProgressReporter:
    """Reports non-decreasing progress, with a small preview of the canvas."""

    def __init__(self, progress: Progress | None) -> None:
        self.progress = progress
        self.last = 0.0

    def __call__(self, fraction: float, image: Plane | None = None) -> None:
        if self.progress is None:
            return
        self.last = max(self.last, fraction)
        self.progress(self.last, None if image is None else _preview(image))


def _preview(image: Plane) -> Pixels:
    h, w = image.shape[:2]
    scale = min(1.0, _PREVIEW / max(h, w))
    size = (max(1, round(w * scale)), max(1, round(h * scale)))
    small = cv2.resize(np.clip(image, 0, 1), size, interpolation=cv2.INTER_AREA)
    return np.asarray(small * 255 + 0.5, np.uint8)


def paint(
    prompt: str,
    *,
    negative_prompt: str = "",
    width: int,
    height: int,
    seed: int,
    quality: float = 1.0,
    guidance: float = 1.0,
    progress: Progress | None = None,
) -> Picture:
    """Paint `prompt` at exactly `width` x `height` pixels.

    `quality` is steps over the model's default, `guidance` likewise (held to 0..2); the same arguments give
    the same bytes. `progress` gets a non-decreasing fraction 0..1 and a small RGB preview or None.
    Raises ValueError for an image of less than one pixel.
    """
    if width < 1 or height < 1:
        raise ValueError(f"A picture needs at least one pixel, not {width} x {height}.")
    return paint_moment(
        parse_prompt(prompt, negative_prompt),
        STILL,
        width=width,
        height=height,
        seed=seed,
        quality=quality,
        guidance=guidance,
        progress=progress,
    )


def paint_moment(
    prompt: ParsedPrompt,
    moment: Moment,
    *,
    width: int,
    height: int,
    seed: int,
    quality: float = 1.0,
    guidance: float = 1.0,
    progress: Progress | None = None,
) -> Picture:
    """Paint one frame of a video, `width` x `height` pixels (both at least one); else as `paint`."""
    # A view of a few pixels has no slopes and no corners: paint it larger, then reduce it.
    grow = -(-_SMALLEST // min(width, height))
    picture = _paint(
        prompt, moment, (width * grow, height * grow), seed, quality, float(np.clip(guidance, 0, 2)), progress
    )
    return picture if grow == 1 else _reduced(picture, width, height)


def colours_of(prompt: ParsedPrompt, seed: int, guidance: float = 1.0) -> Palette:
    """The palette of its still; `Moment.palette` takes one interpolated between two of these."""
    streams = Streams(prompt.layout_key, seed)
    return palette_for(prompt, time_of(prompt, streams), float(np.clip(guidance, 0, 2)))


def _paint(
    prompt: ParsedPrompt,
    moment: Moment,
    size: tuple[int, int],
    seed: int,
    quality: float,
    guidance: float,
    progress: Progress | None,
) -> Picture:
    width, height = size
    streams = Streams(prompt.layout_key, seed, moment.memory)
    report = _ProgressReporter(progress)
    report(0.0)
    if prompt.scene == "abstract" and not prompt.subjects:
        image, mask = _abstract(prompt, moment, streams, (width, height), quality, guidance, report), None
    else:
        stage = _set_stage(prompt, moment, streams, (width, height), quality, guidance)
        image = _scene(stage, moment, quality, guidance, report)
        mask = None if stage.mask is None else (np.clip(stage.mask, 0, 1) * 255 + 0.5).astype(np.uint8)
    pixels = (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)
    report(1.0, image)
    return Picture(pixels, mask)


def _reduced(large: Picture, width: int, height: int) -> Picture:
    pixels = cv2.resize(large.pixels, (width, height), interpolation=cv2.INTER_AREA)
    mask = large.subject_mask
    if mask is not None:
        mask = cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA)
    return Picture(pixels, mask)


def octaves_of(quality: float) -> int:
    """Detail octaves 2..8 for a quality relative to the model's default steps."""
    return round(2 + 6 * min(1.0, max(0.0, quality)))


def _set_stage(
    prompt: ParsedPrompt,
    moment: Moment,
    streams: Streams,
    size: tuple[int, int],
    quality: float,
    guidance: float,
) -> Stage:
    width, height = size
    time = time_of(prompt, streams)
    palette = moment.palette or palette_for(prompt, time, guidance)
    # The horizon varies with the seed.
    lift = 0.0 if prompt.scene in ("studio", "space") else float(streams.rng("horizon").uniform(-1.0, 0.8))
    horizon = (_HORIZONS.get(prompt.scene, 0.58) + _reach(prompt) * lift) * height
    eye = _eye(prompt, streams)
    frame = Frame(width, height, horizon, 0.95 * math.sqrt(width * height), eye, moment.slide)
    sun_x = float(streams.rng("sun").uniform(0.2, 0.8)) * width
    sun_y = horizon * (1 - (palette.elevation * 0.86 + 0.02))
    canvas = np.zeros((height, width, 3), np.float32)
    depth = np.full((height, width), np.inf, np.float32)
    sun = (sun_x, sun_y)
    return Stage(
        prompt, time, palette, streams, frame, octaves_of(quality), sun, canvas, depth, clock=moment.clock
    )


def _reach(prompt: ParsedPrompt) -> float:
    """Maximum shift of the horizon, as a share of the height: large where little else can vary."""
    if prompt.scene == "sea":
        empty = 0.19 if "clear" in prompt.weather else 0.15
        return 0.05 if "cliff" in prompt.features else 0.07 if GROUNDED & set(prompt.subjects) else empty
    return 0.11 if prompt.scene == "desert" else 0.05


def _eye(prompt: ParsedPrompt, streams: Streams) -> float:
    """The camera's height: among the dunes or, without a subject in front, up on one of them."""
    if prompt.scene == "desert" and not prompt.subjects and "lunar" not in prompt.features:
        return float(streams.rng("eye").uniform(0.35, 1.25))
    return 0.5 if prompt.scene == "forest" else 0.35


def _scene(stage: Stage, moment: Moment, quality: float, guidance: float, report: _ProgressReporter) -> Plane:
    _backdrop(stage, report)
    paint_far_weather(stage)
    post_processing.pull_colours(stage, guidance)
    report(0.66, stage.canvas)
    if quality < 0.6:
        stage.canvas[:] = post_processing.brushwork(stage.streams, np.clip(stage.canvas, 0, 1), quality)
    if moment.subjects:
        paint_subjects(stage)
    report(0.78, stage.canvas)
    if quality < 0.6 and stage.mask is not None:
        # A finer brush for the subject: faces need more than a few strokes.
        stage.canvas[:] = post_processing.brushwork(stage.streams, np.clip(stage.canvas, 0, 1), quality, 0.35)
    paint_near_weather(stage, min(1.0, quality / 0.6))
    report(0.84, stage.canvas)
    image = post_processing.tone(stage.canvas, guidance, stage.dark)
    report(0.90, image)
    return _styled(stage.prompt, moment, stage.streams, image, quality, report)


def _backdrop(stage: Stage, report: _ProgressReporter) -> None:
    """Everything behind the subjects."""
    simple = {"studio": paint_studio, "space": paint_space, "underwater": paint_underwater}
    if stage.prompt.scene in simple:
        simple[stage.prompt.scene](stage)
        report(0.5, stage.canvas)
        return
    report(0.04)
    paint_sky(stage)
    report(0.18, stage.canvas)
    if stage.prompt.scene == "city":
        paint_city(stage)
        report(0.40, stage.canvas)
        paint_water(stage)
        if needs_ground(stage):
            paint_promenade(stage)
    else:
        ground = paint_land(stage)
        stage.ground["h"] = ground.h
        report(0.38, stage.canvas)
        if "fall" in stage.prompt.features:
            paint_waterfall(stage, ground)
        paint_trees(stage, ground)
        if "village" in stage.prompt.features:
            dry = ground.h > 0.01
            paint_village(
                stage, np.where(dry & (ground.view.cover > 0.9), ground.z, np.inf).astype(np.float32)
            )
        if "wall" in stage.prompt.features:
            paint_wall(stage, ground)
        report(0.48, stage.canvas)
        paint_water(stage)
        report(0.54, stage.canvas)
        paint_near_plants(stage, ground)
    report(0.60, stage.canvas)


def _styled(
    prompt: ParsedPrompt,
    moment: Moment,
    streams: Streams,
    image: Plane,
    quality: float,
    report: _ProgressReporter,
) -> Plane:
    # A neon city is painted with its own tubes and signs; drawing neon outlines over them would hide it.
    if not prompt.style or (prompt.style == "neon" and prompt.scene == "city"):
        return post_processing.grain(streams, image) if moment.grain else image
    from engine.painting.styles import STYLES, apply

    if prompt.style in STYLES:
        image = np.asarray(apply(prompt.style, image, streams=streams, quality=quality), np.float32)
    report(0.98, image)
    return image


def _abstract(
    prompt: ParsedPrompt,
    moment: Moment,
    streams: Streams,
    size: tuple[int, int],
    quality: float,
    guidance: float,
    report: _ProgressReporter,
) -> Plane:
    from engine.painting.abstract import paint_abstract

    colours = [COLOURS[c] for c, _ in prompt.colours if c in COLOURS]
    many = any(c in ("rainbow", "vivid") for c, _ in prompt.colours)
    report(0.1)
    # Its relief folds noise into noise, where leaving octaves out would move shapes: the brush alone simplifies.
    octaves = max(7, octaves_of(quality))
    image = paint_abstract(
        streams, *size, palette=colours or _own_palette(streams, many), octaves=octaves, clock=moment.clock
    )
    report(0.8, image)
    image = np.clip(post_processing.saturate(image, 0.86 + 0.14 * guidance), 0, 1)
    image = post_processing.brushwork(streams, image, quality, 0.55)
    report(0.9, image)
    return _styled(prompt, moment, streams, image, quality, report)


def _own_palette(streams: Streams, many: bool) -> list[tuple[float, float, float]]:
    """Colours for an abstract picture whose words name none: all hues, or four spread around a random one."""
    rng = streams.rng("palette")
    if many:
        ring = np.array([[[h, 0.78, 0.95] for h in (350, 30, 55, 140, 205, 280)]], np.float32)
        return [(float(r), float(g), float(b)) for r, g, b in cv2.cvtColor(ring, cv2.COLOR_HSV2RGB)[0]]
    # Neighbours on the colour circle from dark to light, and one opposite them to wake them up.
    start, step = float(rng.uniform(0, 360)), float(rng.choice((-1.0, 1.0)) * rng.uniform(16, 34))
    hues = [(start + turn) % 360 for turn in (0.0, step, 2 * step, 180 + step)]
    full = [float(rng.uniform(low, low + 0.2)) for low in (0.66, 0.58, 0.30, 0.58)]
    value = [float(rng.uniform(low, low + 0.15)) for low in (0.26, 0.58, 0.84, 0.80)]
    hsv = np.array([[h, s, v] for h, s, v in zip(hues, full, value, strict=True)], np.float32)[None]
    return [(float(r), float(g), float(b)) for r, g, b in cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0]]
