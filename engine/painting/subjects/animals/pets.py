"""Cat and dog, sitting and facing the viewer."""

from __future__ import annotations

from engine.painting.subjects.body_parts import eye, fur, line, toes, whiskers
from engine.painting.subjects.design import Design, Layer, Mark, Pattern, Variation
from engine.painting.subjects.primitives import Ellipse, Polygon, outline, pair, stroke

CAT_COATS = (
    {"main": "#d97a26", "soft": "#fbeedb", "kind": "tabby"},
    {"main": "#8b8d92", "soft": "#f3f0ea", "kind": "tabby"},
    {"main": "#2c2a2d", "soft": "#f2efe9", "kind": ""},
    {"main": "#e8dcc6", "soft": "#fffaf0", "kind": "tabby"},
    {"main": "#a8713f", "soft": "#f6ead6", "kind": "tabby"},
)


def cat(variation: Variation) -> Design:
    """A cat sitting, its tail curled round to the right."""
    coat = variation.choose("coat", CAT_COATS)
    iris = variation.pick("iris", ("#7fbf3f", "#e0a82e", "#59b7a8", "#8fc65a"))
    stripes = Pattern("tabby", "main:0.62", 11, 0.75) if coat["kind"] else None
    head = cat_head(iris, stripes, variation.between("ears", -0.012, 0.012))
    palette = {"main": coat["main"], "soft": coat["soft"]}
    return sitting_cat(variation, (*head, *whiskers(0, 0.36, 0.24)), palette, stripes)


def sitting_cat(
    variation: Variation,
    head: tuple[Layer, ...],
    palette: dict[str, str],
    stripes: Pattern | None,
    tip: str = "soft",
) -> Design:
    """The body of a sitting cat of any size under `head`; `tip` colours the end of its tail."""
    sweep = variation.between("tail", -0.03, 0.03)
    tail = Layer(
        (
            stroke(
                (0.13, 0.93, 0.045),
                (0.27, 0.945, 0.046),
                (0.375, 0.90, 0.044),
                (0.41 + sweep, 0.79, 0.042),
                (0.37 + sweep, 0.69, 0.040),
                (0.385 + sweep, 0.62, 0.034),
            ),
        ),
        "main",
        "fur",
        flow=70.0,
        pattern=stripes,
        marks=(Mark((Ellipse(0.385 + sweep, 0.615, 0.06, 0.055),), tip, soft=0.02),),
    )
    body = Layer(
        (
            Ellipse(0, 0.60, 0.155, 0.20, depth=0.15),
            Ellipse(0, 0.78, 0.20, 0.19, depth=0.16),
            *pair(Ellipse(0.155, 0.85, 0.10, 0.125, depth=0.15)),
        ),
        "main",
        "fur",
        blend=0.06,
        pattern=stripes,
        marks=(Mark((Ellipse(0, 0.60, 0.085, 0.15), Ellipse(0, 0.74, 0.05, 0.1)), "soft", soft=0.03),),
    )
    hind = Layer(pair(Ellipse(0.165, 0.957, 0.085, 0.043)), "main", "fur", flow=90.0)
    legs = Layer(
        pair(
            stroke((0.075, 0.66, 0.055), (0.072, 0.82, 0.049), (0.074, 0.935, 0.046)),
            Ellipse(0.078, 0.955, 0.060, 0.045),
        ),
        "main",
        "fur",
        blend=0.03,
        shade=0.6,
        joints=((0.075, 0.63, 0.15), (-0.075, 0.63, 0.15)),
        marks=(Mark(pair(Ellipse(0.078, 0.965, 0.075, 0.045)), "soft", soft=0.02),),
    )
    return Design(
        (tail, body, hind, legs, toes(0.078, 0.965), *head),
        palette,
        seat=(0.0, -0.02),
        close=(-0.36, -0.03, 0.36, 0.55),
    )


