"""The sky: gradient, sun or moon, and clouds on a plane in perspective."""

from __future__ import annotations

import math

import cv2
import numpy as np

from engine.images.arrays import Plane
from engine.painting.movement import wind_of
from engine.painting.noise import fbm
from engine.painting.palette import tint_image
from engine.painting.post_processing import luma
from engine.painting.prompt.lexicon import COLOURS
from engine.painting.sky.cumulus import paint_cumulus
from engine.painting.stage import Stage, mix, smooth

_CLOUD_MAP = 960  # side of the square cloud texture, the same for every picture size


def paint_sky(stage: Stage) -> None:
    """Fill the canvas down to the horizon and below it (what lies below is painted over)."""
    stage.canvas[:] = _gradient(stage)
    for colour in stage.prompt.colours_of("sky")[:1]:
        if colour in COLOURS:
            stage.canvas[:] = tint_image(stage.canvas, colour, 0.8)
    if stage.palette.stars > 0.05 and not stage.prompt.weather & {"rain", "storm"}:
        from engine.painting.sky.night import paint_stars

        paint_stars(stage)
    if stage.sun_visible and "eclipse" not in stage.prompt.features:
        _disc(stage)
    if stage.time == "night" or "moon" in stage.prompt.sky:
        from engine.painting.sky.night import paint_moon

        if stage.sun_visible:
            paint_moon(stage)
    if "aurora" in stage.prompt.sky:
        from engine.painting.sky.night import paint_aurora

        paint_aurora(stage)
    if stage.prompt.scene in ("sea", "desert") and not stage.prompt.weather - {"clear"}:
        _paint_cirrus(stage)
    amount = cloud_amount(stage)
    if amount > 0:
        _paint_clouds(stage, amount)
    paint_cumulus(stage)
    if "rainbow" in stage.prompt.sky:
        _rainbow(stage)
    if "fireworks" in stage.prompt.sky:
        from engine.painting.sky.fireworks import paint_fireworks

        paint_fireworks(stage)


def _gradient(stage: Stage) -> Plane:
    """Four colours from the zenith to the horizon, warmed around the sun."""
    frame, p = stage.frame, stage.palette
    up = np.clip((frame.horizon - frame.rows()) / max(frame.horizon, 1.0), -0.3, 1.0)
    stops = np.array([-0.3, 0.0, 0.16, 0.45, 1.0], np.float32)
    table = np.array([p.haze, p.horizon, p.low, p.middle, p.zenith], np.float32)
    lines = np.stack([np.interp(up[:, 0], stops, table[:, c]) for c in range(3)], axis=-1).astype(np.float32)
    # Linear stops show as bands; a blur along the column rounds them off.
    lines = cv2.GaussianBlur(lines[:, None, :], (1, 0), 0.1, sigmaY=max(0.6, frame.height * 0.03))
    image = np.repeat(lines.reshape(frame.height, 1, 3), frame.width, axis=1)
    dx, dy = _from_sun(stage)
    wide = np.exp(-np.sqrt(dx * dx * 0.35 + dy * dy * 2.2) / 0.28)
    near = np.exp(-np.sqrt(dx * dx + dy * dy) / 0.085)
    glow = (p.glow * (0.42 * wide + 0.40 * near))[..., None]
    return np.clip(image + glow * (np.array(p.sun, np.float32) - image * 0.72) * _warm(stage), 0, 1.2)


def _warm(stage: Stage) -> Plane:
    return np.array(
        (1.0, 0.86, 0.66) if stage.time in ("sunset", "dusk", "golden") else (1, 1, 1), np.float32
    )


def _from_sun(stage: Stage) -> tuple[Plane, Plane]:
    """Distance to the sun, right and down, in picture heights."""
    frame = stage.frame
    unit = frame.unit
    return (frame.columns() - stage.sun[0]) / unit, (frame.rows() - stage.sun[1]) / unit


