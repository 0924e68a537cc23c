"""Aeroplane and locomotive."""

from __future__ import annotations

from engine.painting.subjects.design import Design, Layer, Mark, Variation
from engine.painting.subjects.primitives import Ellipse, Polygon, block, outline, stroke


def airplane(variation: Variation) -> Design:
    """A propeller aeroplane flying to the right; the main material is its fuselage."""
    coat = variation.pick("coat", ("#cf3a2f", "#2f6fb5", "#e0a52e", "#3f8f6a", "#e6e8ec"))
    far_wing = Layer(
        (outline((0.02, 0.42), (0.26, 0.40), (0.36, 0.16), (0.22, 0.12), bevel=0.03),), "main:0.7", "gloss"
    )
    tail = Layer(
        (outline((-0.78, 0.44), (-0.98, 0.10), (-0.84, 0.06), (-0.60, 0.40), bevel=0.03),),
        "main:0.9",
        "gloss",
    )
    body = Layer(
        (
            outline(
                (-1.00, 0.40),
                (-0.70, 0.36),
                (-0.20, 0.26),
                (0.30, 0.24),
                (0.72, 0.30),
                (0.90, 0.42),
                (0.90, 0.52),
                (0.72, 0.66),
                (0.30, 0.73),
                (-0.20, 0.68),
                (-0.72, 0.52),
                (-1.00, 0.47),
                bevel=0.22,
                depth=0.20,
            ),
        ),
        "main",
        "gloss",
        soft=2.0,
        marks=(
            Mark(
                (stroke((-1.1, 0.455, 0.022), (0, 0.50, 0.026), (0.95, 0.50, 0.026)),), "#f6f1e4", soft=0.008
            ),
        ),
    )
    panes = Layer(
        (
            outline((0.28, 0.245), (0.46, 0.17), (0.62, 0.215), (0.66, 0.30), (0.30, 0.335), bevel=0.05),
            *(Ellipse(x, 0.40, 0.046, 0.046) for x in (0.10, -0.08, -0.26)),
        ),
        "#2a4158",
        "glass",
        blend=0,
        shade=0.3,
    )
    stabiliser = Layer(
        (outline((-0.70, 0.44), (-1.04, 0.50), (-1.06, 0.56), (-0.72, 0.53), bevel=0.03),),
        "main:0.85",
        "gloss",
    )
    wing = Layer(
        (
            outline(
                (0.30, 0.54),
                (-0.10, 0.56),
                (-0.42, 0.90),
                (-0.26, 0.965),
                (0.06, 0.83),
                (0.32, 0.62),
                bevel=0.05,
                depth=0.05,
            ),
        ),
        "main:0.95",
        "gloss",
        soft=1.4,
        marks=(Mark((stroke((-0.40, 0.86, 0.016), (-0.16, 0.95, 0.016)),), "#f6f1e4", soft=0.008),),
    )
    nose = Layer((Ellipse(0.90, 0.47, 0.065, 0.085),), "#c9ced4", "metal")
    blades = Layer(
        (Ellipse(0.965, 0.25, 0.030, 0.20), Ellipse(0.965, 0.69, 0.030, 0.20)), "#6a4a2e", "wood", blend=0
    )
    hub = Layer((Ellipse(0.965, 0.47, 0.050, 0.050),), "#e6bd55", "metal")
    return Design(
        (far_wing, tail, body, panes, stabiliser, wing, nose, blades, hub),
        {"main": coat},
        seat=(0.0, 0.26),
        ground=0.98,
    )


