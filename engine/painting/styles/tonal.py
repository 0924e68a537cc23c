"""Tonal styles: black and white, neon, pencil, old photograph."""

from __future__ import annotations

import cv2
import numpy as np

from engine.images.arrays import Picture, Plane, blur
from engine.painting.noise import fbm
from engine.painting.random_streams import Streams
from engine.painting.styles.brush import kuwahara, luma, saturate, smoothstep


def _vignette(height: int, width: int, strength: float) -> Plane:
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    falloff = np.clip((x * x + y * y) / 2, 0, 1) ** np.float32(1.3)
    return (1 - strength * falloff).astype(np.float32)


def mono(rgb: Picture, streams: Streams, quality: float) -> Picture:
    """Black-and-white film behind an orange filter: dark skies, full contrast."""
    height, width = rgb.shape[:2]
    level = rgb @ np.array([0.45, 0.45, 0.10], np.float32)
    low, high = np.percentile(level, (1, 99))
    level = np.clip((level - low) / max(float(high - low), 0.15), 0, 1)
    level = 0.5 * level + 0.5 * level * level * (3 - 2 * level)
    level = level + 0.25 * (level - blur(level.astype(np.float32), 0.02 * height))
    level = np.clip(0.02 + 0.95 * level, 0, 1) * _vignette(height, width, 0.28)
    return np.repeat(level[..., None], 3, axis=2).astype(np.float32)


def sketch(rgb: Picture, streams: Streams, quality: float) -> Picture:
    """Graphite on warm paper: contours by dodging, two hatchings in the shade. Almost without colour."""
    height, width = rgb.shape[:2]
    level = blur(luma(rgb), 0.0012 * height)
    dodged = _dodge(level, 0.0085 * height)
    lines = smoothstep(dodged, 0.99, 0.72)
    fine = _dodge(level, 0.003 * height)
    lines = np.maximum(lines, 0.8 * smoothstep(fine, 0.985, 0.86))
    tone = kuwahara(np.repeat(level[..., None], 3, axis=2), 0.012 * height)[..., 0]
    low, high = np.percentile(tone, (2, 98))
    tone = np.clip((tone - low) / max(float(high - low), 0.1), 0, 1).astype(np.float32)
    grain = fbm(streams, "style/sketch/paper", height, width, cells=190, octaves=2) - 0.5
    hatch = np.zeros_like(tone)
    for k, (angle, limit, gain) in enumerate(((0.66, 0.80, 0.26), (0.98, 0.55, 0.32), (2.30, 0.32, 0.36))):
        strokes = _hatching(streams, f"style/sketch/hatch/{k}", height, width, angle)
        depth = smoothstep(tone, limit, limit - 0.35)
        hatch = hatch + gain * strokes * depth
    shade = 0.20 * (1 - tone) ** 1.5
    graphite = np.clip(0.88 * lines + hatch * (0.45 + 0.55 * quality) + shade, 0, 0.96)
    graphite = np.clip(graphite * (1 + 1.5 * grain), 0, 0.95)[..., None]
    paper = np.array([0.972, 0.965, 0.948], np.float32) + (0.03 * grain)[..., None]
    return paper * (1 - graphite) + graphite * np.array([0.17, 0.17, 0.18], np.float32)


def _dodge(level: Plane, sigma: float) -> Plane:
    """1 on even ground, lower on the dark side of an edge."""
    return np.clip(level / np.maximum(blur(level, sigma), np.float32(0.02)), 0, 1).astype(np.float32)


def _hatching(streams: Streams, name: str, height: int, width: int, angle: float) -> Plane:
    """Parallel pencil strokes at `angle` radians, uneven in spacing and pressure, 0..1."""
    unit = np.float32(1 / height)
    y = np.arange(height, dtype=np.float32)[:, None] * unit
    x = np.arange(width, dtype=np.float32)[None] * unit
    across = x * np.float32(np.sin(angle)) + y * np.float32(np.cos(angle))
    along = x * np.float32(np.cos(angle)) - y * np.float32(np.sin(angle))
    wander = fbm(streams, name, height, width, cells=5, octaves=3) - 0.5
    wave = np.sin(2 * np.pi * (across * np.float32(110) + wander * np.float32(1.5)))
    pressure = fbm(streams, f"{name}/pressure", height, width, cells=24, octaves=2)
    lift = 0.75 + 0.25 * np.sin(2 * np.pi * (along * np.float32(5) + 4 * wander))
    return smoothstep(wave, -0.15, 0.75) * np.clip(0.35 + 0.9 * pressure, 0, 1) * lift


