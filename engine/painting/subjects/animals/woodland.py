"""Rabbit, fox and bear, sitting and facing the viewer."""

from __future__ import annotations

from engine.painting.subjects.body_parts import blush, eye, fur, line, whiskers
from engine.painting.subjects.design import Design, Layer, Mark, Variation
from engine.painting.subjects.primitives import Ellipse, Polygon, block, outline, pair, stroke


def rabbit(variation: Variation) -> Design:
    """A rabbit sitting up, ears high."""
    coat = variation.choose(
        "coat",
        (
            {"main": "#cbb296", "soft": "#fbf4e8"},
            {"main": "#f3efe8", "soft": "#ffffff"},
            {"main": "#8d8580", "soft": "#efeae4"},
            {"main": "#9a6b45", "soft": "#f2e2cc"},
        ),
    )
    lean = variation.between("ears", -0.04, 0.03)
    tail = Layer((Ellipse(0.20, 0.885, 0.065, 0.06),), "soft", "fur", flow=(0.15, 0.89))
    body = Layer(
        (
            Ellipse(0, 0.70, 0.15, 0.17, depth=0.15),
            Ellipse(0, 0.82, 0.185, 0.155, depth=0.15),
            *pair(Ellipse(0.135, 0.87, 0.085, 0.095, depth=0.12)),
        ),
        "main",
        "fur",
        blend=0.06,
        marks=(Mark((Ellipse(0, 0.74, 0.095, 0.16),), "soft", soft=0.03),),
    )
    feet = fur(*pair(Ellipse(0.125, 0.957, 0.10, 0.042)))
    arms = Layer(
        pair(stroke((0.085, 0.655, 0.045), (0.075, 0.76, 0.042), (0.045, 0.83, 0.038))),
        "main",
        "fur",
        shade=0.7,
        joints=((0.085, 0.63, 0.10), (-0.085, 0.63, 0.10)),
        marks=(Mark(pair(Ellipse(0.045, 0.845, 0.045, 0.03)), "soft", soft=0.02),),
    )
    return Design(
        (tail, body, feet, arms, *rabbit_head(lean)),
        coat,
        seat=(0.0, 0.22),
        close=(-0.40, -0.03, 0.40, 0.66),
    )


def rabbit_head(lean: float) -> tuple[Layer, ...]:
    """A rabbit's head around (0, 0.45), ears reaching to 0."""
    ears = Layer(
        pair(
            stroke(
                (0.06, 0.36, 0.045),
                (0.085, 0.22, 0.062),
                (0.115 + lean, 0.10, 0.055),
                (0.13 + lean, 0.03, 0.028),
                flat=0.7,
            )
        ),
        "main",
        "fur",
        flow=-80.0,
        blend=0.01,
        marks=(
            Mark(
                pair(stroke((0.068, 0.34, 0.018), (0.088, 0.22, 0.036), (0.112 + lean, 0.11, 0.028))),
                "#e8a79c",
                soft=0.025,
            ),
        ),
    )
    skull = Layer(
        (
            Ellipse(0, 0.435, 0.155, 0.135, depth=0.14),
            *pair(Ellipse(0.09, 0.49, 0.085, 0.07, depth=0.10)),
        ),
        "main",
        "fur",
        blend=0.05,
        flow=(0.0, 0.46),
        marks=(
            Mark((Ellipse(0, 0.515, 0.10, 0.055),), "soft", soft=0.03),
            blush(-0.11, 0.50, 0.03, strength=0.35),
            blush(0.11, 0.50, 0.03, strength=0.35),
        ),
    )
    muzzle = Layer(
        pair(Ellipse(0.034, 0.51, 0.044, 0.036, depth=0.035)),
        "soft",
        "plush",
        blend=0.015,
        shade=0.35,
        flow=(0.0, 0.49),
    )
    teeth = Layer(
        pair(block(0.0085, 0.553, 0.0085, 0.016, rounding=0.003, bevel=0.006)), "#fffdf6", "clay", blend=0
    )
    nose = Layer(
        (Polygon(((-0.016, 0.478), (0.016, 0.478), (0, 0.492)), 0.006, 0.012),), "#e08c8c", "skin", shade=0.4
    )
    mouth = (
        line("#5a3a33", (0, 0.497, 0.0022), (0, 0.518, 0.0025)),
        line("#5a3a33", (-0.04, 0.527, 0.002), (-0.018, 0.532, 0.0028), (0, 0.517, 0.0025)),
        line("#5a3a33", (0.04, 0.527, 0.002), (0.018, 0.532, 0.0028), (0, 0.517, 0.0025)),
    )
    eyes = tuple(
        layer
        for side in (-1, 1)
        for layer in eye(
            side * 0.082, 0.428, 0.036, "#4a2b1c", white="#4a2b1c", pupil=0.7, look=-side * 0.2, tall=1.15
        )
    )
    return (ears, skull, teeth, muzzle, *mouth, nose, *eyes, *whiskers(0, 0.505, 0.19))


