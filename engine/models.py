"""The models that paint from words, or from words and a picture, and what one request asks of them.

What is published of a model (inputs, defaults, limits) comes from its JSON; here stands how the engine treats it.
No imaging, but only the engine's processes need it: names for the web processes are in `published_models`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from engine import published_models

SD_SIZES = frozenset(range(64, 1025, 64))
MIN_SIDE, MAX_SIDE = 64, 2048

Shape = Literal["enum", "free", "ratio", "picture"]


@dataclass(frozen=True)
class Model:
    """A published model as the engine sees it: how its size is given, and which inputs it can do nothing with."""

    name: str
    """`owner/name` of a model whose JSON ships with the catalogue."""
    shape: Shape
    """How the size is given: an enum of multiples of 64, free multiples of 8, an aspect ratio, or a picture."""
    extra_logs: bool
    """Whether the published model logs `Prompt: …` and its mode after the seed."""
    meaningless: tuple[str, ...] = ()
    """Inputs of the published schema without meaning to this engine; each is named in the log when given."""
    only_with_image: tuple[str, ...] = ()
    """Inputs that matter only together with `image`."""
    lora_input: str | None = None
    empty_lora_is_none: bool = True
    inputs: dict[str, dict[str, Any]] = field(init=False, repr=False, compare=False)
    """The published schema of each input, by its name."""

    def __post_init__(self) -> None:
        # Read when the model is defined: a painter is forked after that and opens no file for it.
        object.__setattr__(self, "inputs", published_models.properties(self.name))

    @property
    def defaults(self) -> dict[str, Any]:
        """The published default of every input that has one."""
        return published_models.defaults(self.name)

    @property
    def max_steps(self) -> int:
        """The most steps that a request may ask for."""
        return int(self.inputs["num_inference_steps"]["maximum"])

    @property
    def max_outputs(self) -> int:
        """The most pictures that a request may ask for."""
        return int(self.inputs["num_outputs"]["maximum"])

    @property
    def image_inputs(self) -> tuple[str, ...]:
        """Inputs that hold a picture to start from."""
        pictures = (name for name, schema in self.inputs.items() if schema.get("format") == "uri")
        return tuple(name for name in pictures if name not in self.only_with_image)

    def works_from_a_picture(self, inputs: dict[str, Any]) -> bool:
        """Whether this request starts from a picture and not from words alone."""
        return self.shape == "picture" or any(inputs.get(name) for name in self.image_inputs)

    def works_within_a_mask(self, inputs: dict[str, Any]) -> bool:
        """Whether only a part of that picture is painted anew; its size is then asked for as without a picture."""
        return (
            self.works_from_a_picture(inputs) and "mask" in self.only_with_image and bool(inputs.get("mask"))
        )


@dataclass(frozen=True)
class Settings:
    """One request, understood: what to paint and how to write it down. Pixels, and ratios to the defaults."""

    model: str
    prompt: str
    negative_prompt: str
    width: int
    height: int
    """0 by 0 where the picture that was given decides."""
    count: int
    steps: int
    quality: float
    """Steps divided by the model's default steps."""
    guidance: float
    """Guidance divided by the model's default guidance; 1.0 for a model without guidance."""
    guidance_scale: float | None
    seed: int
    format: Literal["png", "jpg", "webp"]
    encoder_quality: int
    strength: float | None = None
    """How far to go from the picture that was given, 0 to 1; None where there is none."""
    lora: str | None = None
    notes: tuple[str, ...] = field(default=())
    """Log lines about inputs that were given and do nothing."""


_SD = Model(
    name="stability-ai/stable-diffusion",
    shape="enum",
    extra_logs=False,
    meaningless=("scheduler",),
)
_SDXL = Model(
    name="stability-ai/sdxl",
    shape="free",
    extra_logs=True,
    meaningless=(
        "scheduler",
        "refine",
        "high_noise_frac",
        "refine_steps",
        "apply_watermark",
        "lora_scale",
        "disable_safety_checker",
    ),
    only_with_image=("prompt_strength", "mask"),
    lora_input="replicate_weights",
)
_IMG2IMG = Model(
    name="stability-ai/stable-diffusion-img2img",
    shape="picture",
    extra_logs=False,
    meaningless=("scheduler",),
)
_SCHNELL = Model(
    name="lucataco/flux-schnell-lora",
    shape="ratio",
    extra_logs=True,
    meaningless=("lora_scale", "disable_safety_checker"),
    only_with_image=("prompt_strength",),
    lora_input="hf_lora",
    empty_lora_is_none=False,
)
_DEV = Model(
    name="lucataco/flux-dev-lora",
    shape="ratio",
    extra_logs=True,
    meaningless=("lora_scale", "disable_safety_checker"),
    only_with_image=("prompt_strength",),
    lora_input="hf_lora",
)

MODELS: dict[str, Model] = {model.name: model for model in (_SD, _SDXL, _IMG2IMG, _SCHNELL, _DEV)}
"""Every model that paints from words, or from words and a picture, by `owner/name`; others are in `performers`."""
