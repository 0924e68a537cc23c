"""Which of several shapes is the thing in the picture: judged by its outline, its colours and its place."""

from __future__ import annotations

import cv2
import numpy as np

from predictions.engine.cutout.planes import Bits, Plane, dilated, eroded

BINS = 8


def score(lab: Plane, mask: Bits) -> float:
    """How much this mask looks like one whole thing before a background; comparable within one picture only."""
    area = float(mask.mean())
    if area < 0.005 or area > 0.95:
        return -9.0
    return (
        contrast(lab, mask) / 25
        + 1.5 * separation(lab, mask)
        - 1.2 * cut_off(mask)
        - 0.05 * perimeter(mask) / float(np.sqrt(mask.sum()))
        + 0.8 * min(area, 0.5) / 0.5
    )


def contrast(lab: Plane, mask: Bits) -> float:
    """Mean difference in Lab across the outline."""
    inner, outer = mask & ~eroded(mask, 2), ~mask & dilated(mask, 2)
    near = (5, 5)
    inside = cv2.boxFilter(np.where(inner[..., None], lab, 0), -1, near) / _weight(inner, near)
    outside = cv2.boxFilter(np.where(outer[..., None], lab, 0), -1, near) / _weight(outer, near)
    rim = inner & (cv2.boxFilter(outer.astype(np.float32), -1, near) > 0.02)
    if not rim.any():
        return 0.0
    return float(np.linalg.norm(inside[rim] - outside[rim], axis=1).mean())


def _weight(mask: Bits, window: tuple[int, int]) -> Plane:
    return np.maximum(cv2.boxFilter(mask.astype(np.float32), -1, window), 1e-3)[..., None]


def separation(lab: Plane, mask: Bits) -> float:
    """How little the colours of both sides overlap, 0..1."""
    inside, outside = _histogram(lab[mask]), _histogram(lab[~mask])
    return 1.0 - float(np.minimum(inside, outside).sum())


def _histogram(colours: Plane) -> Plane:
    bins = np.clip((colours - (0, -64, -64)) / (100, 128, 128) * BINS, 0, BINS - 1).astype(np.int64)
    flat = (bins[:, 0] * BINS + bins[:, 1]) * BINS + bins[:, 2]
    return np.asarray(np.bincount(flat, minlength=BINS**3) / max(1, len(colours)), np.float32)


def cut_off(mask: Bits) -> float:
    """Share of the upper edge and the sides that the mask touches."""
    touched = int(mask[0].sum()) + int(mask[:, 0].sum()) + int(mask[:, -1].sum())
    return touched / (mask.shape[1] + 2 * mask.shape[0])


def perimeter(mask: Bits) -> float:
    """Length of the outline in pixels."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    return float(sum(cv2.arcLength(contour, closed=True) for contour in contours))
