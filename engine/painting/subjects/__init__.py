"""Subjects: figures of clay, metal and cloth, rendered from tables of shapes in the light of a scene."""

from __future__ import annotations

import numpy as np

from engine.images.arrays import Plane
from engine.painting.random_streams import Streams
from engine.painting.subjects.design import Rgb, Variation, hex_rgb
from engine.painting.subjects.placement import Figure, afloat, corner, glow, place
from engine.painting.subjects.renderer import Light, finish, new_canvas, paint
from engine.painting.subjects.subject_index import (
    ALIASES,
    BUILDERS,
    DRAUGHTS,
    DRESSED,
    NATURAL_HEIGHTS,
    PLACES,
    RIDING,
)

NAMES = frozenset(BUILDERS)

__all__ = [
    "ALIASES",
    "DRAUGHTS",
    "NAMES",
    "NATURAL_HEIGHTS",
    "PLACES",
    "Figure",
    "Light",
    "afloat",
    "corner",
    "glow",
    "place",
    "render",
]


def render(
    name: str,
    *,
    streams: Streams,
    height_px: int,
    light: Light,
    colour: Rgb | None = None,
    facing: int = 1,
) -> Figure:
    """Draw subject `name` (one of NAMES or ALIASES) `height_px` high.

    `cat:face` is its close-up; `person:dressed` wears a dress; `astronaut:riding` sits astride: there the seat of the
    figure lies 0.3 of its height above the base, and the near leg hangs down before the mount. Other views are the
    plain figure.

    `colour` (sRGB 0..1) replaces the main material's and nothing else; the outline is the same for any
    colour. `facing` is 1 for right, -1 for left. Raises KeyError for an unknown name.
    """
    plain, _, view = name.partition(":")
    plain = ALIASES.get(plain, plain)
    table = {"riding": RIDING, "dressed": DRESSED}.get(view, BUILDERS).get(plain, BUILDERS[plain])
    design = table(Variation(streams, plain))
    palette = {key: hex_rgb(value) for key, value in design.palette.items()}
    if colour is not None:
        palette["main"] = colour
    close = design.close if view == "face" else None
    left, top, right, bottom = close or design.bounds()
    air = 0.012 * (bottom - top)
    box = (left - air, top - air, right + air, bottom if close else bottom + air)
    canvas = new_canvas(box, max(8, height_px), streams, plain)
    x, y, z = light.direction
    turned = Light((x * facing, y, z), light.sun, light.ambient, light.rim)
    paint(canvas, design, palette, turned)
    rgba, emissive = finish(canvas)
    if close:
        rgba[..., 3] *= _vignette(rgba[..., 3])
    ground = bottom if close else design.foot()
    middle = (left + right) / 2 if close else design.stands
    base = ((middle - box[0]) * canvas.scale, (ground - box[1]) * canvas.scale)
    seat = None
    if design.seat and not close:
        seat = ((design.seat[0] - box[0]) * canvas.scale, (design.seat[1] - box[1]) * canvas.scale)
    if facing < 0:
        width = rgba.shape[1]
        rgba = rgba[:, ::-1].copy()
        emissive = None if emissive is None else emissive[:, ::-1].copy()
        base = (width - base[0], base[1])
        seat = None if seat is None else (width - seat[0], seat[1])
    return Figure(rgba, base, seat, emissive)


def _vignette(alpha: Plane) -> Plane:
    """1 x w: fades out the sides at which a close-up cuts through the body, as a portraitist would."""
    width = alpha.shape[1]
    fade = np.ones(width, np.float32)
    t = np.clip((np.arange(width, dtype=np.float32) + 0.5) / (0.20 * width), 0, 1)
    ramp = t * t * (3 - 2 * t)
    if alpha[:, 0].max() > 0.1:
        fade *= ramp
    if alpha[:, -1].max() > 0.1:
        fade *= ramp[::-1]
    return fade[None]
