"""What the studio shows of a model beyond its schema: a sentence, a note, the button's verb, names of objects, styles.

Sentence, note and limits stand in the JSON of the shipped models (`predictions.catalogue.shipped_models`); an imported
model has none of them and is shown by its schema alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from predictions.catalogue import shipped_models
from predictions.catalogue.shipped_models import StudioTexts
from predictions.models import HostedModel, Version

OBJECTS = "objects_to_remove"
"""The input with kinds of objects, parted by commas without spaces."""
NAMES: dict[str, object] = {
    "person": pgettext_lazy("object", "person"),
    "bicycle": pgettext_lazy("object", "bicycle"),
    "car": pgettext_lazy("object", "car"),
    "motorbike": pgettext_lazy("object", "motorbike"),
    "bus": pgettext_lazy("object", "bus"),
    "train": pgettext_lazy("object", "train"),
    "boat": pgettext_lazy("object", "boat"),
    "Aeroplane": pgettext_lazy("object", "aeroplane"),
    "bird": pgettext_lazy("object", "bird"),
    "cat": pgettext_lazy("object", "cat"),
    "dog": pgettext_lazy("object", "dog"),
    "horse": pgettext_lazy("object", "horse"),
    "sheep": pgettext_lazy("object", "sheep"),
    "cow": pgettext_lazy("object", "cow"),
    "bottle": pgettext_lazy("object", "bottle"),
    "chair": pgettext_lazy("object", "chair"),
    "sofa": pgettext_lazy("object", "sofa"),
    "dining table": pgettext_lazy("object", "dining table"),
    "potted plant": pgettext_lazy("object", "potted plant"),
    "tv/monitor": pgettext_lazy("object", "screen"),
}
"""The published names of kinds of objects (capitals as published), in the order in which people reach for them."""

STYLES: dict[str, tuple[object, object]] = {
    "toonyou_beta3.safetensors": (gettext_lazy("Cartoon"), gettext_lazy("flat colours, clear lines")),
    "lyriel_v16.safetensors": (gettext_lazy("Painting"), gettext_lazy("soft light, fine brushwork")),
    "rcnzCartoon3d_v10.safetensors": (
        gettext_lazy("3D cartoon"),
        gettext_lazy("round shapes, bright and glossy"),
    ),
    "majicmixRealistic_v5Preview.safetensors": (gettext_lazy("Portrait"), gettext_lazy("people, gently lit")),
    "realisticVisionV40_v20Novae.safetensors": (
        gettext_lazy("Photograph"),
        gettext_lazy("as a camera sees it"),
    ),
}
"""What the files of `path` look like: a name, and a few words."""

ONLY_WITH: dict[str, tuple[str, tuple[str, ...]]] = {
    "high_noise_frac": ("refine", ("expert_ensemble_refiner",)),
    "refine_steps": ("refine", ("base_image_refiner",)),
}
"""Inputs that mean something only beside certain values of another one."""
_SIZES = ("aspect_ratio", "width", "height")


def sentence(model: HostedModel) -> str:
    """One plain sentence on a model: ours, or what its catalogue entry says first."""
    texts = _texts(model)
    return _(texts.sentence) if texts is not None else model.description.split("\n")[0][:160]


def note(version: Version) -> str:
    """What a model always does, said before; empty where there is nothing to say."""
    texts = _texts(version.model)
    return _(texts.note) if texts is not None and texts.note else ""


def limits(version: Version, name: str) -> list[float] | None:
    """Least and greatest value of an input that the model limits although its schema does not; None for any other."""
    texts = _texts(version.model)
    return texts.limits.get(name) if texts is not None else None


def has_ratio_sizes(version: Version) -> bool:
    """Whether the size in pixels of each of the model's aspect ratios is known."""
    texts = _texts(version.model)
    return texts is not None and texts.ratio_sizes


def _texts(model: HostedModel) -> StudioTexts | None:
    shipped = shipped_models.find(model.ref)
    return shipped.studio if shipped is not None else None


def follows_picture(version: Version, name: str) -> bool:
    """Whether an input means nothing once there is a picture, because the result takes the picture's shape."""
    rules = version.properties
    if name not in _SIZES or "image" not in rules:
        return False
    return "image" not in version.input_schema.get("required", [])


def action_label(version: Version, inputs: Mapping[str, Any], count: int) -> str:
    """What the button says before the price: `Make 4`, `Repaint 2`, `Cut out`."""
    kind, rules = version.model.kind, version.properties
    if kind == HostedModel.Kind.BACKGROUND_REMOVAL:
        return (
            _("Cut out") if count == 1 else ngettext("Cut out %(n)s", "Cut out %(n)s", count) % {"n": count}
        )
    if kind == HostedModel.Kind.OBJECT_REMOVAL:
        return _("Remove")
    required = version.input_schema.get("required", [])
    if "mask" in required or ("mask" in rules and inputs.get("mask") and inputs.get("image")):
        return ngettext("Repaint %(n)s", "Repaint %(n)s", count) % {"n": count}
    if "image" in required or ("image" in rules and inputs.get("image")):
        return ngettext("Remake %(n)s", "Remake %(n)s", count) % {"n": count}
    return ngettext("Make %(n)s", "Make %(n)s", count) % {"n": count}


@dataclass(frozen=True)
class Film:
    """How long an animation will be."""

    frames: int
    seconds: float


def film(version: Version, inputs: Mapping[str, Any]) -> Film | None:
    """The film that an input gives, as the published model counts; None for other models and for wrong values."""
    rules = version.properties
    if "num_animation_frames" not in rules or "prompt_end" not in rules:
        return None
    values = {name: inputs.get(name, rule.get("default")) for name, rule in rules.items()}
    numbers = [
        values.get(name)
        for name in ("num_animation_frames", "num_interpolation_steps", "gif_frames_per_second")
    ]
    whole = [number for number in numbers if isinstance(number, int) and 1 <= number <= 1000]
    if len(whole) != 3:
        return None
    drawn_each, steps, rate = whole
    stretches = len(str(values.get("prompt_end") or "").split("|"))
    drawn = 2 * stretches * drawn_each + 1 if values.get("gif_ping_pong") else stretches * drawn_each
    if values.get("film_interpolation"):
        frames = (drawn - 1) * 2 ** max(1, math.ceil(math.log2(steps))) + 1
    else:
        frames = (drawn - 1) * steps
    return Film(frames, frames / rate)
