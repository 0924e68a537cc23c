"""Weather in front of the scene: rain, snow, mist, light shafts, lightning; also flying birds."""

from __future__ import annotations

import itertools

import cv2
import numpy as np

from engine.images.arrays import Plane
from engine.painting.movement import falling_position, flash, paint_falling
from engine.painting.noise import fbm, roll, shift_line, strip
from engine.painting.post_processing import luma
from engine.painting.stage import Stage, mix, smooth


def paint_far_weather(stage: Stage) -> None:
    """Mist between the land and what stands in front, and light breaking through it."""
    if "fog" in stage.prompt.weather:
        _mist(stage, 0.50, low=0.16)
        if stage.prompt.scene in ("sea", "desert", "lake"):
            _fog_banks(stage)
    if _has_shafts(stage):
        _shafts(stage)
    if "storm" in stage.prompt.weather and stage.prompt.scene not in ("forest", "underwater"):
        _lightning(stage)
    if "birds" in stage.prompt.sky:
        _birds(stage)


def paint_near_weather(stage: Stage, detail: float) -> None:
    """Rain and snow in front of everything; `detail` 0..1 thins them out for a picture of few steps."""
    paint_falling(stage)
    if stage.prompt.weather & {"rain", "storm"}:
        _rain(stage, detail)
    if "snow" in stage.prompt.weather and stage.prompt.scene not in ("space", "underwater"):
        _snow(stage, detail)
    if "fog" in stage.prompt.weather:
        _mist(stage, 0.20, low=0.30)


def _mist(stage: Stage, amount: float, *, low: float) -> None:
    """A bank of mist around the horizon, torn by noise."""
    h, w = stage.frame.height, stage.frame.width
    torn = roll(
        fbm(stage.streams, f"mist {low}", h, w, cells=2.4, octaves=5, gain=0.55), 0.09 * stage.clock, 0.0
    )
    away = np.abs(stage.frame.rows() - stage.frame.horizon * (1.02 + low * 0.5)) / h
    bank = np.exp(-((away / low) ** 2)) * np.clip(0.35 + 1.1 * torn, 0, 1.2)
    stage.canvas[:] = mix(stage.canvas, stage.palette.haze, np.clip(amount * bank, 0, 0.85)[..., None])


def _fog_banks(stage: Stage) -> None:
    """Billows of fog rolling over open country, one behind the other, lit from the sun's side."""
    frame, rng = stage.frame, stage.streams.rng("fog banks")
    h, w = frame.height, frame.width
    haze = np.array(stage.palette.haze, np.float32)
    # Thin fog veils the sky too: a deep blue one over it would look like noon.
    sky = np.isinf(stage.depth) * np.clip(0.25 + 0.75 * frame.rows() / max(1.0, frame.horizon), 0, 1)
    stage.canvas[:] = mix(stage.canvas, haze, (0.55 * sky)[..., None])
    _pale_sun(stage, sky)
    step = max(1, round(0.02 * h)) * (1 if stage.sun[0] < w / 2 else -1)
    for k, (place, amount) in enumerate(((-0.30, 0.50), (-0.12, 0.68), (0.05, 0.74), (0.22, 0.70))):
        gone = 0.03 * (k + 1) * stage.clock
        billow = roll(_stretched_noise(stage, f"fog bank {k}", 4.4 - 0.6 * k), gone, 0.0)
        top = (
            shift_line(strip(stage.streams, f"fog top {k}", w, cells=3, octaves=4), gone * h / w)[None, :]
            - 0.5
        )
        crown = frame.horizon / h + place + float(rng.uniform(-0.10, 0.10)) + 0.24 * top
        below = frame.rows() / h - crown + 0.26 * (billow - 0.5)
        cover = smooth(0.0, 0.07, below) * np.exp(-np.maximum(below, 0) / 0.15) * amount
        shift = np.array([[1, 0, step], [0, 1, abs(step)]], np.float32)
        toward = cv2.warpAffine(billow, shift, (w, h), borderMode=cv2.BORDER_REFLECT)
        light = np.clip(0.97 + 2.3 * (billow - toward) + 0.85 * (billow - 0.5), 0.5, 1.32)
        stage.canvas[:] = mix(stage.canvas, haze * light[..., None], cover[..., None])


