"""Styles on a given picture: one that lies on white paper already gets no second border."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from predictions.engine.paint import styles
from predictions.engine.paint.streams import Streams
from predictions.engine.paint.styles.brush import luma

Picture = NDArray[np.float32]

PAPER = 0.86
"""Brightness from which on a rim is taken for bare paper."""
RIM = 0.02
"""Width of the rim that is looked at, as a share of the shorter side."""
REACH = 0.12
"""No border is wider than this share of the shorter side."""


def styled(style: str, image: Picture, given: Picture, streams: Streams, quality: float) -> Picture:
    """`image` in `style`. Where `given`, which it was made from, has a paper border, that stays the border."""
    border = _border(given) if style == "watercolor" else 0
    if border == 0:
        return styles.apply(style, image, streams=streams, quality=quality)
    # The style tears its own edge a twentieth inside the frame: room is made for it outside the picture.
    return _without_edge(style, image, streams, quality)


def _without_edge(style: str, image: Picture, streams: Streams, quality: float) -> Picture:
    height, width = image.shape[:2]
    margin = round(0.09 * min(height, width)) + 2
    wide = np.pad(image, ((margin, margin), (margin, margin), (0, 0)), mode="reflect")
    whole = styles.apply(style, wide, streams=streams, quality=quality)
    return whole[margin : margin + height, margin : margin + width]


def _border(picture: Picture) -> int:
    """Width in pixels of an even, bright border on all four sides; 0 where there is none."""
    level = luma(picture)
    short = min(level.shape)
    rim = max(1, round(RIM * short))
    sides = (level[:rim], level[-rim:], level[:, :rim], level[:, -rim:])
    if any(float(side.mean()) < PAPER or float(side.std()) > 0.06 for side in sides):
        return 0
    if float(np.median(level)) > PAPER:
        # A picture that is bright throughout has no border, it has a sky.
        return 0
    width = rim
    while width < REACH * short and all(
        float(line.mean()) > PAPER
        for line in (level[width], level[-width - 1], level[:, width], level[:, -width - 1])
    ):
        width += 1
    return width
