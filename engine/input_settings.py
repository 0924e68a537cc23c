"""Parses a prediction's input into `Settings`: fills defaults, checks limits, notes inputs without effect.

The API has already checked the input against the published schema. Checked again here are the limits that the
published models enforce only at run time, and the types, because the engine must not rely on its caller.
"""

from __future__ import annotations

import re
from typing import Any, cast

from engine.models import MAX_SIDE, MIN_SIDE, SD_SIZES, Model, Settings
from engine.protocol.job_output import Refusal
from engine.protocol.typed_input import TypedInput
from engine.published_models import RATIOS

FORMATS = ("png", "jpg", "webp")
MAX_NOTED = 12
SIZED = ("width", "height", "aspect_ratio")
_LORA_FORMS = (
    re.compile(r"[A-Za-z0-9_-]+/[A-Za-z0-9_-]+"),
    re.compile(r"https?://huggingface\.co/[\w.-]+/[\w.-]+\S*"),
    re.compile(r"https?://replicate\.delivery/\S+/trained_model\.tar"),
    re.compile(r"https?://civitai\.com/api/download/models/\d+\S*"),
    re.compile(r"https?://\S+\.safetensors"),
)
_LORA_REFUSED = (
    "Invalid lora, must be either a: HuggingFace path, Replicate model.tar URL, "
    "or a URL to a .safetensors file: "
)


def parse_input(model: Model, inputs: dict[str, Any], *, drawn_seed: int) -> Settings:
    """The settings for `model` from the input `inputs`. `drawn_seed` is used where the caller gave none.

    Null counts as absent. Raises `Refusal` with the published model's text, or with one plain sentence of ours.
    """
    inputs = {name: value for name, value in inputs.items() if value is not None}
    from_picture = model.is_image_to_image(inputs)
    typed = TypedInput({**model.defaults, **inputs})
    keeps_size = from_picture and not model.is_inpainting(inputs)
    width, height = (0, 0) if keeps_size else _size(model, typed)
    steps = typed.integer("num_inference_steps", 1, model.max_steps)
    scale = typed.number("guidance_scale", 0, 50) if "guidance_scale" in model.defaults else None
    return Settings(
        model=model.name,
        prompt=typed.text("prompt"),
        negative_prompt=_negative_prompt(model, typed),
        width=width,
        height=height,
        count=typed.integer("num_outputs", 1, model.max_outputs),
        steps=steps,
        quality=steps / model.defaults["num_inference_steps"],
        guidance=1.0 if scale is None else scale / model.defaults["guidance_scale"],
        guidance_scale=scale,
        seed=typed.integer("seed") if "seed" in inputs else drawn_seed,
        format=_format(model, typed),
        encoder_quality=typed.integer("output_quality", 0, 100) if "output_quality" in model.defaults else 80,
        strength=_strength(typed) if from_picture else None,
        lora=lora_of(model, inputs),
        notes=tuple(_notes(model, inputs, from_picture, keeps_size)),
    )


def _size(model: Model, typed: TypedInput) -> tuple[int, int]:
    if model.shape == "ratio":
        return RATIOS[typed.choice("aspect_ratio", tuple(RATIOS))]
    width, height = typed.integer("width"), typed.integer("height")
    if model.shape == "enum" and not {width, height} <= SD_SIZES:
        raise Refusal("Inputs width and height must be multiples of 64 between 64 and 1024.")
    if width % 8 or height % 8:
        raise Refusal(f"`height` and `width` have to be divisible by 8 but are {height} and {width}.")
    if not (MIN_SIDE <= width <= MAX_SIDE and MIN_SIDE <= height <= MAX_SIDE):
        raise Refusal(
            f"The embedded engine paints {MIN_SIDE} to {MAX_SIDE} pixels a side, not {width} x {height}."
        )
    return width, height


def _negative_prompt(model: Model, typed: TypedInput) -> str:
    """The negative prompt; empty where the model has no such input, or neither a value nor a default exists."""
    has_value = "negative_prompt" in model.inputs and typed.has("negative_prompt")
    return typed.text("negative_prompt") if has_value else ""


def _strength(typed: TypedInput) -> float:
    """The prompt strength. Its range is not in the schema: the published models refuse at run time, in these words."""
    value = typed.number("prompt_strength")
    if not 0 <= value <= 1:
        raise Refusal(f"The value of strength should in [0.0, 1.0] but is {value}")
    return value


def _format(model: Model, typed: TypedInput) -> Any:
    return typed.choice("output_format", FORMATS) if "output_format" in model.defaults else "png"


def lora_of(model: Model, inputs: dict[str, Any]) -> str | None:
    """The requested LoRA, checked against the published grammar where the model has one."""
    if model.lora_input is None or model.lora_input not in inputs:
        return None
    value = inputs[model.lora_input]
    if not isinstance(value, str):
        raise Refusal(f"Input {model.lora_input} must be a text.")
    if value == "" and model.empty_lora_is_none:
        return None
    if model.lora_input == "hf_lora" and not any(form.fullmatch(value) for form in _LORA_FORMS):
        raise Refusal(_LORA_REFUSED + value[:500])
    return value


def _notes(model: Model, inputs: dict[str, Any], from_picture: bool, keeps_size: bool) -> list[str]:
    """One log line for each input that was given but has no effect, in the order given."""
    notes = []
    for name in inputs:
        if name in model.ignored_inputs:
            notes.append(f"Input {name} has no meaning to this engine and was ignored.")
        elif keeps_size and name in SIZED and name in model.inputs:
            notes.append(f"Input {name} does nothing together with image and was ignored.")
        elif name in model.only_with_image and not from_picture:
            notes.append(f"Input {name} matters only together with image and was ignored.")
        elif name == "output_quality" and inputs.get("output_format") == "png":
            notes.append("Input output_quality has no effect on png and was ignored.")
        elif name not in model.inputs:
            notes.append(f"Input {_printable(name)} is unknown to {model.name} and was ignored.")
    if len(notes) > MAX_NOTED:
        notes[MAX_NOTED:] = [f"{len(notes) - MAX_NOTED} more inputs were ignored."]
    return notes


def _printable(name: object) -> str:
    return cast(str, name)[:60].encode("unicode_escape").decode("ascii")
