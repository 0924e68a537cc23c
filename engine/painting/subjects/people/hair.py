"""Hair of people: the part behind the head and the part in front of it."""

from __future__ import annotations

from collections.abc import Callable

from engine.painting.subjects.design import Layer, Variation
from engine.painting.subjects.primitives import Ellipse, Shape, outline, pair, stroke

Hair = tuple[tuple[Layer, ...], tuple[Layer, ...]]


def hair_of(variation: Variation) -> Hair:
    """The layers behind and in front of the bust's head, cut by the seed; their colour is `hair`."""
    cut = variation.pick("hair style", tuple(_CUTS))
    return _CUTS[cut](_fringe(variation.between("parting", -0.07, 0.07)))


def _fringe(part: float) -> Layer:
    """The front hair, parted at x = `part`."""
    return Layer(
        (
            outline(
                (-0.228, 0.40),
                (-0.245, 0.26),
                (-0.20, 0.12),
                (-0.10, 0.055),
                (0.02, 0.045),
                (0.13, 0.075),
                (0.215, 0.15),
                (0.245, 0.27),
                (0.228, 0.40),
                (0.205, 0.315),
                (0.165, 0.235),
                (part + 0.05, 0.175),
                (part, 0.155),
                (part - 0.05, 0.185),
                (-0.16, 0.245),
                (-0.205, 0.315),
                smooth=4,
                bevel=0.07,
                depth=0.07,
            ),
        ),
        "hair",
        "mane",
        flow=(part, 0.08),
    )


def _long(fringe: Layer) -> Hair:
    """Long hair over the shoulders."""
    back = (
        outline(
            (0, 0.05),
            (0.20, 0.11),
            (0.275, 0.30),
            (0.285, 0.55),
            (0.31, 0.78),
            (0.22, 0.88),
            (0, 0.84),
            (-0.22, 0.88),
            (-0.31, 0.78),
            (-0.285, 0.55),
            (-0.275, 0.30),
            (-0.20, 0.11),
            bevel=0.09,
            depth=0.08,
        ),
    )
    locks = Layer(
        pair(
            stroke(
                (0.205, 0.22, 0.030),
                (0.238, 0.38, 0.040),
                (0.232, 0.56, 0.048),
                (0.262, 0.74, 0.044),
                (0.235, 0.86, 0.010),
            )
        ),
        "hair",
        "mane",
        flow=88.0,
    )
    return (Layer(back, "hair:0.8", "mane"),), (locks, fringe)


def _short(fringe: Layer) -> Hair:
    """Short hair."""
    cap = (Ellipse(0, 0.27, 0.228, 0.205),)
    return (Layer(cap, "hair:0.85", "mane"),), (fringe,)


def _bun(fringe: Layer) -> Hair:
    """Hair pinned up in a bun."""
    knot = Layer((Ellipse(0, 0.055, 0.105, 0.085),), "hair", "mane", flow=20.0)
    tie = Layer((Ellipse(0, 0.115, 0.075, 0.030),), "main", "cloth")
    cap = (Ellipse(0, 0.27, 0.235, 0.20),)
    return (knot, tie, Layer(cap, "hair:0.85", "mane")), (fringe,)


def _curls(fringe: Layer) -> Hair:
    """A head of curls."""
    ring: tuple[Shape, ...] = tuple(
        Ellipse(x, y, 0.075, 0.070)
        for x, y in (
            (-0.235, 0.44),
            (-0.262, 0.34),
            (-0.255, 0.24),
            (-0.215, 0.15),
            (-0.14, 0.085),
            (-0.05, 0.06),
            (0.05, 0.06),
            (0.14, 0.085),
            (0.215, 0.15),
            (0.255, 0.24),
            (0.262, 0.34),
            (0.235, 0.44),
        )
    )
    crown: tuple[Shape, ...] = tuple(
        Ellipse(x, y, 0.062, 0.052)
        for x, y in (
            (-0.16, 0.20),
            (-0.085, 0.145),
            (0.0, 0.125),
            (0.085, 0.145),
            (0.16, 0.20),
            (-0.20, 0.27),
            (0.20, 0.27),
        )
    )
    return (
        (Layer((Ellipse(0, 0.28, 0.25, 0.22), *ring), "hair:0.85", "fur", blend=0.01, flow=(0.0, 0.3)),),
        (Layer(crown, "hair", "fur", blend=0.005, flow=(0.0, 0.3)),),
    )


def _bob(fringe: Layer) -> Hair:
    """Hair to the chin."""
    back = (
        outline(
            (0, 0.045),
            (0.20, 0.10),
            (0.275, 0.28),
            (0.285, 0.50),
            (0.25, 0.61),
            (0, 0.60),
            (-0.25, 0.61),
            (-0.285, 0.50),
            (-0.275, 0.28),
            (-0.20, 0.10),
            bevel=0.09,
            depth=0.08,
        ),
    )
    sides = Layer(
        pair(stroke((0.195, 0.20, 0.030), (0.243, 0.36, 0.040), (0.238, 0.52, 0.042), (0.20, 0.60, 0.012))),
        "hair",
        "mane",
        flow=95.0,
    )
    return (Layer(back, "hair:0.8", "mane"),), (sides, fringe)


_CUTS: dict[str, Callable[[Layer], Hair]] = {
    "long": _long,
    "short": _short,
    "bun": _bun,
    "curls": _curls,
    "bob": _bob,
}
