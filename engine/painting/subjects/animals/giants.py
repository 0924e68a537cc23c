"""Elephant and dragon."""

from __future__ import annotations

from engine.painting.subjects.body_parts import eye, line
from engine.painting.subjects.design import Design, Layer, Mark, Pattern, Variation
from engine.painting.subjects.primitives import Ellipse, Limb, Polygon, outline, pair, stroke


def elephant(variation: Variation) -> Design:
    """An elephant walking to the right, trunk raised at its tip."""
    lift = variation.between("trunk", -0.03, 0.05)
    skin = variation.pick("skin", ("#8d8f96", "#9a938d", "#7f858f"))
    far = Layer(
        (
            stroke((-0.20, 0.60, 0.12), (-0.19, 0.80, 0.095), (-0.19, 0.90, 0.10)),
            stroke((0.20, 0.60, 0.12), (0.23, 0.80, 0.092), (0.235, 0.90, 0.096)),
        ),
        "main:0.66",
        "hide",
        blend=0.0,
    )
    tail = Layer(
        (stroke((-0.50, 0.36, 0.022), (-0.56, 0.48, 0.014), (-0.55, 0.62, 0.012)),), "main:0.8", "hide"
    )
    tuft = Layer((stroke((-0.55, 0.61, 0.018), (-0.553, 0.69, 0.006)),), "#3a3536", "mane")
    body = Layer(
        (
            Ellipse(-0.10, 0.42, 0.41, 0.295, depth=0.30),
            Ellipse(-0.30, 0.44, 0.20, 0.25, depth=0.22),
            Ellipse(0.20, 0.44, 0.18, 0.24, depth=0.24),
        ),
        "main",
        "hide",
        blend=0.10,
        marks=(Mark((Ellipse(-0.05, 0.70, 0.34, 0.07),), "main:0.7", soft=0.12),),
    )
    near = Layer(
        (
            stroke((-0.31, 0.56, 0.14), (-0.315, 0.78, 0.105), (-0.31, 0.895, 0.108)),
            stroke((0.13, 0.58, 0.13), (0.12, 0.78, 0.10), (0.125, 0.895, 0.103)),
        ),
        "main",
        "hide",
        blend=0.0,
        shade=0.6,
        joints=((-0.31, 0.53, 0.2), (0.13, 0.54, 0.2)),
    )
    nails = Layer(
        tuple(
            Ellipse(x + k, 0.972, 0.022, 0.020, depth=0.012)
            for x in (-0.31, 0.125)
            for k in (-0.01, 0.04, 0.082)
        ),
        "#e4d9c8",
        "clay",
        blend=0,
        shade=0.4,
    )
    return Design(
        (far, tail, tuft, body, near, nails, *_elephant_head(lift)),
        {"main": skin, "pink": "#c99a94"},
        seat=(-0.10, 0.14),
        close=(0.02, 0.02, 0.90, 0.72),
        ground=0.992,
    )


def _elephant_head(lift: float) -> tuple[Layer, ...]:
    far_tusk = Layer(
        (stroke((0.50, 0.46, 0.026), (0.59, 0.54, 0.022), (0.62, 0.545, 0.006)),), "#efe5d0:0.85", "gloss"
    )
    head = Layer(
        (
            Ellipse(0.39, 0.29, 0.185, 0.195, depth=0.20),
            Ellipse(0.44, 0.37, 0.13, 0.13, depth=0.16),
            stroke(
                (0.50, 0.36, 0.115),
                (0.585, 0.50, 0.082),
                (0.60, 0.66, 0.062),
                (0.655, 0.77, 0.050),
                (0.745, 0.765 - lift, 0.042),
                (0.785, 0.68 - 1.5 * lift, 0.037),
                flat=1.1,
            ),
        ),
        "main",
        "hide",
        blend=0.06,
        shade=0.8,
        marks=tuple(Mark((_wrinkle(k),), "main:0.6", soft=0.012, strength=0.55) for k in range(7)),
    )
    tusk = Layer(
        (stroke((0.445, 0.465, 0.030), (0.54, 0.565, 0.025), (0.635, 0.565, 0.006)),), "#f6edda", "gloss"
    )
    ear = Layer(
        (
            outline(
                (0.30, 0.13),
                (0.17, 0.07),
                (0.05, 0.14),
                (0.02, 0.30),
                (0.08, 0.47),
                (0.19, 0.56),
                (0.26, 0.48),
                (0.31, 0.36),
                bevel=0.06,
                depth=0.045,
            ),
        ),
        "main:0.92",
        "hide",
        marks=(Mark((Ellipse(0.175, 0.31, 0.09, 0.16, 8),), "pink", soft=0.10, strength=0.6),),
    )
    eyes = eye(0.475, 0.265, 0.026, "#4a2c18", white="#4a2c18", pupil=0.6, lid="main:0.85")
    smile = line("main:0.4", (0.475, 0.475, 0.003), (0.445, 0.495, 0.004), (0.405, 0.475, 0.0025))
    return (far_tusk, head, smile, tusk, ear, *eyes)


