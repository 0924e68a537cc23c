"""Labels of model inputs and enum values; inputs of unknown models get readable field names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy

from predictions.models import Version

LABELS: dict[str, object] = {
    "prompt": gettext_lazy("Prompt"),
    "prompt_start": gettext_lazy("Prompt at the start"),
    "prompt_end": gettext_lazy("Prompt at the end"),
    "negative_prompt": gettext_lazy("Leave out"),
    "n_prompt": gettext_lazy("Leave out"),
    "aspect_ratio": gettext_lazy("Aspect ratio"),
    "width": gettext_lazy("Width"),
    "height": gettext_lazy("Height"),
    "num_outputs": pgettext_lazy("how many", "Pictures"),
    "num_inference_steps": gettext_lazy("Steps"),
    "steps": gettext_lazy("Steps"),
    "guidance_scale": gettext_lazy("Guidance"),
    "num_animation_frames": gettext_lazy("Drawn pictures"),
    "num_interpolation_steps": gettext_lazy("Frames between two of them"),
    "gif_frames_per_second": gettext_lazy("Frames a second"),
    "gif_ping_pong": gettext_lazy("There and back"),
    "film_interpolation": gettext_lazy("Flowing transitions"),
    "intermediate_output": gettext_lazy("Keep the drawn pictures"),
    "motion_module": gettext_lazy("Motion module"),
    "path": gettext_lazy("Style"),
    "image": gettext_lazy("Picture"),
    "image_path": gettext_lazy("Picture"),
    "mask": gettext_lazy("Mask"),
    "objects_to_remove": gettext_lazy("What to remove"),
    "scheduler": gettext_lazy("Scheduler"),
    "seed": gettext_lazy("Seed"),
    "output_format": gettext_lazy("Format"),
    "output_quality": gettext_lazy("Quality"),
    "prompt_strength": gettext_lazy("Image strength"),
    "refine": gettext_lazy("Refiner"),
    "high_noise_frac": gettext_lazy("Share of the first model"),
    "refine_steps": gettext_lazy("Refiner steps"),
    "apply_watermark": gettext_lazy("Watermark"),
    "lora_scale": gettext_lazy("LoRA strength"),
    "hf_lora": gettext_lazy("LoRA"),
    "replicate_weights": gettext_lazy("LoRA weights"),
    "disable_safety_checker": gettext_lazy("Safety check"),
}
# Values of enums that are words; names such as K_EULER stay as they are.
VALUES: dict[str, object] = {
    "no_refiner": gettext_lazy("None"),
    "expert_ensemble_refiner": gettext_lazy("Expert ensemble"),
    "base_image_refiner": gettext_lazy("Base image"),
}
HELP = 240
"""Characters of a description under a control."""


def label(name: str, version: Version | None = None) -> str:
    """The word for an input, as a heading; of a certain version, where its words differ from model to model."""
    if name == "prompt_strength" and version is not None and "image" not in version.properties:
        return _("Prompt strength")
    known = LABELS.get(name)
    return str(known) if known is not None else name.replace("_", " ").capitalize()


def short(name: str) -> str:
    """The word for an input in a list of facts, in small letters where the language has them."""
    word = label(name)
    return word if word.isupper() or not word.isascii() else _lower_first(word)


def value(text: object) -> str:
    """The word for one of an enum's values."""
    return str(VALUES.get(str(text), text))


def in_order(version: Version, given: Mapping[str, object]) -> Iterable[str]:
    """The names of an input in the schema's own order; unknown names last."""
    rules = version.properties
    return sorted(given, key=lambda name: (rules.get(name, {}).get("x-order", 1000), name))


def help_for(name: str, rule: Mapping[str, object] | None = None) -> str:
    """One short sentence under a control, where it needs one; for inputs that we have no words for, the model's own."""
    if name not in LABELS and rule is not None:
        return str(rule.get("description", ""))[:HELP]
    if name == "output_quality":
        return _("Counts for JPEG and WebP")
    if name == "hf_lora":
        return _("A name on Hugging Face, or the address of weights; empty for none")
    if name == "replicate_weights":
        return _("The address of weights; empty for none")
    if name == "num_interpolation_steps":
        return _("More is smoother and longer")
    if name == "disable_safety_checker":
        return _("Dropped pictures cost nothing")
    if name == "negative_prompt":
        return pgettext("negative prompt", "What should not be in the picture")
    return ""


def _lower_first(word: str) -> str:
    # LoRA stays as it is written.
    return word[:1].lower() + word[1:] if word[1:].split(" ")[0].islower() else word


TURNED = "disable_"
"""Fields of this beginning are shown as the opposite switch."""
