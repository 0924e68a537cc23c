"""Frame interpolation by optical flow: both images are warped towards each other and cross-faded."""

from __future__ import annotations

import cv2
import numpy as np

from engine.images.arrays import Pixels, Plane

REACH = 0.06
"""Longest flow, in image heights: anything that seems to move farther is a different object."""


class FlowInterpolation:
    """Frames between `first` and `last`, both uint8 H x W x 3 of one size; the flow is computed once."""

    def __init__(self, first: Pixels, last: Pixels, *, flowing: bool) -> None:
        """Without `flowing` the images are only cross-faded."""
        if first.shape != last.shape:
            raise ValueError(f"no frame lies between {first.shape} and {last.shape}")
        self._first, self._last = first, last
        self._there: Plane | None = None
        self._back: Plane | None = None
        if flowing and not np.array_equal(first, last):
            self._there, self._back = flow(first, last), flow(last, first)

    def at(self, share: float) -> Pixels:
        """The frame at this share, 0 to 1; at the ends exactly the images themselves."""
        if share <= 0.0:
            return self._first
        if share >= 1.0:
            return self._last
        first, last = self._first, self._last
        if self._there is not None and self._back is not None:
            first, last = warp(first, self._there, share), warp(last, self._back, 1 - share)
        return np.asarray(cv2.addWeighted(first, 1 - share, last, share, 0), np.uint8)


def flow(first: Pixels, last: Pixels) -> Plane:
    """The flow from `first` to `last` (pixels right, down) for each pixel of the frame halfway between.

    Computed on blurred greys of at most 512 pixels a side, smoothed, and limited to `REACH`.
    """
    height, width = first.shape[:2]
    scale = min(1.0, 512 / max(height, width))
    size = (max(16, round(width * scale)), max(16, round(height * scale)))
    finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    # Images of a few pixels have no room for the flow's patches: start on a finer level there.
    if min(size) < 96:
        finder.setFinestScale(0)
    found = finder.calc(_grey(first, size), _grey(last, size), None)
    found = cv2.GaussianBlur(found, (0, 0), 0.023 * min(size))
    found *= np.array([width / size[0], height / size[1]], np.float32)
    far = np.sqrt((found * found).sum(axis=-1, keepdims=True)) / np.float32(REACH * height)
    found /= np.maximum(far, 1.0)
    return np.asarray(cv2.resize(found, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def warp(picture: Pixels, displacement: Plane, share: float) -> Pixels:
    """The image with every pixel moved by this share of its flow."""
    height, width = picture.shape[:2]
    step = np.float32(share)
    columns = np.arange(width, dtype=np.float32)[None, :] - displacement[..., 0] * step
    rows = np.arange(height, dtype=np.float32)[:, None] - displacement[..., 1] * step
    moved = cv2.remap(picture, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(moved, np.uint8)


def _grey(picture: Pixels, size: tuple[int, int]) -> Pixels:
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), (0, 0), 1.2), np.uint8)
