"""Models that paint from a prompt, or from a prompt and a picture, and the settings of one request.

A model's published inputs, defaults and limits come from its JSON; this module defines how the engine treats them.
No imaging libraries, but only the engine's processes need it: web processes read names from `published_models`.
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
    """A published model as the engine treats it: how its size is given, and which inputs have no effect."""

    name: str
    """`owner/name` of a model whose JSON ships with the catalogue."""
    shape: Shape
    """How the size is given: an enum of multiples of 64, free multiples of 8, an aspect ratio, or a picture."""
    extra_logs: bool
    """Whether the published model logs `Prompt: …` and its mode after the seed."""
    ignored_inputs: tuple[str, ...] = ()
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
        """The maximum number of steps of a request."""
        return int(self.inputs["num_inference_steps"]["maximum"])

    @property
    def max_outputs(self) -> int:
        """The maximum number of pictures of a request."""
        return int(self.inputs["num_outputs"]["maximum"])

    @property
    def image_inputs(self) -> tuple[str, ...]:
        """Inputs that hold the picture to start from."""
        pictures = (name for name, schema in self.inputs.items() if schema.get("format") == "uri")
        return tuple(name for name in pictures if name not in self.only_with_image)

    def is_image_to_image(self, inputs: dict[str, Any]) -> bool:
        """Whether this request starts from a picture, not from the prompt alone."""
        return self.shape == "picture" or any(inputs.get(name) for name in self.image_inputs)

    def is_inpainting(self, inputs: dict[str, Any]) -> bool:
        """Whether only a masked part of that picture is repainted; its size is then given as without a picture."""
        return self.is_image_to_image(inputs) and "mask" in self.only_with_image and bool(inputs.get("mask"))


@dataclass(frozen=True)
class Settings:
    """The parsed settings of one request. Sizes are in pixels, `quality` and `guidance` ratios to the defaults."""

    model: str
    prompt: str
    negative_prompt: str
    width: int
    height: int
    """0 by 0 where the input picture decides."""
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
    """How far to depart from the input picture, 0 to 1; None without one."""
    lora: str | None = None
    notes: tuple[str, ...] = field(default=())
    """Log lines about inputs without effect."""


_SD = Model(
    name="stability-ai/stable-diffusion",
    shape="enum",
    extra_logs=False,
    ignored_inputs=("scheduler",),
)
_SDXL = Model(
    name="stability-ai/sdxl",
    shape="free",
    extra_logs=True,
    ignored_inputs=(
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
    ignored_inputs=("scheduler",),
)
_SCHNELL = Model(
    name="lucataco/flux-schnell-lora",
    shape="ratio",
    extra_logs=True,
    ignored_inputs=("lora_scale", "disable_safety_checker"),
    only_with_image=("prompt_strength",),
    lora_input="hf_lora",
    empty_lora_is_none=False,
)
_DEV = Model(
    name="lucataco/flux-dev-lora",
    shape="ratio",
    extra_logs=True,
    ignored_inputs=("lora_scale", "disable_safety_checker"),
    only_with_image=("prompt_strength",),
    lora_input="hf_lora",
)

MODELS: dict[str, Model] = {model.name: model for model in (_SD, _SDXL, _IMG2IMG, _SCHNELL, _DEV)}
"""Models that paint from a prompt, or a prompt and a picture, by `owner/name`; others are in `performers`."""
