"""Style filters: a finished image as an oil painting, a pencil sketch, pixel art and so on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from engine.images.arrays import Picture
from engine.painting.random_streams import Streams
from engine.painting.styles.brush import kuwahara
from engine.painting.styles.graphic import flat, lowpoly, pixel, poster
from engine.painting.styles.painterly import ink, oil, pastel, watercolor
from engine.painting.styles.tonal import mono, neon, sketch, vintage

Style = Callable[[Picture, Streams, float], Picture]

_TABLE: dict[str, Style] = {
    "oil": oil,
    "watercolor": watercolor,
    "sketch": sketch,
    "pixel": pixel,
    "flat": flat,
    "poster": poster,
    "mono": mono,
    "neon": neon,
    "pastel": pastel,
    "ink": ink,
    "lowpoly": lowpoly,
    "vintage": vintage,
}

STYLES = frozenset(_TABLE)

__all__ = ["STYLES", "apply", "kuwahara"]


def apply(style: str, rgb: Picture, *, streams: Streams, quality: float) -> Picture:
    """Return `rgb` (float32 H x W x 3, sRGB 0..1) in `style`, a new array of the same shape and range.

    `quality` 0..1 is the share of the usual work: less of it means coarser strokes, cells and facets.
    Raises KeyError for a name outside STYLES.
    """
    share = float(min(max(quality, 0.0), 1.0))
    source = np.ascontiguousarray(np.clip(rgb, 0, 1), dtype=np.float32)
    return np.clip(_TABLE[style](source, streams, share), 0, 1).astype(np.float32)