def fox(variation: Variation) -> Design:
    """A fox sitting with its brush around its feet."""
    coat = variation.pick("coat", ("#d96a24", "#c9571d", "#e07f35"))
    return sitting_fox(variation, {"main": coat, "soft": "#fbf1e2", "dark": "#2f211c"}, "#c07a1e")


def sitting_fox(variation: Variation, palette: dict[str, str], iris: str) -> Design:
    """A fox, or a wolf in its own colours."""
    sweep = variation.between("tail", -0.02, 0.03)
    tail = Layer(
        (
            stroke(
                (0.12, 0.92, 0.05),
                (0.25, 0.93, 0.075),
                (0.36, 0.87, 0.09),
                (0.41 + sweep, 0.74, 0.085),
                (0.38 + sweep, 0.62, 0.05),
                (0.36 + sweep, 0.55, 0.012),
            ),
        ),
        "main",
        "fur",
        flow=(0.1, 0.95),
        marks=(Mark((Ellipse(0.385 + sweep, 0.59, 0.11, 0.085),), "soft", soft=0.04),),
    )
    body = Layer(
        (
            Ellipse(0, 0.60, 0.135, 0.19, depth=0.14),
            Ellipse(0, 0.79, 0.165, 0.17, depth=0.14),
            *pair(Ellipse(0.13, 0.86, 0.09, 0.115, depth=0.13)),
        ),
        "main",
        "fur",
        blend=0.06,
        marks=(Mark((Polygon(((-0.11, 0.44), (0.11, 0.44), (0.0, 0.78)), 0.02),), "soft", soft=0.03),),
    )
    hind = Layer(pair(Ellipse(0.15, 0.957, 0.08, 0.042)), "dark", "fur")
    legs = Layer(
        pair(
            stroke((0.068, 0.64, 0.05), (0.066, 0.82, 0.042), (0.068, 0.935, 0.042)),
            Ellipse(0.07, 0.957, 0.054, 0.042),
        ),
        "main",
        "fur",
        shade=0.6,
        joints=((0.068, 0.61, 0.15), (-0.068, 0.61, 0.15)),
        marks=(Mark(pair(Ellipse(0.07, 0.94, 0.09, 0.12)), "dark", soft=0.05),),
    )
    return Design(
        (tail, body, hind, legs, *fox_head(iris)),
        palette,
        seat=(0.0, -0.02),
        close=(-0.36, -0.03, 0.36, 0.56),
    )


def fox_head(iris: str) -> tuple[Layer, ...]:
    """A fox's head: broad cheeks, a pointed muzzle."""
    ears = Layer(
        pair(
            outline(
                (0.05, 0.17),
                (0.10, 0.08),
                (0.165, 0.005),
                (0.185, 0.03),
                (0.20, 0.15),
                (0.18, 0.24),
                (0.10, 0.22),
                bevel=0.05,
                depth=0.04,
            )
        ),
        "main",
        "fur",
        flow=-90.0,
        marks=(
            Mark(pair(Ellipse(0.175, 0.03, 0.05, 0.055)), "dark", soft=0.03),
            Mark(
                pair(Polygon(((0.10, 0.175), (0.158, 0.085), (0.172, 0.185)), 0.006)), "soft:0.7", soft=0.025
            ),
        ),
    )
    skull = Layer(
        (
            Ellipse(0, 0.26, 0.165, 0.135, depth=0.14),
            *pair(Polygon(((0.0, 0.26), (0.225, 0.315), (0.06, 0.40)), 0.02, 0.08, 0.10)),
            Polygon(((-0.075, 0.29), (0.075, 0.29), (0.014, 0.425), (-0.014, 0.425)), 0.02, 0.08, 0.17),
        ),
        "main",
        "fur",
        blend=0.05,
        flow=(0.0, 0.30),
        marks=(
            Mark(
                pair(
                    Polygon(((0.035, 0.345), (0.10, 0.305), (0.235, 0.32), (0.06, 0.44), (0.0, 0.46)), 0.012)
                ),
                "soft",
                soft=0.025,
            ),
            Mark((Ellipse(0, 0.44, 0.035, 0.03),), "soft", soft=0.02),
        ),
    )
    nose = Layer((Ellipse(0, 0.417, 0.026, 0.020, depth=0.02),), "#1f1817", "gloss")
    mouth = (
        line("#3a241c", (0, 0.435, 0.002), (0, 0.447, 0.002)),
        line("#3a241c", (-0.035, 0.440, 0.0018), (0, 0.449, 0.0026), (0.035, 0.440, 0.0018)),
    )
    eyes = tuple(
        layer
        for side in (-1, 1)
        for layer in eye(side * 0.080, 0.275, 0.034, iris, white=iris, pupil=0.6, look=-side * 0.3)
    )
    return (ears, skull, *mouth, nose, *eyes)


