"""Tableware and lamps: cup, bowl, lantern."""

from __future__ import annotations

from engine.painting.subjects.design import Design, Layer, Mark, Variation
from engine.painting.subjects.primitives import Ellipse, Polygon, Shape, block, outline, stroke


def cup(variation: Variation) -> Design:
    """A cup on its saucer, steaming; the main material is the glaze of both."""
    sway = variation.between("steam", -0.03, 0.03)
    steam = Layer(
        tuple(
            stroke(
                (x, 0.315, 0.012),
                (x + 0.045 + sway, 0.235, 0.020),
                (x - 0.030 - sway, 0.140, 0.017),
                (x + 0.030 + sway, 0.035, 0.004),
            )
            for x in (-0.17, 0.02, 0.20)
        ),
        "#e9eef2",
        "paper",
        blend=0,
        shade=0,
        bulge=0.3,
    )
    saucer = Layer(
        (Ellipse(0, 0.905, 0.60, 0.088, depth=0.05),),
        "main:0.96",
        "gloss",
        marks=(
            Mark((Ellipse(0, 0.890, 0.36, 0.045),), "main:0.62", soft=0.08),
            Mark((_ring(0.905, 0.565, 0.078),), "trim", soft=0.006),
        ),
    )
    handle = Layer(
        (stroke((0.36, 0.46, 0.036), (0.54, 0.43, 0.036), (0.57, 0.57, 0.034), (0.32, 0.72, 0.034)),),
        "main",
        "gloss",
    )
    body = Layer(
        (
            outline(
                (-0.43, 0.365),
                (-0.425, 0.50),
                (-0.375, 0.665),
                (-0.27, 0.815),
                (-0.16, 0.885),
                (0.16, 0.885),
                (0.27, 0.815),
                (0.375, 0.665),
                (0.425, 0.50),
                (0.43, 0.365),
                (0.0, 0.30),
                bevel=0.22,
                depth=0.17,
            ),
        ),
        "main",
        "gloss",
        soft=3.0,
        marks=(Mark((_ring(0.475, 0.42, 0.055),), "trim", soft=0.006),),
    )
    rim = Layer((Ellipse(0, 0.365, 0.432, 0.082, depth=0.03),), "main:1.06", "gloss", shade=0.3)
    inside = Layer((Ellipse(0, 0.372, 0.395, 0.064),), "main:0.66", "clay", blend=0, shade=0.2, bulge=0.1)
    drink = Layer(
        (Ellipse(0, 0.383, 0.365, 0.050),),
        variation.pick("drink", ("#4a2a16", "#7c4a1c", "#8a5a1e")),
        "glass",
        shade=0.2,
        bulge=0.05,
        cuts=(),
    )
    return Design(
        (saucer, handle, body, rim, inside, drink, steam),
        {
            "main": variation.pick("glaze", ("#f1ece2", "#dfe8ec", "#e9ddc8", "#c9dcd2")),
            "trim": variation.pick("trim", ("#2f5f9f", "#b5483f", "#c9a24a", "#3f7d5a")),
        },
        seat=(0.0, 0.33),
        ground=0.965,
    )


def _ring(y: float, rx: float, drop: float) -> Shape:
    """A thin band round a vessel, seen from a little above: the front half of an ellipse."""
    knots = tuple(
        (rx * t, y + drop * (1 - t * t) ** 0.5, 0.007)
        for t in (-0.98, -0.85, -0.6, -0.3, 0, 0.3, 0.6, 0.85, 0.98)
    )
    return stroke(*knots)


def bowl(variation: Variation) -> Design:
    """A bowl of noodles with an egg, greens and chopsticks; the main material is its glaze."""
    body = Layer(
        (
            outline(
                (-0.78, 0.40),
                (-0.72, 0.60),
                (-0.55, 0.80),
                (-0.30, 0.92),
                (0.30, 0.92),
                (0.55, 0.80),
                (0.72, 0.60),
                (0.78, 0.40),
                (0.0, 0.30),
                bevel=0.42,
                depth=0.34,
            ),
        ),
        "main",
        "gloss",
        soft=1.6,
        marks=tuple(
            Mark((_ring(y, rx, 0.17),), "trim", soft=0.006) for y, rx in ((0.46, 0.745), (0.51, 0.72))
        ),
    )
    foot = Layer((block(0, 0.945, 0.27, 0.045, rounding=0.012, bevel=0.05),), "main:0.85", "gloss")
    rim = Layer((Ellipse(0, 0.40, 0.785, 0.165, depth=0.04),), "main:1.05", "gloss", shade=0.3)
    soup = Layer((Ellipse(0, 0.412, 0.725, 0.135),), "#a8642a", "glass", shade=0.3, bulge=0.05)
    curl = variation.between("noodles", -0.02, 0.02)
    noodles = Layer(
        tuple(
            stroke(
                (-0.55 + 0.075 * k, 0.42 + 0.012 * (k % 3), 0.017),
                (-0.36 + 0.075 * k, 0.335 + 0.02 * (k % 4) + curl, 0.018),
                (-0.18 + 0.075 * k, 0.455 - 0.02 * (k % 3), 0.017),
                (-0.02 + 0.055 * k, 0.40 + 0.012 * (k % 2), 0.015),
            )
            for k in range(8)
        ),
        "#f0d08a",
        "wax",
        blend=0.004,
        shade=0.7,
    )
    egg = Layer((Ellipse(0.33, 0.395, 0.17, 0.092, -8, depth=0.06),), "#f7f1e4", "wax")
    yolk = Layer((Ellipse(0.335, 0.388, 0.085, 0.047, -8, depth=0.03),), "#f0a02a", "wax", shade=0.2)
    greens = Layer(
        tuple(
            Ellipse(x, y, 0.075, 0.030, turn, depth=0.02)
            for x, y, turn in (
                (-0.10, 0.345, 30),
                (-0.02, 0.375, -25),
                (-0.30, 0.36, 10),
                (0.05, 0.46, 15),
                (-0.44, 0.43, -20),
            )
        ),
        "#4f9a3c",
        "leaf",
        blend=0,
    )
    sticks = Layer(
        (
            stroke((-0.42, 0.37, 0.014), (0.50, 0.06, 0.020)),
            stroke((-0.34, 0.39, 0.014), (0.60, 0.13, 0.020)),
        ),
        "#8a3f2a",
        "wood",
        blend=0,
    )
    return Design(
        (foot, body, rim, soup, noodles, greens, egg, yolk, sticks),
        {
            "main": variation.pick("glaze", ("#33506e", "#f1ece2", "#7a2f2a", "#2f4a44")),
            "trim": variation.pick("trim", ("#e6c36a", "#e9ddc8", "#c23b34")),
        },
        seat=(0.0, 0.30),
        ground=0.985,
    )


