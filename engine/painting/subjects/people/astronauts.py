"""Astronaut and robot."""

from __future__ import annotations

from engine.painting.subjects.design import Design, Layer, Mark, Variation
from engine.painting.subjects.primitives import (
    Ellipse,
    Polygon,
    Shape,
    block,
    mirrored,
    outline,
    pair,
    stroke,
)

TRIMS = ("#d9622b", "#2f6fb5", "#c23b34")


def astronaut(variation: Variation) -> Design:
    """An astronaut standing, one hand raised; the main material is the suit."""
    wave = variation.between("wave", -0.03, 0.03)
    trim = variation.pick("trim", TRIMS)
    arms = Layer(
        (
            stroke((-0.15, 0.45, 0.074), (-0.245, 0.555, 0.066), (-0.235, 0.665, 0.060)),
            stroke((0.15, 0.45, 0.074), (0.265, 0.485, 0.066), (0.30, 0.375 + wave, 0.058)),
        ),
        "main",
        "cloth",
        shade=0.8,
        joints=((-0.13, 0.44, 0.09), (0.13, 0.44, 0.09)),
        marks=(
            Mark((stroke((-0.30, 0.57, 0.008), (-0.18, 0.60, 0.008)),), trim, soft=0.006),
            Mark((stroke((0.235, 0.43 + wave, 0.008), (0.36, 0.445 + wave, 0.008)),), trim, soft=0.006),
        ),
    )
    hands = (*_mitten(-0.232, 0.705), *_waving(0.305, 0.315 + wave))
    gloves = Layer(hands, "#8b929c", "rubber", blend=0.012)
    legs = _suit_legs(
        pair(stroke((0.085, 0.66, 0.088), (0.105, 0.80, 0.078), (0.11, 0.91, 0.072))),
        pair(Ellipse(0.118, 0.950, 0.092, 0.052), block(0.112, 0.915, 0.078, 0.035, rounding=0.02)),
        tuple(
            shape
            for y in (0.79, 0.82)
            for shape in pair(stroke((0.02, y, 0.004), (0.11, y + 0.012, 0.004), (0.20, y, 0.004)))
        ),
    )
    return _suited(variation, trim, (_pack(), *legs, _suit_torso(trim), arms, gloves))


def riding_astronaut(variation: Variation) -> Design:
    """An astronaut astride, facing right, the near leg before the mount's flank, one hand raised."""
    wave = variation.between("wave", -0.03, 0.03)
    trim = variation.pick("trim", TRIMS)
    far = Layer(
        (stroke((0.12, 0.46, 0.070), (0.24, 0.55, 0.060), (0.33, 0.565, 0.054)),), "main:0.85", "cloth"
    )
    far_hand = Layer(_mitten(0.375, 0.565), "#7b828c", "rubber", blend=0.012)
    arms = Layer(
        (stroke((-0.15, 0.45, 0.074), (-0.262, 0.465, 0.066), (-0.30, 0.355 + wave, 0.058)),),
        "main",
        "cloth",
        shade=0.8,
        joints=((-0.13, 0.44, 0.09),),
        marks=(
            Mark((stroke((-0.36, 0.425 + wave, 0.008), (-0.235, 0.41 + wave, 0.008)),), trim, soft=0.006),
        ),
    )
    hand = tuple(mirrored(shape) for shape in _waving(0.305, 0.295 + wave))
    gloves = Layer(hand, "#8b929c", "rubber", blend=0.012)
    leg = _suit_legs(
        (stroke((0.03, 0.665, 0.098), (0.175, 0.745, 0.086), (0.150, 0.885, 0.070)),),
        (Ellipse(0.185, 0.945, 0.092, 0.048, 4), block(0.150, 0.910, 0.074, 0.036, rounding=0.02)),
        (stroke((0.075, 0.80, 0.004), (0.17, 0.835, 0.004), (0.26, 0.80, 0.004)),),
    )
    return _suited(variation, trim, (_pack(), far, far_hand, _suit_torso(trim), *leg, arms, gloves))


def _suited(variation: Variation, trim: str, body: tuple[Layer, ...]) -> Design:
    visor = variation.pick("visor", ("#1d2a4a", "#5a3d12", "#22303a"))
    return Design(
        (*body, *_chest(), *_helmet(trim)),
        {"main": "#eceef1", "visor": visor},
        close=(-0.36, -0.03, 0.40, 0.62),
    )


def _pack() -> Layer:
    return Layer((block(0, 0.50, 0.20, 0.17, rounding=0.05, bevel=0.06),), "#c9ccd2", "clay")


