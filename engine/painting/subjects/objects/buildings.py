"""House and lighthouse."""

from __future__ import annotations

from engine.painting.subjects.design import Design, Layer, Mark, Pattern, Variation
from engine.painting.subjects.primitives import Ellipse, Polygon, Shape, block, outline, stroke


def house(variation: Variation) -> Design:
    """A cottage with a garden door; the main material is its walls."""
    coat = variation.choose(
        "coat",
        (
            {"main": "#efe0c2", "roof": "#a8452f", "door": "#2f6a6f"},
            {"main": "#d9e2e6", "roof": "#4a5a6e", "door": "#b5483f"},
            {"main": "#e9c9a4", "roof": "#6b4632", "door": "#4c7d5a"},
            {"main": "#f3ead8", "roof": "#8a3f35", "door": "#3c5a8a"},
        ),
    )
    chimney = Layer(
        (block(0.255, 0.185, 0.055, 0.145, rounding=0.004, bevel=0.03),),
        "#a85a42",
        "stone",
        pattern=Pattern("brick", "#6a3a2c", 26, 0.7),
    )
    cap = Layer((block(0.255, 0.045, 0.070, 0.022, rounding=0.008, bevel=0.02),), "#8a8580", "stone")
    walls = Layer(
        (block(0, 0.72, 0.46, 0.27, rounding=0.006, bevel=0.05, depth=0.03),),
        "main",
        "paper",
        marks=(Mark((block(0, 0.965, 0.5, 0.035),), "#8d857a", soft=0.006),),
    )
    roof = Layer(
        (Polygon(((-0.56, 0.50), (-0.40, 0.135), (0.40, 0.135), (0.56, 0.50)), 0.014, 0.04, 0.04),),
        "roof",
        "stone",
        pattern=Pattern("shingles", "roof:0.45", 22, 0.75),
    )
    gable = Layer(
        (
            Polygon(
                ((-0.30, 0.60), (-0.30, 0.46), (-0.12, 0.24), (0.06, 0.46), (0.06, 0.60)), 0.004, 0.03, 0.03
            ),
        ),
        "main",
        "paper",
    )
    verge = Layer(
        (
            stroke((-0.345, 0.485, 0.022), (-0.12, 0.215, 0.022)),
            stroke((-0.12, 0.215, 0.022), (0.105, 0.485, 0.022)),
        ),
        "roof:0.8",
        "clay",
        blend=0.005,
    )
    attic = _window(-0.12, 0.43, 0.048, 0.058, round_top=True)
    windows = tuple(
        layer
        for x in (-0.295, 0.295)
        for layer in (*_window(x, 0.72, 0.085, 0.090), *_shutters(x, 0.72, 0.085, 0.090))
    )
    return Design(
        (chimney, cap, walls, roof, gable, verge, *attic, *windows, *_door(0.0, 0.985), *_bushes()),
        coat,
        seat=(0.0, 0.13),
        ground=0.985,
    )


def _window(x: float, y: float, w: float, h: float, *, round_top: bool = False) -> tuple[Layer, ...]:
    """A lit window in a white frame."""
    top: tuple[Shape, ...] = (Ellipse(x, y - h, w, w),) if round_top else ()
    inner: tuple[Shape, ...] = (Ellipse(x, y - h, w * 0.8, w * 0.8),) if round_top else ()
    return (
        Layer(
            (block(x, y, w, h, rounding=0.006, bevel=0.012), *top), "#fbf7ee", "paper", blend=0.004, shade=0.5
        ),
        Layer(
            (block(x, y, w - 0.014, h - 0.014, rounding=0.003, bevel=0.006), *inner),
            "#f7cf7a",
            "glass",
            blend=0.004,
            shade=0,
            glow=0.55,
        ),
        Layer(
            (block(x, y, 0.005, h, rounding=0.002), block(x, y - h * 0.1, w, 0.005, rounding=0.002)),
            "#fbf7ee",
            "paper",
            blend=0,
            shade=0.2,
        ),
    )


def _shutters(x: float, y: float, w: float, h: float) -> tuple[Layer, ...]:
    boards = (block(x - w - 0.034, y, 0.030, h), block(x + w + 0.034, y, 0.030, h))
    return (Layer(boards, "door", "wood", blend=0, pattern=Pattern("planks", "door:0.55", 34, 0.8)),)


def _door(x: float, ground: float) -> tuple[Layer, ...]:
    frame = Layer(
        (
            block(x, ground - 0.135, 0.092, 0.135, rounding=0.006, bevel=0.012),
            Ellipse(x, ground - 0.265, 0.092, 0.075, depth=0.012),
        ),
        "#fbf7ee",
        "paper",
        blend=0.004,
    )
    leaf = Layer(
        (
            block(x, ground - 0.128, 0.074, 0.128, rounding=0.004, bevel=0.015),
            Ellipse(x, ground - 0.255, 0.074, 0.062, depth=0.015),
        ),
        "door",
        "wood",
        blend=0.004,
        shade=0.3,
        marks=tuple(
            Mark(
                (stroke((x + k * 0.025, ground - 0.33, 0.0015), (x + k * 0.025, ground, 0.0015)),),
                "door:0.5",
                soft=0.005,
            )
            for k in (-1.8, -0.6, 0.6, 1.8)
        ),
    )
    knob = Layer((Ellipse(x + 0.048, ground - 0.135, 0.011, 0.011),), "#e6bd55", "metal")
    step = Layer((block(x, ground - 0.006, 0.13, 0.018, rounding=0.006, bevel=0.015),), "#a39c92", "stone")
    return (frame, leaf, knob, step)


