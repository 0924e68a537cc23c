"""Plants: flower, tree, mushroom."""

from __future__ import annotations

import math

from engine.painting.subjects.design import Design, Layer, Mark, Variation, shift
from engine.painting.subjects.primitives import Ellipse, Shape, outline, stroke


def flower(variation: Variation) -> Design:
    """One flower on its stem; the main material is its petals."""
    count = 8 + int(variation.between("petals", 0, 5.99))
    turn = variation.between("turn", 0, 40)
    lean = variation.between("lean", -0.05, 0.05)
    x, y = lean, 0.265
    stem = Layer(
        (stroke((0, 1.0, 0.020), (-0.02, 0.80, 0.019), (0.02 + lean * 0.5, 0.55, 0.017), (x, y, 0.015)),),
        "#4f8a3a",
        "leaf",
    )
    leaves = tuple(
        Layer(
            (
                outline(
                    (0, base),
                    (s * 0.09, base - 0.075),
                    (s * 0.24, base - 0.10),
                    (s * 0.32, base - 0.075),
                    (s * 0.22, base - 0.01),
                    (s * 0.09, base + 0.015),
                    bevel=0.05,
                    depth=0.03,
                ),
            ),
            "#5a9a40" if s > 0 else "#4c8838",
            "leaf",
            marks=(
                Mark(
                    (
                        stroke(
                            (0, base, 0.003), (s * 0.14, base - 0.05, 0.003), (s * 0.30, base - 0.075, 0.002)
                        ),
                    ),
                    "#35652a",
                    soft=0.010,
                ),
            ),
        )
        for s, base in ((-1, 0.80), (1, 0.70))
    )
    rows = tuple(
        layer
        for length, width, shade, offset in ((0.185, 0.072, 0.80, 0.5), (0.160, 0.066, 1.0, 0.0))
        for layer in _petals(x, y, count, length, width, shade, turn + offset * 360 / count)
    )
    heart = Layer(
        (Ellipse(x, y, 0.078, 0.075, depth=0.05),),
        "#e8b22c",
        "fur",
        flow=(x, y),
        marks=(Mark((Ellipse(x, y, 0.036, 0.034),), "#9a5a1c", soft=0.05),),
    )
    seeds = Layer(
        tuple(
            Ellipse(
                x + 0.0125 * math.sqrt(k) * math.cos(k * 2.39996),
                y + 0.012 * math.sqrt(k) * math.sin(k * 2.39996),
                0.0062,
                0.0062,
            )
            for k in range(1, 30)
        ),
        "#7a4318",
        "clay",
        blend=0,
        shade=0.3,
    )
    return Design(
        (stem, *leaves, *rows, heart, seeds),
        {
            "main": variation.pick(
                "petal colour", ("#e0568f", "#e8e2f2", "#d9453a", "#8a62c9", "#f0a03a", "#f3d5e0")
            )
        },
        close=(-0.34 + lean, -0.02, 0.34 + lean, 0.56),
    )


def _petals(
    x: float, y: float, count: int, length: float, width: float, shade: float, turn: float
) -> tuple[Layer, ...]:
    out = []
    for k in range(count):
        angle = math.radians(turn + 360 * k / count)
        c, s = math.cos(angle), math.sin(angle)

        def at(u: float, v: float, c: float = c, s: float = s) -> tuple[float, float]:
            return x + u * c - v * s, y + u * s + v * c

        petal = outline(
            at(0.02, 0),
            at(length * 0.45, width * 0.80),
            at(length * 0.95, width * 0.78),
            at(length * 1.35, 0.0),
            at(length * 0.95, -width * 0.78),
            at(length * 0.45, -width * 0.80),
            smooth=3,
            bevel=0.05,
            depth=0.035,
        )
        heart = Ellipse(*at(0.03, 0), 0.11, 0.11)
        out.append(
            Layer(
                (petal,),
                f"main:{shade * (1.0 if k % 2 else 0.95):.3f}",
                "petal",
                flow=(x, y),
                shade=0.8,
                marks=(Mark((heart,), "main:0.55", soft=0.11, strength=0.8),),
            )
        )
    return tuple(out)


