"""Car, hot-air balloon, rocket."""

from __future__ import annotations

from engine.painting.subjects.design import Design, Layer, Mark, Pattern, Variation
from engine.painting.subjects.primitives import Ellipse, Limb, Polygon, block, outline, pair, stroke


def car(variation: Variation) -> Design:
    """A small rounded car driving to the right; the main material is its body."""
    coat = variation.pick("coat", ("#c8322b", "#2f6fb5", "#e0b02e", "#3f8f6a", "#e6e2da", "#7a4f9c"))
    wells = (Ellipse(-0.62, 0.79, 0.24, 0.24, depth=0.02), Ellipse(0.63, 0.79, 0.24, 0.24, depth=0.02))
    shadow = Layer(
        (block(0.0, 0.86, 0.92, 0.06, rounding=0.04), *wells),
        "#17171a",
        "rubber",
        blend=0,
        cuts=(block(0, 1.42, 2.0, 0.50),),
    )
    shell = Layer(
        (
            outline(
                (-1.02, 0.80),
                (-1.06, 0.62),
                (-1.00, 0.46),
                (-0.80, 0.40),
                (-0.64, 0.34),
                (-0.46, 0.13),
                (-0.25, 0.035),
                (0.06, 0.02),
                (0.27, 0.07),
                (0.46, 0.28),
                (0.56, 0.38),
                (0.80, 0.43),
                (1.00, 0.50),
                (1.07, 0.64),
                (1.05, 0.80),
                (0.6, 0.84),
                (0, 0.85),
                (-0.6, 0.84),
                smooth=4,
                bevel=0.20,
                depth=0.16,
            ),
        ),
        "main",
        "gloss",
        soft=2.2,
        cuts=(Ellipse(-0.62, 0.80, 0.235, 0.235), Ellipse(0.63, 0.80, 0.235, 0.235)),
        marks=(
            Mark((stroke((-0.02, 0.42, 0.005), (-0.03, 0.78, 0.005)),), "main:0.55", soft=0.010),
            Mark(
                (stroke((-1.08, 0.60, 0.004), (0, 0.565, 0.004), (1.06, 0.60, 0.004)),),
                "main:0.68",
                soft=0.016,
            ),
        ),
    )
    sill = Layer(
        (block(0.0, 0.828, 0.40, 0.028, rounding=0.014, bevel=0.02),), "#2a2b30", "rubber", shade=0.4
    )
    windows = Layer(
        (
            outline(
                (-0.53, 0.375),
                (-0.40, 0.185),
                (-0.24, 0.10),
                (-0.08, 0.088),
                (-0.075, 0.37),
                smooth=3,
                bevel=0.03,
            ),
            outline(
                (0.0, 0.37), (0.005, 0.088), (0.12, 0.092), (0.24, 0.135), (0.43, 0.365), smooth=3, bevel=0.03
            ),
        ),
        "#26323e",
        "glass",
        blend=0,
        shade=0,
        soft=1.5,
        marks=(
            Mark(
                (Polygon(((-0.40, 0.40), (-0.20, 0.06), (-0.12, 0.06), (-0.32, 0.40))),),
                "#9fb4c6",
                soft=0.02,
                strength=0.5,
            ),
            Mark(
                (Polygon(((0.08, 0.40), (0.22, 0.06), (0.27, 0.06), (0.13, 0.40))),),
                "#9fb4c6",
                soft=0.02,
                strength=0.5,
            ),
        ),
    )
    trim = Layer(
        (
            stroke((-0.155, 0.505, 0.016), (-0.055, 0.503, 0.016)),
            stroke((1.01, 0.745, 0.030), (1.09, 0.735, 0.024)),
            stroke((-1.02, 0.745, 0.030), (-1.08, 0.735, 0.024)),
            Ellipse(0.47, 0.345, 0.045, 0.035),
        ),
        "#c9ced4",
        "metal",
        blend=0,
    )
    lamp = Layer((Ellipse(0.985, 0.565, 0.062, 0.052, 20, depth=0.04),), "#fff1c4", "gloss", glow=0.55)
    tail = Layer((Ellipse(-1.015, 0.555, 0.038, 0.060, 8, depth=0.03),), "#d22a22", "gloss", glow=0.35)
    wheels = tuple(layer for x in (-0.62, 0.63) for layer in _wheel(x, 0.80, 0.20))
    return Design(
        (shadow, shell, sill, windows, trim, lamp, tail, *wheels),
        {"main": coat},
        seat=(-0.1, 0.05),
        ground=0.998,
    )


def _wheel(x: float, y: float, radius: float) -> tuple[Layer, ...]:
    tyre = Layer((Ellipse(x, y, radius, radius, depth=0.07),), "#1e1e21", "rubber", shade=0.5)
    rim = Layer((Ellipse(x, y, radius * 0.62, radius * 0.62, depth=0.05),), "#b9bfc6", "metal", shade=0.4)
    holes = Layer(
        tuple(
            Ellipse(x + dx * radius * 0.36, y + dy * radius * 0.36, radius * 0.10, radius * 0.10)
            for dx, dy in ((1, 0), (0.309, 0.951), (-0.809, 0.588), (-0.809, -0.588), (0.309, -0.951))
        ),
        "#2a2c31",
        "ink",
        blend=0,
        shade=0,
    )
    hub = Layer((Ellipse(x, y, radius * 0.16, radius * 0.16),), "#e6e9ec", "metal", shade=0.2)
    return (tyre, rim, holes, hub)