def neon(rgb: Picture, streams: Streams, quality: float) -> Picture:
    """Tubes of light: the picture dimmed to violet dusk, its contours glowing in their own hue."""
    height = rgb.shape[0]
    smooth = kuwahara(rgb, 0.009 * height)
    level = luma(smooth)
    night = np.array([0.10, 0.045, 0.20], np.float32)
    dim = night * (0.30 + 0.9 * level[..., None]) + saturate(smooth, 1.5) * np.float32(0.30)
    thin = max(0.0016 * height, 0.7)
    energy = np.zeros(level.shape, np.float32)
    soft = blur(smooth, thin)
    for dx, dy in ((1, 0), (0, 1)):
        edge = cv2.Sobel(soft, cv2.CV_32F, dx, dy, ksize=3, borderType=cv2.BORDER_REFLECT)
        energy += (edge * edge).sum(axis=2)
    tube = smoothstep(np.sqrt(energy) * np.float32(thin), 0.10, 0.42)
    hue = _vivid(blur(smooth, 0.012 * height), height)
    light = hue * tube[..., None]
    bloom = (
        blur(light, 0.006 * height) * 0.9
        + blur(light, 0.022 * height) * 1.1
        + blur(light, 0.07 * height) * 0.9
    )
    core = smoothstep(tube, 0.55, 1.0)[..., None] * np.float32(0.55)
    glow = 1 - (1 - np.clip(dim, 0, 1)) * (1 - np.clip(light + core, 0, 1)) * (1 - np.clip(bloom, 0, 1))
    return saturate(np.clip(glow, 0, 1), 1.15)


def _vivid(rgb: Picture, height: int) -> Picture:
    """The hue of every place at full strength; greys take cyan or magenta by height in the picture."""
    peak = rgb.max(axis=2, keepdims=True)
    pure = (rgb - rgb.min(axis=2, keepdims=True)) / np.maximum(peak - rgb.min(axis=2, keepdims=True), 0.02)
    chroma = smoothstep(peak[..., 0] - rgb.min(axis=2), 0.04, 0.20)[..., None]
    t = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    grey = (1 - t) * np.array([0.15, 0.90, 1.0], np.float32) + t * np.array([1.0, 0.20, 0.85], np.float32)
    return np.clip(pure * chroma + grey * (1 - chroma), 0, 1).astype(np.float32)


def vintage(rgb: Picture, streams: Streams, quality: float) -> Picture:
    """A photograph from an old album: faded blacks, warm paper, a leak of light, soft corners."""
    height, width = rgb.shape[:2]
    soft = 0.75 * rgb + 0.25 * blur(rgb, 0.006 * height)
    level = luma(soft)[..., None]
    sepia = np.clip(level ** np.float32(0.95) * np.array([1.05, 0.90, 0.68], np.float32), 0, 1)
    faded = 0.45 * saturate(soft, 0.75) + 0.55 * sepia
    faded = np.float32(0.095) + np.float32(0.82) * faded
    faded *= np.array([1.03, 0.99, 0.90], np.float32)
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(0, 1, width, dtype=np.float32)[None]
    side = streams.rng("style/vintage/leak").random() < 0.5
    leak = np.exp(-((x if side else 1 - x) ** 2) / 0.02) * np.exp(-((y - 0.35) ** 2) / 0.12)
    faded = 1 - (1 - faded) * (1 - leak[..., None] * np.array([0.34, 0.16, 0.04], np.float32))
    specks = _dust(streams, height, width) * np.float32(0.30)
    aged = faded * _vignette(height, width, 0.42)[..., None]
    return aged + (0.93 - aged) * specks[..., None]


def _dust(streams: Streams, height: int, width: int) -> Plane:
    """A few soft specks and hairs, 0..1."""
    dust = np.zeros((height, width), np.float32)
    rng = streams.rng("style/vintage/dust")
    for x, y, size, bend in rng.random((46, 4)).tolist():
        centre = (round(x * width * 16), round(y * height * 16))
        radius = max(1, round((0.0006 + 0.0016 * size**4) * height * 16))
        if bend < 0.12:
            axes = (round((0.006 + 0.015 * size) * height * 16), round(0.008 * height * 16))
            cv2.ellipse(dust, centre, axes, 360 * x, 0, 110, 0.6, 1, cv2.LINE_AA, 4)
        else:
            cv2.circle(dust, centre, radius, 1.0, -1, cv2.LINE_AA, 4)
    return blur(dust, 0.0008 * height)
