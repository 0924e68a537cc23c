"""Bicycle."""

from __future__ import annotations

import math

from engine.painting.subjects.design import Design, Layer, Variation
from engine.painting.subjects.primitives import Ellipse, Limb, block, stroke


def bicycle(variation: Variation) -> Design:
    """A bicycle standing, facing right; the main material is its frame."""
    back, front, y, radius = -0.50, 0.56, 0.66, 0.315
    hub, seat, head = (-0.04, 0.66), (-0.17, 0.20), (0.40, 0.24)
    wheels = tuple(layer for x in (back, front) for layer in _wheel(x, y, radius))
    tubes = Layer(
        (
            stroke((*hub, 0.022), (*seat, 0.022)),
            stroke((*hub, 0.024), (head[0] + 0.012, head[1] + 0.06, 0.024)),
            stroke((seat[0] + 0.015, seat[1] + 0.07, 0.022), (*head, 0.022)),
            stroke((back, y, 0.015), (*hub, 0.017)),
            stroke((back, y, 0.013), (seat[0] + 0.015, seat[1] + 0.08, 0.014)),
            stroke(
                (head[0] - 0.012, head[1] - 0.05, 0.024),
                (head[0] + 0.02, head[1] + 0.09, 0.024),
                (front, y, 0.017),
            ),
        ),
        "main",
        "gloss",
        blend=0.006,
    )
    bars = Layer(
        (
            stroke((head[0] - 0.012, head[1] - 0.04, 0.014), (head[0] - 0.03, 0.115, 0.014)),
            stroke(
                (head[0] - 0.15, 0.145, 0.016), (head[0] - 0.06, 0.105, 0.015), (head[0] + 0.07, 0.095, 0.014)
            ),
        ),
        "#c9ced2",
        "metal",
    )
    grip = Layer(
        (stroke((head[0] - 0.16, 0.150, 0.021), (head[0] - 0.09, 0.118, 0.021)),), "#5f3a24", "rubber"
    )
    saddle = Layer(
        (
            stroke(
                (seat[0] - 0.12, 0.155, 0.036), (seat[0] - 0.02, 0.150, 0.028), (seat[0] + 0.11, 0.150, 0.015)
            ),
        ),
        "#6a4126",
        "gloss",
    )
    crank = Layer((Ellipse(*hub, 0.062, 0.062, depth=0.01),), "#b9bec2", "metal")
    arms = Layer((stroke((*hub, 0.012), (0.03, 0.80, 0.011)),), "#8d9296", "metal")
    pedal = Layer((block(0.05, 0.815, 0.055, 0.016),), "#26262a", "rubber")
    return Design(
        (*wheels, arms, tubes, crank, pedal, bars, grip, saddle),
        {"main": variation.pick("frame", ("#c8322b", "#2f6fb5", "#3f8f6a", "#e0a52e", "#6fb5b0"))},
        seat=(seat[0], 0.14),
        ground=0.985,
    )


def _wheel(x: float, y: float, radius: float) -> tuple[Layer, ...]:
    """Tyre, rim, spokes and hub."""
    turns = [2 * math.pi * k / 28 for k in range(29)]

    def ring(r: float, half: float) -> Limb:
        return Limb(tuple((x + r * math.cos(t), y + r * math.sin(t), half) for t in turns))

    spokes = Layer(
        tuple(
            Limb(((x, y, 0.0028), (x + radius * 0.93 * math.cos(t), y + radius * 0.93 * math.sin(t), 0.0028)))
            for t in turns[:28:2]
        ),
        "#c9ced2",
        "ink",
        blend=0,
        shade=0,
    )
    return (
        spokes,
        Layer((ring(radius, 0.024),), "#222326", "rubber", blend=0),
        Layer((ring(radius - 0.030, 0.008),), "#c9ced2", "metal", blend=0, shade=0.2),
        Layer((Ellipse(x, y, 0.030, 0.030),), "#a9aeb2", "metal"),
    )
