"""Colour palettes: by time of day, changed by weather and shifted by colour words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import cv2
import numpy as np

from engine.images.arrays import Plane
from engine.painting.prompt.interpretation import ParsedPrompt
from engine.painting.prompt.lexicon import COLOURS
from engine.painting.random_streams import Streams

Rgb = tuple[float, float, float]


@dataclass(frozen=True)
class Palette:
    """Colours sRGB 0..1 of one sky and its light.

    `light` multiplies what the sun (or moon) reaches, `ambient` what only the sky reaches. `elevation` is the
    sun's height as a share of the sky (0 horizon, 1 top); `stars` 0..1 how dark the sky is.
    """

    zenith: Rgb
    middle: Rgb
    low: Rgb
    horizon: Rgb
    sun: Rgb
    light: Rgb
    ambient: Rgb
    haze: Rgb
    cloud_lit: Rgb
    cloud_dark: Rgb
    elevation: float
    stars: float = 0.0
    glow: float = 1.0

    def with_colours(self, colours: Mapping[str, Rgb]) -> Palette:
        """The same palette with some of its colours, by field name, exchanged."""
        changed: dict[str, Any] = dict(colours)
        return replace(self, **changed)


TIMES: dict[str, Palette] = {
    "day": Palette(
        zenith=(0.13, 0.33, 0.70), middle=(0.30, 0.55, 0.88), low=(0.56, 0.77, 0.96), horizon=(0.83, 0.91, 0.96),
        sun=(1.0, 0.98, 0.90), light=(1.06, 1.0, 0.88), ambient=(0.44, 0.53, 0.66), haze=(0.70, 0.81, 0.92),
        cloud_lit=(1.0, 1.0, 0.99), cloud_dark=(0.60, 0.68, 0.80), elevation=0.72, glow=0.55,
    ),
    "golden": Palette(
        zenith=(0.22, 0.40, 0.70), middle=(0.48, 0.60, 0.78), low=(0.86, 0.78, 0.68), horizon=(1.0, 0.86, 0.62),
        sun=(1.0, 0.93, 0.72), light=(1.12, 0.91, 0.62), ambient=(0.44, 0.46, 0.54), haze=(0.92, 0.80, 0.64),
        cloud_lit=(1.0, 0.93, 0.80), cloud_dark=(0.58, 0.56, 0.64), elevation=0.26, glow=0.9,
    ),
    "dawn": Palette(
        zenith=(0.32, 0.40, 0.68), middle=(0.60, 0.56, 0.78), low=(0.92, 0.70, 0.74), horizon=(1.0, 0.85, 0.70),
        sun=(1.0, 0.93, 0.82), light=(1.05, 0.84, 0.76), ambient=(0.50, 0.48, 0.62), haze=(0.86, 0.76, 0.80),
        cloud_lit=(1.0, 0.88, 0.82), cloud_dark=(0.60, 0.54, 0.70), elevation=0.10, glow=0.8,
    ),
    "sunset": Palette(
        zenith=(0.14, 0.14, 0.36), middle=(0.44, 0.25, 0.48), low=(0.88, 0.40, 0.36), horizon=(1.0, 0.66, 0.26),
        sun=(1.0, 0.86, 0.52), light=(1.18, 0.72, 0.44), ambient=(0.46, 0.39, 0.50), haze=(0.84, 0.48, 0.40),
        cloud_lit=(1.0, 0.62, 0.40), cloud_dark=(0.42, 0.27, 0.42), elevation=0.09, glow=1.0,
    ),
    "dusk": Palette(
        zenith=(0.06, 0.09, 0.25), middle=(0.19, 0.19, 0.44), low=(0.50, 0.32, 0.52), horizon=(0.92, 0.56, 0.46),
        sun=(1.0, 0.72, 0.50), light=(0.62, 0.48, 0.58), ambient=(0.30, 0.30, 0.46), haze=(0.46, 0.36, 0.52),
        cloud_lit=(0.86, 0.50, 0.52), cloud_dark=(0.20, 0.19, 0.36), elevation=-0.04, stars=0.35, glow=0.8,
    ),
    "night": Palette(
        zenith=(0.012, 0.022, 0.07), middle=(0.03, 0.055, 0.14), low=(0.06, 0.10, 0.21), horizon=(0.11, 0.16, 0.28),
        sun=(0.90, 0.93, 1.0), light=(0.42, 0.50, 0.68), ambient=(0.14, 0.18, 0.29), haze=(0.08, 0.12, 0.21),
        cloud_lit=(0.28, 0.33, 0.46), cloud_dark=(0.05, 0.07, 0.13), elevation=0.70, stars=1.0, glow=0.25,
    ),
}  # fmt: skip

_ELECTRIC: dict[str, Rgb] = {
    "zenith": (0.03, 0.015, 0.10), "middle": (0.10, 0.035, 0.24), "low": (0.32, 0.07, 0.42),
    "horizon": (0.74, 0.20, 0.58), "haze": (0.36, 0.10, 0.44), "ambient": (0.17, 0.12, 0.32),
    "cloud_lit": (0.44, 0.16, 0.50), "cloud_dark": (0.08, 0.04, 0.18),
}  # fmt: skip
_TOWN_GLOW: dict[str, Rgb] = {
    "low": (0.13, 0.13, 0.25), "horizon": (0.36, 0.27, 0.30), "haze": (0.17, 0.16, 0.26),
}  # fmt: skip
"""How a city's own light changes its night: electric in a neon city, a warm glow elsewhere."""