def _disc(stage: Stage) -> None:
    """The sun itself with a soft rim; its light spills in the finishing bloom."""
    if stage.time == "night" or "moon" in stage.prompt.sky:
        return
    dx, dy = _from_sun(stage)
    distance = np.sqrt(dx * dx + dy * dy)
    radius = 0.034 if stage.time in ("sunset", "dawn") else 0.028
    pixel = 1.0 / stage.frame.unit
    inside = np.clip((radius - distance) / (2 * pixel) + 0.5, 0, 1)[..., None]
    core = np.minimum(np.array(stage.palette.sun, np.float32) * 1.06 + 0.06, 1.15)
    stage.canvas[:] = mix(stage.canvas, core, inside * 0.97)


def cloud_amount(stage: Stage) -> float:
    """How much of the sky clouds cover, 0..1."""
    prompt = stage.prompt
    if "clear" in prompt.weather or "lunar" in prompt.features:
        return 0.0
    for name, amount in (("storm", 0.92), ("rain", 0.86), ("clouds", 0.74), ("snow", 0.56), ("fog", 0.30)):
        if name in prompt.weather:
            return amount
    if prompt.scene == "desert":
        return 0.16 + 0.36 * float(stage.streams.rng("cloud amount").random())
    if stage.time == "night":
        return 0.26 if stage.sun_visible else 0.08
    return 0.22 + 0.26 * float(stage.streams.rng("cloud amount").random())


def _cloud_map(stage: Stage) -> tuple[Plane, Plane]:
    """A square of cloud density around 0.5, and how much light reaches it from the sun's side."""
    n, octaves = _CLOUD_MAP, max(3, stage.octaves - 1)
    warp = fbm(stage.streams, "cloud warp", n, n, cells=8, octaves=3) - 0.5
    side = fbm(stage.streams, "cloud warp side", n, n, cells=8, octaves=3) - 0.5
    base = fbm(stage.streams, "cloud", n, n, cells=11, octaves=octaves, gain=0.55)
    grid = np.arange(n, dtype=np.float32)
    density = cv2.remap(
        base,
        grid[None, :] + warp * 70,
        grid[:, None] + side * 70,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )
    toward = -14.0 if stage.sun[0] < stage.frame.width / 2 else 14.0
    shift = np.array([[1, 0, -toward], [0, 1, -6.0]], np.float32)
    away = cv2.warpAffine(density, shift, (n, n), borderMode=cv2.BORDER_REFLECT)
    light = cv2.GaussianBlur(density - away, (0, 0), 2.0) * -2.6
    return density, light


