"""Landmarks: pagoda, pyramid, windmill, iron tower."""

from __future__ import annotations

import math

from engine.painting.subjects.design import Design, Layer, Mark, Pattern, Variation
from engine.painting.subjects.primitives import Ellipse, Polygon, Shape, block, outline, pair, stroke


def pagoda(variation: Variation) -> Design:
    """A pagoda of five storeys with upturned eaves; the main material is its walls."""
    coat = variation.choose(
        "coat",
        (
            {"main": "#b5382c", "roof": "#4a5a52"},
            {"main": "#a8402f", "roof": "#c29a3a"},
            {"main": "#c9a27a", "roof": "#5a4a44"},
            {"main": "#9c3a34", "roof": "#3f6a62"},
        ),
    )
    layers: list[Layer] = [
        Layer((stroke((0, 0.0, 0.006), (0, 0.055, 0.012), (0, 0.11, 0.018)),), "#d9b04a", "metal"),
        *(Layer((Ellipse(0, y, 0.024, 0.010),), "#d9b04a", "metal", blend=0) for y in (0.045, 0.070, 0.095)),
    ]
    layers += [
        Layer((block(0, 0.955, 0.42, 0.030, rounding=0.006, bevel=0.03),), "#a39a8c", "stone"),
        Layer((block(0, 0.925, 0.36, 0.022, rounding=0.006, bevel=0.03),), "#b5ab9c", "stone"),
    ]
    for k in range(4, -1, -1):
        layers += _storey(0.165 + 0.158 * k, 0.115 + 0.030 * k)
    return Design(tuple(layers), coat, seat=(0.0, 0.10), ground=0.985)


def _storey(top: float, half: float) -> list[Layer]:
    """One storey: its lit wall under a roof whose corners rise; `top` is where its wall begins."""
    wall = Layer(
        (block(0, top + 0.062, half, 0.064, rounding=0.003, bevel=0.04, depth=0.03),),
        "main",
        "wood",
        marks=tuple(
            Mark((stroke((x * half, top, 0.006), (x * half, top + 0.13, 0.006)),), "main:0.6", soft=0.004)
            for x in (-0.94, -0.36, 0.36, 0.94)
        ),
    )
    panes = Layer(
        tuple(
            block(x * half, top + 0.072, 0.18 * half, 0.034, rounding=0.003, bevel=0.008)
            for x in (-0.65, 0, 0.65)
        ),
        "#f7cf7a",
        "ink",
        blend=0,
        shade=0,
        glow=0.6,
    )
    reach = half * 1.62
    roof = Layer(
        (
            outline(
                (-reach, top - 0.012),
                (-reach * 0.80, top + 0.008),
                (0, top + 0.016),
                (reach * 0.80, top + 0.008),
                (reach, top - 0.012),
                (reach * 0.86, top - 0.014),
                (half * 0.95, top - 0.050),
                (half * 0.55, top - 0.070),
                (-half * 0.55, top - 0.070),
                (-half * 0.95, top - 0.050),
                (-reach * 0.86, top - 0.014),
                smooth=4,
                bevel=0.035,
                depth=0.035,
            ),
        ),
        "roof",
        "stone",
        pattern=Pattern("shingles", "roof:0.5", 46, 0.6),
    )
    return [wall, panes, roof]


def pyramid(variation: Variation) -> Design:
    """A great pyramid with a lit and a shaded side; the main material is its stone."""
    edge = variation.between("edge", 0.12, 0.26)
    lit = Polygon(((-0.86, 0.97), (0.0, 0.02), (edge, 0.985)), 0.003, 0.05, 0.05)
    dim = Polygon(((edge, 0.985), (0.0, 0.02), (0.86, 0.955)), 0.003, 0.05, 0.05)
    courses = Pattern("brick", "main:0.74", 26, 0.5)
    return Design(
        (
            Layer((dim,), "main:0.60", "stone", pattern=Pattern("brick", "main:0.44", 26, 0.5)),
            Layer((lit,), "main", "stone", pattern=courses, shade=0.2),
        ),
        {"main": variation.pick("stone", ("#d9b478", "#cfa76a", "#e0c08a"))},
        seat=(0.0, 0.05),
        ground=0.965,
    )


