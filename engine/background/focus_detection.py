"""Focus detection: the one sharp object before a blurred or plain background.

Colours do not matter here: a grey robot before grey stones is found as long as the stones are blurred.
"""

from __future__ import annotations

import cv2
import numpy as np

from engine.background.array_math import dilated, eroded, to_lab
from engine.background.graph_cut import largest_piece, piece_sizes, refit, tidied
from engine.images.arrays import Mask, Pixels, Plane

BORDER_WIDTH = 0.06
"""Width of the border in which background detail is measured, as a share of the longer side."""
BORDER_PERCENTILE, THRESHOLD_FACTOR = 99.0, 1.3
"""In focus is detail above this percentile of the border's, times the second value."""
HYSTERESIS = 0.6
"""An outline is followed down to this share of that threshold (hysteresis)."""
MIN_DETAIL = 3.0
"""Detail in levels (0..255) below which it counts as grain."""
MIN_FOCUS_DETAIL = 7.0
"""Minimum detail in levels at the strongest edges of an object in focus."""
MAX_GAP = 0.012
"""Widest gap in an outline that is closed, as a share of the longer side."""
MIN_PIECE = 0.02
"""Pieces below this share of the largest one are specks."""
MIN_SECOND_OBJECT = 0.3
"""Minimum size of a second, separate object, as a share of the first one."""
MIN_SHARE, MAX_SHARE = 0.02, 0.7
"""Minimum and maximum share of the image for an object in focus."""
GROUND_RADIUS = 0.06
"""Radius in which the ground's colours are averaged, as a share of the longer side (standard deviation)."""
GROUND_SPREAD, GROUND_DISTANCE, MAX_UNLIKE = 2.0, 5.0, 0.1
"""Similar to the ground is what differs from its mean colour by at most the first times its own spread, plus the second
in Lab units; a place with less than the third, as a share, of other pixels is ground."""
MAX_POCKETS = 12
"""Maximum of such places examined."""
MIN_DETAIL_INSIDE = 0.85
"""Minimum share of all sharp detail that lies within the object."""


def in_focus(rgb: Pixels) -> Mask | None:
    """The mask of the single object in focus, H x W; None where the background is as sharp, or nothing is."""
    detail = detail_map(rgb)
    threshold = max(
        MIN_DETAIL, THRESHOLD_FACTOR * float(np.percentile(detail[_frame(detail)], BORDER_PERCENTILE))
    )
    sharp = _hysteresis(detail, threshold)
    if float(np.percentile(detail, 99)) < max(MIN_FOCUS_DETAIL, 2 * threshold):
        return None
    radius = max(2, round(MAX_GAP * max(sharp.shape)))
    mask = _enclosed(sharp, radius)
    mask &= ~_pockets(rgb, mask, _enclosed(sharp, 1), radius)
    mask = _near_pieces(tidied(_opened(mask, radius), smallest=MIN_PIECE, holes=0.0), 4 * radius)
    if (
        not MIN_SHARE < mask.mean() < MAX_SHARE
        or sharp[dilated(mask, radius)].sum() < MIN_DETAIL_INSIDE * sharp.sum()
    ):
        return None
    if 3 * largest_piece(mask) < 2 * mask.sum():
        return None
    return _refined(rgb, mask, radius)


def detail_map(rgb: Pixels) -> Plane:
    """Strength of the finest detail around each pixel, in levels, H x W."""
    picture = rgb.astype(np.float32)
    fine = cv2.GaussianBlur(picture, (0, 0), 0.6) - cv2.GaussianBlur(picture, (0, 0), 1.2)
    return np.asarray(np.abs(fine).max(axis=2), np.float32)


def _hysteresis(detail: Plane, threshold: float) -> Mask:
    """Detail above the threshold, and weaker detail connected with it."""
    weak = detail > max(MIN_DETAIL, HYSTERESIS * threshold)
    _, labels = cv2.connectedComponents(weak.astype(np.uint8), connectivity=8)
    kept = np.zeros(int(labels.max()) + 1, bool)
    kept[labels[detail > threshold]] = True
    kept[0] = False
    return np.asarray(kept[labels])


