"""Horse and unicorn, walking to the right."""

from __future__ import annotations

from engine.painting.subjects.body_parts import eye, line
from engine.painting.subjects.design import Design, Layer, Mark, Variation
from engine.painting.subjects.primitives import Ellipse, Knot, block, outline, stroke

HORSE_COATS = (
    {"main": "#8a4b24", "mane": "#2a1a14", "sock": "#efe7da"},
    {"main": "#5b3a28", "mane": "#1c1412", "sock": "#5b3a28"},
    {"main": "#c08a52", "mane": "#f1e2c4", "sock": "#f3ead9"},
    {"main": "#a9a4a0", "mane": "#5d5a5c", "sock": "#8d8986"},
    {"main": "#33292a", "mane": "#120e0f", "sock": "#e9e3da"},
)


def horse(variation: Variation) -> Design:
    """A horse walking to the right, one foreleg lifted."""
    coat = variation.choose("coat", HORSE_COATS)
    palette = {**coat, "hoof": "#2a2220"}
    layers = _horse(variation, ("mane",) * 6)
    return Design(layers, palette, seat=(-0.045, 0.375), close=(-0.06, -0.03, 0.62, 0.47), stands=-0.05)


def unicorn(variation: Variation) -> Design:
    """A white horse with a spiral horn and a mane of many hues."""
    hues = ("#e8537f", "#f0923c", "#f2d04a", "#5cc07a", "#4aa3e0", "#9067d6")
    names = tuple(f"hue{i}" for i in range(6))
    palette = {
        "main": variation.pick("coat", ("#f4f0ee", "#efe6f2", "#f7efe2")),
        "sock": "#e9dff0",
        "hoof": "#c9a24a",
        "mane": hues[0],
        **dict(zip(names, hues, strict=True)),
    }
    horn = Layer(
        (stroke((0.372, 0.075, 0.022), (0.425, -0.04, 0.013), (0.475, -0.150, 0.002)),),
        "#e6bd55",
        "metal",
        marks=tuple(
            Mark(
                (
                    stroke(
                        (0.352 + 0.0275 * k, 0.045 - 0.058 * k, 0.003),
                        (0.405 + 0.0225 * k, 0.035 - 0.050 * k, 0.003),
                    ),
                ),
                "#8d6420",
                soft=0.006,
            )
            for k in range(4)
        ),
    )
    body = _horse(variation, names)
    return Design(
        (*body[:-1], horn, body[-1]),
        palette,
        seat=(-0.045, 0.375),
        close=(-0.06, -0.16, 0.62, 0.47),
        stands=-0.05,
    )


def _horse(variation: Variation, hair: tuple[str, ...]) -> tuple[Layer, ...]:
    far = (
        _leg(
            (
                (-0.185, 0.50, 0.10),
                (-0.165, 0.62, 0.062),
                (-0.215, 0.735, 0.035),
                (-0.175, 0.85, 0.026),
                (-0.165, 0.925, 0.027),
            ),
            "main:0.72",
        ),
        _hoof(-0.155, 0.966, 0, 0.8),
        _leg(
            (
                (0.185, 0.52, 0.075),
                (0.255, 0.625, 0.046),
                (0.315, 0.69, 0.034),
                (0.285, 0.78, 0.026),
                (0.262, 0.835, 0.027),
            ),
            "main:0.72",
        ),
        _hoof(0.252, 0.868, 28, 0.8),
    )
    body = Layer(
        (
            Ellipse(-0.05, 0.455, 0.27, 0.132, depth=0.15),
            Ellipse(0.155, 0.45, 0.125, 0.135, -20, depth=0.14),
            Ellipse(-0.235, 0.435, 0.135, 0.135, depth=0.15),
            stroke((0.155, 0.41, 0.125), (0.245, 0.285, 0.090), (0.315, 0.165, 0.066), (0.345, 0.125, 0.062)),
        ),
        "main",
        "coat",
        blend=0.07,
        flow=10.0,
        marks=(Mark((Ellipse(-0.05, 0.60, 0.26, 0.055),), "main:0.75", soft=0.08),),
    )
    near = (
        _leg(
            (
                (-0.245, 0.475, 0.115),
                (-0.265, 0.62, 0.070),
                (-0.325, 0.735, 0.038),
                (-0.300, 0.85, 0.027),
                (-0.300, 0.925, 0.028),
            ),
            "main",
            (-0.235, 0.44, 0.19),
        ),
        _hoof(-0.290, 0.966, 0, 1.0),
        _leg(
            (
                (0.150, 0.49, 0.085),
                (0.160, 0.64, 0.050),
                (0.155, 0.755, 0.033),
                (0.152, 0.86, 0.025),
                (0.155, 0.925, 0.027),
            ),
            "main",
            (0.150, 0.46, 0.17),
        ),
        _hoof(0.166, 0.966, 0, 1.0),
    )
    return (_tail(variation, hair), *far, body, *near, *_horse_head(), *_mane(variation, hair))