def train(variation: Variation) -> Design:
    """A steam locomotive running to the right; the main material is its boiler."""
    coat = variation.pick("coat", ("#b5382f", "#2f6a4f", "#2f5f9a", "#33363c"))
    puffs = Layer(
        (
            Ellipse(0.56, 0.13, 0.075, 0.065),
            Ellipse(0.45, 0.09, 0.085, 0.070),
            Ellipse(0.32, 0.07, 0.080, 0.062),
            Ellipse(0.18, 0.075, 0.062, 0.048),
        ),
        "#f2f2f0",
        "plush",
        blend=0.03,
        shade=0.3,
    )
    chimney = Layer(
        (block(0.58, 0.30, 0.065, 0.13, rounding=0.01, bevel=0.06, top=1.35),), "#2c2e33", "metal"
    )
    dome = Layer((Ellipse(0.20, 0.345, 0.085, 0.10),), "#d9a93c", "metal")
    boiler = Layer(
        (block(0.26, 0.52, 0.53, 0.165, rounding=0.10, bevel=0.165, depth=0.15),),
        "main",
        "gloss",
        marks=tuple(
            Mark((stroke((x, 0.34, 0.014), (x, 0.70, 0.014)),), "#e0b64a", soft=0.006)
            for x in (0.04, 0.36, 0.66)
        ),
    )
    front = Layer((Ellipse(0.77, 0.52, 0.060, 0.165, depth=0.04),), "#2c2e33", "metal")
    lamp = Layer((Ellipse(0.83, 0.385, 0.048, 0.050),), "#fff0c0", "gloss", glow=0.6)
    cab = Layer((block(-0.46, 0.46, 0.24, 0.27, rounding=0.01, bevel=0.04),), "main:0.92", "gloss")
    pane = Layer(
        (block(-0.46, 0.36, 0.135, 0.105, rounding=0.02, bevel=0.02),),
        "#f6d98c",
        "glass",
        shade=0.3,
        glow=0.35,
    )
    roof = Layer((block(-0.46, 0.19, 0.30, 0.032, rounding=0.02, bevel=0.03),), "#2c2e33", "clay")
    frame = Layer((block(0.02, 0.73, 0.80, 0.045, rounding=0.01, bevel=0.03),), "#2a2b2f", "clay")
    plough = Layer(
        (Polygon(((0.78, 0.70), (0.88, 0.70), (1.04, 0.945), (0.78, 0.945)), 0.01, 0.03),),
        "#8a2f28",
        "clay",
        marks=tuple(
            Mark((stroke((0.80, 0.70, 0.004), (0.80 + 0.075 * k, 0.96, 0.004)),), "#4a1814", soft=0.008)
            for k in range(4)
        ),
    )
    wheels = tuple(
        layer
        for x, y, r in ((-0.52, 0.80, 0.185), (-0.10, 0.80, 0.185), (0.32, 0.845, 0.14), (0.64, 0.845, 0.14))
        for layer in _driver(x, y, r)
    )
    rod = Layer(
        (stroke((-0.52, 0.85, 0.020), (-0.10, 0.85, 0.020), (0.34, 0.86, 0.017)),), "#c9ced4", "metal"
    )
    return Design(
        (puffs, chimney, dome, boiler, front, lamp, cab, pane, roof, frame, plough, *wheels, rod),
        {"main": coat},
        seat=(0.0, 0.36),
        ground=0.985,
    )


def _driver(x: float, y: float, radius: float) -> tuple[Layer, ...]:
    """A spoked wheel."""
    rim = Layer((Ellipse(x, y, radius, radius, depth=0.04),), "#3a3c42", "metal", shade=0.6)
    web = Layer(
        (Ellipse(x, y, radius * 0.82, radius * 0.82, depth=0.02),),
        "#a8352c",
        "clay",
        shade=0.4,
        marks=tuple(
            Mark(
                (Ellipse(x + radius * 0.52 * dx, y + radius * 0.52 * dy, radius * 0.17, radius * 0.17),),
                "#2a1512",
                soft=0.008,
            )
            for dx, dy in ((1, 0), (0.5, 0.866), (-0.5, 0.866), (-1, 0), (-0.5, -0.866), (0.5, -0.866))
        ),
    )
    hub = Layer((Ellipse(x, y, radius * 0.20, radius * 0.20),), "#d9b04a", "metal", shade=0.3)
    return (rim, web, hub)
