"""Fishing boat and sailing boat."""

from __future__ import annotations

from engine.painting.subjects.design import Design, Layer, Mark, Pattern, Variation
from engine.painting.subjects.primitives import Ellipse, Limb, Polygon, block, outline, stroke


def boat(variation: Variation) -> Design:
    """A fishing boat with a wheelhouse; the main material is its hull."""
    coat = variation.pick("coat", ("#2f6a8f", "#b8402f", "#3f7d5f", "#d9a43c"))
    mast = Layer(
        (
            stroke((-0.33, 0.66, 0.014), (-0.33, 0.02, 0.009)),
            stroke((-0.33, 0.52, 0.009), (-0.72, 0.22, 0.006)),
        ),
        "#8a6a45",
        "wood",
        blend=0.005,
    )
    ropes = Layer(
        (
            Limb(((-0.33, 0.04, 0.0035), (-0.94, 0.55, 0.0035))),
            Limb(((-0.33, 0.04, 0.0035), (0.95, 0.50, 0.0035))),
        ),
        "#4a4038",
        "ink",
        blend=0,
        shade=0,
    )
    flag = Layer(
        (
            outline(
                (-0.325, 0.03),
                (-0.22, 0.045),
                (-0.12, 0.03),
                (-0.13, 0.12),
                (-0.22, 0.135),
                (-0.325, 0.12),
                bevel=0.02,
            ),
        ),
        "#e0483c",
        "cloth",
    )
    house = Layer(
        (block(0.16, 0.445, 0.235, 0.215, rounding=0.02, bevel=0.04, top=0.94),),
        "#f3efe4",
        "paper",
        pattern=Pattern("planks", "#c9c0ae", 16, 0.5),
    )
    roof = Layer((block(0.16, 0.225, 0.30, 0.035, rounding=0.02, bevel=0.03),), "main:0.85", "clay")
    panes = Layer(
        (
            block(0.055, 0.385, 0.060, 0.062, rounding=0.012, bevel=0.012),
            block(0.20, 0.385, 0.060, 0.062, rounding=0.012, bevel=0.012),
            block(0.335, 0.385, 0.036, 0.062, rounding=0.012, bevel=0.012),
        ),
        "#f5d88a",
        "glass",
        blend=0,
        shade=0,
        glow=0.35,
    )
    funnel = Layer(
        (block(0.02, 0.16, 0.045, 0.075, rounding=0.012, bevel=0.04),),
        "#d9d4c8",
        "clay",
        marks=(Mark((block(0.02, 0.125, 0.1, 0.022),), "main", soft=0.006),),
    )
    hull = Layer(
        (
            outline(
                (-1.0, 0.60),
                (-0.6, 0.63),
                (0.0, 0.645),
                (0.55, 0.61),
                (1.05, 0.49),
                (0.98, 0.66),
                (0.84, 0.84),
                (0.66, 0.985),
                (0.0, 1.0),
                (-0.72, 0.985),
                (-0.90, 0.84),
                smooth=4,
                bevel=0.16,
                depth=0.12,
            ),
        ),
        "main",
        "clay",
        soft=1.6,
        pattern=Pattern("planks", "main:0.6", 9, 0.55),
        marks=(
            Mark((block(0, 0.99, 1.2, 0.085),), "#8f2f28", soft=0.008),
            Mark(
                (stroke((-1.02, 0.63, 0.020), (0, 0.675, 0.020), (0.55, 0.64, 0.020), (1.06, 0.52, 0.020)),),
                "#f3ead6",
                soft=0.006,
            ),
        ),
    )
    rings = Layer(
        (Ellipse(-0.55, 0.77, 0.060, 0.060), Ellipse(0.45, 0.76, 0.050, 0.050)),
        "#e8e2d2",
        "rubber",
        blend=0,
        marks=(
            Mark(
                (Ellipse(-0.55, 0.77, 0.030, 0.030), Ellipse(0.45, 0.76, 0.024, 0.024)), "#2b2b2e", soft=0.006
            ),
        ),
    )
    return Design(
        (mast, ropes, flag, funnel, house, roof, panes, hull, rings),
        {"main": coat},
        seat=(-0.5, 0.6),
        ground=0.97,
    )


def sailboat(variation: Variation) -> Design:
    """A sailing boat; the main material is its sails."""
    hull_colour = variation.pick("hull", ("#a8442f", "#2c4f74", "#7a4a28", "#e8e2d6"))
    belly = variation.between("wind", -0.02, 0.03)
    mast = Layer((stroke((-0.02, 0.84, 0.012), (-0.02, 0.01, 0.007)),), "#7a5a3a", "wood")
    main = Layer(
        (
            outline(
                (-0.035, 0.045),
                (-0.035, 0.30),
                (-0.035, 0.735),
                (-0.20, 0.755),
                (-0.385, 0.735),
                (-0.30 - belly, 0.50),
                (-0.15, 0.22),
                smooth=4,
                bevel=0.16,
                depth=0.07,
            ),
        ),
        "main",
        "cloth",
        soft=1.6,
        marks=tuple(
            Mark((stroke((-0.45, y + 0.02, 0.0025), (0, y, 0.0025)),), "main:0.78", soft=0.006)
            for y in (0.22, 0.36, 0.50, 0.64)
        ),
    )
    jib = Layer(
        (
            outline(
                (0.005, 0.075),
                (0.12, 0.32),
                (0.25 + belly, 0.55),
                (0.335, 0.755),
                (0.18, 0.745),
                (0.02, 0.71),
                (0.03, 0.40),
                smooth=4,
                bevel=0.13,
                depth=0.06,
            ),
        ),
        "main:0.95",
        "cloth",
        soft=1.6,
        marks=tuple(
            Mark((stroke((0, y, 0.0025), (0.45, y + 0.03, 0.0025)),), "main:0.76", soft=0.006)
            for y in (0.34, 0.48, 0.62)
        ),
    )
    boom = Layer((stroke((0.0, 0.775, 0.011), (-0.40, 0.765, 0.009)),), "#7a5a3a", "wood")
    pennant = Layer(
        (Polygon(((-0.02, 0.005), (-0.02, 0.045), (-0.12, 0.02)), 0.002, 0.01),), "#d9483c", "cloth"
    )
    hull = Layer(
        (
            outline(
                (-0.43, 0.835),
                (-0.2, 0.855),
                (0.1, 0.85),
                (0.46, 0.805),
                (0.40, 0.90),
                (0.30, 0.985),
                (0.0, 1.0),
                (-0.28, 0.99),
                (-0.38, 0.93),
                smooth=4,
                bevel=0.09,
                depth=0.07,
            ),
        ),
        "hull",
        "gloss",
        soft=1.4,
        marks=(
            Mark(
                (stroke((-0.44, 0.865, 0.006), (0, 0.885, 0.006), (0.45, 0.835, 0.006)),),
                "#f3ead6",
                soft=0.005,
            ),
            Mark((block(0, 0.995, 0.6, 0.030),), "hull:0.5", soft=0.006),
        ),
    )
    return Design(
        (mast, main, jib, boom, pennant, hull),
        {"main": "#f6efe0", "hull": hull_colour},
        seat=(-0.2, 0.84),
        ground=0.985,
    )
