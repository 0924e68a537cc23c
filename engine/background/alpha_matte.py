"""Alpha matting: from a binary mask to soft alpha, and foreground colours without background in them."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.background.array_math import dilated, eroded, fitted
from engine.images.arrays import Mask, Pixels, Plane

RIM_WIDTH = 0.008
"""Maximum width of the soft rim, as a share of the longer side."""
SMOOTHNESS = 1e-4
"""Variance of colour (0..1 squared) below which the guided filter smooths rather than follows."""
MAX_SIDE = 2048
"""Longest side at which soft rims are computed; for a larger image they are enlarged."""
TRANSPARENT_BELOW, OPAQUE_ABOVE = 0.08, 0.92
"""Alpha at or below the first becomes 0, at or above the second 1."""

Rgba: TypeAlias = NDArray[np.uint8]


def cut_out(rgb: Pixels, mask: Mask) -> Rgba:
    """The object cut out: uint8 H x W x 4 with straight alpha, of the size of `rgb`; `mask` may be smaller.

    Everything else is transparent black, so that nothing of the background stays in the file.
    """
    work = fitted(rgb, MAX_SIDE)
    soft = soften(work, mask)
    colours = own_colours(work, soft)
    if work.shape != rgb.shape:
        size = (rgb.shape[1], rgb.shape[0])
        change = cv2.resize(colours.astype(np.int16) - work, size, interpolation=cv2.INTER_LINEAR)
        change += rgb
        colours = np.clip(change, 0, 255).astype(np.uint8)
        soft = np.asarray(cv2.resize(soft, size, interpolation=cv2.INTER_CUBIC), np.float32)
    alpha = np.clip(soft * 255 + 0.5, 0, 255).astype(np.uint8)
    colours[alpha == 0] = 0
    return np.dstack([colours, alpha])


def soften(rgb: Pixels, mask: Mask) -> Plane:
    """Alpha 0..1 of the size of `rgb`: the mask with a soft rim that follows the image's edges."""
    height, width = rgb.shape[:2]
    radius = max(2, round(RIM_WIDTH * max(height, width)))
    hard = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    sure, none = eroded(hard > 0.5, 2 * radius), ~dilated(hard > 0.5, 2 * radius)
    box = _box(~(sure | none), 4 * radius)
    if box is None:
        return np.asarray(hard > 0.5, np.float32)
    guide = np.asarray(rgb[box].astype(np.float32) / 255, np.float32)
    near = np.asarray((hard[box] > 0.5), np.float32)
    alpha = hard.copy()
    alpha[box] = np.clip(
        (guided(guide, near, radius) - TRANSPARENT_BELOW) / (OPAQUE_ABOVE - TRANSPARENT_BELOW), 0, 1
    )
    alpha[sure], alpha[none] = 1, 0
    return np.asarray(alpha, np.float32)


def _box(where: Mask, margin: int) -> tuple[slice, slice] | None:
    """Bounding box of the true pixels, with a margin."""
    rows, columns = np.flatnonzero(where.any(axis=1)), np.flatnonzero(where.any(axis=0))
    if not len(rows):
        return None
    return (
        slice(max(0, int(rows[0]) - margin), int(rows[-1]) + margin + 1),
        slice(max(0, int(columns[0]) - margin), int(columns[-1]) + margin + 1),
    )


def guided(guide: Plane, values: Plane, radius: int) -> Plane:
    """Guided filter of the values along the edges of the guide H x W x 3 (He, Sun and Tang, "Guided Image Filtering").

    In every window the values are modelled as a linear function of the guide's colour.
    """
    window = (2 * radius + 1, 2 * radius + 1)

    def mean(plane: Plane) -> Plane:
        return np.asarray(cv2.boxFilter(plane, -1, window, borderType=cv2.BORDER_REFLECT), np.float32)

    centre, level = mean(guide), mean(values)
    slope = mean(guide * values[..., None]) - centre * level[..., None]
    r, g, b = (guide[..., k] for k in range(3))
    mr, mg, mb = (centre[..., k] for k in range(3))
    rr, gg, bb = (mean(x * x) - m * m + np.float32(SMOOTHNESS) for x, m in ((r, mr), (g, mg), (b, mb)))
    rg, rb, gb = mean(r * g) - mr * mg, mean(r * b) - mr * mb, mean(g * b) - mg * mb
    # The inverse covariance by cofactors: it is symmetric, and the smoothness keeps it from being singular.
    inverse = (
        (gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg),
        (rr * bb - rb * rb, rb * rg - rr * gb),
        (rr * gg - rg * rg,),
    )
    (i_rr, i_rg, i_rb), (i_gg, i_gb), (i_bb,) = inverse
    determinant = rr * i_rr + rg * i_rg + rb * i_rb
    s, t, u = (slope[..., k] / determinant for k in range(3))
    factors = np.dstack(
        [i_rr * s + i_rg * t + i_rb * u, i_rg * s + i_gg * t + i_gb * u, i_rb * s + i_gb * t + i_bb * u]
    )
    offset = mean(np.asarray(level - (factors * centre).sum(axis=2), np.float32))
    return np.asarray((mean(factors) * guide).sum(axis=2) + offset, np.float32)


def own_colours(rgb: Pixels, alpha: Plane) -> Pixels:
    """Foreground colours, where the rim is mixed with the background; without this step the object has a halo.

    After Forte, "Approximate Fast Foreground Colour Estimation" (2021): blurred colours of either side, and the
    residual of the compositing equation.
    """
    colours = rgb.copy()
    height, width = alpha.shape
    longest = max(height, width)
    box = _box((alpha > 0) & (alpha < 1), longest // 12)
    if box is None:
        return colours
    picture, part = rgb[box].astype(np.float32), alpha[box][..., None]
    front = back = picture
    for radius in (max(8, longest // 12), max(2, longest // 170)):
        front, back = _fused(picture, front, back, part, radius)
    mixed = (part > 0) & (part < 1)
    colours[box] = np.where(mixed, np.clip(front + 0.5, 0, 255).astype(np.uint8), rgb[box])
    return colours


def _fused(picture: Plane, front: Plane, back: Plane, part: Plane, radius: int) -> tuple[Plane, Plane]:
    window = (2 * radius + 1, 2 * radius + 1)

    def near(colours: Plane, weight: Plane) -> Plane:
        total = cv2.blur(colours * weight, window)
        return np.asarray(total / (cv2.blur(weight, window)[..., None] + 1e-4), np.float32)

    fronts, backs = near(front, part), near(back, 1 - part)
    rest = picture - part * fronts - (1 - part) * backs
    return np.clip(fronts + part * rest, 0, 255), backs