def _stretched_noise(stage: Stage, name: str, cells: float) -> Plane:
    """Noise 0..1 over the picture, twice as long as high: the wind combs fog that lies on a plain."""
    h, w = stage.frame.height, stage.frame.width
    half = fbm(stage.streams, name, h, max(1, w // 2), cells=cells, octaves=6, gain=0.68)
    return cv2.resize(half, (w, h), interpolation=cv2.INTER_LINEAR)


def _pale_sun(stage: Stage, sky: Plane) -> None:
    """The sun as fog shows it by day: a dull disc with a wide halo, wherever there is `sky` 0..1."""
    if stage.time == "night" or stage.prompt.weather & {"storm", "rain"}:
        return
    frame = stage.frame
    dx, dy = (frame.columns() - stage.sun[0]) / frame.unit, (frame.rows() - stage.sun[1]) / frame.unit
    away = np.sqrt(dx * dx + dy * dy)
    shine = 0.42 * smooth(0.040, 0.032, away) + 0.26 * np.exp(-away / 0.16)
    warm = np.array(stage.palette.sun, np.float32)
    stage.canvas[:] = mix(stage.canvas, np.clip(warm, 0, 1.1), (shine * sky)[..., None])


def _has_shafts(stage: Stage) -> bool:
    low_sun = stage.time in ("dawn", "golden", "sunset") or "fog" in stage.prompt.weather
    return (
        stage.prompt.scene == "forest"
        and low_sun
        and stage.time != "night"
        and "storm" not in stage.prompt.weather
    )


def _shafts(stage: Stage) -> None:
    """Beams from the sun through the trees: brightness smeared away from the sun by repeated halving."""
    h, w = stage.frame.height, stage.frame.width
    small = (max(8, w // 4), max(8, h // 4))
    grey = luma(stage.canvas)
    light = cv2.resize(np.clip(grey - 0.62, 0, 0.5), small, interpolation=cv2.INTER_AREA)
    centre = (stage.sun[0] / w * small[0], stage.sun[1] / h * small[1] * 0.8)
    for k in range(5):
        shrink = 1 - 0.035 * 2**k
        if shrink <= 0.3:
            break
        m = np.array(
            [[shrink, 0, centre[0] * (1 - shrink)], [0, shrink, centre[1] * (1 - shrink)]], np.float32
        )
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        light = 0.5 * (light + cv2.warpAffine(light, m, small, flags=flags, borderMode=cv2.BORDER_REFLECT))
    beam = cv2.resize(light, (w, h), interpolation=cv2.INTER_LINEAR)[..., None]
    stage.canvas += beam * 0.9 * np.array(stage.palette.sun, np.float32) * (1.1 - np.clip(stage.canvas, 0, 1))


def _lightning(stage: Stage) -> None:
    """One forked bolt from the clouds to the horizon, and the sky lit around it."""
    frame, rng = stage.frame, stage.streams.rng("lightning")
    bolt = np.zeros((frame.height, frame.width), np.float32)
    x = float(rng.uniform(0.12, 0.88)) * frame.width
    _fork(bolt, rng, x, -0.02 * frame.height, frame.horizon * 0.98, max(1.0, frame.height / 260), 0)
    glow = cv2.GaussianBlur(bolt, (0, 0), max(0.8, 0.006 * frame.height)) * 0.9
    wide = cv2.resize(
        cv2.GaussianBlur(cv2.resize(bolt, (64, 64), interpolation=cv2.INTER_AREA), (0, 0), 6.0),
        (frame.width, frame.height),
        interpolation=cv2.INTER_LINEAR,
    )
    free = np.isinf(stage.depth).astype(np.float32)
    light = (np.clip(cv2.GaussianBlur(bolt, (0, 0), 0.5) * 1.3 + glow, 0, 1.5) + 3.0 * wide) * free
    light = light * np.float32(flash(stage))
    stage.canvas += light[..., None] * np.array((0.78, 0.82, 1.0), np.float32)


def _fork(
    bolt: Plane, rng: np.random.Generator, x: float, y: float, end: float, thick: float, depth: int
) -> None:
    step = (end - y) / 14
    while y < end:
        nx, ny = x + float(rng.normal(0, 0.75)) * step, y + step * float(rng.uniform(0.6, 1.3))
        a, b = (round(x * 8), round(y * 8)), (round(nx * 8), round(ny * 8))
        cv2.line(bolt, a, b, 1.0, max(1, round(thick)), cv2.LINE_8, 3)
        if depth < 2 and rng.random() < 0.22:
            _fork(bolt, rng, nx, ny, ny + (end - ny) * float(rng.uniform(0.2, 0.5)), thick * 0.6, depth + 1)
        x, y = nx, ny


def _rain(stage: Stage, detail: float) -> None:
    """Slanted streaks in three depths: far ones fine and many, near ones long and few."""
    h, w = stage.frame.height, stage.frame.width
    slant = float(stage.streams.rng("rain slant").uniform(-0.30, 0.30)) - (
        0.18 if "storm" in stage.prompt.weather else 0.0
    )
    sheet = np.zeros((h, w), np.float32)
    for k, (count, length, strength) in enumerate(
        ((850, 0.030, 0.34), (420, 0.055, 0.46), (120, 0.10, 0.60))
    ):
        rng = stage.streams.rng(f"rain {k}")
        layer = np.zeros((h, w), np.uint8)
        for x, y, tall, shade in rng.random((count, 4)):
            dy = length * h * (0.5 + tall)
            y = falling_position(y, (0.9, 1.5, 2.3)[k] * (0.8 + 0.4 * shade), stage.clock)
            a = (round((x * 1.3 - 0.15) * w * 8), round(y * h * 8))
            b = (a[0] + round(slant * dy * 8), a[1] + round(dy * 8))
            cv2.line(
                layer, a, b, int(90 + 165 * shade), max(1, round((0.6 + 0.3 * k) * h / 640)), cv2.LINE_AA, 3
            )
        thin = min(1.0, h / 512) ** 0.5
        sheet += layer.astype(np.float32) / 255 * strength * thin
    sheet = cv2.GaussianBlur(sheet, (0, 0), max(0.35, h / 1400))
    tone = np.clip(np.array(stage.palette.horizon, np.float32) * 0.6 + 0.35, 0, 1)
    if stage.time == "night":
        tone = tone * 0.72
    stage.canvas[:] = mix(stage.canvas, tone, np.clip(sheet * 0.62 * detail, 0, 0.7)[..., None])


def _snow(stage: Stage, detail: float) -> None:
    """Flakes in four depths, the nearest large and out of focus."""
    h, w = stage.frame.height, stage.frame.width
    layer = np.zeros((h, w), np.float32)
    for k, (count, radius, strength) in enumerate(
        ((520, 0.0016, 0.70), (240, 0.0030, 0.82), (70, 0.0056, 0.66), (18, 0.0120, 0.34))
    ):
        rng = stage.streams.rng(f"snow {k}")
        sheet = np.zeros((h, w), np.uint8)
        for x, y, size in rng.random((count, 3)):
            r = radius * h * (0.7 + 0.7 * size)
            y = falling_position(y, (0.09, 0.14, 0.22, 0.34)[k] * (0.7 + 0.6 * size), stage.clock)
            x += 0.012 * (k + 1) * (np.sin(1.7 * stage.clock + 40 * size) - np.sin(40 * size))
            cv2.circle(
                sheet, (round(x * w * 8), round(y * h * 8)), max(4, round(r * 8)), 255, -1, cv2.LINE_AA, 3
            )
        small = min(1.0, (radius * h / 0.55) ** 2)
        soft = cv2.GaussianBlur(sheet.astype(np.float32) / 255, (0, 0), max(0.4, radius * h * 0.42))
        layer = np.maximum(layer, soft * strength * small)
    tone = np.clip(
        np.array(stage.palette.light, np.float32) * 0.55 + np.array(stage.palette.ambient, np.float32) * 0.75,
        0.30,
        1.0,
    )
    stage.canvas[:] = mix(stage.canvas, tone, (layer * detail)[..., None])


def _birds(stage: Stage) -> None:
    """A loose flock of distant birds, each two bent strokes."""
    frame, rng = stage.frame, stage.streams.rng("birds")
    cx, cy = float(rng.uniform(0.3, 0.7)) * frame.width, float(rng.uniform(0.25, 0.5)) * frame.horizon
    layer = np.zeros((frame.height, frame.width), np.uint8)
    for _ in range(11):
        x, y = cx + float(rng.normal(0, 0.13)) * frame.width, cy + float(rng.normal(0, 0.06)) * frame.height
        span, lift = frame.height * float(rng.uniform(0.010, 0.022)), float(rng.uniform(0.25, 0.55))
        if stage.clock:
            x += 0.035 * stage.clock * frame.width
            lift *= np.cos(11.0 * stage.clock + 900 * span / frame.height)
        for side in (-1, 1):
            arc = [
                (x + side * span * t, y - span * lift * np.sin(t * 2.4) + 0.1 * span * t)
                for t in np.linspace(0, 1, 6)
            ]
            points = (np.array(arc) * 8).round().astype(np.int32)
            cv2.polylines(layer, [points], False, 255, max(1, round(frame.height / 420)), cv2.LINE_AA, 3)
    dark = np.array(stage.palette.ambient, np.float32) * 0.35
    stage.canvas[:] = mix(stage.canvas, dark, (layer.astype(np.float32) / 255 * 0.9)[..., None])


def paint_underwater(stage: Stage) -> None:
    """Blue depth with light from above, a sandy floor, weeds and bubbles."""
    h, w = stage.frame.height, stage.frame.width
    down = stage.frame.rows() / h
    top, deep = np.array((0.30, 0.78, 0.86), np.float32), np.array((0.01, 0.10, 0.26), np.float32)
    stage.canvas[:] = mix(top, deep, np.broadcast_to((down**0.75), (h, w))[..., None])
    drift = fbm(stage.streams, "depths", h, w, cells=2, octaves=4) - 0.5
    stage.canvas *= (1 + 0.25 * drift)[..., None]
    _rays(stage, down)
    _floor(stage)
    _weeds(stage)
    _bubbles(stage)


def _rays(stage: Stage, down: Plane) -> None:
    w = stage.frame.width
    rays = strip(stage.streams, "rays", 512, cells=34, octaves=3, gain=0.6)
    x = (stage.frame.columns() / w - 0.5) / (0.45 + 0.9 * down) + 0.5 + 0.12 * down + 0.035 * stage.clock
    map_x = (np.clip(x * 0.6 + 0.2, 0, 1) * 511).astype(np.float32)
    beam = cv2.remap(
        rays[None, :].astype(np.float32),
        map_x,
        np.zeros_like(map_x),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )
    stage.canvas += (smooth(0.5, 1.0, beam) * (1 - down) ** 1.6 * 0.55)[..., None] * np.array(
        (0.75, 1.0, 0.95), np.float32
    )


def _floor(stage: Stage) -> None:
    h, w = stage.frame.height, stage.frame.width
    dunes = strip(stage.streams, "floor", w, cells=2, octaves=3)
    edge = h * (0.80 + 0.10 * (dunes - 0.5))[None, :]
    depth = (stage.frame.rows() - edge) / h
    ripple = fbm(stage.streams, "floor ripple", h, w, cells=26, octaves=4, gain=0.6)
    sand = (
        np.array((0.46, 0.62, 0.58), np.float32)
        * (0.45 + 1.6 * np.clip(depth, 0, 0.3))[..., None]
        * (0.75 + 0.5 * ripple)[..., None]
    )
    caustic = fbm(stage.streams, "caustics", h, w, cells=13, octaves=3, ridged=True)
    caustic = roll(caustic, 0.035 * stage.clock, 0.02 * stage.clock)
    sand = sand + (smooth(0.80, 1.05, caustic) * 0.30 * smooth(0.0, 0.1, depth))[..., None]
    stage.canvas[:] = mix(stage.canvas, sand, smooth(-0.012, 0.03, depth)[..., None])


def _weeds(stage: Stage) -> None:
    """Swaying weed and coral fans at both sides."""
    h, w = stage.frame.height, stage.frame.width
    rng = stage.streams.rng("weeds")
    for _ in range(30):
        side = 0.0 if rng.random() < 0.5 else 1.0
        x = abs(side - abs(float(rng.normal(0, 0.13)))) * w
        y, tall, phase = (
            h * float(rng.uniform(0.84, 1.0)),
            h * float(rng.uniform(0.10, 0.36)),
            float(rng.uniform(0, 6.28)),
        )
        sway = phase + 1.6 * stage.clock
        line = [(x + np.sin(sway + 3.2 * t) * 0.022 * h * t, y - tall * t) for t in np.linspace(0, 1, 14)]
        reds = rng.random() < 0.3
        colour = (0.72, 0.22, 0.30) if reds else (0.05, 0.36 + 0.2 * float(rng.random()), 0.22)
        layer = np.zeros((h, w), np.uint8)
        for t, (a, b) in enumerate(itertools.pairwise(line)):
            p, q = (round(a[0] * 8), round(a[1] * 8)), (round(b[0] * 8), round(b[1] * 8))
            cv2.line(layer, p, q, 255, max(1, round(h * 0.016 * (1 - t / 14))), cv2.LINE_AA, 3)
        stage.canvas[:] = mix(stage.canvas, colour, (layer.astype(np.float32) / 255 * 0.85)[..., None])


def _bubbles(stage: Stage) -> None:
    h, w = stage.frame.height, stage.frame.width
    layer = np.zeros((h, w), np.uint8)
    for x, y, size in stage.streams.rng("bubbles").random((46, 3)):
        radius = max(1.2, h * (0.003 + 0.011 * size**3))
        y = y if stage.clock == 0.0 else (y - (0.08 + 0.12 * size) * stage.clock) % 1.15
        centre = (round((0.5 + (x - 0.5) * 0.9) * w * 8), round(y * 0.85 * h * 8))
        cv2.circle(layer, centre, round(radius * 8), 150, max(1, round(h / 500)), cv2.LINE_AA, 3)
        glint = (centre[0] - round(radius * 3), centre[1] - round(radius * 3))
        cv2.circle(layer, glint, max(4, round(radius * 2)), 255, -1, cv2.LINE_AA, 3)
    stage.canvas += (layer.astype(np.float32) / 255 * 0.55)[..., None]