def bear(variation: Variation) -> Design:
    """A bear sitting like a toy, soles toward the viewer."""
    coat = variation.choose(
        "coat",
        (
            {"main": "#7a4a2a", "soft": "#c9986a"},
            {"main": "#5a3822", "soft": "#b08458"},
            {"main": "#2e2825", "soft": "#a9835c"},
            {"main": "#a8743f", "soft": "#e3bf8f"},
        ),
    )
    return sitting_bear(coat, "main", ())


def sitting_bear(palette: dict[str, str], limb: str, patches: tuple[Mark, ...]) -> Design:
    """A bear whose ears, arms and legs are of colour `limb`, with `patches` on its face."""
    body = Layer(
        (Ellipse(0, 0.62, 0.20, 0.26, depth=0.20), Ellipse(0, 0.78, 0.235, 0.19, depth=0.20)),
        "main",
        "fur",
        blend=0.06,
        marks=(Mark((Ellipse(0, 0.71, 0.125, 0.155),), "soft", soft=0.05),),
    )
    arms = Layer(
        pair(stroke((0.165, 0.53, 0.07), (0.235, 0.64, 0.072), (0.235, 0.755, 0.07))),
        limb,
        "fur",
        flow=80.0,
        shade=0.8,
        joints=((0.15, 0.50, 0.11), (-0.15, 0.50, 0.11)),
    )
    feet = Layer(
        pair(Ellipse(0.185, 0.895, 0.11, 0.105, depth=0.10)),
        limb,
        "fur",
        flow=(0.0, 0.6),
        marks=(
            Mark(pair(Ellipse(0.185, 0.915, 0.055, 0.05)), "soft:0.85", soft=0.02),
            Mark(
                pair(
                    Ellipse(0.128, 0.855, 0.02, 0.02),
                    Ellipse(0.185, 0.835, 0.022, 0.02),
                    Ellipse(0.242, 0.855, 0.02, 0.02),
                ),
                "soft:0.85",
                soft=0.015,
            ),
        ),
    )
    layers = (body, arms, feet, *bear_head(limb, patches))
    return Design(layers, palette, seat=(0.0, -0.02), close=(-0.36, -0.04, 0.36, 0.58))


def bear_head(limb: str, patches: tuple[Mark, ...]) -> tuple[Layer, ...]:
    """A bear's head around (0, 0.27)."""
    ears = Layer(
        pair(Ellipse(0.155, 0.105, 0.078, 0.078, depth=0.05)),
        limb,
        "fur",
        flow=(0.0, 0.25),
        marks=(Mark(pair(Ellipse(0.15, 0.115, 0.042, 0.042)), "soft", soft=0.02),),
    )
    skull = Layer(
        (Ellipse(0, 0.25, 0.205, 0.185, depth=0.18), *pair(Ellipse(0.115, 0.32, 0.10, 0.09, depth=0.12))),
        "main",
        "fur",
        blend=0.05,
        flow=(0.0, 0.28),
        marks=patches,
    )
    muzzle = Layer(
        (Ellipse(0, 0.335, 0.098, 0.080, depth=0.09),), "soft", "plush", flow=(0.0, 0.30), shade=0.6
    )
    nose = Layer((Ellipse(0, 0.292, 0.042, 0.028, depth=0.03),), "#1e1614", "gloss")
    mouth = (
        line("#3a241a", (0, 0.315, 0.003), (0, 0.352, 0.003)),
        line("#3a241a", (-0.045, 0.366, 0.002), (-0.02, 0.374, 0.0035), (0, 0.352, 0.003)),
        line("#3a241a", (0.045, 0.366, 0.002), (0.02, 0.374, 0.0035), (0, 0.352, 0.003)),
    )
    eyes = tuple(
        layer
        for side in (-1, 1)
        for layer in eye(side * 0.088, 0.232, 0.030, "#4a2a14", white="#4a2a14", pupil=0.7, look=-side * 0.2)
    )
    return (ears, skull, muzzle, *mouth, nose, *eyes)