def _wrinkle(k: int) -> Limb:
    """A wrinkle across the trunk, `k` from root to tip."""
    y = 0.46 + 0.045 * k
    x = 0.55 + 0.012 * k
    return stroke(
        (x - 0.07 + 0.004 * k, y + 0.012, 0.002),
        (x, y + 0.022, 0.002),
        (x + 0.085 - 0.006 * k, y - 0.012, 0.002),
    )


def dragon(variation: Variation) -> Design:
    """A young dragon sitting, wings spread, tail curled to the right."""
    coat = variation.choose(
        "coat",
        (
            {"main": "#3f8f55", "belly": "#ecd98e", "wing": "#d9793a"},
            {"main": "#b23a33", "belly": "#f0c67a", "wing": "#e39a45"},
            {"main": "#3f6fb0", "belly": "#dfe6c8", "wing": "#8f6bc0"},
            {"main": "#7a4f9c", "belly": "#f0cfa8", "wing": "#4fa0a8"},
        ),
    )
    spread = variation.between("wings", -0.03, 0.02)
    return Design(
        (*_dragon_wings(spread), *_dragon_body(), *_dragon_head()),
        {**coat, "horn": "#efe3c6"},
        seat=(0.0, -0.02),
        close=(-0.38, -0.03, 0.38, 0.58),
    )


def _dragon_wings(spread: float) -> tuple[Layer, ...]:
    skin = Layer(
        pair(
            outline(
                (0.09, 0.52),
                (0.22, 0.30),
                (0.40, 0.16 + spread),
                (0.50, 0.14 + spread),
                (0.47, 0.26),
                (0.50, 0.40),
                (0.42, 0.42),
                (0.39, 0.54),
                (0.30, 0.52),
                (0.25, 0.62),
                (0.14, 0.62),
                smooth=4,
                bevel=0.02,
                depth=0.015,
            )
        ),
        "wing",
        "leaf",
    )
    bones = Layer(
        pair(
            stroke((0.10, 0.56, 0.026), (0.21, 0.32, 0.022), (0.48, 0.145 + spread, 0.010)),
            stroke((0.22, 0.31, 0.016), (0.38, 0.33, 0.012), (0.50, 0.40, 0.005)),
            stroke((0.21, 0.32, 0.016), (0.32, 0.43, 0.011), (0.39, 0.54, 0.005)),
            stroke((0.20, 0.33, 0.014), (0.24, 0.48, 0.010), (0.25, 0.61, 0.005)),
        ),
        "main:0.85",
        "scale",
        blend=0.01,
        shade=0.6,
    )
    return (skin, bones)