def cat_head(iris: str, stripes: Pattern | None, tilt: float) -> tuple[Layer, ...]:
    """The head alone, around (0, 0.27)."""
    ears = Layer(
        pair(
            outline(
                (0.045, 0.16),
                (0.085, 0.075),
                (0.155 + tilt, 0.005),
                (0.178, 0.03),
                (0.195, 0.16),
                (0.17, 0.24),
                (0.1, 0.22),
                bevel=0.05,
                depth=0.04,
            )
        ),
        "main",
        "fur",
        flow=-90.0,
        marks=(
            Mark(
                pair(Polygon(((0.095, 0.155), (0.15 + tilt, 0.06), (0.172, 0.17)), 0.008)),
                "#e39a8b",
                soft=0.025,
            ),
        ),
    )
    skull = Layer(
        (
            Ellipse(0, 0.265, 0.195, 0.155, depth=0.16),
            *pair(Ellipse(0.115, 0.325, 0.095, 0.075, depth=0.11)),
            Ellipse(0, 0.335, 0.11, 0.085, depth=0.15),
        ),
        "main",
        "fur",
        blend=0.05,
        flow=(0.0, 0.30),
        pattern=stripes,
        marks=(
            Mark((Ellipse(0, 0.37, 0.10, 0.065),), "soft", soft=0.03),
            Mark((Ellipse(0, 0.27, 0.022, 0.10),), "soft", soft=0.04, strength=0.7),
            *(
                Mark(
                    (stroke((s * 0.014 * k, 0.135, 0.006), (s * 0.03 * k, 0.19, 0.004)),),
                    "main:0.5",
                    soft=0.012,
                )
                for s in (-1, 1)
                for k in (0.2, 2.4)
            ),
        ),
    )
    muzzle = Layer(
        pair(Ellipse(0.042, 0.362, 0.052, 0.040, depth=0.04)),
        "soft",
        "plush",
        blend=0.015,
        shade=0.35,
        flow=(0.0, 0.34),
    )
    chin = Layer((Ellipse(0, 0.398, 0.035, 0.024),), "soft", "plush", shade=0.2)
    nose = Layer(
        (Polygon(((-0.020, 0.327), (0.020, 0.327), (0.0, 0.346)), 0.006, 0.014),),
        "#d98880",
        "skin",
        shade=0.4,
    )
    mouth = (
        line("#4a2f28", (0, 0.350, 0.0025), (0, 0.372, 0.0028)),
        line("#4a2f28", (0, 0.371, 0.0028), (0.02, 0.384, 0.003), (0.045, 0.378, 0.002)),
        line("#4a2f28", (0, 0.371, 0.0028), (-0.02, 0.384, 0.003), (-0.045, 0.378, 0.002)),
    )
    eyes = tuple(
        layer
        for side in (-1, 1)
        for layer in eye(side * 0.083, 0.268, 0.047, iris, white=iris, pupil=0.60, look=-side * 0.3)
    )
    return (ears, skull, chin, muzzle, *mouth, nose, *eyes)


DOG_COATS = (
    {"main": "#c98b4a", "soft": "#f6e7cf", "ear": "#7d4a22"},
    {"main": "#8a5a35", "soft": "#ecd9be", "ear": "#4a2c18"},
    {"main": "#ead9b8", "soft": "#fff8ea", "ear": "#b58a52"},
    {"main": "#3a3432", "soft": "#c58b54", "ear": "#231e1d"},
    {"main": "#efe9df", "soft": "#ffffff", "ear": "#6b4a34"},
)


