"""Portrait bust of a person. Skin and hair come from the seed alone, never from a word in the prompt."""

from __future__ import annotations

from engine.painting.subjects.body_parts import blush, line
from engine.painting.subjects.design import Design, Layer, Mark, Variation
from engine.painting.subjects.people.hair import hair_of
from engine.painting.subjects.primitives import Ellipse, Polygon, outline, pair, stroke

SKINS = (
    {"skin": "#f2c9a8", "lip": "#c9706a", "brow": "#7a5238"},
    {"skin": "#e3ae85", "lip": "#bd6658", "brow": "#4a3222"},
    {"skin": "#c98d62", "lip": "#a85a4e", "brow": "#2e2018"},
    {"skin": "#9c6644", "lip": "#8c4a44", "brow": "#1e1512"},
    {"skin": "#6e4530", "lip": "#7c423e", "brow": "#140f0d"},
)


DARK_HAIRS = ("#1d1614", "#2a1a14", "#3b2418", "#4a3a34", "#8d8a88")
FAIR_HAIRS = ("#1d1614", "#3b2418", "#6a3f22", "#a8662f", "#d3a45a", "#8d8a88", "#5a2a1c")
FAIR_EYES = ("#5a3a20", "#3f6a8a", "#5d7a3a", "#7a5a2c", "#4f7f8a")
DARK_EYES = ("#5a3a20", "#3a2a1e", "#7a5a2c", "#4a3018")
CLOTHES = ("#b5483f", "#3c6a9a", "#4c7d5a", "#8a5a8c", "#c4913e", "#41566b")


def bust(variation: Variation) -> Design:
    """Head and shoulders of a person; the main material is the clothing."""
    behind, above = head_of(variation)
    return Design((*behind, _shoulders(), *above), looks(variation), ground=1.0, floor=1.0)


def looks(variation: Variation) -> dict[str, str]:
    """The colours of a person, by the seed."""
    skin = variation.choose("skin", SKINS)
    fair = skin in SKINS[:2]
    return {
        **skin,
        "hair": variation.pick("hair", FAIR_HAIRS if fair else DARK_HAIRS),
        "main": variation.pick("clothes", CLOTHES),
        "iris": variation.pick("iris", FAIR_EYES if fair else DARK_EYES),
    }


def head_of(variation: Variation) -> tuple[tuple[Layer, ...], tuple[Layer, ...]]:
    """The hair behind the body, and the head with neck, face and front hair before it."""
    behind, above = hair_of(variation)
    return behind, (*_neck_and_head(), *_features(), *above)


def _shoulders() -> Layer:
    return Layer(
        (
            outline(
                (-0.45, 1.22),
                (-0.468, 1.06),
                (-0.468, 0.945),
                (-0.435, 0.865),
                (-0.345, 0.805),
                (-0.215, 0.772),
                (-0.105, 0.735),
                (0.105, 0.735),
                (0.215, 0.772),
                (0.345, 0.805),
                (0.435, 0.865),
                (0.468, 0.945),
                (0.468, 1.06),
                (0.45, 1.22),
                bevel=0.16,
                depth=0.14,
            ),
        ),
        "main",
        "cloth",
        soft=1.6,
        cuts=(Polygon(((-1, 1.0), (1, 1.0), (1, 2), (-1, 2))),),
    )


def _neck_and_head() -> tuple[Layer, ...]:
    neck = Layer(
        (stroke((0, 0.55, 0.098), (0, 0.70, 0.098), (0, 0.742, 0.102)),),
        "skin",
        "skin",
        marks=(Mark((Ellipse(0, 0.615, 0.13, 0.055),), "skin:0.72", soft=0.07),),
    )
    collar = Layer(
        (
            stroke(
                (-0.128, 0.735, 0.018),
                (-0.08, 0.808, 0.028),
                (0, 0.83, 0.028),
                (0.08, 0.808, 0.028),
                (0.128, 0.735, 0.018),
            ),
        ),
        "main:0.86",
        "cloth",
    )
    ears = Layer(
        pair(Ellipse(0.212, 0.375, 0.034, 0.055, -8, depth=0.03)),
        "skin:0.95",
        "skin",
        marks=(Mark(pair(Ellipse(0.214, 0.378, 0.014, 0.030, -8)), "skin:0.7", soft=0.016),),
    )
    head = Layer(
        (
            Ellipse(0, 0.315, 0.205, 0.215, depth=0.19),
            Ellipse(0, 0.425, 0.178, 0.175, depth=0.17),
            Ellipse(0, 0.535, 0.085, 0.065, depth=0.10),
        ),
        "skin",
        "skin",
        blend=0.08,
        shade=1.2,
        marks=(
            blush(-0.115, 0.455, 0.045, "lip", 0.42),
            blush(0.115, 0.455, 0.045, "lip", 0.42),
            *(
                Mark((Ellipse(s * 0.085, 0.355, 0.052, 0.038),), "skin:0.78", soft=0.05, strength=0.6)
                for s in (-1, 1)
            ),
        ),
    )
    return (neck, collar, ears, head)


