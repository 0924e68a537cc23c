"""Styles applied to input images: one that already has a white paper border gets no second one."""

from __future__ import annotations

import numpy as np

from engine.images.arrays import Picture
from engine.painting import styles
from engine.painting.random_streams import Streams
from engine.painting.styles.brush import luma

PAPER_BRIGHTNESS = 0.86
"""Brightness from which on a pixel counts as bare paper."""
RIM_WIDTH = 0.012
"""Width of the examined rim, as a share of the shorter side; torn edges reach nearly as far out."""
MIN_BARE = 0.75
"""Share of each side of the rim that must be bare."""
MIN_CONTRAST = 0.04
"""How much darker the whole image must be than its rim: an image that is bright throughout has no border."""


def apply_style(style: str, image: Picture, source: Picture, streams: Streams, quality: float) -> Picture:
    """`image` in `style`. A paper border of its source `source` is kept instead of adding another."""
    if style != "watercolor" or not has_border(source):
        return styles.apply(style, image, streams=streams, quality=quality)
    # The style tears its edge a twentieth inside the frame: the image is padded and cropped again.
    return _without_edge(style, image, streams, quality)


def _without_edge(style: str, image: Picture, streams: Streams, quality: float) -> Picture:
    height, width = image.shape[:2]
    margin = round(0.09 * min(height, width)) + 2
    wide = np.pad(image, ((margin, margin), (margin, margin), (0, 0)), mode="reflect")
    whole = styles.apply(style, wide, streams=streams, quality=quality)
    return whole[margin : margin + height, margin : margin + width]


def has_border(picture: Picture) -> bool:
    """Whether bare paper runs around the picture."""
    level = luma(picture)
    rim = max(1, round(RIM_WIDTH * min(level.shape)))
    sides = (level[:rim], level[-rim:], level[:, :rim], level[:, -rim:])
    paper = float(np.mean([side.mean() for side in sides]))
    bare = all(float((side > PAPER_BRIGHTNESS).mean()) >= MIN_BARE for side in sides)
    return bare and float(level.mean()) < paper - MIN_CONTRAST