def tree(variation: Variation) -> Design:
    """A broad-leaved tree; the main material is its leaves."""
    trunk = Layer(
        (
            stroke((0, 0.99, 0.062), (-0.006, 0.86, 0.046), (0.008, 0.68, 0.040), (0.0, 0.45, 0.028)),
            stroke((0.004, 0.70, 0.030), (0.10, 0.56, 0.022), (0.17, 0.45, 0.012)),
            stroke((0.004, 0.66, 0.030), (-0.10, 0.54, 0.022), (-0.19, 0.44, 0.012)),
            stroke((0.0, 0.96, 0.040), (0.09, 0.995, 0.014)),
            stroke((0.0, 0.96, 0.040), (-0.095, 0.995, 0.014)),
        ),
        "#6b4a30",
        "wood",
        blend=0.04,
        cuts=(),
    )
    layers: list[Layer] = []
    # Back to front, dark to light: three shells of leaf clumps make a crown with depth.
    for shell, (count, spread, size, shade) in enumerate(
        ((26, 1.0, 0.105, 0.62), (24, 0.80, 0.090, 0.86), (18, 0.56, 0.074, 1.0))
    ):
        clumps: list[Shape] = []
        for k in range(count):
            angle = k * 2.39996 + shell
            radius = spread * math.sqrt((k + 0.5) / count)
            x = 0.275 * radius * math.cos(angle) + variation.between(f"x{shell}.{k}", -0.03, 0.03)
            y = (
                0.315
                + 0.225 * radius * math.sin(angle)
                + variation.between(f"y{shell}.{k}", -0.03, 0.03)
                - 0.018 * shell
            )
            r = size * variation.between(f"r{shell}.{k}", 0.8, 1.2)
            clumps.append(Ellipse(x - 0.012 * shell, y, r, r * 0.86))
        layers.append(Layer(tuple(clumps), f"main:{shade}", "foliage", blend=0.012, soft=1.0, shade=0.8))
    colour = variation.pick("leaves", ("#4f8f3a", "#5f9a3c", "#3f7d42", "#74a344"))
    return Design((layers[0], trunk, *layers[1:]), {"main": colour}, seat=(0.0, 0.12), ground=1.02)


def mushroom(variation: Variation) -> Design:
    """A toadstool with a smaller one beside it; the main material is the cap."""
    side = variation.between("small", 0.30, 0.36)
    dots = [
        (-0.24, 0.27, 0.050),
        (-0.10, 0.14, 0.062),
        (0.10, 0.10, 0.042),
        (0.02, 0.30, 0.070),
        (0.22, 0.25, 0.056),
        (-0.33, 0.40, 0.036),
        (-0.17, 0.42, 0.042),
        (0.18, 0.43, 0.044),
        (0.34, 0.38, 0.034),
        (-0.02, 0.46, 0.030),
        (-0.22, 0.14, 0.026),
        (0.25, 0.13, 0.026),
    ]
    grass = Layer(
        tuple(
            stroke((x, 1.0, 0.012), (x + lean * 0.5, 0.95, 0.010), (x + lean, 0.90 - abs(lean), 0.002))
            for x, lean in (
                (-0.30, -0.06),
                (-0.26, -0.02),
                (-0.22, 0.03),
                (-0.18, -0.03),
                (0.16, 0.04),
                (0.20, -0.03),
                (0.46, 0.05),
                (0.50, 0.02),
                (-0.34, 0.02),
            )
        ),
        "#5a9440",
        "leaf",
        blend=0,
    )
    return Design(
        (*_toadstool(side, 0.585, 0.40, dots[:6]), *_toadstool(0.0, 0.0, 1.0, dots), grass),
        {"main": variation.pick("cap", ("#c9302a", "#d9622b", "#b5382f", "#8a4f9a"))},
        seat=(0.0, 0.06),
        ground=0.985,
    )


def _toadstool(
    dx: float, dy: float, size: float, dots: list[tuple[float, float, float]]
) -> tuple[Layer, ...]:
    """A toadstool of height `size` whose top left corner is shifted by (dx, dy)."""
    stalk = Layer(
        (stroke((0, 0.45, 0.105), (-0.008, 0.70, 0.100), (0, 0.88, 0.130), (0, 0.91, 0.120)),),
        "#f3ead8",
        "plush",
        soft=1.5,
    )
    ring = Layer(
        (
            outline(
                (-0.115, 0.585),
                (0, 0.565),
                (0.115, 0.585),
                (0.165, 0.665),
                (0.08, 0.650),
                (0, 0.672),
                (-0.08, 0.650),
                (-0.165, 0.665),
                bevel=0.04,
                depth=0.03,
            ),
        ),
        "#fbf5e6",
        "plush",
    )
    gills = Layer((Ellipse(0, 0.485, 0.395, 0.075, depth=0.03),), "#e6d6b8", "wood", flow=(0.0, 0.40))
    cap = Layer(
        (
            outline(
                (-0.455, 0.465),
                (-0.44, 0.34),
                (-0.34, 0.15),
                (-0.17, 0.03),
                (0, 0.0),
                (0.17, 0.03),
                (0.34, 0.15),
                (0.44, 0.34),
                (0.455, 0.465),
                (0.30, 0.505),
                (0, 0.525),
                (-0.30, 0.505),
                bevel=0.30,
                depth=0.24,
            ),
        ),
        "main",
        "wax",
        soft=2.0,
    )
    warts = Layer(
        tuple(Ellipse(x, y, r, r * (0.92 - 0.5 * abs(x)), depth=r * 0.5) for x, y, r in dots),
        "#fdf8ec",
        "plush",
        blend=0,
        shade=0.6,
    )
    return shift((stalk, gills, ring, cap, warts), dx, dy, size)
