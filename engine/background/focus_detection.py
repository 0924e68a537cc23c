"""Focus detection: the one sharp object before a blurred or plain background.

Colours do not matter here: a grey robot before grey stones is found as long as the stones are blurred.
"""

from __future__ import annotations

import cv2
import numpy as np

from engine.background.array_math import dilated, eroded, to_lab
from engine.background.graph_cut import largest_piece, piece_sizes, refit, tidied
from engine.images.arrays import Mask, Pixels, Plane

RIM = 0.06
"""How wide the frame is in which the background is looked at, as a share of the longer side."""
USUAL, STEADY = 99.0, 1.3
"""What is finer than this percentile of the frame's detail, times the second, is in focus."""
FADING = 0.6
"""An outline is followed down to this share of that threshold."""
LEAST = 3.0
"""Detail in levels (0..255) below which it is grain."""
CLEAR = 7.0
"""Detail in levels that a thing in focus has at its strongest edges, at least."""
GAP = 0.012
"""How wide a gap in an outline is closed, as a share of the longer side."""
PIECE = 0.02
"""Pieces below this share of the largest one are specks."""
BESIDE = 0.3
"""A second thing farther away counts from this share of the first one."""
LITTLE, MUCH = 0.02, 0.7
"""Share of the picture that a thing in focus has."""
NEARBY = 0.06
"""How far the ground is known by its surroundings, as a share of the longer side (standard deviation)."""
GROUND, LIKE, STRANGE = 2.0, 5.0, 0.1
"""What is no farther from the ground's usual colour than the first times what the ground itself is, and the second in
Lab units, looks like it; a place with less than the third of other pixels is ground."""
POCKETS = 12
"""How many such places are looked at."""
WHOLE = 0.85
"""Share of all that is in focus that lies within the thing."""


def in_focus(rgb: Pixels) -> Mask | None:
    """The mask of the one thing in focus, H x W; None where the background is as sharp, or plain nothing is."""
    detail = details(rgb)
    threshold = max(LEAST, STEADY * float(np.percentile(detail[_frame(detail)], USUAL)))
    sharp = _traced(detail, threshold)
    if float(np.percentile(detail, 99)) < max(CLEAR, 2 * threshold):
        return None
    radius = max(2, round(GAP * max(sharp.shape)))
    mask = _enclosed(sharp, radius)
    mask &= ~_pockets(rgb, mask, _enclosed(sharp, 1), radius)
    mask = _together(tidied(_opened(mask, radius), smallest=PIECE, holes=0.0), 4 * radius)
    if not LITTLE < mask.mean() < MUCH or sharp[dilated(mask, radius)].sum() < WHOLE * sharp.sum():
        return None
    if 3 * largest_piece(mask) < 2 * mask.sum():
        return None
    return _settled(rgb, mask, radius)


def details(rgb: Pixels) -> Plane:
    """How strong the finest detail is around each pixel, in levels, H x W."""
    picture = rgb.astype(np.float32)
    fine = cv2.GaussianBlur(picture, (0, 0), 0.6) - cv2.GaussianBlur(picture, (0, 0), 1.2)
    return np.asarray(np.abs(fine).max(axis=2), np.float32)


def _traced(detail: Plane, threshold: float) -> Mask:
    """Detail above the threshold, and what is weaker but goes on from there."""
    weak = detail > max(LEAST, FADING * threshold)
    _, labels = cv2.connectedComponents(weak.astype(np.uint8), connectivity=8)
    kept = np.zeros(int(labels.max()) + 1, bool)
    kept[labels[detail > threshold]] = True
    kept[0] = False
    return np.asarray(kept[labels])


def _frame(plane: Plane) -> Mask:
    """The upper edge and the sides; a thing may stand on the lower edge."""
    height, width = plane.shape
    wide = max(1, round(RIM * max(height, width)))
    frame = np.zeros((height, width), bool)
    frame[:wide] = True
    frame[: round(0.92 * height), :wide] = frame[: round(0.92 * height), -wide:] = True
    return frame