def _paint_clouds(stage: Stage, amount: float) -> None:
    frame, p = stage.frame, stage.palette
    bottom = min(frame.height, int(frame.horizon) + 1)
    if bottom < 2:
        return
    side = stage.sun[0] < stage.frame.width / 2
    density, light = stage.streams.cached(("cloud map", stage.octaves, side), lambda: _cloud_map(stage))
    up = np.maximum((frame.horizon - frame.rows()[:bottom]) / frame.height, 0.0)
    z = 1.0 / (up + 0.055)
    x = (frame.columns() - frame.width / 2) / frame.unit
    # The whole sky fits the map, so no cloud is seen twice; only very wide pictures fold at its rim.
    wind, near_wind = wind_of(stage)
    map_x = _reflected(x * z * 50 + 0.5 * _CLOUD_MAP - wind)
    map_y = _reflected(np.broadcast_to(z * 52 - 40 + near_wind, map_x.shape))
    d = cv2.remap(density, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    lit = cv2.remap(light, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    edge = 0.80 - 0.55 * amount
    thick = smooth(edge, edge + (0.30 if amount < 0.6 else 0.42), d) * smooth(0.0, 0.10, up)
    dx, dy = (a[:bottom] if a.shape[0] > 1 else a for a in _from_sun(stage))
    distance = np.sqrt(dx * dx + dy * dy)
    near = np.exp(-distance / 0.22)
    if stage.sun_visible:
        # A veil over the disc itself only makes it look dirty.
        thick = thick * (1 - 0.85 * np.exp(-((distance / 0.075) ** 4)))
    bright = np.clip(0.62 + lit * 1.5 + 0.35 * near - 0.62 * thick * thick, 0, 1)[..., None]
    colour = mix(p.cloud_dark, p.cloud_lit, bright)
    # Thin rims near the sun let its light through.
    colour = colour + (near * (1 - thick) * 0.5 * p.glow)[..., None] * np.array(p.sun, np.float32)
    far = np.exp(-up * 9.0)[..., None] * 0.55
    colour = mix(colour, np.asarray(stage.canvas[:bottom]), far)
    stage.canvas[:bottom] = mix(
        stage.canvas[:bottom], colour, (thick * (0.94 if amount > 0.6 else 0.86))[..., None]
    )


def _paint_cirrus(stage: Stage) -> None:
    """High ice clouds combed by the wind: over an empty horizon the sky is most of the picture."""
    frame, rng = stage.frame, stage.streams.rng("cirrus")
    turn, length = float(rng.uniform(-0.7, 0.7)), float(rng.uniform(2.5, 5.0))
    amount = float(rng.uniform(0.25, 0.55)) * (0.45 if stage.dark else 1.0)
    if "clear" in stage.prompt.weather:
        amount = max(0.38, amount)  # thin ice clouds, which do not make a sky cloudy
    n = 512
    wisps = fbm(stage.streams, "cirrus", n, n, cells=7, octaves=max(3, min(6, stage.octaves - 1)), gain=0.66)
    veil = fbm(stage.streams, "cirrus veil", n, n, cells=3, octaves=2)
    bottom = min(frame.height, max(1, int(frame.horizon)))
    u = (frame.columns() - 0.5 * frame.width) / frame.unit
    v = (frame.rows()[:bottom] - 0.35 * frame.height) / frame.unit
    along = (u * math.cos(turn) + v * math.sin(turn)) * (n / 1.6) - 0.35 * wind_of(stage)[0]
    across = (v * math.cos(turn) - u * math.sin(turn)) * (n / 1.6)
    curl = cv2.remap(
        veil,
        np.asarray(along / 2 + n / 2, np.float32),
        np.asarray(across / 2 + n / 2, np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )
    combed = cv2.remap(
        wisps,
        np.asarray(along / length + n / 2, np.float32),
        np.asarray(across + 70 * (curl - 0.5) + n / 2, np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )
    up = (frame.horizon - frame.rows()[:bottom]) / frame.height
    thick = smooth(0.44, 0.95, combed) * smooth(0.36, 0.66, curl) * smooth(0.0, 0.20, up) * amount
    stage.canvas[:bottom] = mix(stage.canvas[:bottom], stage.palette.cloud_lit, thick[..., None])


def _reflected(position: Plane) -> Plane:
    """Fold positions into the cloud map, back and forth, so that it never shows a seam."""
    period = 2.0 * (_CLOUD_MAP - 1)
    folded = np.mod(position, period).astype(np.float32)
    return np.minimum(folded, np.float32(period) - folded)


def _rainbow(stage: Stage) -> None:
    """A rainbow opposite the sun, red outside, with the brighter sky inside it."""
    frame = stage.frame
    unit = frame.unit
    centre = frame.width * (0.72 if stage.sun[0] < frame.width / 2 else 0.28)
    dx = (frame.columns() - centre) / unit
    dy = (frame.rows() - frame.horizon - 0.12 * frame.height) / unit
    radius = np.sqrt(dx * dx + dy * dy)
    t = (radius - 0.52) / 0.055
    hue = np.clip((1.0 - t) * 270.0, 0, 270)
    hsv = np.stack([hue, np.full_like(hue, 0.75), np.ones_like(hue)], axis=-1).astype(np.float32)
    bow = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    band = np.clip(np.minimum(t, 1 - t) * 5, 0, 1) * smooth(0.25, -0.12, dy)
    inside = (radius < 0.52) * 0.05 * smooth(0.25, -0.12, dy)
    # A bow adds its light to the sky behind it; mixed in, its reds would drown in the blue.
    light = bow * (0.36 * band * (1 - 0.5 * luma(np.clip(stage.canvas, 0, 1))))[..., None]
    stage.canvas += light + inside[..., None]
