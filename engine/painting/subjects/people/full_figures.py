"""Full-length person, standing or astride; the head is that of the portrait bust."""

from __future__ import annotations

from dataclasses import replace

from engine.painting.subjects.design import Design, Layer, Mark, Variation, shift
from engine.painting.subjects.people.portrait_bust import head_of, looks
from engine.painting.subjects.primitives import Ellipse, Point, Shape, mirrored, outline, pair, stroke

_HEAD = 0.40  # the bust's head, scaled to a body five heads high
TROUSERS = ("#3a4a66", "#5a4a3e", "#2e3238", "#6b6a52", "#4a3f58")

_POSES: dict[str, tuple[Point, Point, Point]] = {
    "ease": ((-0.178, 0.450), (-0.180, 0.545), (-0.180, 0.588)),
    "akimbo": ((-0.222, 0.432), (-0.158, 0.522), (-0.126, 0.548)),
    "wave": ((-0.220, 0.375), (-0.236, 0.275), (-0.242, 0.226)),
}
"""Elbow, wrist and palm of the left arm; the right one hangs, where it may hold something."""


def person(variation: Variation) -> Design:
    """A person standing, the left arm at ease, akimbo or waving; the main material is the shirt."""
    elbow, wrist, palm = _POSES[variation.pick("pose", ("ease", "ease", "akimbo", "wave"))]
    arms = _sleeves(
        (
            stroke((0.122, 0.345, 0.040), (0.178, 0.450, 0.035), (0.180, 0.545, 0.030)),
            stroke((-0.122, 0.345, 0.040), (*elbow, 0.035), (*wrist, 0.030)),
        ),
        (*_hand(0.180, 0.588), *(mirrored(shape) for shape in _hand(-palm[0], palm[1]))),
        ((0.11, 0.335, 0.055), (-0.11, 0.335, 0.055)),
    )
    legs = _legs(
        pair(stroke((0.056, 0.585, 0.064), (0.064, 0.770, 0.050), (0.066, 0.925, 0.041))),
        pair(Ellipse(0.082, 0.967, 0.064, 0.031), Ellipse(0.070, 0.945, 0.042, 0.034)),
    )
    return _clothed(variation, (), legs, arms)


def dressed_person(variation: Variation) -> Design:
    """The same person in a dress that falls in folds to the shins; the main material is the dress."""
    plain = person(variation)
    shins = Layer(pair(stroke((0.060, 0.80, 0.040), (0.066, 0.925, 0.030))), "skin", "skin", blend=0)
    folds = tuple(
        stroke((0.5 * x, 0.56, 0.003), (0.8 * x, 0.70, 0.007), (1.05 * x, 0.89, 0.010))
        for x in (-0.155, -0.07, 0.02, 0.10, 0.165)
    )
    skirt = Layer(
        (
            outline(
                (0, 0.505), (0.105, 0.515), (0.135, 0.620), (0.180, 0.740), (0.222, 0.862), (0.115, 0.884),
                (0, 0.890), (-0.115, 0.884), (-0.222, 0.862), (-0.180, 0.740), (-0.135, 0.620), (-0.105, 0.515),
                bevel=0.10, depth=0.09,
            ),
        ),
        "main",
        "cloth",
        soft=1.4,
        marks=(
            *(Mark((fold,), "main:0.62", soft=0.016) for fold in folds),
            Mark((stroke((-0.15, 0.528, 0.009), (0, 0.540, 0.009), (0.15, 0.528, 0.009)),), "main:0.5", soft=0.008),
        ),
    )  # fmt: skip
    legs = next(k for k, layer in enumerate(plain.layers) if layer.colour == "trousers")
    shirt = next(k for k, layer in enumerate(plain.layers) if layer.colour == "main" and k > legs)
    layers = (
        *plain.layers[:legs],
        shins,
        *plain.layers[legs + 1 : shirt + 1],
        skirt,
        *plain.layers[shirt + 1 :],
    )
    return replace(plain, layers=layers)


def riding_person(variation: Variation) -> Design:
    """A person astride, facing right, hands at the reins."""
    far = _sleeves(
        (stroke((0.090, 0.350, 0.036), (0.175, 0.435, 0.032), (0.270, 0.425, 0.027)),),
        (Ellipse(0.305, 0.420, 0.030, 0.027),),
        (),
    )
    near = _sleeves(
        (
            stroke(
                (-0.110, 0.345, 0.041), (-0.125, 0.460, 0.037), (0.020, 0.510, 0.030), (0.150, 0.480, 0.027)
            ),
        ),
        (Ellipse(0.185, 0.470, 0.031, 0.029),),
        ((-0.10, 0.335, 0.055),),
    )
    leg = _legs(
        (stroke((0.015, 0.585, 0.082), (0.140, 0.665, 0.064), (0.112, 0.820, 0.043)),),
        (Ellipse(0.150, 0.878, 0.066, 0.030, 6), Ellipse(0.118, 0.855, 0.044, 0.036)),
    )
    return _clothed(variation, far, leg, near, ground=0.873)


def _clothed(
    variation: Variation,
    behind: tuple[Layer, ...],
    legs: tuple[Layer, ...],
    arms: tuple[Layer, ...],
    ground: float | None = None,
) -> Design:
    back, front = head_of(variation)
    palette = {**looks(variation), "trousers": variation.pick("trousers", TROUSERS)}
    return Design(
        (*shift(back, 0, 0, _HEAD), *behind, *legs, _shirt(), *arms, *shift(front, 0, 0, _HEAD)),
        palette,
        close=(-0.20, -0.01, 0.20, 0.42),
        ground=ground,
    )


def _shirt() -> Layer:
    return Layer(
        (
            outline(
                (0, 0.285),
                (0.075, 0.295),
                (0.140, 0.330),
                (0.138, 0.420),
                (0.112, 0.520),
                (0.122, 0.620),
                (0, 0.635),
                (-0.122, 0.620),
                (-0.112, 0.520),
                (-0.138, 0.420),
                (-0.140, 0.330),
                (-0.075, 0.295),
                bevel=0.11,
                depth=0.095,
            ),
        ),
        "main",
        "cloth",
        soft=1.5,
        shade=0.8,
        marks=(
            Mark(
                (stroke((-0.2, 0.622, 0.004), (0, 0.634, 0.004), (0.2, 0.622, 0.004)),),
                "main:0.6",
                soft=0.008,
            ),
        ),
    )


def _sleeves(
    arms: tuple[Shape, ...], hands: tuple[Shape, ...], joints: tuple[tuple[float, float, float], ...]
) -> tuple[Layer, ...]:
    return (
        Layer(hands, "skin", "skin", blend=0.015),
        Layer(arms, "main:0.96", "cloth", blend=0, shade=0.8, joints=joints),
    )


def _hand(x: float, y: float) -> tuple[Shape, ...]:
    return Ellipse(x, y, 0.029, 0.036), stroke((x - 0.018, y - 0.010, 0.011), (x - 0.026, y + 0.022, 0.009))


def _legs(trousers: tuple[Shape, ...], shoes: tuple[Shape, ...]) -> tuple[Layer, ...]:
    return (
        Layer(shoes, "#3a2a22", "wax", blend=0.02),
        Layer(trousers, "trousers", "cloth", blend=0.01, shade=0.8),
    )
