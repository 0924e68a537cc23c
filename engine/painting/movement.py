"""Motion in videos: wind aloft, figures that breathe and bob, lamps that turn, leaves that fall.

Everything here is a smooth function of the video's clock, in seconds, and zero at 0: a still shows none of it.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from engine.images.arrays import Plane
from engine.painting.stage import Stage, mix
from engine.painting.subjects import Figure

_RIGID = frozenset({"house", "castle", "lighthouse", "snowman", "apple", "pumpkin", "mushroom", "cactus"})
_SPEEDS = {"car": 0.10, "train": 0.12, "airplane": 0.16, "fish": 0.12, "horse": 0.02, "boat": 0.035, "sailboat": 0.05,
          "duck": 0.05, "whale": 0.05, "turtle": 0.01}  # fmt: skip
"""Forward speed of some subjects, in their own lengths per second."""
_PAD = 0.08


def wind_of(stage: Stage) -> tuple[float, float]:
    """Displacement of the clouds by the wind, across and toward the viewer, in cells of the cloud map."""
    if stage.clock == 0.0:
        return 0.0, 0.0
    speed = 16.0 * (1.7 if "storm" in stage.prompt.weather else 1.0)
    side = 1.0 if stage.streams.rng("wind aloft").random() < 0.5 else -1.0
    return side * speed * stage.clock, 0.45 * speed * stage.clock


def pose(stage: Stage, name: str, where: str, facing: int, figure: Figure) -> tuple[Figure, float, float]:
    """The figure in its current pose, and the shift of its base right and down, in pixels."""
    plain = name.partition(":")[0]
    if stage.clock == 0.0:
        return figure, 0.0, 0.0
    wide, tall = figure.rgba.shape[1], figure.rgba.shape[0]
    right = facing * _SPEEDS.get(plain, 0.0) * wide * stage.clock
    if plain in _RIGID:
        return figure, right, 0.0
    rng = stage.streams.rng("idle " + name)
    one, two = (math.sin(stage.clock * float(rng.uniform(low, low + 0.8))) for low in (2.2, 1.5))
    turn, lean, stretch, down = 0.0, 0.0, 0.0, 0.0
    if where == "water":
        turn, down = 2.2 * two, 0.020 * tall * one
    elif where == "air" or stage.prompt.scene in ("space", "underwater"):
        turn, down, right = 3.0 * two, 0.045 * tall * one, right + 0.02 * tall * two
    elif plain in ("car", "train"):
        down = 0.004 * tall * math.sin(stage.clock * 19)
    elif stage.prompt.riding:
        down = -0.02 * tall * abs(math.sin(stage.clock * 4.4))
    else:
        lean, stretch = 0.022 * two, 0.010 * one
    return _transformed(figure, turn, lean, stretch), right, down


def _transformed(figure: Figure, turn: float, lean: float, stretch: float) -> Figure:
    """The figure turned by degrees about its base, leaning by a share of its height, stretched upward by a share."""
    if turn == lean == stretch == 0.0:
        return figure
    h, w = figure.rgba.shape[:2]
    pad = math.ceil(_PAD * max(h, w))
    x, y = figure.base
    angle = math.radians(turn)
    cos, sin, up = math.cos(angle), math.sin(angle), 1.0 + stretch
    # Column and row from the base: first stretch and lean, then turn.
    a = np.array([[cos, -sin], [sin, cos]]) @ np.array([[1.0, -lean], [0.0, up]])
    to = np.array([x + pad, y + pad]) - a @ np.array([x, y])
    matrix = np.column_stack([a, to]).astype(np.float32)
    cover = figure.rgba[..., 3:]
    flat = np.concatenate([figure.rgba[..., :3] * cover, cover], axis=-1)
    moved = cv2.warpAffine(flat, matrix, (w + 2 * pad, h + 2 * pad), flags=cv2.INTER_LINEAR)
    moved[..., :3] /= np.maximum(moved[..., 3:], 1e-4)
    lit = figure.emissive
    if lit is not None:
        lit = np.asarray(cv2.warpAffine(lit, matrix, (w + 2 * pad, h + 2 * pad)), np.float32)
    seat = figure.seat
    if seat is not None:
        sx, sy = a @ np.array(seat) + to
        seat = (float(sx), float(sy))
    return Figure(np.asarray(moved, np.float32), (x + pad, y + pad), seat, lit)


def sway_margin(stage: Stage, height: int) -> int:
    """Margin in pixels that a plant of this height needs at each side to sway in the wind; 0 in a still."""
    return 0 if stage.clock == 0.0 or height < 24 else math.ceil(0.016 * height) + 1


def sway(stage: Stage, plate: Plane, x: float, z: float, part: float) -> Plane:
    """A plant's plate bent by the wind, more at its top, with margins at both sides; small ones stand still.

    `part` is the sub-pixel offset of its position to the right, so that it glides past without jumping.
    """
    h, w = plate.shape[:2]
    room = sway_margin(stage, h)
    if room == 0:
        return plate
    lean = 0.012 * math.sin(1.9 * stage.clock + 0.011 * x + 1.7 * z) + 0.004 * math.sin(3.7 * stage.clock + x)
    matrix = np.array([[1.0, -lean, lean * h + part + room], [0.0, 1.0, 0.0]], np.float32)
    return cv2.warpAffine(plate, matrix, (w + 2 * room, h), flags=cv2.INTER_LINEAR)


def falling_position(y: float, speed: float, clock: float) -> float:
    """Current position of something falling from `y`, in image heights; it re-enters at the top."""
    return y if clock == 0.0 else (y + speed * clock + 0.1) % 1.15 - 0.1


def flash(stage: Stage) -> float:
    """Current brightness of the lightning, 0..1; 1 in a still."""
    if stage.clock == 0.0:
        return 1.0
    first = 0.25 + 0.3 * float(stage.streams.rng("flash").random())
    since = [stage.clock - first, stage.clock - first - 0.95]
    return max((math.exp(-s / 0.16) for s in since if s >= 0), default=0.0)


def paint_falling(stage: Stage) -> None:
    """Petals of blossoming trees, leaves of autumn ones, on their way down; in videos only."""
    kind = next((f for f in ("blossom", "autumn") if f in stage.prompt.features), None)
    if stage.clock == 0.0 or kind is None or stage.prompt.weather & {"storm", "rain"}:
        return
    tones = _TONES[kind]
    h, w = stage.frame.height, stage.frame.width
    light = np.clip(np.array(stage.palette.ambient) * 0.6 + np.array(stage.palette.light) * 0.55, 0, 1.1)
    for k, (count, size, speed) in enumerate(((54, 0.006, 0.10), (26, 0.010, 0.15), (8, 0.018, 0.24))):
        sheet = np.zeros((h, w, 4), np.float32)
        for n, (x, y, turn, pick) in enumerate(stage.streams.rng(f"falling {k}").random((count, 4))):
            phase = 6.28 * turn
            aside = 0.045 * math.sin(1.9 * stage.clock + phase) + 0.05 * stage.clock
            u, v = (x + aside + 0.1) % 1.2 - 0.1, falling_position(y, speed * (0.7 + 0.6 * pick), stage.clock)
            # A leaf tumbles: its breadth comes and goes.
            flat = 0.25 + 0.55 * abs(math.sin(2.6 * stage.clock + phase * 2))
            axes = (max(8, round(size * h * 16)), max(6, round(size * h * 16 * flat)))
            tone = np.array(tones[(n + k) % len(tones)]) * light
            centre = (round(u * w * 16), round(v * h * 16))
            spin = 57.3 * (phase + 1.3 * stage.clock)
            cv2.ellipse(sheet, centre, axes, spin, 0, 360, (*tone.tolist(), 1.0), -1, cv2.LINE_8, 4)
        sheet = cv2.GaussianBlur(sheet, (0, 0), max(0.5, size * h * (0.10 if k < 2 else 0.35)))
        cover = sheet[..., 3:]
        stage.canvas[:] = mix(stage.canvas, sheet[..., :3] / np.maximum(cover, 1e-3), 0.92 * cover)


_TONES: dict[str, tuple[tuple[float, float, float], ...]] = {
    "blossom": ((1.0, 0.80, 0.87), (1.0, 0.90, 0.94), (0.96, 0.70, 0.80)),
    "autumn": ((0.93, 0.45, 0.12), (0.98, 0.72, 0.20), (0.78, 0.24, 0.08)),
}
