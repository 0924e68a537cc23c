"""Superpixels (SLIC): an image as a few hundred patches of uniform colour, and their adjacency."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.images.arrays import Plane

Labels: TypeAlias = NDArray[np.int32]

ROUNDS = 6
COMPACTNESS = 14.0
"""Lab units that weigh as much as one cell's width; higher values give rounder patches."""


@dataclass(frozen=True)
class Patches:
    """`labels` H x W; per patch its mean Lab colour (n x 3), its centre (n x 2, x and y in 0..1), its share of the
    pixels (n), whether it touches the left, top, right and lower edge (n x 4), and the adjacency matrix (n x n)."""

    labels: Labels
    colour: Plane
    centre: Plane
    share: Plane
    edges: NDArray[np.bool_]
    beside: NDArray[np.bool_]

    def spread(self, values: Plane) -> Plane:
        """One value per patch as an image, H x W."""
        return np.asarray(values, np.float32)[self.labels]


def patches(lab: Plane, count: int = 300) -> Patches:
    """About `count` patches of the Lab image H x W x 3, by k-means in colour and place (SLIC: each pixel only
    looks at the nine cells around its own, so that one round costs the same for any number of patches)."""
    labels = _renumbered(_assigned(lab, *_grid(lab.shape[0], lab.shape[1], count)))
    return _described(lab, labels)


def _grid(height: int, width: int, count: int) -> tuple[int, int]:
    step = math.sqrt(height * width / count)
    return max(1, round(height / step)), max(1, round(width / step))


def _assigned(lab: Plane, rows: int, columns: int) -> Labels:
    height, width = lab.shape[:2]
    step = math.sqrt(height * width / (rows * columns))
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    place = np.float32(COMPACTNESS / step)
    points = np.dstack([lab, x * place, y * place]).reshape(-1, 5)
    row = (np.arange(height) * rows // height)[:, None]
    column = (np.arange(width) * columns // width)[None, :]
    labels = (row * columns + column).astype(np.int32).ravel()
    near = [
        (np.clip(row + dr, 0, rows - 1) * columns + np.clip(column + dc, 0, columns - 1)).ravel()
        for dr in (-1, 0, 1)
        for dc in (-1, 0, 1)
    ]
    centres = _means(points, labels, rows * columns, None)
    for _ in range(ROUNDS):
        best = np.full(len(points), np.inf, np.float32)
        for candidate in near:
            difference = points - centres[candidate]
            distance = np.einsum("ij,ij->i", difference, difference)
            nearer = distance < best
            best[nearer] = distance[nearer]
            labels[nearer] = candidate[nearer]
        centres = _means(points, labels, rows * columns, centres)
    return labels.reshape(height, width)


def _means(points: Plane, labels: Labels, count: int, before: Plane | None) -> Plane:
    """Mean point of each label; a label without pixels stays where it was."""
    size = np.bincount(labels, minlength=count)
    sums = np.stack([np.bincount(labels, points[:, k], count) for k in range(points.shape[1])], axis=1)
    means = (sums / np.maximum(size, 1)[:, None]).astype(np.float32)
    return means if before is None else np.where(size[:, None] > 0, means, before)


def _renumbered(labels: Labels) -> Labels:
    _, dense = np.unique(labels, return_inverse=True)
    return dense.reshape(labels.shape).astype(np.int32)


def _described(lab: Plane, labels: Labels) -> Patches:
    height, width = labels.shape
    count = int(labels.max()) + 1
    flat = labels.ravel()
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    points = np.dstack([lab, (x + 0.5) / width, (y + 0.5) / height]).reshape(-1, 5)
    means = _means(points, flat, count, None)
    edges = np.zeros((count, 4), bool)
    for side, rim in enumerate((labels[:, 0], labels[0], labels[:, -1], labels[-1])):
        edges[rim, side] = True
    beside = np.zeros((count, count), bool)
    for one, other in ((labels[:, :-1], labels[:, 1:]), (labels[:-1], labels[1:])):
        beside[one, other] = True
    beside |= beside.T
    np.fill_diagonal(beside, False)
    share = np.bincount(flat, minlength=count) / flat.size
    return Patches(labels, means[:, :3], means[:, 3:], share.astype(np.float32), edges, beside)