def lantern(variation: Variation) -> Design:
    """A paper lantern with golden caps and a tassel, lit from within; the main material is its paper."""
    swing = variation.between("tassel", -0.03, 0.03)
    cord = Layer((stroke((0, 0.0, 0.008), (0, 0.10, 0.008)),), "#6a4526", "cloth")
    ribs = tuple(x * 0.094 for x in range(-3, 4))
    paper = Layer(
        (Ellipse(0, 0.375, 0.365, 0.265, depth=0.26),),
        "main",
        "paper",
        glow=0.42,
        marks=(
            Mark((Ellipse(0, 0.40, 0.21, 0.17),), "main:1.55", soft=0.20, strength=0.8),
            *(Mark((_rib(x),), "main:0.55", soft=0.006) for x in ribs),
        ),
    )
    caps = tuple(
        Layer((block(0, y, 0.135, 0.034, rounding=0.012, bevel=0.05),), "#d9a938", "metal")
        for y in (0.105, 0.645)
    )
    knot = Layer((Ellipse(0, 0.715, 0.036, 0.034),), "#d9a938", "metal")
    tassel = Layer(
        tuple(
            stroke((x * 0.3, 0.735, 0.012), (x * 0.7 + swing * 0.5, 0.85, 0.014), (x + swing, 0.99, 0.008))
            for x in (-0.05, -0.025, 0.0, 0.025, 0.05)
        ),
        "main:0.9",
        "mane",
        blend=0.01,
    )
    return Design(
        (cord, paper, *caps, knot, tassel),
        {"main": variation.pick("paper", ("#d8261c", "#d93a22", "#c9201e", "#e0552a"))},
        seat=(0.0, 0.08),
    )


def _rib(x: float) -> Shape:
    """One of the bamboo hoops that hold the paper, from cap to cap."""
    return stroke(
        (x * 0.35, 0.12, 0.004),
        (x, 0.25, 0.004),
        (x * 1.16, 0.375, 0.004),
        (x, 0.50, 0.004),
        (x * 0.35, 0.63, 0.004),
    )


def umbrella(variation: Variation) -> Design:
    """An open paper umbrella; the main material is its canopy."""
    canopy = Layer(
        (
            Polygon(
                (
                    (-0.62, 0.46),
                    (-0.50, 0.25),
                    (-0.28, 0.10),
                    (0, 0.045),
                    (0.28, 0.10),
                    (0.50, 0.25),
                    (0.62, 0.46),
                    (0.46, 0.41),
                    (0.31, 0.47),
                    (0.155, 0.42),
                    (0, 0.48),
                    (-0.155, 0.42),
                    (-0.31, 0.47),
                    (-0.46, 0.41),
                ),
                0.006,
                0.24,
                0.20,
            ),
        ),
        "main",
        "cloth",
        marks=(
            *(
                Mark(
                    (stroke((0, 0.05, 0.003), (x * 0.62, 0.20, 0.004), (x, 0.47, 0.004)),),
                    "main:0.55",
                    soft=0.008,
                )
                for x in (-0.31, 0.0, 0.31)
            ),
            Mark(
                (
                    stroke(
                        (-0.56, 0.36, 0.010),
                        (-0.3, 0.31, 0.010),
                        (0, 0.30, 0.010),
                        (0.3, 0.31, 0.010),
                        (0.56, 0.36, 0.010),
                    ),
                ),
                "trim",
                soft=0.010,
                strength=0.8,
            ),
        ),
    )
    tip = Layer((stroke((0, 0.0, 0.010), (0, 0.06, 0.020)),), "#6a4526", "wood")
    pole = Layer((stroke((0, 0.40, 0.014), (0, 0.90, 0.014)),), "#7a5230", "wood")
    hook = Layer(
        (stroke((0, 0.86, 0.020), (0.005, 0.945, 0.021), (0.055, 0.970, 0.021), (0.105, 0.93, 0.019)),),
        "#5f3a20",
        "gloss",
    )
    return Design(
        (pole, hook, canopy, tip),
        {
            "main": variation.pick("canopy", ("#c9302a", "#2f6fb5", "#e0a52e", "#3f8f6a", "#b0508f")),
            "trim": "#f3e6c8",
        },
        seat=(0.0, 0.03),
    )
