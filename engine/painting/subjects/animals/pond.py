"""Frog and turtle."""

from __future__ import annotations

from engine.painting.subjects.body_parts import blush, eye, line
from engine.painting.subjects.design import Design, Layer, Mark, Pattern, Variation
from engine.painting.subjects.primitives import Ellipse, outline, pair, stroke


def frog(variation: Variation) -> Design:
    """A frog squatting, smiling; the main material is its back."""
    hind = Layer(
        pair(
            stroke((0.24, 0.72, 0.115), (0.40, 0.62, 0.095), (0.42, 0.84, 0.060)),
            stroke((0.40, 0.90, 0.045), (0.52, 0.955, 0.030)),
            stroke((0.40, 0.90, 0.045), (0.44, 0.965, 0.028)),
            stroke((0.38, 0.90, 0.045), (0.35, 0.965, 0.028)),
        ),
        "main:0.85",
        "skin",
        blend=0.04,
        pattern=Pattern("spots", "main:0.6", 11, 0.6),
    )
    body = Layer(
        (Ellipse(0, 0.68, 0.30, 0.27, depth=0.24), Ellipse(0, 0.40, 0.335, 0.215, depth=0.25)),
        "main",
        "skin",
        blend=0.12,
        pattern=Pattern("spots", "main:0.72", 9, 0.5),
        marks=(
            Mark((Ellipse(0, 0.755, 0.205, 0.20), Ellipse(0, 0.535, 0.225, 0.085)), "belly", soft=0.05),
            blush(-0.235, 0.475, 0.035, "#e88a6a", 0.45),
            blush(0.235, 0.475, 0.035, "#e88a6a", 0.45),
        ),
    )
    arms = Layer(
        pair(
            stroke((0.165, 0.66, 0.062), (0.185, 0.80, 0.048), (0.155, 0.92, 0.042)),
            stroke((0.155, 0.93, 0.036), (0.21, 0.97, 0.022)),
            stroke((0.155, 0.93, 0.036), (0.15, 0.978, 0.022)),
            stroke((0.150, 0.93, 0.036), (0.095, 0.97, 0.022)),
        ),
        "main",
        "skin",
        blend=0.02,
        joints=((0.165, 0.63, 0.10), (-0.165, 0.63, 0.10)),
    )
    bulges = Layer(
        pair(Ellipse(0.175, 0.205, 0.118, 0.115, depth=0.10)),
        "main",
        "skin",
        joints=((0.15, 0.30, 0.08), (-0.15, 0.30, 0.08)),
    )
    smile = line(
        "main:0.3",
        (-0.265, 0.435, 0.004),
        (-0.13, 0.500, 0.006),
        (0.0, 0.517, 0.006),
        (0.13, 0.500, 0.006),
        (0.265, 0.435, 0.004),
    )
    nostrils = Layer(pair(Ellipse(0.035, 0.375, 0.010, 0.008)), "main:0.3", "ink", shade=0)
    eyes = tuple(
        layer
        for s in (-1, 1)
        for layer in eye(s * 0.178, 0.195, 0.080, "#e0a82e", white="#e0a82e", pupil=0.62, look=-s * 0.2)
    )
    return Design(
        (hind, body, arms, bulges, smile, nostrils, *eyes),
        {"main": variation.pick("coat", ("#6aa83a", "#4f9a4a", "#8ab03a", "#3f8f6a")), "belly": "#eef0c4"},
        seat=(0.0, 0.06),
        close=(-0.50, 0.05, 0.50, 0.70),
    )


def turtle(variation: Variation) -> Design:
    """A turtle walking to the right; the main material is its shell."""
    skin = variation.pick("skin", ("#7fa05a", "#8f9a5a", "#6a9a78"))
    far = Layer(
        (stroke((-0.34, 0.72, 0.10), (-0.36, 0.90, 0.085)), stroke((0.42, 0.72, 0.10), (0.47, 0.90, 0.085))),
        f"{skin}:0.7",
        "hide",
        blend=0,
    )
    tail = Layer((stroke((-0.62, 0.76, 0.05), (-0.78, 0.82, 0.008)),), skin, "hide")
    neck = Layer(
        (
            stroke((0.50, 0.70, 0.12), (0.68, 0.56, 0.105), (0.76, 0.42, 0.105)),
            Ellipse(0.82, 0.36, 0.165, 0.14, depth=0.14),
        ),
        skin,
        "hide",
        blend=0.06,
        marks=(blush(0.86, 0.42, 0.03, strength=0.4),),
    )
    near = Layer(
        (
            stroke((-0.42, 0.74, 0.12), (-0.46, 0.885, 0.098)),
            stroke((0.30, 0.74, 0.12), (0.33, 0.885, 0.098)),
        ),
        skin,
        "hide",
        blend=0,
        pattern=Pattern("scales", f"{skin}:0.7", 18, 0.6),
    )
    shell = Layer(
        (
            outline(
                (-0.72, 0.74),
                (-0.66, 0.48),
                (-0.44, 0.20),
                (-0.10, 0.06),
                (0.22, 0.14),
                (0.48, 0.40),
                (0.60, 0.72),
                (0.3, 0.80),
                (-0.4, 0.81),
                bevel=0.34,
                depth=0.30,
            ),
        ),
        "main",
        "wax",
        soft=2.0,
        marks=tuple(
            Mark((outline(*points, smooth=2),), "main:0.62", soft=0.02)
            for points in (
                ((-0.20, 0.16), (0.08, 0.16), (0.16, 0.36), (0.06, 0.54), (-0.18, 0.54), (-0.28, 0.36)),
                ((-0.36, 0.26), (-0.34, 0.40), (-0.25, 0.57), (-0.44, 0.62), (-0.58, 0.50), (-0.50, 0.34)),
                ((0.18, 0.20), (0.34, 0.34), (0.44, 0.52), (0.30, 0.62), (0.13, 0.56), (0.22, 0.37)),
            )
        ),
    )
    rim = Layer(
        (stroke((-0.70, 0.735, 0.050), (-0.35, 0.790, 0.055), (0.20, 0.790, 0.055), (0.60, 0.725, 0.050)),),
        "main:1.25",
        "wax",
    )
    mouth = line(f"{skin}:0.35", (0.965, 0.395, 0.003), (0.90, 0.435, 0.006), (0.82, 0.425, 0.003))
    eyes = eye(0.855, 0.315, 0.045, "#3a2a18", white="#fbf8ee", pupil=0.72, look=0.3)
    return Design(
        (far, tail, neck, near, shell, rim, mouth, *eyes),
        {"main": variation.pick("shell", ("#8a6a3a", "#6f7a3a", "#7a5a44", "#4f7a5a"))},
        seat=(-0.10, 0.14),
        close=(0.30, 0.10, 1.02, 0.80),
        ground=0.975,
    )
