"""Songbird and owl."""

from __future__ import annotations

from engine.painting.subjects.body_parts import eye
from engine.painting.subjects.design import Design, Layer, Mark, Pattern, Variation
from engine.painting.subjects.primitives import Ellipse, Polygon, outline, pair, stroke


def bird(variation: Variation) -> Design:
    """A songbird standing, facing right."""
    coat = variation.choose(
        "coat",
        (
            {"main": "#3d7fc4", "breast": "#e08a4a", "belly": "#f7efe2"},
            {"main": "#7a5c40", "breast": "#d9602f", "belly": "#f2e6d4"},
            {"main": "#e0b52c", "breast": "#f3d96b", "belly": "#fbf3d4"},
            {"main": "#c23a33", "breast": "#d9564a", "belly": "#f0c9b6"},
            {"main": "#4f8f6a", "breast": "#e8d27a", "belly": "#f7f0d8"},
        ),
    )
    flick = variation.between("tail", -0.05, 0.05)
    tail = Layer(
        (
            stroke(
                (-0.20, 0.56, 0.055), (-0.40, 0.60 - flick, 0.048), (-0.58, 0.63 - 2 * flick, 0.040), flat=0.6
            ),
            stroke(
                (-0.20, 0.60, 0.045), (-0.40, 0.66 - flick, 0.040), (-0.55, 0.70 - 2 * flick, 0.034), flat=0.6
            ),
        ),
        "main:0.7",
        "feather",
        blend=0.01,
        flow=175.0,
    )
    legs = tuple(
        Layer(
            (
                stroke((x, 0.80, 0.022), (x - 0.01, 0.965, 0.013)),
                stroke((x - 0.012, 0.965, 0.013), (x + 0.075, 0.985, 0.010)),
                stroke((x - 0.012, 0.965, 0.013), (x - 0.065, 0.985, 0.009)),
            ),
            f"#a8663a:{shade}",
            "clay",
            blend=0.01,
        )
        for x, shade in ((0.06, 0.75), (-0.03, 1.0))
    )
    body = Layer(
        (
            Ellipse(0.0, 0.56, 0.285, 0.235, 22, depth=0.24),
            Ellipse(0.205, 0.29, 0.185, 0.175, depth=0.19),
            Ellipse(0.12, 0.46, 0.22, 0.22, depth=0.22),
        ),
        "main",
        "feather",
        blend=0.10,
        flow=(0.34, 0.28),
        marks=(
            Mark((Ellipse(0.20, 0.52, 0.16, 0.24, 12), Ellipse(0.27, 0.38, 0.09, 0.09)), "breast", soft=0.06),
            Mark((Ellipse(0.04, 0.79, 0.20, 0.075, 8),), "belly", soft=0.07),
        ),
    )
    wing = Layer(
        (
            outline(
                (0.10, 0.42),
                (0.13, 0.53),
                (0.04, 0.65),
                (-0.14, 0.70),
                (-0.36, 0.675),
                (-0.22, 0.58),
                (-0.10, 0.46),
                bevel=0.07,
                depth=0.06,
            ),
        ),
        "main:0.86",
        "feather",
        flow=165.0,
        marks=(
            *(
                Mark(
                    (
                        stroke(
                            (0.06 - 0.05 * k, 0.50 + 0.03 * k, 0.004),
                            (-0.08 - 0.04 * k, 0.60 + 0.025 * k, 0.004),
                            (-0.26 - 0.03 * k, 0.655 + 0.012 * k, 0.004),
                        ),
                    ),
                    "main:0.45",
                    soft=0.012,
                )
                for k in range(3)
            ),
            Mark(
                (stroke((0.085, 0.47, 0.014), (0.02, 0.56, 0.014), (-0.08, 0.60, 0.012)),),
                "belly",
                soft=0.02,
                strength=0.8,
            ),
        ),
    )
    beak = Layer(
        (
            Polygon(((0.365, 0.265), (0.365, 0.325), (0.475, 0.315)), 0.010, 0.03),
            Polygon(((0.365, 0.31), (0.365, 0.345), (0.445, 0.325)), 0.008, 0.02),
        ),
        "#e6a23c",
        "clay",
        blend=0.004,
        marks=(Mark((stroke((0.36, 0.318, 0.003), (0.47, 0.318, 0.002)),), "#7a4a18", soft=0.006),),
    )
    eyes = eye(0.275, 0.255, 0.036, "#2a1a12", white="#2a1a12", pupil=0.7, look=0.2)
    return Design(
        (tail, *legs, body, wing, beak, *eyes),
        coat,
        close=(-0.15, 0.08, 0.55, 0.64),
        stands=0.02,
        ground=0.99,
    )