_PAPER: dict[str, Rgb] = {
    "zenith": (0.80, 0.80, 0.78), "middle": (0.86, 0.86, 0.84), "low": (0.92, 0.92, 0.90),
    "horizon": (0.95, 0.95, 0.93), "haze": (0.90, 0.90, 0.88), "cloud_lit": (0.97, 0.97, 0.95),
    "cloud_dark": (0.74, 0.74, 0.73), "ambient": (0.40, 0.41, 0.43), "light": (0.86, 0.85, 0.82),
}  # fmt: skip
"""In ink the sky is the paper: a blue one would be the darkest wash of all."""

_CHANCES = (("day", 0.40), ("golden", 0.25), ("sunset", 0.18), ("dawn", 0.17))
_COLOUR_FIELDS = tuple(f.name for f in fields(Palette) if f.name not in ("elevation", "stars", "glow"))


def time_of(prompt: ParsedPrompt, streams: Streams) -> str:
    """The named time of day, else a bright one chosen by the seed."""
    if prompt.time:
        return prompt.time
    if prompt.weather & {"storm", "rain", "fog"}:
        return "day"
    if prompt.style == "ink":
        return "day"
    draw = float(streams.rng("time").random())
    for name, chance in _CHANCES:
        draw -= chance
        if draw < 0:
            return name
    return "day"


def palette_for(prompt: ParsedPrompt, time: str, guidance: float) -> Palette:
    """The palette of `time` after weather and the colour words that have no noun of their own."""
    palette = TIMES[time]
    if "mars" in prompt.features:
        palette = _martian(palette, time)
    if prompt.scene == "city" and time in ("night", "dusk"):
        neon = "neon" in prompt.features or prompt.style == "neon"
        palette = palette.with_colours(_ELECTRIC if neon else _TOWN_GLOW)
    if "lunar" in prompt.features:
        palette = _airless(palette)
    if prompt.style == "ink" and time not in ("night", "dusk"):
        palette = palette.with_colours(_PAPER)
    palette = _weathered(palette, prompt.weather)
    words = [c for c in prompt.colours_of("*") if c in COLOURS]
    if not words:
        return palette
    return palette.with_colours(_pulled(palette, words, guidance))


def _weathered(palette: Palette, weather: frozenset[str]) -> Palette:
    """Grey the colours for bad weather; a storm darkens every one of them, else a sunset stays festive."""
    grey, dim = 0.0, 1.0
    for name, (g, d) in {
        "storm": (0.72, 0.48),
        "rain": (0.62, 0.70),
        "fog": (0.45, 0.95),
        "snow": (0.22, 0.97),
    }.items():
        if name in weather:
            grey, dim = max(grey, g), min(dim, d)
    if grey == 0.0:
        return palette
    if palette.stars > 0.5:
        dim = 0.45 + 0.55 * dim  # a night is dark already: a storm may not swallow the picture
    changed: dict[str, Rgb] = {}
    for name in _COLOUR_FIELDS:
        r, g, b = getattr(palette, name)
        luma = 0.3 * r + 0.59 * g + 0.11 * b
        cool = (luma * 0.96, luma * 1.0, luma * 1.07)
        changed[name] = _blend((r, g, b), cool, grey, dim)
    calmer = replace(palette, glow=palette.glow * (1 - grey), stars=palette.stars * (1 - grey))
    return calmer.with_colours(changed)