def balloon(variation: Variation) -> Design:
    """A hot-air balloon; the main material is the envelope's odd gores."""
    coat = variation.pick("coat", ("#cf3a2f", "#2f78c4", "#e6a42e", "#7d4fa8", "#3a9a7a"))
    shapes = (Ellipse(0, 0.30, 0.32, 0.30, depth=0.30), stroke((0, 0.40, 0.27), (0, 0.66, 0.075)))
    gores = []
    for width, colour in ((0.80, "pale"), (0.56, "main"), (0.28, "pale")):
        gores.append(
            Mark(
                (
                    Ellipse(0, 0.30, 0.32 * width, 0.30),
                    stroke((0, 0.40, 0.27 * width), (0, 0.66, 0.075 * width)),
                ),
                colour,
                soft=0.005,
            )
        )
    stripe = Mark((stroke((-0.4, 0.365, 0.030), (0, 0.400, 0.030), (0.4, 0.365, 0.030)),), "gold", soft=0.005)
    envelope = Layer(shapes, "main", "cloth", blend=0.12, soft=1.2, marks=(*gores, stripe))
    skirt = Layer((block(0, 0.735, 0.070, 0.030, rounding=0.008, bevel=0.05, top=1.12),), "main:0.7", "cloth")
    ropes = Layer(
        tuple(
            Limb(((x0, 0.755, 0.0032), (x1, 0.885, 0.0032)))
            for x0, x1 in ((-0.066, -0.066), (-0.022, -0.024), (0.022, 0.024), (0.066, 0.066))
        ),
        "#4a3a2a",
        "ink",
        blend=0,
        shade=0,
    )
    flame = Layer(
        (outline((0, 0.765), (0.016, 0.805), (0, 0.825), (-0.016, 0.805), smooth=4),),
        "#ffc75a",
        "ink",
        glow=0.9,
        shade=0,
    )
    basket = Layer(
        (block(0, 0.935, 0.078, 0.056, rounding=0.016, bevel=0.06, top=1.08),),
        "#a8733f",
        "wood",
        pattern=Pattern("brick", "#6a4422", 52, 0.8),
    )
    lip = Layer((stroke((-0.082, 0.885, 0.011), (0.082, 0.885, 0.011)),), "#7a4e28", "clay")
    return Design(
        (ropes, flame, skirt, envelope, basket, lip),
        {"main": coat, "pale": "#f6ecd6", "gold": "#e9b949"},
        seat=(0.0, 0.90),
    )


def rocket(variation: Variation) -> Design:
    """A rocket standing on its fins; the main material is nose and fins."""
    coat = variation.pick("coat", ("#cf3a2f", "#2f6fb5", "#e08a2a", "#3f8f6a"))
    fins = Layer(
        pair(
            outline(
                (0.10, 0.60),
                (0.19, 0.68),
                (0.255, 0.82),
                (0.245, 0.97),
                (0.215, 0.985),
                (0.17, 0.88),
                (0.10, 0.84),
                bevel=0.05,
                depth=0.04,
            )
        ),
        "main",
        "gloss",
        blend=0,
    )
    nozzle = Layer((block(0, 0.895, 0.075, 0.040, rounding=0.012, bevel=0.05, top=0.72),), "#4a4f57", "metal")
    body = Layer(
        (
            outline(
                (0, 0.005),
                (0.05, 0.065),
                (0.105, 0.175),
                (0.145, 0.33),
                (0.155, 0.50),
                (0.135, 0.69),
                (0.085, 0.865),
                (0, 0.875),
                (-0.085, 0.865),
                (-0.135, 0.69),
                (-0.155, 0.50),
                (-0.145, 0.33),
                (-0.105, 0.175),
                (-0.05, 0.065),
                smooth=4,
                bevel=0.15,
                depth=0.15,
            ),
        ),
        "#e9ebee",
        "gloss",
        soft=1.4,
        marks=(
            Mark((block(0, 0.0, 0.4, 0.215),), "main", soft=0.005),
            Mark((block(0, 0.845, 0.4, 0.060),), "main", soft=0.005),
            Mark(
                (block(0, 0.228, 0.4, 0.005), block(0, 0.58, 0.4, 0.004), block(0, 0.775, 0.4, 0.005)),
                "#9aa1ab",
                soft=0.004,
            ),
        ),
    )
    ports = tuple(layer for y, r in ((0.355, 0.068), (0.525, 0.046)) for layer in _porthole(0, y, r))
    keel = Layer((stroke((0, 0.66, 0.012), (0, 0.80, 0.022), (0, 0.965, 0.020)),), "main", "gloss")
    rivets = Layer(
        pair(*(Ellipse(x, 0.255, 0.006, 0.006) for x in (0.03, 0.07, 0.105))),
        "#8b929c",
        "metal",
        blend=0,
        shade=0.3,
    )
    return Design((nozzle, fins, body, rivets, *ports, keel), {"main": coat}, seat=(0.0, 0.02))


def _porthole(x: float, y: float, radius: float) -> tuple[Layer, ...]:
    return (
        Layer((Ellipse(x, y, radius, radius, depth=0.03),), "#b9bfc7", "metal", shade=0.4),
        Layer(
            (Ellipse(x, y, radius * 0.74, radius * 0.74, depth=0.03),),
            "#20405f",
            "glass",
            shade=0.3,
            glow=0.15,
        ),
        Layer(
            (Ellipse(x - radius * 0.26, y - radius * 0.28, radius * 0.20, radius * 0.13, -40),),
            "#eaf4ff",
            "glint",
            shade=0,
        ),
    )
