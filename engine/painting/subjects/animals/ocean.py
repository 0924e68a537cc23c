"""Penguin and whale."""

from __future__ import annotations

from engine.painting.subjects.body_parts import eye, line
from engine.painting.subjects.design import Design, Layer, Mark, Variation
from engine.painting.subjects.primitives import Ellipse, outline, pair, stroke


def penguin(variation: Variation) -> Design:
    """A penguin standing upright; the main material is its back."""
    feet = Layer(
        pair(
            stroke((0.09, 0.945, 0.040), (0.16, 0.972, 0.026)),
            stroke((0.085, 0.945, 0.036), (0.055, 0.975, 0.024)),
        ),
        "#e8942c",
        "clay",
        blend=0.02,
    )
    flippers = Layer(
        pair(
            stroke(
                (0.215, 0.46, 0.045),
                (0.295, 0.60, 0.050),
                (0.315 + variation.between("wave", 0, 0.05), 0.74, 0.018),
            )
        ),
        "main:0.9",
        "plush",
    )
    body = Layer(
        (Ellipse(0, 0.63, 0.265, 0.335, depth=0.24), Ellipse(0, 0.245, 0.215, 0.225, depth=0.20)),
        "main",
        "plush",
        blend=0.14,
        marks=(
            Mark((Ellipse(0, 0.69, 0.195, 0.265),), "white", soft=0.02),
            Mark(pair(Ellipse(0.078, 0.275, 0.105, 0.120)), "white", soft=0.02),
            Mark((Ellipse(0, 0.475, 0.12, 0.055),), "#f2b23c", soft=0.08, strength=0.75),
        ),
    )
    beak = Layer(
        (
            outline(
                (-0.055, 0.300),
                (0, 0.278),
                (0.055, 0.300),
                (0.022, 0.345),
                (0, 0.362),
                (-0.022, 0.345),
                bevel=0.04,
            ),
        ),
        "#ee9a2e",
        "wax",
    )
    gap = line("#8a4f14", (-0.045, 0.309, 0.002), (0, 0.324, 0.003), (0.045, 0.309, 0.002))
    eyes = tuple(
        layer
        for s in (-1, 1)
        for layer in eye(s * 0.088, 0.232, 0.036, "#241a16", white="#241a16", pupil=0.6)
    )
    return Design(
        (feet, flippers, body, beak, gap, *eyes),
        {"main": variation.pick("coat", ("#2a2f3a", "#343a4a", "#26262c")), "white": "#fbf9f4"},
        seat=(0.0, 0.0),
        close=(-0.36, -0.02, 0.36, 0.58),
    )


def whale(variation: Variation) -> Design:
    """A whale swimming to the right, blowing."""
    spout = Layer(
        (
            stroke((0.28, 0.28, 0.020), (0.27, 0.16, 0.018), (0.17, 0.06, 0.020), (0.10, 0.10, 0.012)),
            stroke((0.28, 0.28, 0.020), (0.29, 0.16, 0.018), (0.39, 0.06, 0.020), (0.46, 0.10, 0.012)),
        ),
        "#d9eef7",
        "wax",
        blend=0.02,
    )
    flukes = pair(
        outline((0.0, 0.44), (0.08, 0.30), (0.22, 0.24), (0.20, 0.36), (0.08, 0.47), bevel=0.05, depth=0.04)
    )
    tail = Layer(tuple(shape.moved(-0.88, 0, 1.0) for shape in flukes), "main:0.92", "skin")
    body = Layer(
        (
            Ellipse(0.22, 0.64, 0.58, 0.345, depth=0.30),
            stroke((-0.20, 0.68, 0.22), (-0.62, 0.64, 0.10), (-0.86, 0.46, 0.055)),
        ),
        "main",
        "skin",
        blend=0.12,
        marks=(
            Mark((Ellipse(0.34, 0.92, 0.62, 0.23, -4),), "belly", soft=0.03),
            *(
                Mark(
                    (
                        stroke(
                            (0.10 + 0.10 * k, 0.99, 0.004),
                            (0.32 + 0.09 * k, 0.86, 0.004),
                            (0.68 + 0.02 * k, 0.775 + 0.02 * k, 0.003),
                        ),
                    ),
                    "belly:0.75",
                    soft=0.010,
                )
                for k in range(4)
            ),
        ),
    )
    fin = Layer(
        (
            outline(
                (0.16, 0.80), (0.26, 0.84), (0.20, 0.97), (0.05, 1.02), (0.04, 0.92), bevel=0.05, depth=0.05
            ),
        ),
        "main:0.85",
        "skin",
    )
    smile = line("main:0.35", (0.795, 0.66, 0.004), (0.66, 0.735, 0.007), (0.54, 0.725, 0.004))
    eyes = eye(0.545, 0.625, 0.042, "#20242c", white="#f6f4ee", pupil=0.75, look=0.3)
    return Design(
        (spout, tail, body, fin, smile, *eyes),
        {"main": variation.pick("coat", ("#3f6f9f", "#4a5f7a", "#5f8fb0")), "belly": "#e6eef0"},
        seat=(0.05, 0.34),
        ground=0.98,
    )
