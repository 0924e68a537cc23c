"""The models that the engine serves, and what their inputs mean to it. Plain data and arithmetic, no imaging.

Imported by the web processes (which only need the names), so this module stays free of NumPy and OpenCV.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from engine import fixtures

SD_SIZES = frozenset(range(64, 1025, 64))
MIN_SIDE, MAX_SIDE = 64, 2048

RATIOS: dict[str, tuple[int, int]] = {
    "1:1": (1024, 1024),
    "16:9": (1344, 768),
    "21:9": (1536, 640),
    "3:2": (1216, 832),
    "2:3": (832, 1216),
    "4:5": (896, 1088),
    "5:4": (1088, 896),
    "3:4": (896, 1152),
    "4:3": (1152, 896),
    "9:16": (768, 1344),
    "9:21": (640, 1536),
}
"""Width and height in pixels of each published aspect ratio."""

Shape = Literal["enum", "free", "ratio", "picture"]


@dataclass(frozen=True)
class Model:
    """A published model as the engine sees it: defaults, limits, and which inputs it can do nothing with."""

    name: str
    defaults: dict[str, Any]
    shape: Shape
    """How the size is given: an enum of multiples of 64, free multiples of 8, an aspect ratio, or a picture."""
    max_steps: int
    extra_logs: bool
    """Whether the published model logs `Prompt: …` and its mode after the seed."""
    meaningless: tuple[str, ...] = ()
    """Inputs of the published schema without meaning to this engine; each is named in the log when given."""
    only_with_image: tuple[str, ...] = ()
    """Inputs that matter only together with `image`."""
    image_inputs: tuple[str, ...] = ()
    lora_input: str | None = None
    empty_lora_is_none: bool = True
    max_outputs: int = 4

    def works_from_a_picture(self, given: dict[str, Any]) -> bool:
        """Whether this request starts from a picture and not from words alone."""
        return self.shape == "picture" or any(given.get(name) for name in self.image_inputs)

    def works_within_a_mask(self, given: dict[str, Any]) -> bool:
        """Whether only a part of that picture is painted anew; its size is then asked for as without a picture."""
        return self.works_from_a_picture(given) and "mask" in self.only_with_image and bool(given.get("mask"))

    @property
    def known(self) -> frozenset[str]:
        """Every input name of the published schema."""
        named = {*self.defaults, *self.meaningless, *self.only_with_image, *self.image_inputs, "seed"}
        return frozenset(named | ({self.lora_input} if self.lora_input else set()))


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


_FLUX = {
    "prompt": None,
    "aspect_ratio": "1:1",
    "num_outputs": 1,
    "output_format": "webp",
    "output_quality": 80,
    "prompt_strength": 0.8,
}

_SD = Model(
    name="stability-ai/stable-diffusion",
    defaults={
        "prompt": "a vision of paradise. unreal engine",
        "negative_prompt": "",
        "width": 768,
        "height": 768,
        "num_outputs": 1,
        "num_inference_steps": 50,
        "guidance_scale": 7.5,
    },
    shape="enum",
    max_steps=500,
    extra_logs=False,
    meaningless=("scheduler",),
)
_SDXL = Model(
    name="stability-ai/sdxl",
    defaults={
        "prompt": "An astronaut riding a rainbow unicorn",
        "negative_prompt": "",
        "width": 1024,
        "height": 1024,
        "num_outputs": 1,
        "num_inference_steps": 50,
        "guidance_scale": 7.5,
        "prompt_strength": 0.8,
    },
    shape="free",
    max_steps=500,
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
    image_inputs=("image",),
    lora_input="replicate_weights",
)
_IMG2IMG = Model(
    name="stability-ai/stable-diffusion-img2img",
    defaults={
        "prompt": "A fantasy landscape, trending on artstation",
        "negative_prompt": "",
        "prompt_strength": 0.8,
        "num_outputs": 1,
        "num_inference_steps": 25,
        "guidance_scale": 7.5,
    },
    shape="picture",
    max_steps=500,
    extra_logs=False,
    meaningless=("scheduler",),
    image_inputs=("image",),
    max_outputs=8,
)
_SCHNELL = Model(
    name="lucataco/flux-schnell-lora",
    defaults={**_FLUX, "num_inference_steps": 4},
    shape="ratio",
    max_steps=12,
    extra_logs=True,
    meaningless=("lora_scale", "disable_safety_checker"),
    only_with_image=("prompt_strength",),
    image_inputs=("image",),
    lora_input="hf_lora",
    empty_lora_is_none=False,
)
_DEV = Model(
    name="lucataco/flux-dev-lora",
    defaults={**_FLUX, "num_inference_steps": 28, "guidance_scale": 3.5},
    shape="ratio",
    max_steps=50,
    extra_logs=True,
    meaningless=("lora_scale", "disable_safety_checker"),
    only_with_image=("prompt_strength",),
    image_inputs=("image",),
    lora_input="hf_lora",
)

MODELS: dict[str, Model] = {model.name: model for model in (_SD, _SDXL, _IMG2IMG, _SCHNELL, _DEV)}
"""Every model that paints from words, or from words and a picture, by `owner/name`."""

OTHERS: frozenset[str] = frozenset(
    {
        # One line each, as in `tasks.PERFORMERS`.
        "stability-ai/stable-diffusion-inpainting",
        "sujaykhandekar/object-removal",
        "cjwbw/rembg",
        "andreasjansson/stable-diffusion-animation",
        "lucataco/animate-diff",
    }
)
"""Every other model that the engine serves."""

PICTURE_INPUTS: dict[str, tuple[str, ...]] = {
    # One line each: the inputs that hold pictures, of the models that work from them here.
    "stability-ai/stable-diffusion-img2img": ("image",),
    "stability-ai/sdxl": ("image", "mask"),
    "lucataco/flux-schnell-lora": ("image",),
    "lucataco/flux-dev-lora": ("image",),
    "stability-ai/stable-diffusion-inpainting": ("image", "mask"),
    "sujaykhandekar/object-removal": ("image_path",),
    "cjwbw/rembg": ("image",),
}
"""Names of the inputs that are opened as pictures, by `owner/name`."""


def served(conformance: bool) -> frozenset[str]:
    """Every name that an engine takes orders for; `conformance` adds the fixture models."""
    return frozenset(MODELS) | OTHERS | (fixtures.NAMES if conformance else frozenset())