def _suit_torso(trim: str) -> Layer:
    belt = stroke((-0.2, 0.655, 0.010), (0, 0.672, 0.010), (0.2, 0.655, 0.010))
    return Layer(
        (Ellipse(0, 0.53, 0.175, 0.17, depth=0.16), Ellipse(0, 0.64, 0.165, 0.09, depth=0.15)),
        "main",
        "cloth",
        blend=0.08,
        marks=(Mark((belt,), trim, soft=0.006),),
    )


def _suit_legs(
    legs: tuple[Shape, ...], boots: tuple[Shape, ...], creases: tuple[Shape, ...]
) -> tuple[Layer, Layer]:
    """Trousers with creases at the knee, and boots with dark soles."""
    foot = max(shape.bounds()[3] for shape in boots)
    return (
        Layer(legs, "main", "cloth", blend=0.02, marks=(Mark(creases, "main:0.7", soft=0.010),)),
        Layer(
            boots,
            "#d5d8dd",
            "clay",
            blend=0.03,
            marks=(Mark((block(0, foot - 0.010, 0.40, 0.016),), "#5b6068", soft=0.006),),
        ),
    )


def _mitten(x: float, y: float) -> tuple[Shape, ...]:
    """A closed glove, its thumb to the right."""
    return Ellipse(x, y, 0.058, 0.056), stroke((x + 0.017, y - 0.005, 0.020), (x + 0.057, y + 0.010, 0.018))


def _waving(x: float, y: float) -> tuple[Shape, ...]:
    """An open glove, fingers up and thumb to the left."""
    return (
        Ellipse(x, y, 0.052, 0.058),
        stroke((x - 0.005, y - 0.005, 0.020), (x - 0.057, y - 0.020, 0.018)),
        stroke((x + 0.010, y - 0.015, 0.020), (x + 0.030, y - 0.070, 0.018)),
        stroke((x - 0.005, y - 0.015, 0.020), (x - 0.005, y - 0.077, 0.019)),
    )


def _chest() -> tuple[Layer, ...]:
    """The panel of knobs on the chest."""
    panel = Layer((block(0, 0.545, 0.082, 0.058, rounding=0.014, bevel=0.02),), "#c3c8d0", "clay")
    knobs = tuple(
        Layer((Ellipse(x, 0.528, 0.014, 0.014),), colour, "gloss", shade=0.4, glow=0.35)
        for x, colour in ((-0.048, "#e0483c"), (-0.008, "#e8b13a"), (0.032, "#4ab06a"))
    )
    slot = Layer((block(-0.005, 0.570, 0.055, 0.009, rounding=0.006),), "#4a525e", "clay", shade=0)
    return (panel, *knobs, slot)


def _helmet(trim: str) -> tuple[Layer, ...]:
    ring = Layer((Ellipse(0, 0.385, 0.135, 0.045),), "#aeb4bd", "metal")
    dome = Layer((Ellipse(0, 0.205, 0.205, 0.20, depth=0.20),), "main", "gloss")
    pods = Layer(pair(Ellipse(0.200, 0.225, 0.030, 0.055, depth=0.03)), trim, "clay")
    frame = Layer((Ellipse(0.008, 0.215, 0.160, 0.140, depth=0.05),), "#9aa1ab", "metal", shade=0.3)
    visor = Layer((Ellipse(0.008, 0.215, 0.145, 0.125, depth=0.11),), "visor", "glass", shade=0.3)
    shine = Layer(
        (
            outline(
                (-0.095, 0.205), (-0.085, 0.150), (-0.045, 0.118), (-0.055, 0.150), (-0.075, 0.195), smooth=4
            ),
        ),
        "#ffffff",
        "glint",
        shade=0,
    )
    spark = Layer((Ellipse(0.075, 0.275, 0.016, 0.012, -35),), "#9fb6d6", "glint", shade=0)
    return (ring, pods, dome, frame, visor, shine, spark)


