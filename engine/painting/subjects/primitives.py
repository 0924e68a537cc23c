"""The primitives of figures: each has a signed distance and a height toward the viewer.

Lengths are fractions of the figure's height; x runs to the right, y runs down. A distance is negative
inside. The height (`swelling`) is that of the surface above the image plane, 0 outside the shape.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, cast

import cv2
import numpy as np

from engine.images.arrays import Plane

Box = tuple[float, float, float, float]
Point = tuple[float, float]
Knot = tuple[float, float, float]

_MANY = 300_000  # points times corners, beyond which a polygon is measured on every second point


class Shape(Protocol):
    """A primitive with a bounding box and a signed distance to its outline."""

    def bounds(self) -> Box:
        """Left, top, right, bottom."""
        ...

    def field(self, x: Plane, y: Plane) -> tuple[Plane, Plane]:
        """Signed distance and swelling at the points `x` (1 x w) and `y` (h x 1), each h x w."""
        ...

    def moved(self, dx: float, dy: float, scale: float) -> Shape:
        """The same shape scaled about the origin, then shifted."""
        ...


@dataclass(frozen=True)
class Ellipse:
    """An egg lying flat: centre, half axes, `turn` in degrees clockwise, `depth` of the swelling."""

    cx: float
    cy: float
    rx: float
    ry: float
    turn: float = 0.0
    depth: float | None = None

    def bounds(self) -> Box:
        """Left, top, right, bottom."""
        c, s = math.cos(math.radians(self.turn)), math.sin(math.radians(self.turn))
        w, h = math.hypot(self.rx * c, self.ry * s), math.hypot(self.rx * s, self.ry * c)
        return self.cx - w, self.cy - h, self.cx + w, self.cy + h

    def field(self, x: Plane, y: Plane) -> tuple[Plane, Plane]:
        """Distance (first-order, exact at the rim) and the height of the ellipsoid."""
        px, py = x - np.float32(self.cx), y - np.float32(self.cy)
        if self.turn:
            c, s = math.cos(math.radians(self.turn)), math.sin(math.radians(self.turn))
            px, py = px * c + py * s, py * c - px * s
        qx, qy = (px / self.rx) ** 2, (py / self.ry) ** 2
        q = qx + qy
        k0 = np.sqrt(q)
        k1 = np.sqrt(qx / self.rx**2 + qy / self.ry**2) + np.float32(1e-6)
        distance = np.where(q > 1e-4, k0 * (k0 - 1) / k1, np.float32(-min(self.rx, self.ry)))
        depth = min(self.rx, self.ry) if self.depth is None else self.depth
        return distance, depth * np.sqrt(np.maximum(1 - q, 0))

    def moved(self, dx: float, dy: float, scale: float) -> Ellipse:
        """The same ellipse scaled about the origin, then shifted."""
        depth = None if self.depth is None else self.depth * scale
        return Ellipse(
            self.cx * scale + dx, self.cy * scale + dy, self.rx * scale, self.ry * scale, self.turn, depth
        )


@dataclass(frozen=True)
class Limb:
    """A tapered capsule chain through `knots` (x, y, radius); `flat` scales its swelling."""

    knots: tuple[Knot, ...]
    flat: float = 1.0

    def bounds(self) -> Box:
        """Left, top, right, bottom."""
        return (
            min(x - r for x, _, r in self.knots),
            min(y - r for _, y, r in self.knots),
            max(x + r for x, _, r in self.knots),
            max(y + r for _, y, r in self.knots),
        )

    def field(self, x: Plane, y: Plane) -> tuple[Plane, Plane]:
        """Distance and swelling, the nearest piece of the chain deciding."""
        shape = np.broadcast_shapes(x.shape, y.shape)
        distance = np.full(shape, 9.0, np.float32)
        height = np.zeros(shape, np.float32)
        for a, b in zip(self.knots, self.knots[1:], strict=False):
            reach = max(a[2], b[2]) + 0.06
            rows = _span(y[:, 0], min(a[1], b[1]) - reach, max(a[1], b[1]) + reach)
            cols = _span(x[0], min(a[0], b[0]) - reach, max(a[0], b[0]) + reach)
            if rows.start >= rows.stop or cols.start >= cols.stop:
                continue
            d, h = self._piece(x[:, cols], y[rows], a, b)
            np.minimum(distance[rows, cols], d, out=distance[rows, cols])
            np.maximum(height[rows, cols], h, out=height[rows, cols])
        return distance, height

    def _piece(self, x: Plane, y: Plane, a: Knot, b: Knot) -> tuple[Plane, Plane]:
        dx, dy = b[0] - a[0], b[1] - a[1]
        length = max(dx * dx + dy * dy, 1e-9)
        px, py = x - np.float32(a[0]), y - np.float32(a[1])
        t = np.clip((px * dx + py * dy) * np.float32(1 / length), 0, 1)
        radius = a[2] + t * np.float32(b[2] - a[2])
        off = (px - t * dx) ** 2 + (py - t * dy) ** 2
        return np.sqrt(off) - radius, self.flat * np.sqrt(np.maximum(radius * radius - off, 0))

    def moved(self, dx: float, dy: float, scale: float) -> Limb:
        """The same chain scaled about the origin, then shifted."""
        return Limb(tuple((x * scale + dx, y * scale + dy, r * scale) for x, y, r in self.knots), self.flat)


@dataclass(frozen=True)
class Polygon:
    """A polygon grown by `rounding`; `bevel` is how far from the rim it keeps swelling, `depth` how high."""

    points: tuple[Point, ...]
    rounding: float = 0.0
    bevel: float = 0.03
    depth: float | None = None

    def bounds(self) -> Box:
        """Left, top, right, bottom."""
        xs, ys, r = [p[0] for p in self.points], [p[1] for p in self.points], self.rounding
        return min(xs) - r, min(ys) - r, max(xs) + r, max(ys) + r

    def field(self, x: Plane, y: Plane) -> tuple[Plane, Plane]:
        """Exact distance; the swelling is a quarter round of `bevel` along the rim, then level."""
        if x.shape[1] * y.shape[0] * len(self.points) > _MANY:
            # Distance is smooth: every second point in both directions tells the others.
            coarse = self._distance(_halved(x[0])[None], _halved(y[:, 0])[:, None])
            distance = cv2.resize(coarse, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
            distance = distance[: y.shape[0], : x.shape[1]]
        else:
            distance = self._distance(x, y)
        depth = self.bevel if self.depth is None else self.depth
        inward = np.clip(-distance / self.bevel, 0, 1)
        return distance, depth * np.sqrt(np.maximum(1 - (1 - inward) ** 2, 0))

    def _distance(self, x: Plane, y: Plane) -> Plane:
        shape = np.broadcast_shapes(x.shape, y.shape)
        nearest = np.full(shape, 81.0, np.float32)
        outside = np.ones(shape, bool)
        for (ax, ay), (bx, by) in zip(self.points, self.points[-1:] + self.points[:-1], strict=True):
            ex, ey = bx - ax, by - ay
            px, py = x - np.float32(ax), y - np.float32(ay)
            length = np.float32(max(ex * ex + ey * ey, 1e-9))
            t = np.clip((px * ex + py * ey) / length, 0, 1)
            np.minimum(nearest, (px - t * ex) ** 2 + (py - t * ey) ** 2, out=nearest)
            above, below, left = y >= ay, y < by, (ex * py - ey * px) > 0
            outside ^= (above & below & left) | (~above & ~below & ~left)
        sign = np.where(outside, np.float32(1), np.float32(-1))
        return sign * np.sqrt(nearest) - np.float32(self.rounding)

    def moved(self, dx: float, dy: float, scale: float) -> Polygon:
        """The same polygon scaled about the origin, then shifted."""
        points = tuple((x * scale + dx, y * scale + dy) for x, y in self.points)
        depth = None if self.depth is None else self.depth * scale
        return Polygon(points, self.rounding * scale, self.bevel * scale, depth)


def _halved(line: Plane) -> Plane:
    """The middles of neighbouring pairs in an evenly spaced line; an odd one out is continued."""
    if len(line) % 2:
        line = np.append(line, 2 * line[-1] - line[-2])
    return (line[0::2] + line[1::2]) / np.float32(2)


def _span(line: Plane, low: float, high: float) -> slice:
    """The indices of the increasing values in `line` that lie between `low` and `high`."""
    return slice(int(np.searchsorted(line, low)), int(np.searchsorted(line, high)))


def block(
    cx: float,
    cy: float,
    half_width: float,
    half_height: float,
    *,
    rounding: float = 0.01,
    bevel: float = 0.03,
    turn: float = 0.0,
    top: float = 1.0,
    depth: float | None = None,
) -> Polygon:
    """A rounded box; `top` below 1 narrows its upper edge, `turn` is in degrees clockwise."""
    w, h = half_width - rounding, half_height - rounding
    corners = [(-w * top, -h), (w * top, -h), (w, h), (-w, h)]
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    points = tuple((cx + x * c - y * s, cy + x * s + y * c) for x, y in corners)
    return Polygon(points, rounding, bevel, depth)


def stroke(*knots: Knot, flat: float = 1.0, smooth: int = 5) -> Limb:
    """A smooth tapered stroke through `knots` (x, y, radius), Catmull-Rom, `smooth` pieces between two."""
    if len(knots) < 3:
        return Limb(tuple(knots), flat)
    points = np.array([knots[0], *knots, knots[-1]], np.float64)
    out: list[Knot] = []
    for i in range(1, len(points) - 2):
        p0, p1, p2, p3 = points[i - 1 : i + 3]
        for step in range(smooth):
            t = step / smooth
            v = 0.5 * (
                2 * p1
                + (p2 - p0) * t
                + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2
                + (3 * p1 - p0 - 3 * p2 + p3) * t**3
            )
            out.append((float(v[0]), float(v[1]), max(float(v[2]), 1e-4)))
    out.append(knots[-1])
    return Limb(tuple(out), flat)


def outline(*points: Point, smooth: int = 5, bevel: float = 0.05, depth: float | None = None) -> Polygon:
    """A closed smooth outline through `points` (Catmull-Rom), as a finely cut polygon."""
    ring = np.array([points[-1], *points, points[0], points[1]], np.float64)
    out: list[Point] = []
    for i in range(1, len(points) + 1):
        p0, p1, p2, p3 = ring[i - 1 : i + 3]
        for step in range(smooth):
            t = step / smooth
            v = 0.5 * (
                2 * p1
                + (p2 - p0) * t
                + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2
                + (3 * p1 - p0 - 3 * p2 + p3) * t**3
            )
            out.append((float(v[0]), float(v[1])))
    return Polygon(tuple(out), 0.0, bevel, depth)


def mirrored(shape: Shape) -> Shape:
    """The shape reflected about x = 0."""
    if isinstance(shape, Ellipse):
        return replace(shape, cx=-shape.cx, turn=-shape.turn)
    if isinstance(shape, Limb):
        return replace(shape, knots=tuple((-x, y, r) for x, y, r in shape.knots))
    polygon = cast(Polygon, shape)
    return replace(polygon, points=tuple((-x, y) for x, y in polygon.points))


def pair(*shapes: Shape) -> tuple[Shape, ...]:
    """Each shape and its reflection about x = 0."""
    return tuple(single for shape in shapes for single in (shape, mirrored(shape)))


def union_bounds(shapes: Sequence[Shape]) -> Box:
    """The box around all `shapes`; raises ValueError where there is none."""
    boxes = [shape.bounds() for shape in shapes]
    return (
        min(b[0] for b in boxes),
        min(b[1] for b in boxes),
        max(b[2] for b in boxes),
        max(b[3] for b in boxes),
    )