def _frame(plane: Plane) -> Mask:
    """The upper edge and the sides; an object may stand on the lower edge."""
    height, width = plane.shape
    wide = max(1, round(BORDER_WIDTH * max(height, width)))
    frame = np.zeros((height, width), bool)
    frame[:wide] = True
    frame[: round(0.92 * height), :wide] = frame[: round(0.92 * height), -wide:] = True
    return frame


def _enclosed(sharp: Mask, radius: int) -> Mask:
    """Pixels that cannot be reached from the upper edge and the sides without crossing an outline, gaps closed."""
    walls = dilated(sharp, radius)
    free = np.pad(~walls, ((1, 0), (1, 1)), constant_values=True)
    _, pieces = cv2.connectedComponents(free.astype(np.uint8), connectivity=4)
    outside = (pieces == pieces[0, 0])[1:, 1:-1]
    return ~dilated(outside, radius)


def _pockets(rgb: Pixels, mask: Mask, narrow: Mask, radius: int) -> Mask:
    """Background enclosed by the object, as between an arm and a body, if it looks like the ground around."""
    behind = ~dilated(mask, radius)
    near = max(8.0, GROUND_RADIUS * max(mask.shape))
    weight = cv2.GaussianBlur(behind.astype(np.float32), (0, 0), near) + 1e-4
    lab = to_lab(rgb)
    mean = cv2.GaussianBlur(lab * behind[..., None], (0, 0), near) / weight[..., None]
    colour_distance = np.linalg.norm(lab - mean, axis=2)
    spread = cv2.GaussianBlur(colour_distance * behind, (0, 0), near) / weight
    unlike = colour_distance > GROUND_DISTANCE + GROUND_SPREAD * spread
    _, labels, stats, _ = cv2.connectedComponentsWithStats((mask & ~narrow).astype(np.uint8), connectivity=4)
    area = stats[:, cv2.CC_STAT_AREA]
    unlike_share = np.bincount(labels.ravel(), unlike.ravel(), len(area)) / area
    ground = (unlike_share < MAX_UNLIKE) & (area >= radius * radius)
    ground[0] = False
    distance = (
        np.bincount(labels.ravel(), (colour_distance / (spread + GROUND_DISTANCE)).ravel(), len(area)) / area
    )
    likeliest = np.flatnonzero(ground)[np.argsort(distance[ground], kind="stable")][:MAX_POCKETS]
    return _removable(mask, [labels == number for number in likeliest], radius)


def _removable(mask: Mask, pockets: list[Mask], radius: int) -> Mask:
    """The pockets whose removal leaves the object connected: a grey leg before grey stones looks like ground, but the
    foot is attached to it."""
    removed = np.zeros(mask.shape, bool)
    parts = _parts(mask, radius)
    for pocket in pockets:
        left = _parts(mask & ~removed & ~pocket, radius)
        if left <= parts:
            removed |= pocket
            parts = left
    return removed


def _parts(mask: Mask, radius: int) -> int:
    """Number of larger pieces of a mask after thin bridges are cut."""
    sizes = piece_sizes(_opened(mask, radius))
    return sum(size >= MIN_PIECE * max(sizes) for size in sizes)


def _opened(mask: Mask, radius: int) -> Mask:
    return dilated(eroded(mask, radius), radius) & mask


def _near_pieces(mask: Mask, reach: int) -> Mask:
    """The pieces close to one another: a foot belongs to its body, a distant spark does not."""
    _, groups = cv2.connectedComponents(dilated(mask, reach).astype(np.uint8), connectivity=8)
    sizes = np.bincount(groups[mask], minlength=int(groups.max()) + 1)
    return mask & (sizes >= MIN_SECOND_OBJECT * sizes.max())[groups]


def _refined(rgb: Pixels, mask: Mask, radius: int) -> Mask:
    """The contour moved to the steepest step nearby (watershed), then to the best separation of both sides' colours:
    each method alone makes errors that the other avoids."""
    markers = np.zeros(mask.shape, np.int32)
    markers[eroded(mask, radius + 1)] = 2
    markers[~dilated(mask, radius)] = 1
    cv2.watershed(np.ascontiguousarray(rgb), markers)
    mask = np.asarray(markers == 2)
    for _ in range(2):
        mask = tidied(refit(rgb, mask, radius + 2, rounds=2), smallest=MIN_PIECE, holes=0.0)
    return mask
