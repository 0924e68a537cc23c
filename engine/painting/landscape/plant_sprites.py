"""Plant sprites: tone, light and wood drawn once without colour and placed many times."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.painting.random_streams import Streams

_LEAVES = 54  # dabs of a clump
SIDE = 640  # sprites are drawn at this height, with two drawn pixels for each

Plate: TypeAlias = NDArray[
    np.float32
]  # tone (dark to light leaf), lit 0..1, wood 0..1, cover 0..1; premultiplied by cover

Line: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Sprite:
    """A plant in several sizes, largest first, each cut to the columns `left`..`right` (shares of its height)."""

    plates: tuple[Plate, ...]
    left: float
    right: float

    def plate_for(self, height: float) -> Plate:
        """The smallest plate that need not be enlarged."""
        fitting = [p for p in self.plates if p.shape[0] >= height]
        return fitting[-1] if fitting else self.plates[0]


@dataclass
class _SpriteCanvas:
    """A drawing surface in tree units: x -0.5..0.5 (0 is the stem), y 0 (root) .. 1 (top)."""

    image: NDArray[np.uint8]
    rng: np.random.Generator

    def line(
        self, a: tuple[float, float], b: tuple[float, float], width: float, ink: tuple[float, float, float]
    ) -> None:
        """A stroke `width` units thick; `ink` is tone, light and wood."""
        n = self.image.shape[0]
        start = int((a[0] + 0.5) * n), int((0.985 - 0.97 * a[1]) * n)
        end = int((b[0] + 0.5) * n), int((0.985 - 0.97 * b[1]) * n)
        cv2.line(self.image, start, end, _ink(*ink), max(1, int(width * n + 0.5)))

    def dab(
        self, x: float, y: float, rx: float, ry: float, angle: float, ink: tuple[float, float, float]
    ) -> None:
        """A filled ellipse, `angle` in degrees."""
        n = self.image.shape[0]
        centre = int((x + 0.5) * n), int((0.985 - 0.97 * y) * n)
        axes = max(1, int(rx * n + 0.5)), max(1, int(ry * n + 0.5))
        cv2.ellipse(self.image, centre, axes, angle, 0, 360, _ink(*ink), -1)

    def leaves(self, x: Line, y: Line, rx: float, ry: Line, angle: Line, ink: tuple[Line, Line]) -> None:
        """Many dabs at once, of one width and without wood: colours and axes are computed for all of them together."""
        n = self.image.shape[0]
        columns, rows = ((x + 0.5) * n).astype(int).tolist(), ((0.985 - 0.97 * y) * n).astype(int).tolist()
        wide, high = max(1, int(rx * n + 0.5)), np.maximum(1, (ry * n + 0.5).astype(int)).tolist()
        tone, lit = ((np.clip(one, 0.0, 1.0) * 255).tolist() for one in ink)
        for cx, cy, tall, turned, *colour in zip(columns, rows, high, angle.tolist(), tone, lit, strict=True):
            cv2.ellipse(self.image, (cx, cy), (wide, tall), turned, 0, 360, (*colour, 0.0, 255.0), -1)


def _ink(tone: float, lit: float, wood: float) -> tuple[float, float, float, float]:
    return min(max(tone, 0.0), 1.0) * 255, min(max(lit, 0.0), 1.0) * 255, wood * 255, 255.0


def sprite(
    streams: Streams, kind: str, number: int, light: tuple[float, float, float], height: float
) -> Sprite:
    """Draw tree `number` of a kind, sharp up to `height` pixels: one of `_DRAW`."""
    rng = streams.rng(f"tree {kind} {number}")
    most = 160 if kind in ("tuft", "bloom") else SIDE
    side = int(min(most, max(most / 4, height))) * 2
    canvas = _SpriteCanvas(np.zeros((side, side, 4), np.uint8), rng)
    _DRAW[kind](canvas, light)
    # What was never drawn is zero in every channel, so the surface is premultiplied already.
    whole = cv2.resize(canvas.image, (side // 2, side // 2), interpolation=cv2.INTER_AREA).astype(np.float32)
    whole *= np.float32(1 / 255)
    used = np.flatnonzero(whole[..., 3].max(axis=0) > 0.004)
    first, last = int(used[0]), int(used[-1]) + 1
    plates = [np.ascontiguousarray(whole[:, first:last])]
    while plates[-1].shape[0] > 24 and plates[-1].shape[1] > 3:
        h, w = plates[-1].shape[:2]
        plates.append(cv2.resize(plates[-1], (max(1, w // 2), h // 2), interpolation=cv2.INTER_AREA))
    return Sprite(tuple(plates), first / (side // 2) - 0.5, last / (side // 2) - 0.5)


def _conifer(canvas: _SpriteCanvas, light: tuple[float, float, float]) -> None:
    """Whorls of drooping branches, each a fan of needle strokes, shorter toward the top."""
    rng = canvas.rng
    canvas.line((0, 0), (0, 0.97), 0.009, (0.3, 0.4, 1.0))
    canvas.line((0, 0), (0, 0.35), 0.017, (0.3, 0.45, 1.0))
    wide = float(rng.uniform(0.17, 0.23))
    levels = 26
    for k in range(levels):
        y = 0.075 + 0.905 * (k / (levels - 1)) ** 0.94
        reach = wide * (1 - y) ** 0.84 * float(rng.uniform(0.74, 1.12)) + 0.006
        count = int(12 + 26 * (1 - y))
        turns = rng.uniform(-1, 1, count)
        # The middle of a whorl points at the viewer: short, drawn last, lightest on its upper side.
        for turn in turns[np.argsort(-np.abs(turns))]:
            _branch(canvas, float(turn), y, reach, light)


def _branch(
    canvas: _SpriteCanvas, turn: float, y: float, reach: float, light: tuple[float, float, float]
) -> None:
    """One drooping branch of a conifer with its twigs; `turn` -1..1 is where it points across the view."""
    rng = canvas.rng
    noise = rng.uniform(-1, 1, 4)
    x1 = reach * turn * (0.9 + 0.1 * float(noise[0]))
    droop = reach * (0.42 + 0.14 * float(noise[1])) * (0.35 + 0.65 * abs(turn))
    lit = 0.34 + 0.55 * turn * light[0] + 0.22 * light[1] + 0.20 * float(noise[2])
    tone = 0.20 + 0.45 * abs(turn) + 0.25 * float(noise[3])
    start = (x1 * 0.12, y + 0.012)
    canvas.line(start, (x1, y - droop), 0.0034, (tone, lit - 0.12, 0))
    for k in range(1, 6):
        t = k / 5
        px, py = start[0] + (x1 - start[0]) * t, start[1] + (y - droop - start[1]) * t
        hang = (0.010 + 0.018 * (1 - y)) * (1 - 0.6 * t)
        canvas.line((px, py), (px + 0.008 * turn, py - hang), 0.0026, (tone + 0.12 * t, lit + 0.04, 0))
        canvas.line(
            (px, py), (px + 0.012 * turn * (1.3 - t), py + 0.001), 0.0022, (tone + 0.25 * t, lit + 0.20, 0)
        )


def _limbs(
    canvas: _SpriteCanvas,
    x: float,
    y: float,
    angle: float,
    length: float,
    width: float,
    tips: list[tuple[float, float]],
) -> None:
    """Branches that fork until they are thin; their ends are gathered in `tips`."""
    rng = canvas.rng
    x1, y1 = x + math.sin(angle) * length, y + math.cos(angle) * length
    canvas.line((x, y), (x1, y1), width, (0.35, 0.5 + 0.2 * float(rng.uniform(-1, 1)), 1.0))
    if width < 0.007:
        tips.append((x1, y1))
        return
    for side in (-1, 1):
        spread = float(rng.uniform(0.22, 0.62)) * side
        _limbs(
            canvas, x1, y1, angle * 0.8 + spread, length * float(rng.uniform(0.66, 0.84)), width * 0.62, tips
        )


def _crown(
    canvas: _SpriteCanvas,
    tips: list[tuple[float, float]],
    light: tuple[float, float, float],
    size: float,
    dab: float,
) -> None:
    """Clumps of leaves around the branch ends, lit where they face the light, dark underneath."""
    rng = canvas.rng
    centre_x = float(np.mean([t[0] for t in tips]))
    centre_y = float(np.mean([t[1] for t in tips]))
    clumps = [(x + float(rng.normal(0, 0.022)), y + float(rng.normal(0, 0.018))) for x, y in [*tips, *tips]]
    # Inner clumps are dark and close the crown, so that the sky does not show through its middle.
    inner = [(0.65 * x + 0.35 * centre_x, 0.65 * y + 0.35 * centre_y) for x, y in tips[::2]]
    outer = sorted(clumps, key=lambda c: c[1] + 0.3 * abs(c[0]))
    shaded = [(*c, -0.22) for c in inner] + [(*c, 0.0) for c in outer]
    for cx, cy, darker in shaded:
        radius = size * float(rng.uniform(0.7, 1.2))
        place = 0.55 * (cx - centre_x) * light[0] / 0.3 + 0.62 * (cy - centre_y) / 0.3 + darker
        turns, reach = rng.uniform(0, 6.283, _LEAVES), np.sqrt(rng.random(_LEAVES))
        noise = rng.uniform(-1, 1, (_LEAVES, 3))
        dx, dy, (e0, e1, e2) = np.cos(turns) * reach, np.sin(turns) * reach, noise.T
        lit = 0.44 + 0.36 * (dx * light[0] + dy * max(light[1], 0.4)) + 0.30 * place + 0.14 * e0
        tone = 0.45 + 0.25 * dy + 0.28 * e1
        ry = dab * (0.7 + 0.2 * e2)
        canvas.leaves(cx + dx * radius, cy + dy * radius * 0.85, dab, ry, 90 * (e0 + e1), (tone, lit))


def _leafy(canvas: _SpriteCanvas, light: tuple[float, float, float]) -> None:
    """A forked stem under a round crown."""
    rng = canvas.rng
    tips: list[tuple[float, float]] = []
    lean = float(rng.uniform(-0.08, 0.08))
    _limbs(canvas, 0, 0, lean, 0.20, 0.036, tips)
    canvas.line((-0.004, 0.0), (np.sin(lean) * 0.16, 0.16), 0.028, (0.3, 0.4, 1.0))
    # The limbs end in a flat umbrella; ends of their own fill it up to a dome.
    wide, tall = float(rng.uniform(0.26, 0.34)), float(rng.uniform(0.24, 0.30))
    for angle, reach in zip(rng.uniform(0, 6.283, 20), np.sqrt(rng.random(20)), strict=True):
        tips.append((np.sin(lean) * 0.4 + np.cos(angle) * reach * wide, 0.63 + np.sin(angle) * reach * tall))
    _crown(canvas, tips, light, 0.088, 0.0085)


def _birch(canvas: _SpriteCanvas, light: tuple[float, float, float]) -> None:
    rng = canvas.rng
    bend = float(rng.uniform(-0.04, 0.04))
    for k in range(20):
        y = k / 20 * 0.92
        width = 0.024 * (1 - 0.75 * y)
        canvas.line((bend * y, y), (bend * (y + 0.05), y + 0.05), width, (1.0, 0.85 + 0.1 * light[0], 0.55))
        if rng.random() < 0.6:
            side = width * float(rng.uniform(-0.5, 0.2))
            canvas.line((bend * y + side, y), (bend * y + side + 0.010, y), 0.004, (0.1, 0.2, 1.0))
    tips = [(bend + float(rng.normal(0, 0.085)) * (1.25 - y), y) for y in rng.uniform(0.36, 0.93, 36)]
    _crown(canvas, tips, light, 0.046, 0.0075)


def _bamboo(canvas: _SpriteCanvas, light: tuple[float, float, float]) -> None:
    """A stand of jointed culms, bowed at their tips, with pointed leaves from half their height on."""
    rng = canvas.rng
    for x in sorted(rng.uniform(-0.15, 0.15, 5), key=abs, reverse=True):
        bow = float(rng.uniform(-0.10, 0.10))
        tall, thick = float(rng.uniform(0.80, 0.98)), float(rng.uniform(0.011, 0.017))
        shine = 0.55 + 0.25 * float(np.sign(light[0])) * float(rng.uniform(0.2, 1.0))
        joints = [(float(x) + bow * t**3, tall * t) for t in np.linspace(0, 1, 16)]
        for k, (a, b) in enumerate(itertools.pairwise(joints)):
            wide = thick * (1 - 0.65 * a[1])
            canvas.line(a, b, wide, (0.55 + 0.2 * float(rng.random()), shine, 1.0))
            canvas.line((a[0] - 0.55 * wide, a[1]), (a[0] + 0.55 * wide, a[1]), 0.0045, (0.05, 0.2, 1.0))
            if k >= 6:
                _spray(canvas, a, k / 16, light)


def _spray(
    canvas: _SpriteCanvas, at: tuple[float, float], up: float, light: tuple[float, float, float]
) -> None:
    """A twig of bamboo to either side with its hanging leaves; `up` 0..1 is how high it grows."""
    rng = canvas.rng
    for side in (-1, 1):
        reach = side * float(rng.uniform(0.04, 0.11)) * (1.2 - 0.5 * up)
        tip = (at[0] + reach, at[1] + float(rng.uniform(0.0, 0.04)))
        canvas.line(at, tip, 0.0028, (0.3, 0.4, 0.6))
        for t, turn, gloss in rng.random((9, 3)):
            x, y = at[0] + reach * float(t), at[1] + (tip[1] - at[1]) * float(t)
            lean = side * (0.3 + 0.9 * float(turn))
            long = 0.045 + 0.030 * float(gloss)
            lit = 0.45 + 0.35 * lean * light[0] + 0.30 * (float(gloss) - 0.3)
            end = (x + long * math.sin(lean), y - long * math.cos(lean) * 0.8)
            middle = ((x + end[0]) / 2, (y + end[1]) / 2)
            canvas.line((x, y), middle, 0.0085, (0.3 + 0.6 * float(turn), lit, 0))
            canvas.line(middle, end, 0.0045, (0.4 + 0.6 * float(turn), lit + 0.1, 0))


def _palm(canvas: _SpriteCanvas, light: tuple[float, float, float]) -> None:
    """A bowed stem and a rosette of feathered fronds."""
    rng = canvas.rng
    bend = float(rng.choice((-1, 1)) * rng.uniform(0.10, 0.22))
    stem = [(bend * t * t - 0.35 * bend, 0.80 * t) for t in np.linspace(0, 1, 22)]
    for k, (a, b) in enumerate(itertools.pairwise(stem)):
        lit = 0.45 + 0.25 * np.sign(light[0]) * (k % 2) + 0.1
        canvas.line(a, b, 0.021 - 0.0004 * k, (0.40 + 0.15 * (k % 2), lit, 1.0))
    top = stem[-1]
    spread = np.linspace(-1, 1, 19)
    canvas.rng.shuffle(spread)
    for across in spread:
        _frond(canvas, top, float(across), light)


def _frond(
    canvas: _SpriteCanvas, top: tuple[float, float], across: float, light: tuple[float, float, float]
) -> None:
    """One feathered leaf: it rises, bends over and hangs; `across` -1..1 is how far it reaches to the side."""
    rng = canvas.rng
    reach = 0.27 * across * float(rng.uniform(0.85, 1.1))
    rise = 0.13 + 0.20 * (1 - abs(across)) * float(rng.uniform(0.4, 1.0))
    fall = rise + 0.05 + 0.15 * float(rng.uniform(0.3, 1.0)) * (0.4 + abs(across))
    lit = 0.46 + 0.45 * across * light[0] + float(rng.uniform(-0.15, 0.15))
    before = top
    for t in np.linspace(0.06, 1, 22):
        here = (top[0] + reach * t, top[1] + rise * t - fall * t * t)
        slope = rise - 2 * fall * t
        canvas.line(before, here, 0.0042, (0.5, lit + 0.1, 0.1))
        leaf = 0.088 * (1 - 0.72 * t) * min(1.0, 0.3 + 4 * t)
        run = math.copysign(0.45, across)
        for side, gloss in ((1.0, 0.18), (-1.0, -0.10)):
            drop = leaf * (0.72 - 0.20 * side - 0.3 * slope)
            tip = (here[0] + leaf * (run + 0.35 * side), here[1] - drop)
            canvas.line(here, tip, 0.0030, (0.42 + gloss, lit + gloss, 0))
        before = here


def _bush(canvas: _SpriteCanvas, light: tuple[float, float, float]) -> None:
    rng = canvas.rng
    tips = [(float(rng.normal(0, 0.15)), 0.08 + abs(float(rng.normal(0, 0.14)))) for _ in range(16)]
    _crown(canvas, tips, light, 0.10, 0.013)


def _tuft(canvas: _SpriteCanvas, light: tuple[float, float, float]) -> None:
    """A fan of grass blades, bent outward."""
    rng = canvas.rng
    for _ in range(46):
        x, lean = float(rng.normal(0, 0.15)), float(rng.normal(0, 0.20))
        tall = float(rng.uniform(0.35, 0.95)) * (1 - min(0.6, abs(x)))
        before = (x, 0.0)
        tone, lit = (
            float(rng.uniform(0.15, 0.9)),
            0.45 + 0.6 * lean * light[0] + float(rng.uniform(-0.2, 0.25)),
        )
        for t in (0.35, 0.7, 1.0):
            here = (x + lean * t * t, tall * t)
            canvas.line(before, here, 0.022 * (1.15 - t), (tone, lit + 0.25 * (t - 0.5), 0))
            before = here


def _bloom(canvas: _SpriteCanvas, light: tuple[float, float, float]) -> None:
    """A few stems with blossoms; the blossoms take the light tone, the stems the wood's place."""
    rng = canvas.rng
    for _ in range(7):
        x, lean, tall = float(rng.normal(0, 0.16)), float(rng.normal(0, 0.10)), float(rng.uniform(0.45, 0.92))
        tip = (x + lean, tall)
        canvas.line((x * 0.4, 0), tip, 0.020, (0.5, 0.45, 1.0))
        for k in range(6):
            a = k * 1.047
            petal = (tip[0] + 0.050 * math.cos(a), tip[1] + 0.036 * math.sin(a))
            canvas.dab(*petal, 0.040, 0.030, 0, (0.75 + 0.2 * math.sin(a), 0.62 + 0.2 * math.sin(a), 0))
        canvas.dab(*tip, 0.026, 0.020, 0, (0.25, 0.6, 0))


_DRAW: dict[str, Callable[[_SpriteCanvas, tuple[float, float, float]], None]] = {
    "conifer": _conifer,
    "leafy": _leafy,
    "birch": _birch,
    "bamboo": _bamboo,
    "palm": _palm,
    "bush": _bush,
    "tuft": _tuft,
    "bloom": _bloom,
}
