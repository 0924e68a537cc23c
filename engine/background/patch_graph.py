"""The graph of an image's patches: distances, shared outlines and background likelihood of every pair."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.background.array_math import to_lab
from engine.background.superpixels import Labels, Patches, patches
from engine.images.arrays import Mask, Pixels, Plane

Matrix: TypeAlias = NDArray[np.float64]

REGION_DISTANCE = 7.0
"""Lab units along a path within which patches count as one region."""
SAME_COLOUR = 12.0
"""Lab units between patches of about the same colour."""
MAX_STEP, FIRM_STEP = 40.0, 14.0
"""Lab units across an outline at which its sharpness saturates, and from which on it is a certain one."""
SIDE_DISTANCE = 9.0
"""Lab units within which a patch at the lower edge counts as the background of the other edges."""
SHOULDER_HEIGHT = 0.62
"""Share of the height below which a person's shoulders may reach the sides."""


@dataclass(frozen=True)
class Scene:
    """`colour` and `apart` are distances of all patches (n x n) in Lab and in picture widths; `length` is how many
    pixels of outline two patches share, `step` the mean difference in Lab across it; `rim` how many pixels of the
    left, upper, right and lower edge are each patch's (n x 4)."""

    patches: Patches
    colour: Matrix
    apart: Matrix
    length: Matrix
    step: Matrix
    rim: Matrix

    def between(self, cost: Matrix) -> Matrix:
        """`cost` between adjacent patches; infinite where they do not touch."""
        steps = np.where(self.patches.beside, cost, np.inf)
        np.fill_diagonal(steps, 0)
        return steps

    @cached_property
    def edge(self) -> Mask:
        """Patches at the picture's edge that show background: all at the upper edge and high at the sides. Low at the
        sides only what looks like one of those or like the other side, and at the lower edge only what looks like any
        of them, because people and things on tables are cut there."""
        left, top, right, bottom = self.patches.edges.T
        high = self.patches.centre[:, 1] < SHOULDER_HEIGHT
        sure = top | (high & (left | right))
        for low, others in ((left & ~high, sure | right), (right & ~high, sure | left)):
            sure = sure | (low & self._looks_like(others & ~low))
        return np.asarray(sure | (bottom & self._looks_like(sure)))

    def _looks_like(self, others: Mask) -> Mask:
        return np.asarray(self.colour[:, others].min(axis=1, initial=np.inf) < SIDE_DISTANCE)

    @cached_property
    def pairwise_features(self) -> Plane:
        """The pairwise features side by side, n x 4n: pixels of shared outline; the same weighted by the step across
        it, and by whether there is a step at all; the share of the image with the colour of both."""
        alike = np.exp(-(self.colour**2) / (2 * SAME_COLOUR**2)) * self.patches.share[:, None]
        steps = self.length * np.minimum(self.step, MAX_STEP)
        firm = self.length * np.minimum(self.step, FIRM_STEP) / FIRM_STEP
        return np.asarray(np.hstack([self.length, steps, firm, alike]), np.float32)

    @cached_property
    def colour_frequency(self) -> Plane:
        """Share of the image with each patch's colour."""
        count = len(self.patches.share)
        return np.asarray(self.pairwise_features[:, -count:].sum(axis=0) + 1e-9, np.float32)

    @cached_property
    def texture(self) -> float:
        """Typical difference of neighbours in Lab: texture, not a border between regions."""
        return float(np.mean(np.where(self.patches.beside, self.colour, np.inf).min(axis=1)))

    @cached_property
    def _paths(self) -> Matrix:
        """Lengths of the shortest paths in Lab units; patches at the edge may also be connected outside the image."""
        cost = np.maximum(self.colour - self.texture, 0)
        outside = self.edge[:, None] & self.edge[None, :]
        return shortest(np.where(outside, cost, self.between(cost)), np.add)

    @cached_property
    def to_edge(self) -> Matrix:
        """Length of the shortest path of each patch to the image border, in Lab units."""
        return np.asarray(self._paths[:, self.edge].min(axis=1, initial=np.inf))

    @cached_property
    def background(self) -> Matrix:
        """Background likelihood of each patch, 0..1: the share of its like-coloured region's outline that is image
        border."""
        region = np.exp(-(self._paths**2) / (2 * REGION_DISTANCE**2))
        connected = region[:, self.edge].sum(axis=1) / np.sqrt(region.sum(axis=1))
        return np.asarray(1 - np.exp(-(connected**2) / 2))


def analyse(rgb: Pixels) -> Scene:
    """The scene in a small picture, uint8 H x W x 3."""
    lab = to_lab(rgb)
    parts = patches(lab)
    length, step = _outlines(cv2.GaussianBlur(lab, (0, 0), 1.0), parts.labels)
    labels = parts.labels
    rims = (labels[:, 0], labels[0], labels[:, -1], labels[-1])
    rim = np.stack([np.bincount(side, minlength=len(parts.share)) for side in rims], axis=1)
    return Scene(
        parts, _distances(parts.colour), _distances(parts.centre), length, step, rim.astype(np.float64)
    )


def shortest(steps: Matrix, join: Callable[[Any, Any], Any]) -> Matrix:
    """Costs of the best paths between all patches (Floyd-Warshall): `join` is np.add for length, np.maximum for the
    highest step. `steps` is inf where patches are not adjacent."""
    paths = steps.copy()
    for middle in range(len(paths)):
        np.minimum(paths, join(paths[:, middle, None], paths[None, middle, :]), out=paths)
    return paths


def _distances(points: Plane) -> Matrix:
    distance = points[:, None, :].astype(np.float64) - points[None, :, :]
    return np.asarray(np.sqrt((distance**2).sum(axis=2)))


def _outlines(lab: Any, labels: Labels) -> tuple[Matrix, Matrix]:
    """For each pair of patches the pixels of their shared outline, and the mean step across it, measured
    between pixels three apart, so that a soft edge counts as one."""
    count = int(labels.max()) + 1
    length, total = np.zeros(count * count), np.zeros(count * count)
    padded = cv2.copyMakeBorder(np.asarray(lab, np.float32), 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    down = np.linalg.norm(padded[3:, 1:-1] - padded[:-3, 1:-1], axis=2)
    across = np.linalg.norm(padded[1:-1, 3:] - padded[1:-1, :-3], axis=2)
    for first, second, change in (
        (labels[:-1], labels[1:], down),
        (labels[:, :-1], labels[:, 1:], across),
    ):
        differ = first != second
        pair = first[differ].astype(np.int64) * count + second[differ]
        length += np.bincount(pair, minlength=count * count)
        total += np.bincount(pair, change[differ], count * count)
    lengths, totals = (both + both.T for both in (flat.reshape(count, count) for flat in (length, total)))
    return lengths, totals / np.maximum(lengths, 1)
