"""Deer and camel, walking to the right."""

from __future__ import annotations

from engine.painting.subjects.body_parts import eye, line
from engine.painting.subjects.design import Design, Layer, Mark, Variation
from engine.painting.subjects.primitives import Ellipse, Knot, Limb, block, outline, stroke


def deer(variation: Variation) -> Design:
    """A stag with antlers, standing; the main material is its coat."""
    coat = variation.choose(
        "coat",
        (
            {"main": "#a8683a", "pale": "#efe0c4"},
            {"main": "#8f5a34", "pale": "#e6d4b4"},
            {"main": "#b8824e", "pale": "#f3e6cc"},
        ),
    )
    far = (_slim(-0.175, 0.02, "main:0.66"), _slim(0.150, -0.015, "main:0.66"))
    tail = Layer(
        (stroke((-0.30, 0.475, 0.030), (-0.345, 0.53, 0.026), (-0.350, 0.585, 0.008)),),
        "pale",
        "fur",
        flow=95.0,
    )
    body = Layer(
        (
            Ellipse(-0.035, 0.530, 0.245, 0.112, -3, depth=0.13),
            Ellipse(0.140, 0.520, 0.105, 0.125, -14, depth=0.12),
            Ellipse(-0.205, 0.525, 0.115, 0.120, depth=0.12),
            stroke((0.155, 0.475, 0.092), (0.225, 0.380, 0.064), (0.270, 0.295, 0.050)),
        ),
        "main",
        "coat",
        blend=0.06,
        flow=8.0,
        marks=(
            Mark((Ellipse(-0.03, 0.645, 0.22, 0.040),), "pale", soft=0.06, strength=0.8),
            Mark((stroke((0.245, 0.47, 0.035), (0.285, 0.36, 0.022)),), "pale", soft=0.05, strength=0.75),
            *(Mark((Ellipse(x, y, 0.013, 0.011),), "pale", soft=0.008) for x, y in _spots()),
        ),
    )
    near = (
        _slim(-0.245, -0.02, "main", (-0.215, 0.52, 0.15)),
        _slim(0.095, 0.01, "main", (0.12, 0.52, 0.14)),
    )
    return Design(
        (*_antlers(variation, 0.72), *far, tail, body, *near, *_deer_head(), *_antlers(variation, 1.0)),
        coat,
        seat=(-0.04, 0.46),
        close=(0.0, -0.02, 0.60, 0.56),
        stands=-0.05,
    )


def _spots() -> tuple[tuple[float, float], ...]:
    return tuple(
        (-0.22 + 0.062 * k + 0.02 * row, 0.450 + 0.045 * row + 0.008 * (k % 2))
        for row in (0, 1)
        for k in range(5)
    )


def _slim(x: float, bend: float, colour: str, joint: Knot | None = None) -> Layer:
    """A slender leg with its dark hoof."""
    return Layer(
        (
            stroke(
                (x + 0.02, 0.56, 0.062),
                (x + 0.01, 0.66, 0.034),
                (x + bend, 0.775, 0.020),
                (x + 0.5 * bend, 0.88, 0.016),
                (x + 0.5 * bend, 0.945, 0.017),
            ),
        ),
        colour,
        "coat",
        flow=88.0,
        shade=0.6,
        joints=(joint,) if joint else (),
        marks=(Mark((block(x + 0.5 * bend, 0.962, 0.05, 0.022),), "#2a201a", soft=0.008),),
    )


def _deer_head() -> tuple[Layer, ...]:
    far_ear = Layer((stroke((0.285, 0.215, 0.020), (0.345, 0.165, 0.008)),), "main:0.7", "coat")
    head = Layer(
        (
            Ellipse(0.298, 0.262, 0.062, 0.058, depth=0.055),
            stroke((0.305, 0.265, 0.052), (0.365, 0.305, 0.036), (0.412, 0.328, 0.029)),
        ),
        "main",
        "coat",
        blend=0.03,
        flow=25.0,
        joints=((0.262, 0.315, 0.07),),
        marks=(Mark((Ellipse(0.385, 0.345, 0.055, 0.020, 20),), "pale", soft=0.03),),
    )
    nose = Layer((Ellipse(0.432, 0.322, 0.020, 0.017),), "#1c1512", "wax", shade=0.3)
    mouth = line("#2a1a14", (0.428, 0.347, 0.002), (0.395, 0.345, 0.0025), (0.375, 0.336, 0.0015))
    ear = Layer(
        (
            outline(
                (0.262, 0.235), (0.215, 0.215), (0.165, 0.165), (0.225, 0.165), (0.275, 0.205), bevel=0.02
            ),
        ),
        "main",
        "coat",
        flow=200.0,
        marks=(Mark((stroke((0.19, 0.178, 0.007), (0.255, 0.218, 0.010)),), "pale", soft=0.012),),
    )
    eyes = eye(0.322, 0.252, 0.018, "#2a160c", white="#2a160c", pupil=0.6)
    return (far_ear, head, nose, mouth, ear, *eyes)


def _antlers(variation: Variation, light: float) -> tuple[Layer, ...]:
    """One antler; the far one, darker, leans the other way."""
    wide = variation.between("antlers", 0.9, 1.1) * (1.0 if light == 1.0 else -0.55)
    x = 0.285 if light == 1.0 else 0.300

    def beam(*knots: Knot) -> Limb:
        return stroke(*((x + wide * kx, ky, r) for kx, ky, r in knots))

    tines = (
        beam((0, 0.215, 0.016), (-0.035, 0.150, 0.014), (-0.075, 0.075, 0.012), (-0.060, 0.0, 0.004)),
        beam((-0.012, 0.185, 0.011), (0.045, 0.150, 0.009), (0.075, 0.095, 0.003)),
        beam((-0.050, 0.120, 0.010), (0.010, 0.080, 0.008), (0.022, 0.025, 0.003)),
        beam((-0.072, 0.085, 0.009), (-0.120, 0.055, 0.007), (-0.135, 0.010, 0.003)),
    )
    return (Layer(tines, f"#d9c29a:{light}", "wood", blend=0.008),)


