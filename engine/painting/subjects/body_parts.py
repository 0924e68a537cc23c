"""Body parts shared by many figures: eyes, noses, mouths, painted stripes."""

from __future__ import annotations

from engine.painting.subjects.design import Layer, Mark
from engine.painting.subjects.primitives import Ellipse, Knot, Limb, Shape, pair, stroke


def eye(
    x: float,
    y: float,
    radius: float,
    iris: str,
    *,
    white: str = "#f6f1e6",
    pupil: float = 0.55,
    slit: bool = False,
    look: float = 0.0,
    lid: str | None = None,
    tall: float = 1.0,
) -> tuple[Layer, ...]:
    """One eye: socket, ball, iris, pupil and two highlights.

    `radius` is the ball's; `pupil` its share of the iris; `look` shifts the gaze (-1..1); `lid` is the
    colour of an upper lid, `tall` stretches the ball upright.
    """
    r, gaze = radius, look * radius * 0.22
    ring = r * (0.98 if white == iris else 0.80)
    narrow = pupil * (0.42 if slit else 1.0)
    ball = Layer(
        (Ellipse(x, y, r, r * tall, depth=r * 0.8),),
        white,
        "eye",
        shade=0.35,
        marks=(
            Mark((Ellipse(x + gaze, y, ring, ring * tall),), f"{iris}:0.35", soft=r * 0.10),
            Mark((Ellipse(x + gaze, y, ring * 0.88, ring * 0.88 * tall),), iris, soft=r * 0.30),
            Mark(
                (Ellipse(x + gaze, y + ring * 0.42 * tall, ring * 0.62, ring * 0.4 * tall),),
                f"{iris}:1.35",
                soft=r * 0.5,
                strength=0.8,
            ),
            Mark(
                (Ellipse(x + gaze, y, ring * narrow, ring * max(pupil, 0.66) * tall),),
                "#0b0908",
                soft=r * 0.10,
            ),
            Mark(
                (Ellipse(x, y - r * 0.95 * tall, r * 1.3, r * 0.5 * tall),),
                "#0b0908",
                soft=r * 0.9,
                strength=0.55,
            ),
        ),
    )
    socket = Layer((Ellipse(x, y, r * 1.13, r * 1.13 * tall),), "#1d1511", "clay", shade=0.3, bulge=0.2)
    glints = (
        Layer(
            (Ellipse(x + gaze - r * 0.28, y - r * 0.32 * tall, r * 0.24, r * 0.26),),
            "#ffffff",
            "glint",
            shade=0,
        ),
        Layer(
            (Ellipse(x + gaze + r * 0.30, y + r * 0.34 * tall, r * 0.11, r * 0.11),),
            "#e8eef4",
            "glint",
            shade=0,
        ),
    )
    layers: tuple[Layer, ...] = (socket, ball, *glints)
    if lid:
        brow = stroke(
            (x - r * 1.15, y - r * 0.28 * tall, r * 0.16),
            (x - r * 0.4, y - r * 0.98 * tall, r * 0.30),
            (x + r * 0.5, y - r * 0.98 * tall, r * 0.30),
            (x + r * 1.15, y - r * 0.28 * tall, r * 0.16),
        )
        layers += (Layer((brow,), lid, "clay", shade=0.5),)
    return layers


def bead(x: float, y: float, radius: float, colour: str = "#14100e") -> tuple[Layer, ...]:
    """A small dark bead of an eye with a highlight."""
    return (
        Layer((Ellipse(x, y, radius, radius),), colour, "eye", shade=0.4),
        Layer(
            (Ellipse(x - radius * 0.3, y - radius * 0.35, radius * 0.3, radius * 0.3),),
            "#ffffff",
            "glint",
            shade=0,
        ),
    )


def line(colour: str, *knots: Knot, material: str = "ink") -> Layer:
    """A drawn stroke through `knots` (x, y, half width)."""
    return Layer((stroke(*knots),), colour, material, shade=0)


def whiskers(x: float, y: float, length: float, colour: str = "#f4efe6") -> tuple[Layer, ...]:
    """Three fine hairs to either side of (x, y)."""
    out = []
    for side in (-1, 1):
        for lift in (-0.35, 0.0, 0.35):
            out.append(
                Limb(
                    (
                        (x + side * length * 0.25, y + lift * length * 0.16, 0.0022),
                        (x + side * length * 0.7, y + lift * length * 0.42 - 0.004, 0.0018),
                        (x + side * length, y + lift * length * 0.7 + 0.004, 0.0008),
                    )
                )
            )
    return (Layer(tuple(out), colour, "ink", blend=0, shade=0),)


def blush(x: float, y: float, radius: float, colour: str = "#e8836f", strength: float = 0.5) -> Mark:
    """A soft patch of warmth."""
    return Mark((Ellipse(x, y, radius, radius * 0.75),), colour, soft=radius * 1.5, strength=strength)


def fur(*shapes: Shape) -> Layer:
    """A furry layer of the main colour."""
    return Layer(tuple(shapes), "main", "fur")


def toes(x: float, y: float) -> Layer:
    """Two short lines on each front paw."""
    marks = pair(
        stroke((x - 0.018, y, 0.003), (x - 0.02, y + 0.025, 0.003)),
        stroke((x + 0.018, y, 0.003), (x + 0.022, y + 0.023, 0.003)),
    )
    return Layer(marks, "main:0.4", "ink", blend=0, shade=0)