def _enclosed(sharp: Mask, radius: int) -> Mask:
    """What cannot be reached from the upper edge and the sides without crossing an outline, gaps closed."""
    walls = dilated(sharp, radius)
    free = np.pad(~walls, ((1, 0), (1, 1)), constant_values=True)
    _, pieces = cv2.connectedComponents(free.astype(np.uint8), connectivity=4)
    outside = (pieces == pieces[0, 0])[1:, 1:-1]
    return ~dilated(outside, radius)


def _pockets(rgb: Pixels, mask: Mask, narrow: Mask, radius: int) -> Mask:
    """Ground between an arm and a body: where a closed gap leads to, if it looks like the ground around."""
    behind = ~dilated(mask, radius)
    near = max(8.0, NEARBY * max(mask.shape))
    weight = cv2.GaussianBlur(behind.astype(np.float32), (0, 0), near) + 1e-4
    lab = to_lab(rgb)
    usual = cv2.GaussianBlur(lab * behind[..., None], (0, 0), near) / weight[..., None]
    away = np.linalg.norm(lab - usual, axis=2)
    unrest = cv2.GaussianBlur(away * behind, (0, 0), near) / weight
    unlike = away > LIKE + GROUND * unrest
    _, labels, stats, _ = cv2.connectedComponentsWithStats((mask & ~narrow).astype(np.uint8), connectivity=4)
    area = stats[:, cv2.CC_STAT_AREA]
    strange = np.bincount(labels.ravel(), unlike.ravel(), len(area)) / area
    ground = (strange < STRANGE) & (area >= radius * radius)
    ground[0] = False
    distance = np.bincount(labels.ravel(), (away / (unrest + LIKE)).ravel(), len(area)) / area
    likeliest = np.flatnonzero(ground)[np.argsort(distance[ground], kind="stable")][:POCKETS]
    return _not_holding(mask, [labels == number for number in likeliest], radius)


def _not_holding(mask: Mask, pockets: list[Mask], radius: int) -> Mask:
    """The pockets without which the thing holds together as before: a grey leg before grey stones looks like ground,
    but its foot hangs on it."""
    removed = np.zeros(mask.shape, bool)
    parts = _parts(mask, radius)
    for pocket in pockets:
        left = _parts(mask & ~removed & ~pocket, radius)
        if left <= parts:
            removed |= pocket
            parts = left
    return removed


def _parts(mask: Mask, radius: int) -> int:
    """Of how many larger pieces a mask is when thin bridges are cut."""
    sizes = piece_sizes(_opened(mask, radius))
    return sum(size >= PIECE * max(sizes) for size in sizes)


def _opened(mask: Mask, radius: int) -> Mask:
    return dilated(eroded(mask, radius), radius) & mask


def _together(mask: Mask, reach: int) -> Mask:
    """The pieces that lie beside one another: a foot belongs to its body, a spark far off does not."""
    _, groups = cv2.connectedComponents(dilated(mask, reach).astype(np.uint8), connectivity=8)
    sizes = np.bincount(groups[mask], minlength=int(groups.max()) + 1)
    return mask & (sizes >= BESIDE * sizes.max())[groups]


def _settled(rgb: Pixels, mask: Mask, radius: int) -> Mask:
    """The contour moved to the steepest step nearby (watershed), and then to where both sides' colours part best: each
    alone cuts into what it does not see."""
    markers = np.zeros(mask.shape, np.int32)
    markers[eroded(mask, radius + 1)] = 2
    markers[~dilated(mask, radius)] = 1
    cv2.watershed(np.ascontiguousarray(rgb), markers)
    mask = np.asarray(markers == 2)
    for _ in range(2):
        mask = tidied(refit(rgb, mask, radius + 2, rounds=2), smallest=PIECE, holes=0.0)
    return mask
