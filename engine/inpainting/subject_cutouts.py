"""Subjects of a prompt rendered as one cut-out group, and its largest position in a hole of any shape."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.images.arrays import Mask, Picture
from engine.inpainting.masks import box_of
from engine.painting.palette import palette_for
from engine.painting.post_processing import saturate
from engine.painting.prompt.interpretation import ParsedPrompt
from engine.painting.random_streams import Streams
from engine.painting.stage import Frame, Stage
from engine.painting.subject_placement import paint_subjects
from engine.painting.subjects import Light
from engine.painting.subjects.scene_sizes import SIZES

_BACKDROP = 0.5
_TRIAL = 192
"""Side of the trial group, in pixels."""
_LARGEST = 1600
_FIT_SIDE = 96
_LEAK = 0.015
"""Maximum share of a group outside the hole,"""
_CUT = 0.10
"""and of a portrait."""
_APART = 17.0
"""Mean difference in Lab from which on figures are distinguishable from the ground."""


@dataclass(frozen=True)
class Fit:
    """Position of a group: its height, and its left and top pixel in the image."""

    height: int
    left: int
    top: int


def stands_on_ground(prompt: ParsedPrompt) -> bool:
    """Whether the group stands on ground that receives its shadow."""
    return any(
        SIZES[name.partition(":")[0]][1] in ("ground", "far", "top") and not name.endswith(":face")
        for name in prompt.subjects
        if name.partition(":")[0] in SIZES
    )


def group(
    prompt: ParsedPrompt,
    streams: Streams,
    height: int,
    light: Light,
    *,
    dark: bool,
    guidance: float,
    shape: float,
) -> Picture:
    """The subjects as float32 h x w x 4 with straight alpha, cropped to their content, about `height` pixels high.

    `shape` is the aspect ratio (width over height) of the available space. Every size shows the same figures.
    """
    trial = _drawn(prompt, streams, _TRIAL, light, dark, shape)
    side = min(_LARGEST, math.ceil(_TRIAL * height / trial.shape[0]))
    drawn = _drawn(prompt, streams, side, light, dark, shape)
    drawn[..., :3] = np.clip(saturate(drawn[..., :3], 0.70 + 0.30 * guidance), 0, 1)
    return drawn


def outline(prompt: ParsedPrompt, streams: Streams, light: Light, shape: float) -> Picture:
    """The group at a small size, for `fit`."""
    return _drawn(prompt, streams, _TRIAL, light, False, shape)


def contrasting_light(light: Light, figures: Picture, ground: Picture) -> Light:
    """The light, made stronger or weaker where figures (h x w x 4) in it would not stand out from the ground."""
    covered = figures[..., 3] > 0.5
    if not covered.any() or ground.size == 0:
        return light
    ours, theirs = _mean_lab(figures[..., :3][covered]), _mean_lab(ground.reshape(-1, 3))
    if float(np.linalg.norm(ours - theirs)) > _APART:
        return light
    factor = 1.45 if theirs[0] < 55 else 0.68
    return Light(light.direction, *(_times(c, factor) for c in (light.sun, light.ambient, light.rim)))


def _mean_lab(colours: Picture) -> NDArray[np.float64]:
    lab = cv2.cvtColor(
        np.clip(np.ascontiguousarray(colours)[None], 0, 1).astype(np.float32), cv2.COLOR_RGB2Lab
    )
    return np.asarray(lab.reshape(-1, 3).mean(axis=0), np.float64)


def _times(rgb: tuple[float, float, float], factor: float) -> tuple[float, float, float]:
    r, g, b = (min(1.2, factor * c) for c in rgb)
    return r, g, b


def _drawn(
    prompt: ParsedPrompt, streams: Streams, side: int, light: Light, dark: bool, shape: float
) -> Picture:
    # In outer space a group floats in the middle and casts no shadow, as a cut-out requires.
    alone = replace(prompt, scene="space", features=frozenset(), weather=frozenset(), sky=frozenset())
    root = math.sqrt(float(np.clip(shape, 0.5, 2.0)))
    width, height = max(32, round(side * root)), max(32, round(side / root))
    time = "night" if dark else "day"
    frame = Frame(width, height, 0.6 * height, 0.95 * math.sqrt(width * height))
    canvas = np.full((height, width, 3), _BACKDROP, np.float32)
    depth = np.full((height, width), np.inf, np.float32)
    palette = palette_for(replace(alone, colours=()), time, 1.0)
    stage = Stage(alone, time, palette, streams, frame, 8, (width / 2, height / 3), canvas, depth)
    paint_subjects(stage, light)
    alpha = np.clip(stage.mask if stage.mask is not None else np.zeros((height, width)), 0, 1).astype(
        np.float32
    )
    colour = (stage.canvas - np.float32(_BACKDROP) * (1 - alpha[..., None])) / np.maximum(alpha, 0.05)[
        ..., None
    ]
    rgba = np.concatenate([np.clip(colour, 0, 1), alpha[..., None]], axis=-1).astype(np.float32)
    if not (alpha > 0.02).any():
        return rgba
    top, bottom, left, right = box_of(alpha > 0.02)
    return rgba[top:bottom, left:right]


def fit(alpha: Picture, hole: Mask, *, low: bool, cut: bool = False) -> Fit:
    """The largest place in the hole that holds the outline `alpha`; `low` keeps it at the bottom, else it is centred.

    With `cut` the hole may cut a little of it, as a frame cuts a portrait.
    Where the hole is too thin for it, the group is placed for the best overlap, and the mask cuts it.
    """
    top, bottom, left, right = box_of(hole)
    room = hole[top:bottom, left:right]
    scale = min(1.0, _FIT_SIDE / max(room.shape))
    size = (max(1, round(room.shape[1] * scale)), max(1, round(room.shape[0] * scale)))
    taken = 1 - cv2.resize(room.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    aspect = alpha.shape[1] / alpha.shape[0]
    tallest = 0.97 * min(size[1], size[0] / aspect)
    best = (math.inf, tallest, 0, 0)
    for share in np.linspace(1.0, 0.34, 23):
        tall = max(1, round(tallest * float(share)))
        shape = cv2.resize(
            alpha, (min(size[0], max(1, round(tall * aspect))), tall), interpolation=cv2.INTER_AREA
        )
        leak = cv2.matchTemplate(taken, shape, cv2.TM_CCORR) / max(float(shape.sum()), 1e-6)
        cost = leak + _away(leak.shape, low)
        row, column = np.unravel_index(int(np.argmin(cost)), cost.shape)
        # A smaller group must be worth it: it must leak clearly less.
        score = max(0.0, float(leak[row, column]) - (_CUT if cut else _LEAK)) + 0.15 * (1 - float(share))
        if score < best[0]:
            best = (score, float(tall), int(row), int(column))
    _, height, down, right = best
    return Fit(max(8, round(height / scale)), left + round(right / scale), top + round(down / scale))


def _away(shape: tuple[int, ...], low: bool) -> Picture:
    """A small cost for positions off the middle, and for standing figures above the ground."""
    rows = (
        np.linspace(0, 1, shape[0], dtype=np.float32)[:, None]
        if shape[0] > 1
        else np.ones((1, 1), np.float32)
    )
    columns = (
        np.linspace(-1, 1, shape[1], dtype=np.float32)[None] if shape[1] > 1 else np.zeros((1, 1), np.float32)
    )
    lift = (1 - rows) if low else np.abs(2 * rows - 1)
    return np.asarray(0.02 * lift + 0.02 * np.abs(columns), np.float32)
