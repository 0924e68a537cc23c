"""Still-life objects: snowman, apple, pumpkin, cactus."""

from __future__ import annotations

from engine.painting.subjects.body_parts import bead
from engine.painting.subjects.design import Design, Layer, Mark, Pattern, Variation
from engine.painting.subjects.primitives import Ellipse, Limb, Polygon, block, outline, pair, stroke


def snowman(variation: Variation) -> Design:
    """A snowman in hat and scarf; the main material is hat and scarf."""
    sway = variation.between("arms", -0.04, 0.04)
    arms = Layer(
        pair(
            stroke((0.14, 0.50, 0.013), (0.28, 0.42 + sway, 0.011), (0.38, 0.36 + sway, 0.007)),
            Limb(((0.30, 0.41 + sway, 0.008), (0.34, 0.33 + sway, 0.005))),
            Limb(((0.30, 0.41 + sway, 0.008), (0.39, 0.42 + sway, 0.005))),
        ),
        "#5f4028",
        "wood",
        blend=0.008,
    )
    balls = tuple(
        Layer((Ellipse(0, y, r, r * 0.94, depth=r * 0.9),), "#f4f7fb", "plush", shade=0.7)
        for y, r in ((0.80, 0.235), (0.515, 0.175))
    )
    head = Layer((Ellipse(0, 0.285, 0.135, 0.130, depth=0.12),), "#f6f9fc", "plush", shade=0.6)
    scarf = Layer(
        (
            stroke((-0.125, 0.375, 0.028), (0, 0.412, 0.032), (0.125, 0.375, 0.028)),
            stroke((0.085, 0.40, 0.030), (0.115, 0.48, 0.028), (0.105, 0.56, 0.027)),
        ),
        "main",
        "cloth",
        blend=0.01,
        marks=tuple(
            Mark((stroke((0.05, y, 0.006), (0.17, y + 0.01, 0.006)),), "#f3ead6", soft=0.005)
            for y in (0.505, 0.535)
        ),
    )
    coal = tuple(
        layer
        for x, y, r in (
            (-0.045, 0.255, 0.016),
            (0.045, 0.255, 0.016),
            (0, 0.475, 0.016),
            (0, 0.540, 0.017),
            (0, 0.605, 0.017),
        )
        for layer in bead(x, y, r, "#1c1a1c")
    )
    mouth = Layer(
        tuple(Ellipse(x, 0.338 - 2.2 * x * x, 0.007, 0.007) for x in (-0.055, -0.03, 0.0, 0.03, 0.055)),
        "#1c1a1c",
        "clay",
        blend=0,
    )
    carrot = Layer(
        (stroke((0, 0.292, 0.019), (0.05, 0.298, 0.013), (0.115, 0.308, 0.003)),),
        "#e8792a",
        "clay",
        marks=tuple(
            Mark((stroke((x, 0.28, 0.0015), (x + 0.004, 0.31, 0.0015)),), "#b4541a", soft=0.004)
            for x in (0.03, 0.06)
        ),
    )
    hat = Layer(
        (block(0, 0.095, 0.092, 0.085, rounding=0.012, bevel=0.08, top=0.94),),
        "main:0.8",
        "cloth",
        marks=(Mark((block(0, 0.150, 0.2, 0.018),), "#f3ead6", soft=0.005),),
    )
    brim = Layer((Ellipse(0, 0.178, 0.155, 0.026, depth=0.02),), "main:0.8", "cloth")
    return Design(
        (arms, *balls, head, *coal, mouth, carrot, scarf, brim, hat),
        {"main": variation.pick("scarf", ("#c23b34", "#2f6fb5", "#2f8f63", "#7d4fa8"))},
        seat=(0.0, 0.0),
    )


def apple(variation: Variation) -> Design:
    """An apple with a leaf."""
    fruit = Layer(
        (
            outline(
                (0, 0.235),
                (0.16, 0.17),
                (0.36, 0.20),
                (0.475, 0.40),
                (0.45, 0.66),
                (0.31, 0.90),
                (0.13, 0.985),
                (0, 0.955),
                (-0.13, 0.985),
                (-0.31, 0.90),
                (-0.45, 0.66),
                (-0.475, 0.40),
                (-0.36, 0.20),
                (-0.16, 0.17),
                bevel=0.42,
                depth=0.36,
            ),
        ),
        "main",
        "wax",
        soft=2.6,
        marks=(
            Mark((Ellipse(0, 0.245, 0.12, 0.05),), "main:0.5", soft=0.12),
            Mark((Ellipse(0.16, 0.50, 0.13, 0.26, 12),), "main:1.3", soft=0.26, strength=0.6),
        ),
        pattern=Pattern("spots", "main:1.4", 36, 0.25),
    )
    stem = Layer(
        (stroke((0.0, 0.265, 0.020), (0.012, 0.16, 0.015), (0.055, 0.06, 0.020)),), "#6a4526", "wood"
    )
    leaf = Layer(
        (
            outline(
                (0.03, 0.165),
                (0.12, 0.06),
                (0.28, 0.015),
                (0.40, 0.06),
                (0.30, 0.15),
                (0.15, 0.185),
                bevel=0.05,
                depth=0.035,
            ),
        ),
        "#5f9f3c",
        "leaf",
        marks=(
            Mark(
                (stroke((0.03, 0.165, 0.003), (0.2, 0.10, 0.003), (0.38, 0.06, 0.002)),), "#3c7028", soft=0.01
            ),
        ),
    )
    return Design(
        (fruit, stem, leaf),
        {"main": variation.pick("skin", ("#c9262a", "#b8302c", "#7fb03a", "#d9b63c"))},
        seat=(0.0, 0.18),
        ground=0.97,
    )