def owl(variation: Variation) -> Design:
    """An owl looking straight at you."""
    coat = variation.choose(
        "coat",
        (
            {"main": "#8a623c", "soft": "#ecd9b4", "disc": "#f3e6ca"},
            {"main": "#a59b90", "soft": "#efe9df", "disc": "#faf6ee"},
            {"main": "#6b4a35", "soft": "#d9b98c", "disc": "#e8d2ae"},
            {"main": "#efe9e2", "soft": "#ffffff", "disc": "#ffffff"},
        ),
    )
    iris = variation.pick("iris", ("#f0a92a", "#e8c53a", "#e07f2a"))
    feet = Layer(
        pair(
            *(stroke((0.11 + 0.045 * k, 0.93, 0.026), (0.11 + 0.052 * k, 0.975, 0.020)) for k in (-1, 0, 1))
        ),
        "#d99a3c",
        "clay",
        blend=0.005,
    )
    tufts = Layer(
        pair(outline((0.08, 0.12), (0.18, 0.055), (0.255, 0.0), (0.25, 0.10), (0.22, 0.20), bevel=0.04)),
        "main:0.85",
        "feather",
        flow=-60.0,
    )
    body = Layer(
        (Ellipse(0, 0.60, 0.265, 0.36, depth=0.26), Ellipse(0, 0.27, 0.245, 0.20, depth=0.22)),
        "main",
        "feather",
        blend=0.14,
        marks=(Mark((Ellipse(0, 0.70, 0.175, 0.245),), "soft", soft=0.05),),
    )
    chest = Layer(
        tuple(
            outline((x - 0.017, y - 0.012), (x, y + 0.022), (x + 0.017, y - 0.012), (x, y), smooth=3)
            for row, y in enumerate((0.56, 0.62, 0.68, 0.74, 0.80, 0.86))
            for x in ([-0.10, -0.035, 0.035, 0.10] if row % 2 else [-0.068, 0.0, 0.068])
        ),
        "main:0.8",
        "ink",
        blend=0,
        shade=0,
    )
    wings = Layer(
        pair(
            outline(
                (0.20, 0.42),
                (0.285, 0.52),
                (0.30, 0.70),
                (0.235, 0.90),
                (0.205, 0.80),
                (0.185, 0.60),
                bevel=0.06,
            )
        ),
        "main:0.80",
        "feather",
        flow=95.0,
        pattern=Pattern("spots", "soft", 16, 0.5),
    )
    disc = Layer(
        pair(Ellipse(0.092, 0.275, 0.118, 0.128, depth=0.05)),
        "disc",
        "feather",
        blend=0.0,
        flow=(0.0, 0.28),
        shade=0.5,
        marks=(Mark((Ellipse(0, 0.20, 0.035, 0.12),), "main", soft=0.03),),
    )
    beak = Layer(
        (
            outline(
                (-0.034, 0.305),
                (0, 0.285),
                (0.034, 0.305),
                (0.016, 0.355),
                (0, 0.385),
                (-0.016, 0.355),
                bevel=0.03,
            ),
        ),
        "#e3a33c",
        "gloss",
    )
    brows = Layer(
        pair(
            stroke((0.015, 0.205, 0.014), (0.09, 0.150, 0.020), (0.17, 0.140, 0.016), (0.225, 0.165, 0.006))
        ),
        "main:0.75",
        "feather",
    )
    eyes = tuple(
        layer for s in (-1, 1) for layer in eye(s * 0.093, 0.270, 0.066, iris, white=iris, pupil=0.58)
    )
    return Design(
        (tufts, body, chest, feet, wings, disc, *eyes, beak, brows), coat, close=(-0.36, -0.03, 0.36, 0.60)
    )
