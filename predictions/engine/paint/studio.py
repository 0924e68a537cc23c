"""The backdrop for a subject that has no place of its own."""

from __future__ import annotations

import numpy as np

from .lexicon import COLOURS
from .noise import fbm
from .palette import tint_image
from .stage import Stage, mix, smooth

_BACKDROPS = (
    (0.36, 0.40, 0.50), (0.50, 0.46, 0.42), (0.28, 0.42, 0.45),
    (0.44, 0.36, 0.46), (0.56, 0.52, 0.46), (0.33, 0.39, 0.34),
)  # fmt: skip
_AT_NIGHT = {"night": 0.38, "dusk": 0.6}


def paint_studio(stage: Stage) -> None:
    """A painted cloth sweeping into the floor, lit in the middle, darker toward the rims."""
    frame, rng = stage.frame, stage.streams.rng("backdrop")
    h, w = frame.height, frame.width
    tone = np.array(_BACKDROPS[int(rng.integers(len(_BACKDROPS)))], np.float32) * _AT_NIGHT.get(
        stage.time, 1.0
    )
    unit = frame.unit
    centre = float(rng.uniform(0.26, 0.74))
    dx, dy = (frame.columns() - centre * w) / unit, (frame.rows() - 0.42 * h) / unit
    pool = np.exp(-(dx * dx * 1.5 + dy * dy * 2.2) / 0.24)
    cloth = fbm(stage.streams, "cloth", h, w, cells=2.5, octaves=max(3, stage.octaves - 2), gain=0.55) - 0.5
    wall = tone * (0.52 + 0.72 * pool + 0.30 * cloth)[..., None]
    # The floor takes the light from above and runs into the wall without an edge.
    floor = smooth(0.0, 0.16, (frame.rows() - frame.horizon) / h)
    spread = np.exp(-(dx * dx * 1.2))
    ground = tone * (0.62 + 0.42 * spread + 0.05 * cloth)[..., None]
    seam = np.exp(-(((frame.rows() - frame.horizon) / (0.05 * h)) ** 2)) * 0.13
    stage.canvas[:] = mix(wall, ground, floor[..., None]) * (1 - seam)[..., None]
    for name in stage.meant.colours_of("*")[:1]:
        if name in COLOURS:
            stage.canvas[:] = tint_image(stage.canvas, name, 0.75)
