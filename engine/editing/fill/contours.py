"""Contours through a hole: where they enter at its rim, which of them belong together, and the curves between.

Patch matching knows texture but no shapes: a saucer's rim cut by a hole would end in a bay. So the rim of the hole is
walked once; wherever two different areas meet there in a clear edge, a contour enters. Contours are paired so that
colours on both sides agree, the curve between them bends little, and no two cross.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.images.arrays import Mask, Picture

Point = tuple[float, float]

PATH_DISTANCE = 4
"""Distance in pixels between the hole and the path that is walked around it."""
_REACH = 5
"""Pixels of the path that represent the area on either side of an edge."""
_MIN_STEP = 16.0
"""Minimum difference in Lab bytes of an edge between two areas,"""
_MIN_STEP_RATIO = 2.6
"""and its minimum multiple of the usual difference along the path."""
_MIN_STRONGEST_RATIO = 0.14
"""Minimum of the other edges' difference, as a share of the strongest edge's."""
_MIN_COHERENCE = 0.42
"""Minimum coherence of the structure tensor at an edge; 1 is a ruled line."""
_MIN_CONTINUATION = 0.45
"""Share of its difference that an edge must still have some pixels farther out."""
_MIN_SPACING = 7
_MAX_ENDS = 18
_UNPAIRED_COST = 0.92
"""Cost of an unpaired contour; the maximum cost of a curve is twice that."""


@dataclass(frozen=True)
class End:
    """A contour's entry: place and unit direction into the hole (x, y), and the colours before and after it."""

    at: Point
    into: Point
    before: Picture
    after: Picture


Curve = list[Point]


def curves(plain: Picture, hole: Mask) -> list[Curve]:
    """The contours through the hole, each as pixel places from rim to rim; `plain` comes from `without_texture`."""
    found: list[Curve] = []
    tensor = _tensor(plain, (~hole).astype(np.float32))
    grown = cv2.dilate(hole.astype(np.uint8), _disc(PATH_DISTANCE))
    paths, _ = cv2.findContours(grown, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    for path in paths:
        ends = _ends(path[:, 0, :], plain, tensor, hole)
        found += [_bend(ends[i], ends[j]) for i, j in _pairs(ends)]
    return found


def _disc(radius: int) -> NDArray[np.uint8]:
    size = 2 * radius + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), np.uint8)


def without_texture(lab: Picture, known: Picture) -> Picture:
    """The known part of an image (Lab in bytes, float32; `known` 0 or 1) without texture, but with its large edges."""
    whole = np.clip(np.where(known[..., None] > 0, lab, 0), 0, 255).astype(np.uint8)
    for _ in range(2):
        whole = cv2.bilateralFilter(whole, 9, 40, 4)
    weight = cv2.GaussianBlur(known, (0, 0), 1.2)
    blurred = cv2.GaussianBlur(whole.astype(np.float32) * known[..., None], (0, 0), 1.2)
    return np.asarray(blurred / np.maximum(weight, 1e-3)[..., None], np.float32)


def _tensor(plain: Picture, known: Picture) -> Picture:
    """Structure tensor (xx, xy, yy) of the known part, averaged over the neighbourhood of each pixel."""
    inside = cv2.erode(known, np.ones((3, 3), np.uint8))
    dx, dy = cv2.Scharr(plain, cv2.CV_32F, 1, 0) / 16, cv2.Scharr(plain, cv2.CV_32F, 0, 1) / 16
    planes = [(a * b).sum(axis=-1) * inside for a, b in ((dx, dx), (dx, dy), (dy, dy))]
    return np.stack([cv2.GaussianBlur(plane, (0, 0), 2.5) for plane in planes], axis=-1)


def _ends(path: NDArray[np.int32], plain: Picture, tensor: Picture, hole: Mask) -> list[End]:
    """Contour entries along the path around the hole, in its order."""
    height, width = hole.shape
    x, y = path[:, 0], path[:, 1]
    edge = (x <= 1) | (y <= 1) | (x >= width - 2) | (y >= height - 2)
    colours = plain[y, x]
    count = len(path)
    if count < 4 * _REACH:
        return []
    around = np.arange(count)[:, None]
    behind = (around - 1 - np.arange(_REACH)) % count
    ahead = (around + 1 + np.arange(_REACH)) % count
    before, after = colours[behind].mean(axis=1), colours[ahead].mean(axis=1)
    step = np.linalg.norm(after - before, axis=-1)
    step[edge | edge[behind].any(axis=1) | edge[ahead].any(axis=1)] = 0
    if not (step > 0).any():
        return []
    least = max(
        _MIN_STEP,
        _MIN_STEP_RATIO * float(np.median(step[step > 0])),
        _MIN_STRONGEST_RATIO * float(step.max()),
    )
    distance = cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, 5)
    ends: list[tuple[int, End]] = []
    for index in np.argsort(-step, kind="stable"):
        if step[index] < least or len(ends) >= _MAX_ENDS:
            break
        if any(min((index - i) % count, (i - index) % count) < _MIN_SPACING for i, _ in ends):
            continue
        into = _direction(tensor, distance, int(x[index]), int(y[index]))
        if into is not None:
            at = float(x[index]), float(y[index])
            end = End(at, into, before[index], after[index])
            forward = path[ahead[index]].mean(axis=0) - path[behind[index]].mean(axis=0)
            if _continues_outward(end, forward, plain, hole):
                ends.append((int(index), end))
    return [end for _, end in sorted(ends, key=lambda pair: pair[0])]