def camel(variation: Variation) -> Design:
    """A camel with two humps; the main material is its coat."""
    coat = variation.pick("coat", ("#c2955a", "#b5854e", "#a87a4a", "#cfa871"))
    far = (_long(-0.205, 0.02, "main:0.68"), _long(0.205, -0.01, "main:0.68"))
    tail = Layer(
        (stroke((-0.37, 0.455, 0.020), (-0.415, 0.53, 0.013), (-0.410, 0.64, 0.012)),), "main:0.8", "coat"
    )
    humps = Layer(
        (
            stroke((-0.19, 0.43, 0.125), (-0.185, 0.30, 0.085), (-0.175, 0.215, 0.035)),
            stroke((0.075, 0.43, 0.120), (0.075, 0.31, 0.082), (0.082, 0.225, 0.035)),
        ),
        "main:0.9",
        "fur",
        blend=0.05,
        flow=-70.0,
    )
    body = Layer(
        (
            Ellipse(-0.06, 0.475, 0.300, 0.140, depth=0.16),
            Ellipse(0.185, 0.480, 0.125, 0.135, depth=0.14),
            Ellipse(-0.265, 0.475, 0.125, 0.135, depth=0.14),
            stroke(
                (0.225, 0.475, 0.100),
                (0.345, 0.465, 0.070),
                (0.420, 0.375, 0.058),
                (0.440, 0.250, 0.050),
                (0.455, 0.165, 0.050),
            ),
        ),
        "main",
        "coat",
        blend=0.06,
        flow=12.0,
        marks=(Mark((Ellipse(-0.05, 0.61, 0.27, 0.045),), "main:0.72", soft=0.07),),
    )
    beard = Layer(
        (stroke((0.290, 0.545, 0.045), (0.400, 0.495, 0.042), (0.468, 0.395, 0.028)),),
        "main:0.72",
        "fur",
        flow=80.0,
    )
    near = (
        _long(-0.285, -0.02, "main", (-0.27, 0.47, 0.17)),
        _long(0.130, 0.015, "main", (0.15, 0.47, 0.16)),
    )
    head = Layer(
        (
            Ellipse(0.475, 0.120, 0.066, 0.056, depth=0.06),
            stroke((0.480, 0.122, 0.055), (0.555, 0.145, 0.044), (0.612, 0.160, 0.040)),
            Ellipse(0.615, 0.182, 0.036, 0.024, 15, depth=0.03),
        ),
        "main",
        "coat",
        blend=0.03,
        flow=15.0,
        joints=((0.455, 0.165, 0.07),),
    )
    tuft = Layer(
        (stroke((0.435, 0.085, 0.022), (0.475, 0.062, 0.024), (0.505, 0.078, 0.010)),), "main:0.66", "fur"
    )
    ear = Layer((stroke((0.437, 0.095, 0.014), (0.412, 0.055, 0.005)),), "main:0.85", "coat")
    nostril = Layer((Ellipse(0.642, 0.150, 0.010, 0.005, 40),), "#2a1c14", "ink", shade=0)
    mouth = line("#3a2618", (0.648, 0.180, 0.0025), (0.610, 0.187, 0.003), (0.575, 0.178, 0.0018))
    eyes = eye(0.508, 0.108, 0.017, "#2a1810", white="#2a1810", pupil=0.6, lid="main:0.8")
    rug = Layer(
        (
            outline(
                (-0.085, 0.345),
                (-0.01, 0.345),
                (0.045, 0.44),
                (0.050, 0.56),
                (-0.150, 0.56),
                (-0.145, 0.44),
                smooth=3,
                bevel=0.03,
            ),
        ),
        "rug",
        "cloth",
        marks=tuple(
            Mark((stroke((-0.2, y, 0.008), (0.1, y, 0.008)),), "#efd9a0", soft=0.006)
            for y in (0.525, 0.475, 0.43)
        ),
    )
    return Design(
        (*far, tail, humps, body, beard, rug, *near, head, tuft, ear, nostril, mouth, *eyes),
        {"main": coat, "rug": variation.pick("rug", ("#a8322c", "#2f5f8f", "#7a3f6a", "#2f7a5f"))},
        seat=(-0.055, 0.37),
        close=(0.20, -0.01, 0.78, 0.52),
        stands=-0.06,
    )


def _long(x: float, bend: float, colour: str, joint: Knot | None = None) -> Layer:
    """A long leg with a knobby knee and a broad soft foot."""
    return Layer(
        (
            stroke(
                (x + 0.015, 0.52, 0.085),
                (x + 0.01, 0.64, 0.047),
                (x + bend, 0.745, 0.036),
                (x + 0.5 * bend, 0.86, 0.024),
                (x + 0.5 * bend, 0.935, 0.025),
            ),
            Ellipse(x + 0.5 * bend + 0.018, 0.962, 0.050, 0.026, depth=0.03),
        ),
        colour,
        "coat",
        blend=0.015,
        flow=88.0,
        shade=0.6,
        joints=(joint,) if joint else (),
    )