def _bushes() -> tuple[Layer, ...]:
    green = Layer(
        (
            Ellipse(-0.43, 0.935, 0.075, 0.060),
            Ellipse(-0.35, 0.950, 0.062, 0.045),
            Ellipse(-0.26, 0.952, 0.055, 0.042),
            Ellipse(0.43, 0.930, 0.080, 0.065),
            Ellipse(0.34, 0.950, 0.060, 0.045),
            Ellipse(0.26, 0.955, 0.050, 0.038),
        ),
        "#4f8a3e",
        "fur",
        blend=0.01,
        flow=(0.0, 1.6),
    )
    blooms = Layer(
        tuple(
            Ellipse(x, y, 0.013, 0.012)
            for x, y in (
                (-0.46, 0.92),
                (-0.41, 0.905),
                (-0.37, 0.94),
                (-0.28, 0.94),
                (0.44, 0.90),
                (0.39, 0.93),
                (0.46, 0.94),
                (0.29, 0.95),
            )
        ),
        "#f2a5b8",
        "petal",
        blend=0,
        shade=0.5,
    )
    return (green, blooms)


def lighthouse(variation: Variation) -> Design:
    """A lighthouse on its rock, lamp lit; the main material is its bands."""
    rock = Layer(
        (
            outline(
                (-0.30, 1.0),
                (-0.27, 0.935),
                (-0.16, 0.905),
                (0.0, 0.895),
                (0.15, 0.90),
                (0.25, 0.93),
                (0.31, 1.0),
                bevel=0.06,
                depth=0.05,
            ),
        ),
        "#6d6863",
        "stone",
    )
    tower = Layer(
        (Polygon(((-0.088, 0.245), (0.088, 0.245), (0.150, 1.08), (-0.150, 1.08)), 0.004, 0.115, 0.11),),
        "#f7f3ea",
        "paper",
        soft=1.2,
        cuts=(block(0, 1.44, 0.5, 0.5),),
        marks=tuple(
            Mark(
                (stroke((-0.2, y - 0.012, 0.052), (0, y + 0.012, 0.052), (0.2, y - 0.012, 0.052)),),
                "main",
                soft=0.004,
            )
            for y in (0.345, 0.545, 0.745)
        ),
    )
    foot = Layer((block(0, 0.918, 0.155, 0.022, rounding=0.006, bevel=0.10, depth=0.08),), "#cfc9be", "stone")
    door = Layer(
        (block(0, 0.865, 0.034, 0.045, rounding=0.003, bevel=0.012), Ellipse(0, 0.822, 0.034, 0.034)),
        "#5a3a28",
        "wood",
        blend=0.003,
    )
    panes = Layer(
        (
            block(0.010, 0.445, 0.017, 0.026, rounding=0.006, bevel=0.008),
            block(-0.020, 0.645, 0.019, 0.029, rounding=0.006, bevel=0.008),
        ),
        "#ffd98a",
        "ink",
        blend=0,
        shade=0,
        glow=0.5,
    )
    corbel = Layer(
        (block(0, 0.238, 0.108, 0.020, rounding=0.006, bevel=0.10, depth=0.08),), "#e8e3d8", "stone"
    )
    gallery = Layer(
        (block(0, 0.212, 0.125, 0.012, rounding=0.005, bevel=0.10, depth=0.06),), "#3a3d44", "metal"
    )
    rail = Layer(
        (
            stroke((-0.122, 0.160, 0.0045), (0.122, 0.160, 0.0045)),
            stroke((-0.122, 0.182, 0.003), (0.122, 0.182, 0.003)),
            *(
                stroke((x, 0.160, 0.0035), (x, 0.205, 0.0035))
                for x in (-0.120, -0.08, -0.04, 0.0, 0.04, 0.08, 0.120)
            ),
        ),
        "#3a3d44",
        "metal",
        blend=0,
        shade=0.3,
    )
    room = Layer((block(0, 0.150, 0.070, 0.058, rounding=0.006, bevel=0.07, depth=0.06),), "#4a5058", "metal")
    lamp = Layer(
        (block(0, 0.150, 0.058, 0.046, rounding=0.004, bevel=0.05),), "#ffe6a0", "ink", shade=0, glow=1.0
    )
    bars = Layer(
        tuple(stroke((x, 0.10, 0.004), (x, 0.20, 0.004)) for x in (-0.030, 0.0, 0.030)),
        "#4a5058",
        "metal",
        blend=0,
        shade=0,
    )
    dome = Layer(
        (
            Polygon(
                ((-0.092, 0.096), (0.092, 0.096), (0.052, 0.052), (0.0, 0.022), (-0.052, 0.052)),
                0.006,
                0.06,
                0.06,
            ),
        ),
        "main",
        "gloss",
    )
    ball = Layer((Ellipse(0, 0.016, 0.013, 0.013),), "#d9b04a", "metal")
    return Design(
        (rock, tower, foot, door, panes, room, lamp, bars, corbel, gallery, rail, dome, ball),
        {"main": variation.pick("bands", ("#cf3530", "#2f5f9a", "#c2402f", "#2e2f36"))},
        seat=(0.0, 0.03),
        ground=0.985,
        floor=1.01,
    )
