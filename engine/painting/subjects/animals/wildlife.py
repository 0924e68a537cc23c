"""Lion, tiger, wolf and panda: variants of the sitting animals."""

from __future__ import annotations

import math

from engine.painting.subjects.animals.pets import cat_head, sitting_cat
from engine.painting.subjects.animals.woodland import sitting_bear, sitting_fox
from engine.painting.subjects.body_parts import whiskers
from engine.painting.subjects.design import Design, Layer, Mark, Pattern, Variation
from engine.painting.subjects.primitives import Ellipse, Limb, pair, stroke


def tiger(variation: Variation) -> Design:
    """A tiger sitting; the main material is the fur between its stripes."""
    stripes = Pattern("tabby", "#1d1512", 12, 0.95)
    head = cat_head("#d9a52e", stripes, -0.03)
    cheeks = Layer(
        pair(
            *(
                stroke((0.135 + 0.012 * k, 0.285 + 0.035 * k, 0.006), (0.185, 0.30 + 0.036 * k, 0.004))
                for k in range(3)
            )
        ),
        "#1d1512",
        "ink",
        blend=0,
        shade=0,
    )
    palette = {"main": variation.pick("coat", ("#e07a22", "#d96c1c", "#e88a34")), "soft": "#fdf3e2"}
    return sitting_cat(
        variation, (*head, cheeks, *whiskers(0, 0.36, 0.22)), palette, stripes, tip="main:0.25"
    )


def lion(variation: Variation) -> Design:
    """A lion sitting, its mane around its face."""
    coat = variation.choose(
        "coat",
        (
            {"main": "#d9a85a", "soft": "#f6e6c4", "mane": "#8a4f22"},
            {"main": "#c99548", "soft": "#f0dcb4", "mane": "#6a3a1c"},
            {"main": "#e0b66e", "soft": "#fbefd2", "mane": "#a8622a"},
        ),
    )
    mane = Layer(
        (*_ring(0.225, 0.105, 17), Ellipse(0, 0.30, 0.25, 0.24, depth=0.06)),
        "mane",
        "mane",
        blend=0.02,
        flow=(0.0, 0.29),
        shade=0.8,
    )
    ruff = Layer(
        (*_ring(0.16, 0.075, 13, 0.02),), "mane:1.15", "mane", blend=0.02, flow=(0.0, 0.29), shade=0.4
    )
    ears = Layer(
        pair(Ellipse(0.135, 0.155, 0.052, 0.050, depth=0.03)),
        "main",
        "fur",
        flow=(0.0, 0.30),
        marks=(Mark(pair(Ellipse(0.133, 0.160, 0.028, 0.026)), "soft:0.8", soft=0.02),),
    )
    # The cat's face without its pointed ears, a little smaller within the mane.
    face = cat_head("#c9862e", None, 0.0)[1:]
    return sitting_cat(variation, (mane, ruff, ears, *face, *whiskers(0, 0.36, 0.20)), coat, None, tip="mane")


def _ring(radius: float, size: float, count: int, drop: float = 0.0) -> tuple[Limb, ...]:
    """Locks of a mane around the face."""
    locks = []
    for k in range(count):
        angle = 2 * math.pi * (k + 0.5) / count
        c, s = math.cos(angle), math.sin(angle)
        reach = radius + 0.022 * (k % 2)
        locks.append(
            stroke(
                (0.5 * reach * c, 0.29 + drop + 0.5 * reach * s, size * 0.7),
                (reach * c, 0.29 + drop + reach * s, size * 0.6),
                ((reach + size * 0.6) * c, 0.29 + drop + (reach + size * 0.75) * s, size * 0.10),
            )
        )
    return tuple(locks)


def wolf(variation: Variation) -> Design:
    """A wolf sitting."""
    coat = variation.choose(
        "coat",
        (
            {"main": "#7f8288", "soft": "#ece9e4", "dark": "#4a4b50"},
            {"main": "#5d5b5c", "soft": "#cfc9c2", "dark": "#2c2b2d"},
            {"main": "#d9d6d2", "soft": "#ffffff", "dark": "#b4b0ac"},
            {"main": "#8f7a64", "soft": "#efe4d4", "dark": "#54463a"},
        ),
    )
    return sitting_fox(variation, coat, variation.pick("iris", ("#d9a32e", "#8fb3c9", "#c9b25a")))


def panda(variation: Variation) -> Design:
    """A panda sitting; the main material is its white."""
    patches = (
        Mark(pair(Ellipse(0.100, 0.250, 0.074, 0.058, 38)), "black", soft=0.02),
        Mark(
            (Ellipse(0, 0.47, 0.25, 0.05),),
            "black",
            soft=0.04,
            strength=variation.between("collar", 0.0, 0.5),
        ),
    )
    return sitting_bear({"main": "#f3f0ea", "soft": "#ffffff", "black": "#262324"}, "black", patches)
