"""Fish and butterfly."""

from __future__ import annotations

from engine.painting.subjects.body_parts import bead, eye, line
from engine.painting.subjects.design import Design, Layer, Mark, Pattern, Variation
from engine.painting.subjects.primitives import Ellipse, Shape, outline, pair, stroke


def fish(variation: Variation) -> Design:
    """A reef fish swimming to the right."""
    coat = variation.choose(
        "coat",
        (
            {"main": "#ef7a24", "band": "#fff8ec", "fin": "#f0902f"},
            {"main": "#2f7fd0", "band": "#f3d546", "fin": "#f3c53a"},
            {"main": "#f0c42e", "band": "#2f2a33", "fin": "#f6d85a"},
            {"main": "#d94a5a", "band": "#ffe3d2", "fin": "#e8737c"},
        ),
    )
    sway = variation.between("tail", -0.05, 0.05)
    tail = Layer(
        (
            outline(
                (-0.50, 0.50),
                (-0.66, 0.28 + sway),
                (-0.80, 0.20 + sway),
                (-0.76, 0.36),
                (-0.70, 0.50),
                (-0.76, 0.66),
                (-0.80, 0.80 + sway),
                (-0.66, 0.74),
                bevel=0.05,
                depth=0.04,
            ),
        ),
        "fin",
        "petal",
        flow=180.0,
        marks=(
            Mark(
                (stroke((-0.82, 0.20 + sway, 0.02), (-0.74, 0.50, 0.02), (-0.82, 0.80 + sway, 0.02)),),
                "#231c22",
                soft=0.03,
            ),
        ),
    )
    fins = Layer(
        (
            outline(
                (0.20, 0.22),
                (0.05, 0.08),
                (-0.12, 0.02),
                (-0.30, 0.06),
                (-0.42, 0.16),
                (-0.40, 0.34),
                (0.0, 0.30),
                bevel=0.05,
                depth=0.04,
            ),
            outline(
                (0.0, 0.80),
                (-0.10, 0.95),
                (-0.26, 0.98),
                (-0.38, 0.88),
                (-0.40, 0.68),
                (-0.2, 0.7),
                bevel=0.05,
                depth=0.04,
            ),
        ),
        "fin",
        "petal",
        blend=0,
        flow=115.0,
        marks=(
            Mark(
                (
                    stroke(
                        (0.10, 0.06, 0.012), (-0.12, 0.015, 0.014), (-0.32, 0.05, 0.014), (-0.46, 0.15, 0.014)
                    ),
                ),
                "#231c22",
                soft=0.02,
            ),
        ),
    )
    bands = tuple(
        Mark((stroke((x, 0.10, w), (x + 0.05, 0.5, w * 1.25), (x, 0.90, w)),), colour, soft=soft)
        for x, w in ((0.19, 0.052), (-0.15, 0.058), (-0.45, 0.035))
        for colour, soft, w in (("#231c22", 0.012, w + 0.014), ("band", 0.008, w))
    )
    body = Layer(
        (
            Ellipse(0.02, 0.50, 0.50, 0.315, depth=0.26),
            stroke((-0.25, 0.50, 0.20), (-0.55, 0.50, 0.085)),
            Ellipse(0.38, 0.52, 0.15, 0.14, depth=0.14),
        ),
        "main",
        "scale",
        blend=0.10,
        pattern=Pattern("scales", "main:0.80", 20, 0.45),
        marks=bands,
    )
    side = Layer(
        (
            outline(
                (0.10, 0.56),
                (0.02, 0.52),
                (-0.12, 0.56),
                (-0.16, 0.66),
                (-0.08, 0.72),
                (0.06, 0.66),
                bevel=0.03,
            ),
        ),
        "fin",
        "petal",
        flow=170.0,
    )
    smile = line("main:0.3", (0.515, 0.565, 0.004), (0.47, 0.60, 0.006), (0.42, 0.60, 0.003))
    eyes = eye(0.375, 0.43, 0.062, "#2a2018", white="#fdf9ef", pupil=0.75, look=0.25)
    return Design((tail, fins, body, side, smile, *eyes), coat, stands=-0.1)