def _dragon_body() -> tuple[Layer, ...]:
    scales = Pattern("scales", "main:0.68", 26, 0.6)
    tail = Layer(
        (
            stroke(
                (0.12, 0.90, 0.085),
                (0.28, 0.93, 0.066),
                (0.41, 0.89, 0.050),
                (0.455, 0.78, 0.036),
                (0.40, 0.70, 0.022),
            ),
        ),
        "main",
        "scale",
        pattern=scales,
    )
    spade = Layer(
        (
            outline(
                (0.405, 0.72),
                (0.32, 0.70),
                (0.33, 0.62),
                (0.375, 0.565),
                (0.43, 0.61),
                (0.455, 0.685),
                bevel=0.03,
            ),
        ),
        "wing",
        "scale",
    )
    trunk = Layer(
        (
            stroke((0, 0.36, 0.085), (0, 0.50, 0.10), flat=0.9),
            Ellipse(0, 0.63, 0.155, 0.20, depth=0.15),
            Ellipse(0, 0.79, 0.19, 0.18, depth=0.16),
            *pair(Ellipse(0.155, 0.86, 0.095, 0.115, depth=0.15)),
        ),
        "main",
        "scale",
        blend=0.06,
        pattern=scales,
    )
    belly = Layer(
        (Ellipse(0, 0.70, 0.105, 0.215, depth=0.05),),
        "belly",
        "clay",
        shade=0.3,
        marks=tuple(
            Mark(
                (stroke((-0.12, y - 0.012, 0.003), (0, y + 0.006, 0.003), (0.12, y - 0.012, 0.003)),),
                "belly:0.55",
                soft=0.010,
            )
            for y in (0.55, 0.61, 0.67, 0.73, 0.79, 0.85)
        ),
    )
    feet = Layer(pair(Ellipse(0.15, 0.953, 0.088, 0.046)), "main", "scale")
    arms = Layer(
        pair(stroke((0.125, 0.58, 0.048), (0.150, 0.69, 0.042), (0.085, 0.755, 0.040))),
        "main",
        "scale",
        joints=((0.115, 0.56, 0.09), (-0.115, 0.56, 0.09)),
    )
    claws = Layer(
        pair(
            *(stroke((0.10 + 0.045 * k, 0.962, 0.016), (0.098 + 0.047 * k, 0.988, 0.006)) for k in range(3))
        ),
        "horn",
        "gloss",
        blend=0,
        shade=0.4,
    )
    return (tail, spade, trunk, belly, feet, arms, claws)


def _dragon_head() -> tuple[Layer, ...]:
    crest = Layer(
        pair(
            stroke((0.085, 0.14, 0.034), (0.125, 0.065, 0.026), (0.20, 0.005, 0.004)),
        ),
        "horn",
        "clay",
        marks=(),
    )
    frill = Layer(
        pair(
            outline(
                (0.14, 0.23),
                (0.25, 0.17),
                (0.225, 0.235),
                (0.265, 0.275),
                (0.20, 0.295),
                (0.14, 0.30),
                smooth=3,
                bevel=0.02,
            )
        ),
        "wing",
        "leaf",
    )
    skull = Layer(
        (
            Ellipse(0, 0.235, 0.165, 0.145, depth=0.15),
            Ellipse(0, 0.335, 0.135, 0.090, depth=0.17),
            *pair(Ellipse(0.10, 0.31, 0.07, 0.07, depth=0.10)),
        ),
        "main",
        "scale",
        blend=0.06,
        pattern=Pattern("scales", "main:0.72", 26, 0.4),
        marks=(Mark((Ellipse(0, 0.405, 0.115, 0.035),), "belly", soft=0.02),),
    )
    snout = Layer(pair(Ellipse(0.048, 0.312, 0.034, 0.026, -15, depth=0.03)), "main", "scale", shade=0.3)
    nostrils = Layer(pair(Ellipse(0.050, 0.314, 0.013, 0.008, -25)), "#1c1512", "ink", shade=0)
    mouth = line(
        "main:0.3", (-0.115, 0.355, 0.003), (-0.05, 0.385, 0.004), (0.05, 0.385, 0.004), (0.115, 0.355, 0.003)
    )
    fangs = Layer(
        pair(Polygon(((0.062, 0.380), (0.088, 0.374), (0.077, 0.402)), 0.003, 0.01)), "#fbf6e8", "clay"
    )
    spikes = Layer(
        tuple(
            Polygon(((x - 0.02, 0.115), (x + 0.02, 0.115), (x, 0.055 + abs(x))), 0.006, 0.015)
            for x in (-0.04, 0, 0.04)
        ),
        "wing",
        "clay",
        blend=0.005,
    )
    eyes = tuple(
        layer
        for side in (-1, 1)
        for layer in eye(
            side * 0.082, 0.225, 0.043, "#eab53a", white="#eab53a", pupil=0.85, slit=True, tall=1.1
        )
    )
    return (crest, spikes, frill, skull, snout, nostrils, mouth, fangs, *eyes)
