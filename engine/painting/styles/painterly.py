"""Painterly styles: oil, watercolour, pastel, ink wash."""

from __future__ import annotations

import cv2
import numpy as np

from engine.images.arrays import Picture, Plane, blur
from engine.painting.noise import fbm
from engine.painting.random_streams import Streams
from engine.painting.styles.brush import (
    busy,
    flattened,
    kuwahara,
    luma,
    relief,
    saturate,
    smoothstep,
    streaks,
    tangents,
)


def oil(rgb: Picture, streams: Streams, quality: float) -> Picture:
    """Thick paint: two passes of dabs, colours broken along the strokes, furrows lit from the upper left."""
    height = rgb.shape[0]
    coarse = 1.0 + 0.8 * (1 - quality)
    dabs = flattened(kuwahara(rgb, 0.005 * height * coarse), 0.014 * height * coarse, keep=0.24)
    tx, ty = tangents(dabs, streams, 0.012 * height)
    broad = streaks(tx, ty, streams, "style/oil/broad", rows=130, length=0.075 * height)
    fine = streaks(tx, ty, streams, "style/oil/fine", rows=380, length=0.045 * height, steps=6)
    # Strokes carry neighbouring colour along with them, a little lighter or darker each.
    calm = 1 - np.float32(0.75) * busy(dabs)
    drag = np.float32(0.009 * height) * broad * calm
    ys, xs = np.mgrid[0:height, 0 : rgb.shape[1]].astype(np.float32)
    paint = cv2.remap(dabs, xs - ty * drag, ys + tx * drag, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    paint = saturate(paint, 1.14) * (1 + np.float32(0.065) * (broad * calm)[..., None])
    ridge = blur(0.55 * broad + 0.45 * fine, 0.0011 * height)
    lit = relief(ridge, 1.1 * height / 512)
    lit *= 0.45 + 0.55 * calm
    return (
        paint * (1 + np.float32(0.085) * lit[..., None]) + np.float32(0.022) * np.maximum(lit, 0)[..., None]
    )


def watercolor(rgb: Picture, streams: Streams, quality: float) -> Picture:
    """Thin washes on cold-pressed paper: pooled edges, granulation, a ragged white border."""
    height, width = rgb.shape[:2]
    wobble = np.float32(0.009 * height)
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    bend_x = fbm(streams, "style/wash/x", height, width, cells=9, octaves=3) - 0.5
    bend_y = fbm(streams, "style/wash/y", height, width, cells=9, octaves=3) - 0.5
    wash = flattened(rgb, (0.017 + 0.012 * (1 - quality)) * height, keep=0.22)
    wash = cv2.remap(
        wash, xs + wobble * bend_x, ys + wobble * bend_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    wash = flattened(wash, 0.008 * height)
    density = -np.log(np.clip(0.06 + 0.94 * saturate(wash, 1.18), 0.02, 1))
    # A wash is thin: a dark picture is let down with water until the paper shines through.
    density *= np.float32(np.clip(0.52 / max(float(density.mean()), 0.05), 0.55, 1.1))
    pool = fbm(streams, "style/wash/pool", height, width, cells=5, octaves=4) - 0.5
    density *= (0.80 + np.float32(0.75) * pool)[..., None]
    density *= (1 + np.float32(2.6) * np.clip(_rims(wash, 0.010 * height), 0, 0.32))[..., None]
    paper = fbm(streams, "style/wash/paper", height, width, cells=150, octaves=2) - 0.5
    thick = np.clip(density.mean(axis=2), 0, 1)
    density *= (1 - np.float32(0.42) * np.clip(paper * 1.6, -0.6, 0.6) * (1 - 0.6 * thick))[..., None]
    painted = np.exp(-density)
    sheet = np.array([0.985, 0.980, 0.965], np.float32) - (0.03 * np.abs(paper))[..., None]
    inside, rim = _ragged(streams, height, width)
    painted *= (1 - np.float32(0.22) * rim)[..., None]
    return sheet * (1 - inside[..., None]) + np.minimum(painted, sheet) * inside[..., None]


def _rims(wash: Picture, sigma: float) -> Plane:
    """Where pigment gathers: along the borders between washes, on their darker side."""
    level = luma(wash)
    return np.maximum(blur(level, sigma) - level, 0)


def _ragged(streams: Streams, height: int, width: int) -> tuple[Plane, Plane]:
    """The painted area (1 inside) and the line of pooled pigment along its edge."""
    unit = np.float32(min(height, width))
    y = np.arange(height, dtype=np.float32)[:, None] + 0.5
    x = np.arange(width, dtype=np.float32)[None] + 0.5
    edge = np.minimum(np.minimum(y, height - y), np.minimum(x, width - x)) / unit
    tear = fbm(streams, "style/wash/edge", height, width, cells=7, octaves=5, gain=0.55) - 0.5
    edge = edge + np.float32(0.055) * np.clip(tear, -0.42, 0.42)
    inside = smoothstep(edge, 0.034, 0.040)
    rim = smoothstep(edge, 0.066, 0.040) * inside
    return inside, rim


def pastel(rgb: Picture, streams: Streams, quality: float) -> Picture:
    """Soft chalk: a light key, powdery strokes that skip over the tooth of the paper."""
    height, width = rgb.shape[:2]
    soft = flattened(rgb, (0.011 + 0.010 * (1 - quality)) * height)
    tx, ty = tangents(soft, streams, 0.02 * height, wander=0.006)
    chalk = streaks(tx, ty, streams, "style/pastel/chalk", rows=300, length=0.030 * height, steps=5)
    tooth = fbm(streams, "style/pastel/tooth", height, width, cells=170, octaves=2) - 0.5
    light = saturate(soft, 1.05) ** np.float32(0.85)
    light = np.float32(0.10) + np.float32(0.88) * light
    paper = np.array([0.965, 0.945, 0.915], np.float32)
    # On a dark ground the bare paper would glare: chalk covers it more there.
    skipped = np.clip(0.12 + 0.38 * tooth + 0.12 * chalk, 0, 0.5)[..., None]
    skipped *= (0.30 + 0.70 * luma(soft))[..., None]
    return light * (1 - skipped) + paper * skipped + np.float32(0.03) * chalk[..., None]


def ink(rgb: Picture, streams: Streams, quality: float) -> Picture:
    """Chinese ink wash on rice paper: few tones that bleed, darker brush lines, much left empty."""
    height, width = rgb.shape[:2]
    level = luma(flattened(rgb, (0.018 + 0.012 * (1 - quality)) * height))
    # Ink tells near from far, not day from night: judge each place against its surroundings.
    level = level / (blur(level, 0.16 * height) + np.float32(0.12))
    low, high = np.percentile(level, (3, 90))
    level = np.clip((level - low) / max(float(high - low), 0.25), 0, 1).astype(np.float32)
    bleed = fbm(streams, "style/ink/bleed", height, width, cells=11, octaves=5, gain=0.55) - 0.5
    tone = np.clip((1 - level) ** np.float32(1.35) + np.float32(0.16) * bleed, 0, 1)
    steps = sum(
        (smoothstep(tone, at - 0.05, at + 0.05) for at in (0.22, 0.42, 0.62, 0.80)), np.zeros_like(tone)
    )
    wash = 0.55 * steps / 4 + 0.45 * smoothstep(tone, 0.15, 1.0)
    pooled = np.maximum(wash - blur(wash, 0.012 * height), 0)
    tx, ty = tangents(rgb, streams, 0.010 * height)
    dry = streaks(tx, ty, streams, "style/ink/dry", rows=260, length=0.05 * height, steps=6)
    lines = _contours(rgb, 0.0030 * height) * smoothstep(dry, -0.9, 0.1)
    black = np.clip(0.80 * wash + 0.9 * pooled + 0.62 * lines, 0, 0.96)
    black *= 1 - 0.30 * np.clip(dry, 0, 1) * smoothstep(tone, 0.35, 0.75)
    fibre = fbm(streams, "style/ink/paper", height, width, cells=60, octaves=3) - 0.5
    paper = np.array([0.955, 0.935, 0.885], np.float32) + (0.030 * fibre)[..., None]
    hint = saturate(blur(rgb, 0.01 * height), 0.8)
    wetness = (0.26 * smoothstep(tone, 0.1, 0.5) * (1 - black))[..., None]
    paper = paper * (1 - wetness) + wetness * hint
    return paper * (1 - black[..., None]) + black[..., None] * np.array([0.085, 0.085, 0.10], np.float32)


def _contours(rgb: Picture, sigma: float) -> Plane:
    """Dark lines along the edges, 0..1, by a difference of blurs."""
    level = luma(rgb)
    wide = blur(level, max(sigma * 1.6, 1.1)) - blur(level, max(sigma, 0.7))
    return smoothstep(wide, 0.006, 0.045)
