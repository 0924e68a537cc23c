"""Salience maps: how little each patch belongs to the background, by its connection with the image border.

Three maps, each a value 0..1 per patch. The first is after Zhu, Liang, Wei and Sun, "Saliency Optimization from
Robust Background Detection" (CVPR 2014), written anew. The other two measure the path from a patch to the image
border: sky, hills and ground each reach it, and objects in front of them do not.
"""

from __future__ import annotations

import numpy as np

from engine.background.array_math import otsu, stretched
from engine.background.patch_graph import Matrix, Scene, shortest
from engine.images.arrays import Plane

COMPARISON_RADIUS = 0.5
"""How far patches are compared, in picture widths."""
SIMILAR_DISTANCE = 10.0
"""Lab units within which neighbours should get similar values."""
MAX_DISTANCE = 60.0
"""Path length in Lab units at which distance saturates."""


def contrast_map(scene: Scene) -> Plane:
    """Contrast of each patch with the background around it."""
    near = np.exp(-(scene.apart**2) / (2 * COMPARISON_RADIUS**2))
    weight = scene.background * scene.patches.share
    contrast = stretched((scene.colour * near * weight[None, :]).sum(axis=1).astype(np.float32))
    contrast[contrast < 0.5 * otsu(contrast)] = 0
    return stretched(_smoothed(scene, contrast.astype(np.float64)).astype(np.float32))


def distance_map(scene: Scene) -> Plane:
    """Geodesic colour distance of each patch from the image border."""
    return stretched(np.minimum(scene.to_edge, MAX_DISTANCE).astype(np.float32))


def barrier_map(scene: Scene) -> Plane:
    """Minimum barrier: the highest colour step on the best path from each patch to the image border."""
    steps = scene.between(0.5 * (scene.colour + scene.step))
    return stretched(
        shortest(steps, np.maximum)[:, scene.edge].min(axis=1, initial=MAX_DISTANCE).astype(np.float32)
    )


def _smoothed(scene: Scene, foreground: Matrix) -> Matrix:
    """Least-squares values that agree with foreground and background estimates and with neighbours of like colour."""
    alike = np.where(scene.patches.beside, np.exp(-(scene.colour**2) / (2 * SIMILAR_DISTANCE**2)) + 0.1, 0.0)
    laplacian = np.diag(alike.sum(axis=1)) - alike
    system = laplacian + np.diag(scene.background + foreground + 1e-6)
    return np.asarray(np.linalg.solve(system, foreground))