def _continues_outward(end: End, forward: NDArray[np.float64], plain: Picture, hole: Mask) -> bool:
    """Whether the edge continues farther out: a blade of grass ends there, a table's edge does not."""
    height, width = hole.shape
    across = np.array((-end.into[1], end.into[0]))
    across = across if across @ forward >= 0 else -across
    change = end.after - end.before
    size = float(np.linalg.norm(change))
    for away in (5, 10, 15):
        best = -math.inf
        for aside in (-3, -1.5, 0, 1.5, 3):
            middle = np.array(end.at) - away * np.array(end.into) + aside * across
            places = [np.round(middle + side * 4 * across).astype(int) for side in (-1, 1)]
            if any(not (0 <= px < width and 0 <= py < height) or hole[py, px] for px, py in places):
                return away > 5
            (bx, by), (ax, ay) = places
            best = max(best, float((plain[ay, ax] - plain[by, bx]) @ change) / size)
        if best < _MIN_CONTINUATION * size:
            return False
    return True


def _direction(tensor: Picture, distance: Picture, x: int, y: int) -> Point | None:
    """The direction of the edge at (x, y), pointing into the hole; None where there is no clear edge."""
    xx, xy, yy = (float(v) for v in tensor[y, x])
    root = math.hypot(xx - yy, 2 * xy)
    if root < _MIN_COHERENCE * max(xx + yy, 1e-6):
        return None
    across = 0.5 * math.atan2(2 * xy, xx - yy)
    along = (-math.sin(across), math.cos(across))
    patch = distance[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3]
    down, right = np.gradient(patch) if min(patch.shape) > 1 else (np.zeros((1, 1)), np.zeros((1, 1)))
    outward = along[0] * float(right.mean()) + along[1] * float(down.mean())
    if abs(outward) < 0.2:
        return None  # it runs along the hole, not into it
    return along if outward < 0 else (-along[0], -along[1])


def _pairs(ends: list[End]) -> list[tuple[int, int]]:
    """The cheapest non-crossing pairing."""
    costs = {(i, j): _pair_cost(ends[i], ends[j]) for i in range(len(ends)) for j in range(i + 1, len(ends))}

    @cache
    def best(first: int, last: int) -> tuple[float, tuple[tuple[int, int], ...]]:
        """For the ends first..last, the last one excluded."""
        if last - first < 2:
            return _UNPAIRED_COST * max(0, last - first), ()
        cost, chosen = best(first + 1, last)
        cost += _UNPAIRED_COST
        for j in range(first + 1, last):
            if costs[first, j] >= 2 * _UNPAIRED_COST:
                continue
            inner, outer = best(first + 1, j), best(j + 1, last)
            if costs[first, j] + inner[0] + outer[0] < cost:
                cost = costs[first, j] + inner[0] + outer[0]
                chosen = ((first, j), *inner[1], *outer[1])
        return cost, chosen

    return list(best(0, len(ends))[1])


def _pair_cost(one: End, other: End) -> float:
    """Cost of joining two ends to one contour: unlike colours on either side, and bends."""
    one_side = float(np.linalg.norm(one.after - other.before))
    other_side = float(np.linalg.norm(one.before - other.after))
    # The object keeps its colour; the background may differ at the other end.
    unlike = 0.8 * min(one_side, other_side) + 0.2 * max(one_side, other_side)
    chord = (other.at[0] - one.at[0], other.at[1] - one.at[1])
    length = math.hypot(*chord)
    if length < 1:
        return math.inf
    first = _turn(one.into, chord)
    second = _turn(chord, (-other.into[0], -other.into[1]))
    if abs(first) > 1.9 or abs(second) > 1.9:
        return math.inf
    # A circle's arc turns as much at its end as at its beginning; an S costs more.
    contrast = abs(np.linalg.norm(one.after - one.before) - np.linalg.norm(other.after - other.before))
    unlike += 0.45 * float(contrast)
    return unlike / 36 + 0.10 * (first * first + second * second) + 0.45 * (first - second) ** 2


def _turn(a: Point, b: Point) -> float:
    """Signed angle from direction a to direction b."""
    return math.atan2(a[0] * b[1] - a[1] * b[0], a[0] * b[0] + a[1] * b[1])


def _bend(one: End, other: End) -> Curve:
    """A cubic curve between the ends along their directions, a little longer than the hole on both sides."""
    chord = math.hypot(other.at[0] - one.at[0], other.at[1] - one.at[1])
    first = _turn(one.into, (other.at[0] - one.at[0], other.at[1] - one.at[1]))
    second = _turn((other.at[0] - one.at[0], other.at[1] - one.at[1]), (-other.into[0], -other.into[1]))
    # With handles of this length the cubic is within a thousandth of a circular arc.
    half = min(1.4, (abs(first) + abs(second)) / 2)
    arm = chord * 2 / 3 / (1 + math.cos(half))
    a, d = np.array(one.at), np.array(other.at)
    b, c = a + arm * np.array(one.into), d + arm * np.array(other.into)
    t = np.linspace(0, 1, max(8, round(2 * chord)))[:, None]
    places = (1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d
    before, after = a - 2 * np.array(one.into), d - 2 * np.array(other.into)
    return [(float(x), float(y)) for x, y in (before, *places, after)]