def pumpkin(variation: Variation) -> Design:
    """A carved pumpkin with a candle inside."""
    ribs = tuple(
        Layer(
            (Ellipse(x, 0.60, rx, 0.375 - 0.16 * abs(x), depth=rx),),
            f"main:{1 - 0.35 * abs(x):.2f}",
            "wax",
            shade=0.8,
        )
        for x, rx in ((-0.36, 0.20), (0.36, 0.20), (-0.19, 0.22), (0.19, 0.22), (0.0, 0.20))
    )
    stem = Layer((stroke((0, 0.27, 0.065), (0.01, 0.16, 0.045), (0.075, 0.05, 0.048)),), "#6a7a3a", "wood")
    holes = (
        *pair(Polygon(((0.10, 0.545), (0.26, 0.545), (0.185, 0.425)), 0.012, 0.02)),
        Polygon(((-0.045, 0.645), (0.045, 0.645), (0.0, 0.575)), 0.008, 0.02),
        outline(
            (-0.32, 0.68),
            (-0.20, 0.715),
            (-0.10, 0.725),
            (-0.085, 0.765),
            (-0.02, 0.765),
            (-0.005, 0.730),
            (0.12, 0.725),
            (0.20, 0.715),
            (0.32, 0.68),
            (0.22, 0.82),
            (0.09, 0.865),
            (0.075, 0.825),
            (0.01, 0.830),
            (-0.01, 0.872),
            (-0.12, 0.858),
            (-0.24, 0.80),
            smooth=2,
        ),
    )
    rim = Layer(tuple(shape for shape in holes), "main:0.42", "clay", blend=0, shade=0)
    inside = Layer(
        tuple(shape.moved(0.008, 0.010, 1.0) for shape in holes),
        "#ffca4a",
        "ink",
        blend=0,
        shade=0,
        glow=0.85,
        cuts=(),
    )
    return Design(
        (*ribs, stem, rim, inside),
        {"main": variation.pick("skin", ("#e8801f", "#d96c1a", "#ee9530"))},
        seat=(0.0, 0.24),
        ground=0.965,
    )


def cactus(variation: Variation) -> Design:
    """A cactus with two arms and a flower; the main material is its flesh."""
    lift = variation.between("arms", -0.04, 0.04)
    arms = (
        Layer(
            (
                stroke(
                    (-0.05, 0.62, 0.065),
                    (-0.22, 0.60 + lift, 0.068),
                    (-0.25, 0.48 + lift, 0.066),
                    (-0.25, 0.36 + lift, 0.055),
                ),
            ),
            "main:0.92",
            "plush",
        ),
        Layer(
            (
                stroke(
                    (0.05, 0.50, 0.060),
                    (0.20, 0.485 - lift, 0.062),
                    (0.235, 0.38 - lift, 0.060),
                    (0.235, 0.27 - lift, 0.048),
                ),
            ),
            "main:0.92",
            "plush",
        ),
    )
    trunk = Layer(
        (stroke((0, 0.97, 0.125), (0, 0.60, 0.130), (0, 0.16, 0.105)),),
        "main",
        "plush",
        cuts=(block(0, 1.48, 0.5, 0.5),),
        marks=tuple(
            Mark(
                (stroke((x * 0.8, 0.06, 0.004), (x, 0.45, 0.006), (x, 1.0, 0.006)),), "main:0.55", soft=0.018
            )
            for x in (-0.085, -0.03, 0.03, 0.085)
        ),
    )
    thorns = Layer(
        tuple(
            Limb(((x, y, 0.0035), (x + dx, y - 0.016, 0.0012)))
            for row in range(13)
            for x in ((-0.085, -0.03, 0.03, 0.085) if row % 2 else (-0.058, 0.0, 0.058))
            for y in (0.13 + 0.064 * row,)
            for dx in (-0.016, 0.016)
        ),
        "#f6f1dc",
        "ink",
        blend=0,
        shade=0.2,
    )
    flower = Layer(
        tuple(
            Ellipse(x, y, 0.040, 0.026, turn)
            for x, y, turn in (
                (-0.045, 0.055, 25),
                (0.045, 0.055, -25),
                (0, 0.035, 90),
                (-0.02, 0.07, 60),
                (0.02, 0.07, -60),
            )
        ),
        "#e8568f",
        "petal",
        blend=0.004,
    )
    stones = Layer(
        (Ellipse(-0.15, 0.965, 0.07, 0.03), Ellipse(0.16, 0.968, 0.06, 0.028)), "#a8927a", "stone", blend=0
    )
    return Design(
        (*arms, trunk, thorns, flower, stones),
        {"main": variation.pick("flesh", ("#4f8f4a", "#5f9a4a", "#3f8060"))},
        seat=(0.0, 0.06),
        floor=1.0,
        ground=0.985,
    )
