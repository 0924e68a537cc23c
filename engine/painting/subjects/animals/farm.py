"""Pig and duck."""

from __future__ import annotations

from engine.painting.subjects.body_parts import blush, eye, line
from engine.painting.subjects.design import Design, Layer, Mark, Variation
from engine.painting.subjects.primitives import Ellipse, Polygon, outline, stroke


def pig(variation: Variation) -> Design:
    """A pig standing, facing right with its snout toward the viewer."""
    far = Layer(
        (stroke((-0.30, 0.72, 0.10), (-0.29, 0.94, 0.065)), stroke((0.22, 0.72, 0.10), (0.24, 0.94, 0.065))),
        "main:0.72",
        "skin",
        blend=0,
    )
    tail = Layer(
        (
            stroke(
                (-0.57, 0.46, 0.022),
                (-0.66, 0.40, 0.020),
                (-0.65, 0.50, 0.018),
                (-0.72, 0.44, 0.014),
                (-0.74, 0.36, 0.008),
            ),
        ),
        "main:0.95",
        "skin",
    )
    body = Layer(
        (Ellipse(-0.10, 0.52, 0.50, 0.33, depth=0.30),),
        "main",
        "skin",
        marks=(Mark((Ellipse(-0.1, 0.83, 0.42, 0.09),), "main:0.8", soft=0.14),),
    )
    near = Layer(
        (
            stroke((-0.40, 0.70, 0.115), (-0.40, 0.93, 0.070)),
            stroke((0.12, 0.70, 0.115), (0.12, 0.93, 0.070)),
        ),
        "main",
        "skin",
        blend=0,
        shade=0.6,
        joints=((-0.40, 0.66, 0.18), (0.12, 0.66, 0.18)),
        marks=(
            Mark((Polygon(((-0.9, 0.955), (0.9, 0.955), (0.9, 1.1), (-0.9, 1.1))),), "#6a4a44", soft=0.01),
        ),
    )
    ears = Layer(
        tuple(
            outline(
                (0.30 + dx, 0.17),
                (0.30 + s * 0.10 + dx, 0.02),
                (0.30 + s * 0.17 + dx, 0.10),
                (0.30 + s * 0.14 + dx, 0.22),
                bevel=0.04,
                depth=0.04,
            )
            for s, dx in ((-1, -0.05), (1, 0.16))
        ),
        "main:0.92",
        "skin",
        blend=0,
    )
    head = Layer(
        (Ellipse(0.355, 0.36, 0.255, 0.24, depth=0.24),),
        "main",
        "skin",
        shade=0.8,
        marks=(blush(0.20, 0.45, 0.05, "#e06a6a", 0.4), blush(0.53, 0.45, 0.045, "#e06a6a", 0.4)),
    )
    snout = Layer((Ellipse(0.39, 0.425, 0.112, 0.085, depth=0.08),), "main:1.12", "skin", shade=0.7)
    holes = Layer(
        (Ellipse(0.355, 0.425, 0.020, 0.030), Ellipse(0.425, 0.425, 0.020, 0.030)),
        "main:0.4",
        "ink",
        blend=0,
        shade=0,
    )
    smile = line("main:0.4", (0.28, 0.525, 0.004), (0.385, 0.560, 0.006), (0.49, 0.525, 0.004))
    eyes = (
        *eye(0.275, 0.300, 0.036, "#241814", white="#241814", pupil=0.6),
        *eye(0.485, 0.300, 0.036, "#241814", white="#241814", pupil=0.6),
    )
    return Design(
        (far, tail, body, near, ears, head, snout, holes, smile, *eyes),
        {"main": variation.pick("skin", ("#f0a8a0", "#eab0a4", "#f4bcb4"))},
        seat=(-0.16, 0.24),
        close=(0.02, 0.0, 0.72, 0.70),
        ground=0.985,
    )


def duck(variation: Variation) -> Design:
    """A duck facing right, as if afloat."""
    coat = variation.choose(
        "coat",
        (
            {"main": "#f2c62e", "head": "#f5cf40"},
            {"main": "#f4f1ea", "head": "#f8f6f0"},
            {"main": "#8f7458", "head": "#2f7a52"},
        ),
    )
    body = Layer(
        (
            outline(
                (-0.60, 0.40),
                (-0.42, 0.52),
                (-0.10, 0.53),
                (0.20, 0.50),
                (0.42, 0.58),
                (0.46, 0.76),
                (0.28, 0.93),
                (-0.08, 0.98),
                (-0.38, 0.90),
                (-0.55, 0.70),
                (-0.63, 0.50),
                bevel=0.24,
                depth=0.22,
            ),
        ),
        "main",
        "feather",
        soft=1.6,
        flow=185.0,
    )
    neck = Layer(
        (
            stroke((0.24, 0.62, 0.135), (0.27, 0.45, 0.105), (0.26, 0.26, 0.10)),
            Ellipse(0.27, 0.20, 0.175, 0.17, depth=0.17),
        ),
        "head",
        "feather",
        blend=0.08,
        flow=(0.45, 0.24),
        joints=((0.24, 0.66, 0.18),),
        shade=0.5,
        marks=(
            Mark(
                (stroke((0.12, 0.47, 0.018), (0.27, 0.50, 0.020), (0.40, 0.46, 0.018)),),
                "#f7f4ee",
                soft=0.014,
                strength=1.0 if coat["head"] == "#2f7a52" else 0.0,
            ),
        ),
    )
    wing = Layer(
        (
            outline(
                (0.14, 0.60),
                (0.16, 0.72),
                (0.02, 0.82),
                (-0.22, 0.83),
                (-0.46, 0.70),
                (-0.28, 0.64),
                (-0.08, 0.56),
                bevel=0.08,
                depth=0.07,
            ),
        ),
        "main:0.92",
        "feather",
        flow=170.0,
        marks=tuple(
            Mark(
                (
                    stroke(
                        (0.05 - 0.07 * k, 0.68 + 0.02 * k, 0.004),
                        (-0.12 - 0.05 * k, 0.76 + 0.01 * k, 0.004),
                        (-0.32 - 0.02 * k, 0.73 - 0.008 * k, 0.003),
                    ),
                ),
                "main:0.6",
                soft=0.014,
            )
            for k in range(3)
        ),
    )
    bill = Layer(
        (
            outline(
                (0.415, 0.185),
                (0.50, 0.215),
                (0.60, 0.225),
                (0.63, 0.255),
                (0.56, 0.275),
                (0.43, 0.275),
                bevel=0.03,
            ),
            outline((0.42, 0.265), (0.56, 0.275), (0.55, 0.305), (0.43, 0.305), bevel=0.02),
        ),
        "#ee9030",
        "wax",
        blend=0.004,
        marks=(
            Mark(
                (stroke((0.42, 0.272, 0.003), (0.52, 0.280, 0.003), (0.60, 0.268, 0.002)),),
                "#8a4a14",
                soft=0.006,
            ),
        ),
    )
    eyes = eye(0.335, 0.165, 0.034, "#1e1714", white="#1e1714", pupil=0.6, look=0.2)
    return Design(
        (body, neck, wing, bill, *eyes), coat, seat=(-0.15, 0.58), close=(-0.10, 0.0, 0.68, 0.66), ground=0.96
    )