def dog(variation: Variation) -> Design:
    """A dog sitting, tongue out, with hanging ears and a collar."""
    coat = variation.choose("coat", DOG_COATS)
    wag = variation.between("tail", -0.03, 0.04)
    collar = variation.pick("collar", ("#c23b34", "#2f6fb5", "#2f8f63"))
    tail = fur(
        stroke((0.15, 0.90, 0.045), (0.28, 0.86, 0.042), (0.35 + wag, 0.74, 0.035), (0.36 + wag, 0.62, 0.02))
    )
    body = Layer(
        (
            Ellipse(0, 0.60, 0.165, 0.19, depth=0.16),
            Ellipse(0, 0.77, 0.19, 0.19, depth=0.16),
            *pair(Ellipse(0.165, 0.86, 0.095, 0.115, depth=0.14)),
        ),
        "main",
        "fur",
        blend=0.06,
        marks=(Mark((Ellipse(0, 0.62, 0.10, 0.17),), "soft", soft=0.03),),
    )
    hind = fur(*pair(Ellipse(0.185, 0.955, 0.09, 0.044)))
    legs = Layer(
        pair(
            stroke((0.085, 0.64, 0.06), (0.085, 0.82, 0.054), (0.087, 0.93, 0.05)),
            Ellipse(0.09, 0.953, 0.066, 0.046),
        ),
        "main",
        "fur",
        shade=0.6,
        joints=((0.085, 0.61, 0.16), (-0.085, 0.61, 0.16)),
        marks=(Mark(pair(Ellipse(0.09, 0.965, 0.085, 0.05)), "soft", soft=0.02),),
    )
    band = Layer(
        (stroke((-0.108, 0.462, 0.020), (-0.06, 0.488, 0.021), (0.06, 0.488, 0.021), (0.108, 0.462, 0.020)),),
        collar,
        "cloth",
    )
    tag = Layer((Ellipse(0, 0.522, 0.026, 0.026),), "#e3b341", "metal")
    return Design(
        (tail, body, hind, legs, toes(0.09, 0.967), band, tag, *dog_head()),
        {key: coat[key] for key in ("main", "soft", "ear")},
        seat=(0.0, -0.02),
        close=(-0.34, -0.04, 0.34, 0.58),
    )


def dog_head() -> tuple[Layer, ...]:
    """A dog's head around (0, 0.25)."""
    skull = Layer(
        (
            Ellipse(0, 0.20, 0.165, 0.165, depth=0.15),
            *pair(Ellipse(0.09, 0.31, 0.08, 0.085, depth=0.11)),
            Ellipse(0, 0.28, 0.10, 0.12, depth=0.16),
        ),
        "main",
        "fur",
        blend=0.05,
        flow=(0.0, 0.27),
        marks=(
            Mark((stroke((0, 0.06, 0.018), (0, 0.2, 0.024), (0, 0.29, 0.06)),), "soft", soft=0.03),
            *(Mark((Ellipse(s * 0.075, 0.135, 0.024, 0.014, s * -12),), "soft", soft=0.02) for s in (-1, 1)),
        ),
    )
    tongue = Layer(
        (stroke((0, 0.375, 0.032), (0.004, 0.41, 0.034), (0.006, 0.44, 0.028)),),
        "#e5747c",
        "skin",
        marks=(Mark((stroke((0, 0.37, 0.002), (0.005, 0.435, 0.002)),), "#b4505c", soft=0.008),),
    )
    jaw = Layer((Ellipse(0, 0.372, 0.055, 0.036),), "soft:0.8", "plush", shade=0.3)
    muzzle = Layer(
        (*pair(Ellipse(0.047, 0.335, 0.065, 0.050, depth=0.06)), Ellipse(0, 0.295, 0.06, 0.055, depth=0.07)),
        "soft",
        "plush",
        blend=0.03,
        flow=(0.0, 0.25),
        shade=0.5,
    )
    nose = Layer(
        (Ellipse(0, 0.277, 0.043, 0.030, depth=0.03),),
        "#241c1b",
        "gloss",
        cuts=(),
        marks=(Mark(pair(Ellipse(0.017, 0.288, 0.008, 0.006)), "#060505", soft=0.006),),
    )
    mouth = (
        line("#3a2620", (0, 0.305, 0.003), (0, 0.345, 0.003)),
        line("#3a2620", (-0.095, 0.345, 0.002), (-0.05, 0.372, 0.0035), (0, 0.345, 0.003)),
        line("#3a2620", (0.095, 0.345, 0.002), (0.05, 0.372, 0.0035), (0, 0.345, 0.003)),
    )
    eyes = tuple(
        layer
        for side in (-1, 1)
        for layer in eye(side * 0.078, 0.205, 0.035, "#5a3418", white="#5a3418", pupil=0.66, look=-side * 0.2)
    )
    ears = Layer(
        pair(
            outline(
                (0.10, 0.055),
                (0.165, 0.065),
                (0.215, 0.16),
                (0.235, 0.28),
                (0.20, 0.345),
                (0.155, 0.30),
                (0.145, 0.19),
                bevel=0.05,
                depth=0.05,
            )
        ),
        "ear",
        "fur",
        flow=80.0,
    )
    return (skull, ears, tongue, jaw, muzzle, *mouth, nose, *eyes)
