"""Compositing of a finished figure: its ground shadow, then the figure itself."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.images.arrays import Picture, blur
from engine.painting.subjects.renderer import Light


@dataclass(frozen=True)
class Figure:
    """A rendered subject.

    `rgba` is float32 h x w x 4, straight alpha, sRGB 0..1, its own lights included; `base` the pixel
    (x, y) where it stands; `seat` the pixel where a rider's base goes; `emissive` float32 h x w x 3, the
    lit windows and lamps alone, for the bloom (None where nothing glows).
    """

    rgba: Picture
    base: tuple[float, float]
    seat: tuple[float, float] | None
    emissive: Picture | None


def afloat(figure: Figure, draught: float) -> Figure:
    """The part of a figure that shows above the water when `draught` (share of its height) lies below.

    Its base is then the waterline, so that placing and mirroring it there meet in one line.
    """
    height = figure.rgba.shape[0]
    line = max(1, round(figure.base[1] - draught * height))
    if draught <= 0 or line >= height:
        return figure
    emissive = None if figure.emissive is None else figure.emissive[:line]
    return Figure(figure.rgba[:line], (figure.base[0], float(line)), figure.seat, emissive)


def corner(figure: Figure, x: float, y: float) -> tuple[int, int]:
    """Left and top pixel of the figure's box once its base stands at (x, y)."""
    return round(x - figure.base[0]), round(y - figure.base[1])


def place(
    canvas: Picture, figure: Figure, x: float, y: float, *, light: Light, shadow: float = 1.0
) -> NDArray[np.float32]:
    """Draw the figure into `canvas` (float32 H x W x 3, changed in place) with its base at (x, y).

    `shadow` 0..1 is the darkness of the shadow on the ground. Returns the float32 H x W mask of the
    figure alone; all zeros where it lies outside the frame.
    """
    mask = np.zeros(canvas.shape[:2], np.float32)
    left, top = corner(figure, x, y)
    if shadow > 0:
        _cast(canvas, figure, x, y, light, shadow)
    ours, theirs = _overlap(canvas.shape[:2], figure.rgba.shape[:2], left, top)
    if ours is None or theirs is None:
        return mask
    piece = figure.rgba[theirs]
    alpha = piece[..., 3]
    canvas[ours] += alpha[..., None] * (piece[..., :3] - canvas[ours])
    mask[ours] = alpha
    return mask


def glow(canvas: Picture, figure: Figure, x: float, y: float, strength: float = 1.0) -> None:
    """Add the bloom of the figure's own lights around it, base at (x, y); nothing where it has none."""
    if figure.emissive is None:
        return
    height = figure.rgba.shape[0]
    pad = height // 3
    source = cv2.copyMakeBorder(figure.emissive, pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=(0, 0, 0))
    bloom = np.zeros_like(source)
    for sigma, gain in ((0.015, 0.55), (0.05, 0.7), (0.12, 0.9)):
        bloom += np.float32(gain) * blur(source, max(sigma * height, 0.6))
    left, top = corner(figure, x, y)
    ours, theirs = _overlap(canvas.shape[:2], bloom.shape[:2], left - pad, top - pad)
    if ours is not None and theirs is not None:
        light = np.clip(bloom[theirs] * np.float32(strength), 0, 1)
        canvas[ours] += light * (1 - np.clip(canvas[ours], 0, 1))


_Pair = tuple[slice, slice]


def _overlap(
    frame: tuple[int, ...], piece: tuple[int, ...], left: int, top: int
) -> tuple[_Pair | None, _Pair | None]:
    """Where a piece laid at (left, top) meets the frame: the slices in the frame and in the piece."""
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + piece[1], frame[1]), min(top + piece[0], frame[0])
    if x1 <= x0 or y1 <= y0:
        return None, None
    return (slice(y0, y1), slice(x0, x1)), (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))


def _cast(canvas: Picture, figure: Figure, x: float, y: float, light: Light, shadow: float) -> None:
    """Darken the ground: a contact shadow under what touches it, and the figure's shape laid down long."""
    frame = canvas.shape[:2]
    height = figure.rgba.shape[0]
    if not (-2 * height < y < frame[0] + 2 * height and -3 * height < x < frame[1] + 3 * height):
        return
    small = max(1.0, height / 160)  # shadows are soft: a small raster is enough
    size = (max(2, round(frame[1] / small)), max(2, round(frame[0] / small)))
    sx, sy = size[0] / frame[1], size[1] / frame[0]
    alpha = figure.rgba[..., 3]
    dark = np.maximum(
        _laid(alpha, figure.base, (x * sx, y * sy), (sx, sy), size, light) * np.float32(0.42),
        _contact(alpha, figure.base, (x * sx, y * sy), (sx, sy), size) * np.float32(0.62),
    )
    dark = cv2.resize(dark, (frame[1], frame[0]), interpolation=cv2.INTER_LINEAR)
    strength = np.float32(shadow * (0.45 + 0.55 * min(1.0, 1.4 * float(np.mean(light.sun)))))
    canvas *= (1 - np.clip(dark * strength, 0, 0.9))[..., None]


def _laid(
    alpha: Picture,
    base: tuple[float, float],
    at: tuple[float, float],
    scale: tuple[float, float],
    size: tuple[int, int],
    light: Light,
) -> Picture:
    """The silhouette sheared away from the sun and pressed flat on the ground."""
    dx, dy, dz = light.direction
    slope = max(dy, 0.25)
    shear = float(np.clip(-dx / slope, -1.6, 1.6)) * 0.75
    flat = float(np.clip(0.16 + 0.22 * dz / slope, -0.5, 0.5))
    if abs(flat) < 0.10:
        flat = 0.10
    # A point h above the base falls shear * h sideways and flat * h up the picture (away from the viewer).
    matrix = np.array(
        [
            [scale[0], -shear * scale[0], at[0] - scale[0] * base[0] + shear * scale[0] * base[1]],
            [0, flat * scale[1], at[1] - flat * scale[1] * base[1]],
        ],
        np.float64,
    )
    cover = cv2.warpAffine(alpha, matrix, size, flags=cv2.INTER_AREA)
    reach = alpha.shape[0] * scale[1]
    return cv2.GaussianBlur(cover, (0, 0), max(0.02 * reach, 0.6))


def _contact(
    alpha: Picture,
    base: tuple[float, float],
    at: tuple[float, float],
    scale: tuple[float, float],
    size: tuple[int, int],
) -> Picture:
    """A soft dark pool under the lowest tenth of the figure."""
    height = alpha.shape[0]
    bottom = min(height, max(1, round(base[1])))
    foot = alpha[max(0, bottom - max(2, height // 9)) : bottom].max(axis=0)
    matrix = np.array([[scale[0], 0, at[0] - scale[0] * base[0]], [0, 1, 0]], np.float64)
    line = cv2.warpAffine(foot[None], matrix, (size[0], 1))[0]
    thick = max(1.0, 0.022 * height * scale[1])
    rows = np.arange(size[1], dtype=np.float32)[:, None]
    pool = np.exp(-(((rows - at[1] + 0.2 * thick) / thick) ** 2)).astype(np.float32) * line
    return cv2.GaussianBlur(pool, (0, 0), max(0.02 * height * scale[0], 0.6))