def _features() -> tuple[Layer, ...]:
    eyes = tuple(layer for side in (-1, 1) for layer in _almond(side * 0.085, 0.365, side))
    brows = Layer(
        pair(stroke((0.034, 0.294, 0.009), (0.085, 0.281, 0.012), (0.138, 0.298, 0.005))),
        "brow",
        "plush",
        flow=10.0,
        bulge=0.5,
        shade=0.3,
    )
    nose = Layer(
        (
            stroke((0, 0.35, 0.014), (0, 0.42, 0.021), (0, 0.450, 0.029), flat=1.25),
            *pair(Ellipse(0.028, 0.456, 0.020, 0.016, depth=0.018)),
        ),
        "skin:1.04",
        "skin",
        blend=0.02,
        shade=0.7,
        joints=((0, 0.35, 0.07),),
        marks=(blush(0, 0.452, 0.014, "lip", 0.3),),
    )
    nostrils = Layer(pair(Ellipse(0.017, 0.4685, 0.0085, 0.0045, 15)), "skin:0.35", "ink", shade=0)
    lips = Layer(
        (
            outline(
                (-0.070, 0.508),
                (-0.030, 0.503),
                (-0.011, 0.498),
                (0, 0.502),
                (0.011, 0.498),
                (0.030, 0.503),
                (0.070, 0.508),
                (0.034, 0.541),
                (0, 0.547),
                (-0.034, 0.541),
                smooth=4,
                bevel=0.016,
                depth=0.014,
            ),
        ),
        "lip",
        "skin",
        shade=0.5,
        soft=0.5,
        marks=(
            Mark(
                (
                    stroke(
                        (-0.072, 0.505, 0.002),
                        (-0.028, 0.520, 0.003),
                        (0, 0.522, 0.003),
                        (0.028, 0.520, 0.003),
                        (0.072, 0.505, 0.002),
                    ),
                ),
                "lip:0.45",
                soft=0.005,
            ),
        ),
    )
    corners = line("skin:0.55", (-0.080, 0.497, 0.001), (-0.073, 0.505, 0.003), (-0.064, 0.510, 0.001))
    other = line("skin:0.55", (0.080, 0.497, 0.001), (0.073, 0.505, 0.003), (0.064, 0.510, 0.001))
    return (*eyes, brows, nose, nostrils, lips, corners, other)


def _almond(x: float, y: float, side: int) -> tuple[Layer, ...]:
    """A human eye: the ball, cut to an almond, under a lid with lashes."""
    w, h = 0.050, 0.027
    almond = outline(
        (x - w, y + 0.004),
        (x - w * 0.4, y - h),
        (x + w * 0.4, y - h),
        (x + w, y + 0.002),
        (x + w * 0.45, y + h * 0.82),
        (x - w * 0.45, y + h * 0.82),
        smooth=4,
        bevel=0.02,
        depth=0.016,
    )
    ball = Layer(
        (almond,),
        "#f8f3ea",
        "eye",
        shade=0.3,
        soft=0.5,
        marks=(
            Mark((Ellipse(x, y - 0.001, 0.0255, 0.0265),), "iris:0.4", soft=0.004),
            Mark((Ellipse(x, y - 0.001, 0.0225, 0.0235),), "iris", soft=0.006),
            Mark((Ellipse(x, y + 0.009, 0.014, 0.010),), "iris:1.4", soft=0.012, strength=0.8),
            Mark((Ellipse(x, y - 0.001, 0.0115, 0.0120),), "#0a0807", soft=0.003),
            Mark((Ellipse(x, y - h * 1.05, w * 1.1, h * 0.55),), "#3a2a22", soft=0.016, strength=0.55),
        ),
    )
    glint = Layer((Ellipse(x - 0.008, y - 0.010, 0.0062, 0.0062),), "#ffffff", "glint", shade=0)
    lid = Layer(
        (
            stroke(
                (x - w * 1.04, y + 0.004, 0.003),
                (x - w * 0.45, y - h * 1.10, 0.0075),
                (x + w * 0.45, y - h * 1.10, 0.0075),
                (x + w * 1.04, y + 0.002, 0.003),
            ),
        ),
        "skin:0.86",
        "skin",
        shade=0.6,
    )
    lash = line(
        "brow:0.6",
        (x - side * w * 0.98, y + 0.003, 0.0015),
        (x - side * w * 0.4, y - h * 0.92, 0.0038),
        (x + side * w * 0.45, y - h * 0.92, 0.0045),
        (x + side * w * 1.14, y - 0.006, 0.0012),
    )
    return (ball, glint, lid, lash)