def _leg(knots: tuple[Knot, ...], colour: str, joint: Knot | None = None) -> Layer:
    low = knots[-1]
    return Layer(
        (stroke(*knots),),
        colour,
        "coat",
        flow=85.0,
        shade=0.6,
        joints=(joint,) if joint else (),
        marks=(Mark((Ellipse(low[0], low[1], 0.06, 0.09),), "sock", soft=0.03),),
    )


def _hoof(x: float, y: float, turn: float, light: float) -> Layer:
    return Layer(
        (block(x, y, 0.041, 0.034, rounding=0.010, bevel=0.03, top=0.66, turn=turn),), f"hoof:{light}", "clay"
    )


def _tail(variation: Variation, hair: tuple[str, ...]) -> Layer:
    swing = variation.between("tail", -0.02, 0.03)
    strands = tuple(
        stroke(
            (-0.345, 0.375, 0.022),
            (-0.405 - 0.012 * k, 0.42, 0.030),
            (-0.425 - 0.014 * k + swing, 0.58, 0.030),
            (-0.400 - 0.024 * k + swing, 0.76 - 0.02 * k, 0.006),
        )
        for k in range(3)
    )
    marks = tuple(
        Mark((strands[k],), hair[2 * k], soft=0.02, strength=0.85) for k in range(3) if hair[0] != hair[1]
    )
    return Layer(strands, hair[0], "mane", blend=0.02, flow=88.0, marks=marks)


def _horse_head() -> tuple[Layer, ...]:
    far_ear = Layer((stroke((0.375, 0.085, 0.022), (0.392, 0.03, 0.006)),), "main:0.7", "coat")
    head = Layer(
        (
            Ellipse(0.365, 0.150, 0.078, 0.073, depth=0.07),
            stroke((0.365, 0.150, 0.066), (0.435, 0.215, 0.052), (0.495, 0.272, 0.043)),
            Ellipse(0.507, 0.285, 0.048, 0.042, 35, depth=0.045),
        ),
        "main",
        "coat",
        blend=0.04,
        flow=45.0,
        joints=((0.31, 0.19, 0.085),),
        shade=0.6,
        marks=(
            Mark(
                (stroke((0.425, 0.115, 0.012), (0.475, 0.175, 0.010), (0.525, 0.235, 0.012)),),
                "sock",
                soft=0.02,
            ),
            Mark((Ellipse(0.522, 0.305, 0.055, 0.042, 35),), "main:0.62", soft=0.04, strength=0.7),
        ),
    )
    nostril = Layer((Ellipse(0.528, 0.277, 0.011, 0.008, 50),), "#1b1210", "ink", shade=0)
    mouth = line("#2a1a16", (0.522, 0.318, 0.0025), (0.492, 0.312, 0.0028), (0.470, 0.296, 0.0015))
    ear = Layer(
        (
            outline(
                (0.315, 0.095), (0.318, 0.035), (0.338, -0.005), (0.358, 0.040), (0.355, 0.095), bevel=0.02
            ),
        ),
        "main",
        "coat",
        flow=-85.0,
        marks=(Mark((Ellipse(0.338, 0.055, 0.009, 0.034),), "main:0.5", soft=0.012),),
    )
    eyes = eye(0.402, 0.142, 0.0195, "#3a2010", white="#3a2010", pupil=0.6, look=0.2)
    return (far_ear, head, nostril, mouth, ear, *eyes)


def _mane(variation: Variation, hair: tuple[str, ...]) -> tuple[Layer, ...]:
    wave = variation.between("mane", -0.012, 0.012)
    locks = []
    for k in range(6):
        t = k / 5
        x, y = 0.315 - 0.175 * t, 0.075 + 0.27 * t
        locks.append(
            Layer(
                (
                    stroke(
                        (x + 0.012, y - 0.008, 0.022),
                        (x - 0.045 + wave, y + 0.045, 0.034),
                        (x - 0.035 - wave, y + 0.125, 0.026),
                        (x - 0.065 + wave, y + 0.195, 0.003),
                    ),
                ),
                hair[k],
                "mane",
                flow=100.0,
                shade=0.5,
            )
        )
    forelock = Layer(
        (stroke((0.345, 0.055, 0.018), (0.385, 0.085, 0.020), (0.405, 0.130, 0.003)),),
        hair[0],
        "mane",
        flow=60.0,
    )
    return (*reversed(locks), forelock)
