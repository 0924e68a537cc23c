"""Colour transfer between images: iterative distribution transfer, stored as a lookup table of colours.

Each round turns Lab by a random rotation and matches the two colour distributions along each axis by their quantiles
(Pitié, Kokaram and Dahyot 2007). The result depends on the colour alone, so the rounds are computed for a grid of
colours on small copies of both images, and the large image is looked up in it: no halos along edges, and no more time
for more pixels.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.images.arrays import Picture
from engine.painting.random_streams import Streams

ROUNDS = 12
QUANTILES = 200
NODES = 33
"""Grid points along each axis of the table."""
_LOW = np.array([0.0, -110.0, -110.0], np.float32)
_HIGH = np.array([100.0, 110.0, 110.0], np.float32)
_SAMPLE_SIDE = 128
"""Longest side of the copies whose colours are sampled, in pixels."""
_SOFT = 1.2
"""Blur of the table in nodes: similar colours stay similar, and grain is not amplified."""


class Recolouring:
    """Colour mapping that gives `picture` the colour distribution of `model`."""

    def __init__(self, picture: Picture, model: Picture) -> None:
        """Both float32 sRGB 0..1; sizes may differ."""
        self._table = _displacement(_cloud(picture), _cloud(model))

    def apply(self, picture: Picture, share: float) -> Picture:
        """`picture` moved by `share` (0 to 1) of the way; a new picture of the same size."""
        space = lab(picture)
        moved = space + np.float32(share) * _lookup(self._table, space)
        return rgb(moved)


def vary_colours(picture: Picture, streams: Streams, share: float) -> Picture:
    """The image with slightly shifted colours by seed, for prompts without a known word."""
    rng = streams.rng("varied")
    angle = float(rng.choice((-1.0, 1.0)) * rng.uniform(0.15, 0.55)) * share
    chroma, gamma = 1 + share * float(rng.uniform(-0.25, 0.35)), 1 + share * float(rng.uniform(-0.2, 0.2))
    space = lab(picture)
    a, b = space[..., 1], space[..., 2]
    turned = np.dstack(
        [
            100 * (space[..., 0] / 100) ** np.float32(gamma),
            np.float32(chroma) * (a * np.float32(np.cos(angle)) - b * np.float32(np.sin(angle))),
            np.float32(chroma) * (a * np.float32(np.sin(angle)) + b * np.float32(np.cos(angle))),
        ]
    )
    return rgb(turned.astype(np.float32))


def lab(picture: Picture) -> Picture:
    """CIE Lab of a float32 sRGB picture: L 0..100, a and b about -110..110."""
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(picture, np.float32), cv2.COLOR_RGB2Lab), np.float32)


def rgb(space: Picture) -> Picture:
    """The float32 sRGB picture of Lab values, held to 0..1."""
    clipped = np.dstack([np.clip(space[..., 0], 0, 100), space[..., 1], space[..., 2]]).astype(np.float32)
    return np.clip(cv2.cvtColor(clipped, cv2.COLOR_Lab2RGB), 0, 1)


def _cloud(picture: Picture) -> NDArray[np.float32]:
    """The colours of a small copy, N x 3 in Lab."""
    height, width = picture.shape[:2]
    scale = min(1.0, _SAMPLE_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return lab(cv2.resize(picture, size, interpolation=cv2.INTER_AREA)).reshape(-1, 3)


def _displacement(source: NDArray[np.float32], target: NDArray[np.float32]) -> NDArray[np.float32]:
    """Displacement of each node of the colour grid: NODES x NODES x NODES x 3, indexed by L, a, b."""
    axes = [np.linspace(low, high, NODES, dtype=np.float32) for low, high in zip(_LOW, _HIGH, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    points, nodes = source.astype(np.float64), grid.astype(np.float64)
    steps = np.linspace(0, 1, QUANTILES)
    # The same rotations for every image: the result depends only on the two distributions.
    rng = np.random.Generator(np.random.PCG64(20070612))
    for _ in range(ROUNDS):
        turn, _upper = np.linalg.qr(rng.normal(size=(3, 3)))
        points, nodes, rotated_target = points @ turn, nodes @ turn, target @ turn
        for axis in range(3):
            have, want = np.quantile(points[:, axis], steps), np.quantile(rotated_target[:, axis], steps)
            shift = want - have
            # Outside the range of existing colours the last shift continues.
            points[:, axis] += np.interp(points[:, axis], have, shift)
            nodes[:, axis] += np.interp(nodes[:, axis], have, shift)
        points, nodes = points @ turn.T, nodes @ turn.T
    moved = (nodes - grid).astype(np.float32).reshape(NODES, NODES, NODES, 3)
    return _blurred(moved)


def _blurred(table: NDArray[np.float32]) -> NDArray[np.float32]:
    """The table after a Gaussian blur along its three axes."""
    radius = 4
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / _SOFT) ** 2)
    taps = (taps / taps.sum()).astype(np.float32)
    for axis in range(3):
        padded = np.pad(table, [(radius, radius) if a == axis else (0, 0) for a in range(4)], mode="edge")
        rows = [np.take(padded, range(k, k + NODES), axis=axis) * tap for k, tap in enumerate(taps)]
        table = np.sum(rows, axis=0, dtype=np.float32)
    return table


def _lookup(table: NDArray[np.float32], space: Picture) -> Picture:
    """The table's value at every pixel, by trilinear interpolation.

    The table is flattened, its L slices side by side, so that OpenCV's own interpolation does two of the three axes.
    """
    flat = np.ascontiguousarray(table.transpose(1, 0, 2, 3).reshape(NODES, NODES * NODES, 3))
    place = (space - _LOW) / (_HIGH - _LOW) * np.float32(NODES - 1)
    place = np.clip(place, 0, np.float32(NODES - 1.001))
    layer = np.floor(place[..., 0])
    rest = (place[..., 0] - layer)[..., None]
    down, across = place[..., 1], place[..., 2] + layer * np.float32(NODES)
    near = cv2.remap(flat, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    far = cv2.remap(flat, across + np.float32(NODES), down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(near + rest * (far - near), np.float32)
