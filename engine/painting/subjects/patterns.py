"""Repeating two-colour patterns: stripes, spots, bricks, shingles."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from engine.images.arrays import Plane
from engine.painting.subjects.materials import Textures

Kind = Callable[[Plane, Plane, float, Textures, slice, slice], Plane]


def _band(value: Plane, edge: float, width: float) -> Plane:
    """0 below `edge`, 1 above, a straight ramp `width` wide between."""
    return np.clip((value - edge) / max(width, 1e-4) + 0.5, 0, 1).astype(np.float32)


def _tabby(x: Plane, y: Plane, scale: float, tex: Textures, rows: slice, cols: slice) -> Plane:
    bend = 0.055 * tex.plane("tabby", 5)[rows, cols] + 0.012 * tex.plane("grain", 28)[rows, cols]
    wave = np.sin(2 * np.pi * scale * (y + bend - 0.25 * np.abs(x)))
    return _band(wave + 0.5 * tex.plane("tabby-gap", 9)[rows, cols], 0.45, 0.5)


def _spots(x: Plane, y: Plane, scale: float, tex: Textures, rows: slice, cols: slice) -> Plane:
    return _band(tex.plane("spots", round(scale))[rows, cols], 0.42, 0.22)


def _patches(x: Plane, y: Plane, scale: float, tex: Textures, rows: slice, cols: slice) -> Plane:
    field = tex.plane("patches", round(scale))[rows, cols] + 0.18 * tex.plane("grain", 28)[rows, cols]
    return _band(field, 0.12, 0.12)


def _rings(x: Plane, y: Plane, scale: float, tex: Textures, rows: slice, cols: slice) -> Plane:
    # The rows of a round tower sag toward the viewer.
    value = np.sin(2 * np.pi * scale * (y - 0.9 * x * x))
    return _band(value, 0.0, 9.0 * scale / tex.scale)


def _brick(x: Plane, y: Plane, scale: float, tex: Textures, rows: slice, cols: slice) -> Plane:
    row = np.floor(y * scale)
    u = x * scale * 0.5 + 0.5 * np.mod(row, 2)
    joint_x = np.abs(np.mod(u, 1) - 0.5)
    joint_y = np.abs(np.mod(y * scale, 1) - 0.5) + 0 * x
    soft = max(1.2 * scale / tex.scale, 0.06)
    joints = np.maximum(_band(joint_x, 0.47, soft * 0.5), _band(joint_y, 0.44, soft))
    block = np.mod(np.sin(row * 12.99 + np.floor(u) * 78.23) * 437.5, 1.0)
    return np.clip(joints + 0.28 * block, 0, 1).astype(np.float32)


def _planks(x: Plane, y: Plane, scale: float, tex: Textures, rows: slice, cols: slice) -> Plane:
    joint = np.abs(np.mod(y * scale, 1) - 0.5) + 0 * x
    return _band(joint, 0.45, max(1.2 * scale / tex.scale, 0.08))


def _shingles(x: Plane, y: Plane, scale: float, tex: Textures, rows: slice, cols: slice) -> Plane:
    row = np.floor(y * scale)
    u = np.mod(x * scale * 0.8 + 0.5 * np.mod(row, 2), 1) - 0.5
    v = np.mod(y * scale, 1)
    return np.clip(0.15 + 0.85 * (1 - v) - 1.2 * u * u, 0, 1).astype(np.float32)


def _scales(x: Plane, y: Plane, scale: float, tex: Textures, rows: slice, cols: slice) -> Plane:
    best = np.zeros(np.broadcast_shapes(x.shape, y.shape), np.float32)
    for odd in (0, 1):
        u = np.mod(x * scale + 0.5 * odd, 1) - 0.5
        v = np.mod(y * scale * 1.5 + 0.5 * odd, 1) - 0.5
        rim = np.sqrt(u * u * 1.6 + v * v)
        np.maximum(best, np.clip(1 - np.abs(rim - 0.42) * 6, 0, 1) * (v > -0.2), out=best)
    return best


KINDS: dict[str, Kind] = {
    "tabby": _tabby,
    "spots": _spots,
    "patches": _patches,
    "rings": _rings,
    "brick": _brick,
    "planks": _planks,
    "shingles": _shingles,
    "scales": _scales,
}
