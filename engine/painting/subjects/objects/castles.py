"""Castle of many towers."""

from __future__ import annotations

from engine.painting.subjects.design import Design, Layer, Mark, Pattern, Variation
from engine.painting.subjects.primitives import Ellipse, Polygon, Shape, block, outline, pair, stroke


def castle(variation: Variation) -> Design:
    """A castle with four towers and banners; the main material is its stone."""
    coat = variation.choose(
        "coat",
        (
            {"main": "#c9bda8", "roof": "#4f6fb0", "flag": "#d9483c"},
            {"main": "#b9b6b2", "roof": "#8a3f45", "flag": "#e6b43c"},
            {"main": "#d9c3a4", "roof": "#4a7d78", "flag": "#c23b6a"},
            {"main": "#cfc6d2", "roof": "#6a4f96", "flag": "#e8c04a"},
        ),
    )
    layers: list[Layer] = []
    for x, top, width, shade in ((-0.20, 0.17, 0.088, 0.86), (0.21, 0.23, 0.088, 0.86)):
        layers += _tower(x, top, width, 0.80, shade)
    layers += _tower(0.0, 0.03, 0.105, 0.80, 0.94)
    layers.append(_masonry(block(0, 0.775, 0.36, 0.205, rounding=0.004, bevel=0.03), 1.0))
    layers += _battlements(-0.36, 0.36, 0.565, 10)
    for x, top in ((-0.40, 0.31), (0.40, 0.31)):
        layers += _tower(x, top, 0.102, 0.985, 1.0)
    layers += _gate()
    return Design(tuple(layers), coat, seat=(0.0, 0.56), ground=0.985, floor=0.99)


def _masonry(shape: Shape, shade: float) -> Layer:
    return Layer((shape,), f"main:{shade}", "stone", pattern=Pattern("brick", "main:0.62", 30, 0.62))


def _battlements(x0: float, x1: float, y: float, count: int) -> list[Layer]:
    step = (x1 - x0) / count
    teeth: tuple[Shape, ...] = tuple(
        block(x0 + step * (k + 0.5), y - 0.012, step * 0.30, 0.030, rounding=0.003, bevel=0.012)
        for k in range(count)
    )
    band = block((x0 + x1) / 2, y + 0.024, (x1 - x0) / 2 + 0.008, 0.020, rounding=0.003, bevel=0.012)
    return [Layer((*teeth, band), "main:0.95", "stone", blend=0, shade=0.6)]


def _tower(x: float, top: float, width: float, bottom: float, shade: float) -> list[Layer]:
    """A round tower under a pointed roof with a banner; `top` is the tip of its roof."""
    eaves = top + width * 2.35
    shaft = Polygon(
        ((x - width, eaves), (x + width, eaves), (x + width, bottom + width), (x - width, bottom + width)),
        0.002,
        width,
        width * 0.9,
    )
    # The wall runs on below the ground and is cut there, so that its foot is not rounded off.
    earth = block(x, bottom + 0.5, 1.0, 0.5)
    gallery = block(x, eaves + 0.018, width * 1.18, 0.028, rounding=0.006, bevel=width, depth=width * 0.9)
    roof = Polygon(
        ((x - width * 1.32, eaves), (x + width * 1.32, eaves), (x, top)), 0.006, width, width * 0.8
    )
    slit = eaves + 0.11
    return [
        Layer((stroke((x, top + 0.01, 0.005), (x, top - 0.075, 0.004)),), "#5a4636", "wood"),
        Layer(
            (
                outline(
                    (x + 0.003, top - 0.075),
                    (x + 0.045, top - 0.066),
                    (x + 0.085, top - 0.072),
                    (x + 0.072, top - 0.05),
                    (x + 0.085, top - 0.03),
                    (x + 0.04, top - 0.026),
                    (x + 0.003, top - 0.032),
                    smooth=3,
                    bevel=0.01,
                ),
            ),
            "flag",
            "cloth",
        ),
        Layer(
            (shaft,),
            f"main:{shade}",
            "stone",
            cuts=(earth,),
            pattern=Pattern("brick", f"main:{0.62 * shade:.3f}", 30, 0.62),
        ),
        Layer((gallery,), f"main:{shade * 0.92:.3f}", "stone", shade=0.8),
        Layer((roof,), "roof", "stone", pattern=Pattern("shingles", "roof:0.5", 34, 0.6)),
        *_slit(x, slit, width),
        *(_slit(x, slit + 0.19, width) if bottom - slit > 0.34 else ()),
    ]


def _slit(x: float, y: float, width: float) -> tuple[Layer, ...]:
    w = width * 0.24
    frame = (
        block(x, y, w + 0.010, 0.040, rounding=0.004, bevel=0.01),
        Ellipse(x, y - 0.038, w + 0.010, w + 0.010),
    )
    light = (block(x, y, w, 0.034, rounding=0.002, bevel=0.006), Ellipse(x, y - 0.034, w, w))
    return (
        Layer(frame, "main:0.6", "stone", blend=0.002, shade=0.3),
        Layer(light, "#ffd27a", "ink", blend=0.002, shade=0, glow=0.75),
    )


def _gate() -> list[Layer]:
    arch = Layer(
        (
            block(0, 0.895, 0.118, 0.09, rounding=0.004, bevel=0.02),
            Ellipse(0, 0.81, 0.118, 0.105, depth=0.03),
        ),
        "main:0.78",
        "stone",
        blend=0.004,
    )
    door = Layer(
        (
            block(0, 0.905, 0.088, 0.080, rounding=0.002, bevel=0.02),
            Ellipse(0, 0.83, 0.088, 0.085, depth=0.03),
        ),
        "#6a4528",
        "wood",
        blend=0.004,
        shade=0.5,
        marks=(
            *(
                Mark((stroke((k * 0.029, 0.72, 0.0018), (k * 0.029, 1.0, 0.0018)),), "#2e1c10", soft=0.005)
                for k in (-2, -1, 0, 1, 2)
            ),
            *(
                Mark((stroke((-0.1, y, 0.004), (0.1, y, 0.004)),), "#33302e", soft=0.004)
                for y in (0.83, 0.92)
            ),
        ),
    )
    studs = Layer(pair(Ellipse(0.020, 0.875, 0.009, 0.009)), "#d9b04a", "metal", blend=0)
    panes = [layer for x in (-0.225, 0.225) for layer in _slit(x, 0.76, 0.11)]
    return [*panes, arch, door, studs]