def robot(variation: Variation) -> Design:
    """A friendly robot of painted metal with glowing eyes."""
    lamp = variation.pick("lamp", ("#5fe0ff", "#ffd35a", "#7dff9a"))
    tilt = variation.between("arm", -0.04, 0.04)
    palette = {
        "main": variation.pick("coat", ("#4f9a9c", "#c9683a", "#8a96a6", "#d1a63c", "#6b7fb8")),
        "steel": "#9aa3ad",
    }
    antenna = Layer((stroke((0, 0.10, 0.010), (0, 0.035, 0.008)),), "steel", "metal")
    bulb = Layer((Ellipse(0, 0.026, 0.026, 0.026),), lamp, "gloss", glow=0.7)
    joints = Layer(
        (
            *pair(
                stroke((0.17, 0.47, 0.034), (0.245, 0.53, 0.034)),
                stroke((0.085, 0.72, 0.042), (0.09, 0.90, 0.042)),
            ),
            stroke((0, 0.34, 0.05), (0, 0.44, 0.05)),
        ),
        "steel",
        "metal",
        blend=0,
        marks=tuple(
            Mark((block(0, y, 0.4, 0.004),), "steel:0.5", soft=0.004)
            for y in (0.375, 0.395, 0.76, 0.79, 0.82, 0.85)
        ),
    )
    forearms = Layer(
        (
            stroke((-0.255, 0.54, 0.044), (-0.27, 0.68, 0.050)),
            stroke((0.255, 0.54, 0.044), (0.31, 0.43 + tilt, 0.050)),
        ),
        "main",
        "gloss",
    )
    hands = Layer(
        (
            *_claw(-0.272, 0.755, 1),
            *_claw(0.335, 0.365 + tilt, -1),
        ),
        "steel",
        "metal",
        blend=0.006,
    )
    feet = Layer(
        pair(Polygon(((0.035, 0.985), (0.055, 0.91), (0.125, 0.91), (0.175, 0.985)), 0.014, 0.05, 0.05)),
        "main",
        "gloss",
    )
    torso = Layer(
        (block(0, 0.575, 0.185, 0.165, rounding=0.05, bevel=0.10, top=1.06),), "main", "gloss", soft=1.2
    )
    plate = Layer((block(0, 0.565, 0.115, 0.085, rounding=0.022, bevel=0.02),), "steel", "metal", shade=0.5)
    gauge = Layer(
        (Ellipse(-0.045, 0.560, 0.046, 0.046, depth=0.012),),
        "#f4f1e6",
        "eye",
        shade=0.4,
        marks=(
            Mark((stroke((-0.045, 0.562, 0.0035), (-0.022, 0.535, 0.002)),), "#c23b34", soft=0.003),
            Mark((Ellipse(-0.045, 0.560, 0.007, 0.007),), "#222222", soft=0.003),
        ),
    )
    lights = tuple(
        Layer((Ellipse(0.055, y, 0.014, 0.014),), colour, "gloss", glow=0.5, shade=0.3)
        for y, colour in ((0.525, "#ff5a4a"), (0.565, "#ffd24a"), (0.605, "#5ae07a"))
    )
    rivets = Layer(
        pair(*(Ellipse(0.155, y, 0.009, 0.009) for y in (0.45, 0.575, 0.70))),
        "steel",
        "metal",
        blend=0,
        shade=0.4,
    )
    return Design(
        (
            antenna,
            bulb,
            joints,
            forearms,
            hands,
            feet,
            torso,
            plate,
            gauge,
            *lights,
            rivets,
            *_robot_head(lamp),
        ),
        palette,
        seat=(0.0, 0.02),
        close=(-0.36, -0.02, 0.40, 0.62),
    )


def _claw(x: float, y: float, way: int) -> tuple[Shape, ...]:
    return (
        Ellipse(x, y - way * 0.012, 0.036, 0.030),
        stroke(
            (x - 0.018, y, 0.015), (x - 0.042, y + way * 0.035, 0.013), (x - 0.022, y + way * 0.068, 0.009)
        ),
        stroke(
            (x + 0.018, y, 0.015), (x + 0.042, y + way * 0.035, 0.013), (x + 0.022, y + way * 0.068, 0.009)
        ),
    )


def _robot_head(lamp: str) -> tuple[Layer, ...]:
    ears = Layer(pair(block(0.200, 0.235, 0.022, 0.052, rounding=0.012)), "steel", "metal")
    skull = Layer((block(0, 0.225, 0.185, 0.130, rounding=0.06, bevel=0.09),), "main", "gloss", soft=1.2)
    face = Layer((block(0, 0.232, 0.145, 0.085, rounding=0.04, bevel=0.02),), "#1c232c", "glass", shade=0.3)
    eyes = Layer(pair(Ellipse(0.062, 0.218, 0.034, 0.036)), lamp, "ink", shade=0, glow=1.0)
    pupils = Layer(pair(Ellipse(0.056, 0.220, 0.013, 0.015)), "#14303a", "ink", shade=0)
    glints = Layer(pair(Ellipse(0.064, 0.208, 0.008, 0.008)), "#ffffff", "ink", shade=0, glow=0.6)
    smile = Layer(
        (stroke((-0.040, 0.278, 0.005), (0, 0.292, 0.006), (0.040, 0.278, 0.005)),),
        lamp,
        "ink",
        shade=0,
        glow=0.9,
    )
    return (ears, skull, face, eyes, pupils, glints, smile)