def butterfly(variation: Variation) -> Design:
    """A butterfly with open wings, seen from above."""
    coat = variation.choose(
        "coat",
        (
            {"main": "#e8862a", "inner": "#f7c94a", "edge": "#1e1717"},
            {"main": "#3f7fe0", "inner": "#7fd0f0", "edge": "#141a33"},
            {"main": "#c2508f", "inner": "#f3a5c4", "edge": "#2b1426"},
            {"main": "#5ab06a", "inner": "#d9e87a", "edge": "#15261a"},
            {"main": "#e5b92f", "inner": "#fff0a8", "edge": "#2a2010"},
        ),
    )
    lift = variation.between("lift", -0.04, 0.02)
    lower = outline(
        (0.03, 0.52),
        (0.20, 0.50),
        (0.40, 0.56),
        (0.47, 0.70),
        (0.40, 0.86),
        (0.28, 0.97),
        (0.20, 0.92),
        (0.12, 0.78),
        bevel=0.05,
        depth=0.03,
    )
    upper = outline(
        (0.03, 0.50),
        (0.10, 0.30),
        (0.28, 0.10 + lift),
        (0.48, 0.02 + lift),
        (0.60, 0.06 + lift),
        (0.62, 0.20 + lift),
        (0.56, 0.40),
        (0.44, 0.54),
        (0.22, 0.58),
        bevel=0.05,
        depth=0.035,
    )
    wings = tuple(
        Layer(
            pair(shape),
            "edge",
            "petal",
            blend=0,
            flow=(0.0, 0.5),
            marks=_wing_marks(*cells),
        )
        for shape, cells in ((lower, (False, lift)), (upper, (True, lift)))
    )
    body = Layer(
        (
            Ellipse(0, 0.44, 0.036, 0.075),
            stroke((0, 0.50, 0.032), (0, 0.66, 0.028), (0, 0.80, 0.012)),
            Ellipse(0, 0.345, 0.034, 0.034),
        ),
        "#2a201c",
        "fur",
        blend=0.02,
    )
    feelers = Layer(
        pair(
            stroke((0.014, 0.325, 0.005), (0.06, 0.22, 0.005), (0.13, 0.15, 0.006)),
            Ellipse(0.135, 0.147, 0.014, 0.014),
        ),
        "#2a201c",
        "clay",
        blend=0.005,
    )
    return Design((*wings, feelers, body, *bead(-0.02, 0.335, 0.012), *bead(0.02, 0.335, 0.012)), coat)


def _wing_marks(upper: bool, lift: float) -> tuple[Mark, ...]:
    if upper:
        cells: tuple[Shape, ...] = (
            outline(
                (0.06, 0.48), (0.13, 0.32), (0.26, 0.18 + lift), (0.30, 0.24 + lift), (0.22, 0.44), bevel=0.02
            ),
            outline((0.30, 0.17 + lift), (0.44, 0.085 + lift), (0.47, 0.12 + lift), (0.36, 0.25 + lift)),
            outline(
                (0.36, 0.28 + lift), (0.49, 0.15 + lift), (0.53, 0.22 + lift), (0.50, 0.32), (0.38, 0.37)
            ),
            outline((0.25, 0.46), (0.33, 0.33), (0.37, 0.39), (0.49, 0.36), (0.42, 0.48), (0.26, 0.53)),
        )
        dots = tuple((0.555 - 0.004 * k * k, 0.10 + 0.07 * k + lift) for k in range(5))
        inner = Ellipse(0.16, 0.40, 0.11, 0.10)
    else:
        cells = (
            outline((0.07, 0.55), (0.20, 0.53), (0.28, 0.62), (0.18, 0.72), (0.11, 0.68)),
            outline((0.27, 0.555), (0.38, 0.59), (0.42, 0.69), (0.32, 0.70), (0.29, 0.62)),
            outline((0.21, 0.74), (0.30, 0.72), (0.41, 0.73), (0.35, 0.84), (0.26, 0.89)),
        )
        dots = ((0.445, 0.67), (0.435, 0.74), (0.405, 0.81), (0.36, 0.875), (0.30, 0.925))
        inner = Ellipse(0.17, 0.62, 0.09, 0.09)
    return (
        Mark(pair(*cells), "main", soft=0.012),
        Mark(pair(inner), "inner", soft=0.14, strength=0.75),
        Mark(pair(*(Ellipse(x, y, 0.011, 0.011) for x, y in dots)), "#f7f3ea", soft=0.006),
    )
