"""Scores of candidate regions: how likely each is the object, by outline, colours, size and position."""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray

from engine.background.patch_graph import Matrix, Scene
from engine.images.arrays import Plane

USUAL_SHARE = 0.15
"""Usual share of an object in the image."""


@dataclass(frozen=True)
class Measures:
    """Features of a candidate; also their weights in the score, which is the weighted sum."""

    outline: float
    """Mean colour step across the outline, in units of 20 Lab units."""
    firm: float
    """Share of the outline with a colour step."""
    own_colours: float
    """How rare its colours are outside, 0..1."""
    background: float
    """How much of it is background, by connection with the image border, 0..1."""
    surrounded: float
    """How much of its outline adjoins such background, 0..1."""
    cut_off: float
    """Share of the upper edge and the sides that it touches."""
    small: float
    """Squared logarithm of how many times smaller than usual it is."""
    large: float
    """The same for larger."""
    aside: float
    """How far its centre is from the middle, in widths."""
    low: float
    """How far its centre is below the middle, in heights."""
    scattered: float
    """How much more widely it is spread than a filled rectangle of its area."""
    ragged: float
    """Length of its outline, in units of ten times the root of its area."""


WEIGHTS = Measures(2.2, 10.0, 3.2, -3.1, 7.5, -17.0, -1.1, -0.3, -0.5, 4.0, -1.3, -0.6)
"""Fitted on 85 pictures (painted scenes, figures pasted on photographs, six photographs), then rounded."""


def score(scene: Scene, candidates: NDArray[np.generic]) -> Matrix:
    """Score of each candidate as the object; `candidates` is k x n, each patch's share in it, 0..1."""
    return np.asarray(measure(scene, candidates) @ np.array(astuple(WEIGHTS)))


def measure(scene: Scene, candidates: NDArray[np.generic]) -> Matrix:
    """The `Measures` of each candidate, k x 12."""
    inside = candidates.astype(np.float32)
    outside = 1 - inside
    share = scene.patches.share
    height, width = scene.patches.labels.shape
    area = inside @ share + np.float32(1e-9)
    covered = inside * share
    # One matrix product for all pairwise features: many small ones cost more than the arithmetic.
    reach, steps, firm, alike = np.split(inside @ scene.pairwise_features, 4, axis=1)
    outline = _weighted_sums(outside, reach) + np.float32(1e-9)
    x, y = scene.patches.centre.T
    middle_x, middle_y = covered @ x / area, covered @ y / area
    spread_x = np.sqrt(np.maximum(covered @ x**2 / area - middle_x**2, 0))
    spread_y = np.sqrt(np.maximum(covered @ y**2 / area - middle_y**2, 0))
    size = np.log(area / USUAL_SHARE)
    columns = (
        _weighted_sums(outside, steps) / outline / 20,
        _weighted_sums(outside, firm) / outline,
        _weighted_sums(covered, alike / scene.colour_frequency) / area,
        covered @ scene.background.astype(np.float32) / area,
        _weighted_sums(outside * scene.background.astype(np.float32), reach) / outline,
        inside @ scene.rim[:, :3].sum(axis=1).astype(np.float32) / (width + 2 * height),
        np.minimum(size, 0) ** 2,
        np.maximum(size, 0) ** 2,
        np.abs(middle_x - 0.5),
        middle_y - 0.5,
        12 * spread_x * spread_y / area,
        outline / np.sqrt(area * width * height) / 10,
    )
    return np.stack(columns, axis=1).astype(np.float64)


def _weighted_sums(weights: Plane, values: Plane) -> Plane:
    """The values of each candidate, weighted and summed over all patches."""
    return np.asarray(np.einsum("ij,ij->i", weights, values), np.float32)
