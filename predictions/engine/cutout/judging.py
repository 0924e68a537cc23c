"""Which of several ideas is the thing in the picture: judged by outline, colours, size and place."""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray

from predictions.engine.cutout.scene import Matrix, Scene

SHARP, FIRM = 40.0, 14.0
"""Lab units across an outline above which it is not sharper, and above which it is one beyond doubt."""
ALIKE = 12.0
USUAL = 0.15
"""The share of a picture that a thing usually has."""


@dataclass(frozen=True)
class Measures:
    """What is measured of an idea; also the weight of each in the judgement, which is their weighted sum."""

    outline: float
    """Mean step across the outline, in 20 Lab units."""
    firm: float
    """Share of the outline across which there is a step at all."""
    own_colours: float
    """How little of its colours is found outside, 0..1."""
    background: float
    """How much of it is background by its connection with the picture's edge, 0..1."""
    surrounded: float
    """How much of its outline borders on such background, 0..1."""
    cut_off: float
    """Share of the upper edge and the sides that it touches."""
    small: float
    """How many times smaller than usual it is, as a logarithm, squared."""
    large: float
    """The same for larger."""
    aside: float
    """How far its centre is from the middle, in widths."""
    low: float
    """How far its centre is below the middle, in heights."""
    scattered: float
    """How much wider it is spread than a filled rectangle of its area."""
    ragged: float
    """Its outline, in ten roots of its area."""


WEIGHTS = Measures(3.0, 2.0, 5.7, -3.1, 7.3, -13.2, -0.52, -0.82, -6.6, 3.9, -0.95, -0.5)


def judge(scene: Scene, ideas: NDArray[np.generic]) -> Matrix:
    """How likely each idea is the thing; `ideas` is k x n, the share of each patch that belongs to it, 0..1."""
    return np.asarray(measure(scene, ideas) @ np.array(astuple(WEIGHTS)))


def measure(scene: Scene, ideas: NDArray[np.generic]) -> Matrix:
    """The `Measures` of each idea, k x 12."""
    inside = ideas.astype(np.float64)
    outside = 1 - inside
    share = scene.patches.share.astype(np.float64)
    height, width = scene.patches.labels.shape
    area = inside @ share + 1e-9
    outline = _across(inside, outside, scene.length) + 1e-9
    own, other = (inside * share), (outside * share)
    kin = np.exp(-(scene.colour**2) / (2 * ALIKE**2))
    same, elsewhere = own @ kin, other @ kin
    x, y = scene.patches.centre.astype(np.float64).T
    middle_x, middle_y = own @ x / area, own @ y / area
    spread_x = np.sqrt(np.maximum(own @ x**2 / area - middle_x**2, 0))
    spread_y = np.sqrt(np.maximum(own @ y**2 / area - middle_y**2, 0))
    size = np.log(area / USUAL)
    border = scene.rim[:, :3].sum(axis=1)
    columns = (
        _across(inside, outside, scene.length * np.minimum(scene.step, SHARP)) / outline / 20,
        _across(inside, outside, scene.length * np.minimum(scene.step, FIRM)) / outline / FIRM,
        (own * same / (same + elsewhere + 1e-12)).sum(axis=1) / area,
        own @ scene.background / area,
        ((inside @ scene.length) * outside * scene.background).sum(axis=1) / outline,
        inside @ border / (width + 2 * height),
        np.minimum(size, 0) ** 2,
        np.maximum(size, 0) ** 2,
        np.abs(middle_x - 0.5),
        middle_y - 0.5,
        12 * spread_x * spread_y / area,
        outline / np.sqrt(area * width * height) / 10,
    )
    return np.stack(columns, axis=1)


def _across(inside: Matrix, outside: Matrix, between: Matrix) -> Matrix:
    """What lies between inside and outside, summed over all pairs."""
    return np.asarray(((inside @ between) * outside).sum(axis=1))