def windmill(variation: Variation) -> Design:
    """A tower mill with four sails; the main material is its tower."""
    turn = variation.between("sails", 12.0, 60.0)
    tower = Layer(
        (Polygon(((-0.115, 0.40), (0.115, 0.40), (0.205, 0.985), (-0.205, 0.985)), 0.006, 0.16, 0.13),),
        "main",
        "stone",
        pattern=Pattern("brick", "main:0.74", 34, 0.4),
        cuts=(block(0, 1.48, 0.6, 0.5),),
    )
    gallery = Layer((block(0, 0.715, 0.215, 0.014, rounding=0.004, bevel=0.02),), "#6a4a30", "wood")
    cap = Layer(
        (
            outline(
                (-0.15, 0.41), (-0.13, 0.31), (0, 0.245), (0.13, 0.31), (0.15, 0.41), bevel=0.10, depth=0.09
            ),
        ),
        "roof",
        "stone",
        pattern=Pattern("shingles", "roof:0.5", 40, 0.6),
    )
    door = Layer(
        (block(0, 0.925, 0.048, 0.062, rounding=0.004, bevel=0.012), Ellipse(0, 0.862, 0.048, 0.040)),
        "#5f3d24",
        "wood",
        blend=0.003,
    )
    panes = Layer(
        tuple(
            block(x, y, 0.026, 0.034, rounding=0.004, bevel=0.008)
            for x, y in ((0, 0.52), (0.06, 0.64), (-0.06, 0.79))
        ),
        "#f7cf7a",
        "ink",
        blend=0,
        shade=0.2,
        glow=0.5,
    )
    sails = tuple(layer for k in range(4) for layer in _sail(turn + 90 * k))
    hub = Layer((Ellipse(0, 0.355, 0.030, 0.030, depth=0.03),), "#4a3322", "wood")
    return Design(
        (tower, gallery, door, panes, cap, *sails, hub),
        {
            "main": variation.pick("tower", ("#efe6d4", "#d9c3a4", "#b9785a")),
            "roof": variation.pick("roof", ("#7a4632", "#4a5a5e", "#8a5a3a")),
        },
        seat=(0.0, 0.25),
        ground=0.98,
    )


def _sail(turn: float) -> tuple[Layer, ...]:
    """One latticed sail on its arm, `turn` degrees clockwise from right."""
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))

    def at(along: float, across: float) -> tuple[float, float]:
        return along * c - across * s, 0.355 + along * s + across * c

    canvas = Polygon((at(0.09, 0.008), at(0.35, 0.008), at(0.35, 0.095), at(0.09, 0.080)), 0.002, 0.02, 0.012)
    bars: list[Shape] = [
        stroke((*at(along, 0.006), 0.0035), (*at(along, 0.090), 0.0035))
        for along in (0.10, 0.16, 0.22, 0.28, 0.345)
    ]
    arm = stroke((*at(0.0, 0.0), 0.012), (*at(0.36, 0.0), 0.008))
    return (
        Layer((canvas,), "#f4ecd8", "cloth", shade=0.6),
        Layer((arm, *bars), "#5f4630", "wood", blend=0, shade=0.3),
    )


def tower(variation: Variation) -> Design:
    """A lattice tower of iron on four arched feet; the main material is its iron."""
    legs = pair(
        stroke(
            (0.245, 0.975, 0.034),
            (0.165, 0.800, 0.031),
            (0.112, 0.665, 0.027),
            (0.070, 0.500, 0.021),
            (0.040, 0.300, 0.015),
            (0.016, 0.090, 0.010),
        )
    )
    braces = tuple(
        each
        for k in range(17)
        for low, high in ((0.945 - 0.045 * k, 0.900 - 0.045 * k),)
        for each in pair(
            stroke((_spread(low) + 0.028 * low, low, 0.0042), (_spread(high) - 0.030 * high, high, 0.0036)),
            stroke((_spread(low) - 0.030 * low, low, 0.0042), (_spread(high) + 0.028 * high, high, 0.0036)),
        )
    )
    iron = Layer((*legs,), "main", "metal", blend=0.004)
    lattice = Layer(braces, "main:0.62", "metal", blend=0, shade=0.2)
    arch = Layer(
        (
            stroke(
                (-0.205, 0.965, 0.010),
                (-0.155, 0.865, 0.011),
                (0, 0.800, 0.012),
                (0.155, 0.865, 0.011),
                (0.205, 0.965, 0.010),
            ),
        ),
        "main:0.9",
        "metal",
    )
    decks = Layer(
        (
            block(0, 0.775, 0.205, 0.020, rounding=0.004, bevel=0.02),
            block(0, 0.570, 0.110, 0.016, rounding=0.004, bevel=0.02),
            block(0, 0.165, 0.040, 0.012, rounding=0.004, bevel=0.02),
        ),
        "main:1.1",
        "metal",
        blend=0,
        marks=tuple(
            Mark((stroke((-0.2, y, 0.003), (0.2, y, 0.003)),), "#ffd27a", soft=0.004) for y in (0.775, 0.570)
        ),
    )
    lamp = Layer((Ellipse(0, 0.088, 0.014, 0.016),), "#ffd98a", "ink", glow=0.8, shade=0)
    spire = Layer((stroke((0, 0.0, 0.004), (0, 0.10, 0.009)),), "main", "metal")
    feet = Layer(
        pair(block(0.250, 0.975, 0.058, 0.020, rounding=0.004, bevel=0.02)), "#9a9186", "stone", blend=0
    )
    return Design(
        (feet, arch, iron, lattice, decks, spire, lamp),
        {"main": variation.pick("iron", ("#7d6650", "#6f5f52", "#86705a"))},
        seat=(0.0, 0.0),
        ground=0.99,
    )


def _spread(y: float) -> float:
    """How far a leg stands from the middle at height `y`."""
    return 0.016 + 0.230 * ((y - 0.09) / 0.885) ** 1.9
