"""Where the eye goes: how little each patch belongs to the background, judged by how it hangs on the picture's edge.

After Zhu, Liang, Wei and Sun, "Saliency Optimization from Robust Background Detection" (CVPR 2014), written anew: a
region of like colour is background as far as much of its outline is the picture's edge.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from predictions.engine.cutout.planes import Plane, otsu, stretched
from predictions.engine.cutout.superpixels import Patches

ONE_REGION = 7.0
"""Lab units along a path within which patches count as one region."""
LIKE_A_SIDE = 9.0
"""Lab units within which a patch at the lower edge counts as the background that the other edges show."""
ALIKE = 10.0

Matrix = NDArray[np.float64]


def salience(patches: Patches, reach: float = 0.4) -> Plane:
    """How much each patch stands out, n values 0..1; `reach` is how far patches are compared, in picture widths."""
    colour = _between(patches.colour)
    place = _between(patches.centre)
    background = _background(patches, colour)
    near = np.exp(-(place**2) / (2 * reach**2))
    contrast = (colour * near * background[None, :] * patches.share[None, :]).sum(axis=1)
    contrast = stretched(contrast.astype(np.float32)).astype(np.float64)
    contrast[contrast < 0.5 * otsu(contrast.astype(np.float32))] = 0
    return stretched(_smoothed(patches, colour, background, contrast).astype(np.float32))


def _between(points: Plane) -> Matrix:
    away = points[:, None, :].astype(np.float64) - points[None, :, :]
    return np.asarray(np.sqrt((away**2).sum(axis=2)))


def _background(patches: Patches, colour: Matrix) -> Matrix:
    """How surely each patch is background, n values 0..1."""
    edge = _edge(patches, colour)
    steps = np.where(patches.beside | (edge[:, None] & edge[None, :]), colour, np.inf)
    # What neighbours differ by everywhere is texture, not a border between regions.
    texture = float(np.mean(np.where(patches.beside, colour, np.inf).min(axis=1)))
    steps = np.where(np.isfinite(steps), np.maximum(steps - texture, 0), np.inf)
    np.fill_diagonal(steps, 0)
    region = np.exp(-(shortest(steps) ** 2) / (2 * ONE_REGION**2))
    connected = (region[:, edge].sum(axis=1)) / np.sqrt(region.sum(axis=1))
    return np.asarray(1 - np.exp(-(connected**2) / 2))


def _edge(patches: Patches, colour: Matrix) -> NDArray[np.bool_]:
    """Patches at the upper edge and the sides; at the lower edge only what looks like one of them, because people and
    things on tables are cut by it."""
    sides = patches.edges[:, :3].any(axis=1)
    below = patches.edges[:, 3] & (colour[:, sides].min(axis=1, initial=np.inf) < LIKE_A_SIDE)
    return np.asarray(sides | below)


def shortest(steps: Matrix) -> Matrix:
    """Lengths of the shortest paths between all patches (Floyd and Warshall); `steps` has inf where there is none."""
    paths = steps.copy()
    for middle in range(len(paths)):
        np.minimum(paths, paths[:, middle, None] + paths[None, middle, :], out=paths)
    return paths


def _smoothed(patches: Patches, colour: Matrix, background: Matrix, foreground: Matrix) -> Matrix:
    """The values that agree best (least squares) with both judgements and with neighbours of like colour."""
    alike = np.where(patches.beside, np.exp(-(colour**2) / (2 * ALIKE**2)) + 0.1, 0.0)
    laplacian = np.diag(alike.sum(axis=1)) - alike
    system = laplacian + np.diag(background + foreground + 1e-6)
    return np.asarray(np.linalg.solve(system, foreground))
