"""What the studio knows of the ten models beyond their schemas: verbs, sizes that are always the same, names, styles.

An imported model has none of it and is shown by its schema alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

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

SENTENCES: dict[str, object] = {
    "stability-ai/stable-diffusion": gettext_lazy("The well-known all-rounder, quick and cheap."),
    "stability-ai/sdxl": gettext_lazy("Large, detailed pictures; remakes and repaints yours."),
    "stability-ai/stable-diffusion-inpainting": gettext_lazy(
        "Repaints the part of a picture that you paint over."
    ),
    "stability-ai/stable-diffusion-img2img": gettext_lazy(
        "Makes variations of a picture of yours, led by words."
    ),
    "lucataco/flux-schnell-lora": gettext_lazy("Good pictures in a few steps; for trying things out."),
    "lucataco/flux-dev-lora": gettext_lazy("The finest pictures, close to your words."),
    "andreasjansson/stable-diffusion-animation": gettext_lazy(
        "A film that flows from one sentence to another."
    ),
    "lucataco/animate-diff": gettext_lazy("A moving picture of two seconds in one of five styles."),
    "sujaykhandekar/object-removal": gettext_lazy("Takes things out of a photograph and fills the gap."),
    "cjwbw/rembg": gettext_lazy("Cuts the background away, leaving it transparent."),
}
"""One plain sentence on each model."""
_NOTES: dict[str, object] = {
    "lucataco/animate-diff": gettext_lazy("Always 512 × 512 and about 2 s long."),
    "sujaykhandekar/object-removal": gettext_lazy(
        "The result is always 256 × 256, so square pictures keep their shape."
    ),
    "cjwbw/rembg": gettext_lazy("The result is a PNG as large as your picture."),
}

LIMITS: dict[tuple[str, str], tuple[int, int]] = {
    ("stability-ai/stable-diffusion-img2img", "prompt_strength"): (0, 1),
    ("andreasjansson/stable-diffusion-animation", "prompt_strength"): (0, 1),
}
"""Limits that a model has at work although its schema does not say so."""
ONLY_WITH: dict[str, tuple[str, tuple[str, ...]]] = {
    "high_noise_frac": ("refine", ("expert_ensemble_refiner",)),
    "refine_steps": ("refine", ("base_image_refiner",)),
}
"""Inputs that mean something only beside certain values of another one."""
PIXELS_AT_RATIO = ("lucataco/flux-schnell-lora", "lucataco/flux-dev-lora")
"""Models whose ratios are as large as `shapes.FLUX_PIXELS` says."""
_SIZES = ("aspect_ratio", "width", "height")


def sentence(model: HostedModel) -> str:
    """One plain sentence on a model: ours, or what its catalogue entry says first."""
    known = SENTENCES.get(model.ref)
    return str(known) if known is not None else model.description.split("\n")[0][:160]


def note(version: Version) -> str:
    """What a model always does, said before; empty where there is nothing to say."""
    return str(_NOTES.get(version.model.ref, ""))


def follows_picture(version: Version, name: str) -> bool:
    """Whether an input means nothing once there is a picture, because the result takes the picture's shape."""
    rules = version.properties
    if name not in _SIZES or "image" not in rules:
        return False
    return "image" not in version.input_schema.get("required", [])


def action_label(version: Version, given: Mapping[str, Any], count: int) -> str:
    """What the button says before the price: `Make 4`, `Repaint 2`, `Cut out`."""
    kind, rules = version.model.kind, version.properties
    if kind == HostedModel.Kind.BACKGROUND_REMOVAL:
        return (
            _("Cut out") if count == 1 else ngettext("Cut out %(n)s", "Cut out %(n)s", count) % {"n": count}
        )
    if kind == HostedModel.Kind.OBJECT_REMOVAL:
        return _("Remove")
    required = version.input_schema.get("required", [])
    if "mask" in required or ("mask" in rules and given.get("mask") and given.get("image")):
        return ngettext("Repaint %(n)s", "Repaint %(n)s", count) % {"n": count}
    if "image" in required or ("image" in rules and given.get("image")):
        return ngettext("Remake %(n)s", "Remake %(n)s", count) % {"n": count}
    return ngettext("Make %(n)s", "Make %(n)s", count) % {"n": count}


@dataclass(frozen=True)
class Film:
    """How long an animation will be."""

    frames: int
    seconds: float


def film(version: Version, given: Mapping[str, Any]) -> Film | None:
    """The film that an input gives, as the published model counts; None for other models and for wrong values."""
    rules = version.properties
    if "num_animation_frames" not in rules or "prompt_end" not in rules:
        return None
    values = {name: given.get(name, rule.get("default")) for name, rule in rules.items()}
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