def _blend(a: Rgb, b: Rgb, k: float, level: float) -> Rgb:
    """`level` times the mixture of a (k = 0) and b (k = 1)."""
    x, y, z = (level * (p * (1 - k) + q * k) for p, q in zip(a, b, strict=True))
    return x, y, z


def _martian(palette: Palette, time: str) -> Palette:
    dark = 0.22 if time == "night" else 1.0
    tint = {
        "zenith": (0.48, 0.26, 0.20), "middle": (0.70, 0.42, 0.30), "low": (0.88, 0.60, 0.42),
        "horizon": (0.97, 0.76, 0.55), "haze": (0.86, 0.56, 0.38), "ambient": (0.52, 0.38, 0.34),
    }  # fmt: skip
    return palette.with_colours(
        {name: _blend(getattr(palette, name), rgb, 0.88, dark) for name, rgb in tint.items()}
    )


def _airless(palette: Palette) -> Palette:
    black = (0.004, 0.005, 0.012)
    return replace(
        palette, zenith=black, middle=black, low=black, horizon=black, haze=(0.02, 0.02, 0.025),
        ambient=(0.16, 0.16, 0.18), light=(1.05, 1.03, 1.0), stars=1.0, glow=0.1,
    )  # fmt: skip


def _pulled(palette: Palette, words: list[str], guidance: float) -> dict[str, Rgb]:
    """Every colour field moved toward the wanted hues, keeping its lightness; sky fields share several hues."""
    strength = pull_strength(guidance) * 0.8
    changed: dict[str, Rgb] = {}
    order = {"zenith": -1, "middle": -1, "low": 0, "horizon": 0, "cloud_lit": 0, "cloud_dark": -1, "haze": 0}
    for name in _COLOUR_FIELDS:
        colour = words[order.get(name, 0)]
        keep = 0.45 if name in ("sun", "light") else 1.0
        changed[name] = tint(getattr(palette, name), colour, strength * keep)
    return changed


def pull_strength(guidance: float) -> float:
    """Strength of colour words, 0..1, for a guidance relative to the model's default (0..2)."""
    return float(np.clip(0.12 + 0.50 * guidance, 0.0, 1.0))


def tint(rgb: Rgb, colour: str, strength: float) -> Rgb:
    """`rgb` moved toward the hue of a colour word in Lab; white, grey and black move the lightness as well."""
    pixel = np.array(rgb, np.float32).reshape(1, 1, 3)
    r, g, b = tint_image(pixel, colour, strength).reshape(3)
    return float(r), float(g), float(b)


def tint_image(image: Plane, colour: str, strength: float | Plane) -> Plane:
    """Float32 picture moved toward a colour word by `strength` (0..1, a number or a plane)."""
    lab = cv2.cvtColor(np.clip(image, 0, 1), cv2.COLOR_RGB2Lab)
    target = cv2.cvtColor(np.array(COLOURS[colour], np.float32).reshape(1, 1, 3), cv2.COLOR_RGB2Lab)[0, 0]
    light = lab[..., 0] / 100.0
    # Very dark and very light colours hold little chroma in sRGB; asking for more would clip to flat patches.
    chroma_limit = np.clip(np.minimum(light * 2.6, (1.06 - light) * 2.6), 0.0, 1.0)
    k = np.asarray(strength, np.float32)
    for channel in (1, 2):
        lab[..., channel] += k * (target[channel] * chroma_limit - lab[..., channel])
    shift = {"white": 26.0, "black": -26.0, "navy": -8.0, "beige": 5.0, "pink": 5.0}.get(colour, 0.0)
    lab[..., 0] = np.clip(lab[..., 0] + k * shift, 0, 100)
    return np.clip(cv2.cvtColor(lab, cv2.COLOR_Lab2RGB), 0, 1)
