"""Parameters of a local pipeline from a request's input: defaults, limits, notes. Plain Python, no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from engine import published_models
from engine.input_settings import lora_of
from engine.local.config.settings_file import ModelSettings
from engine.models import MODELS
from engine.protocol.job_output import Refusal
from engine.protocol.typed_input import TypedInput
from engine.published_models import RATIOS

Mode = Literal["text", "image", "inpaint"]

IMG2IMG = "stability-ai/stable-diffusion-img2img"
INPAINTING = "stability-ai/stable-diffusion-inpainting"
SDXL = "stability-ai/sdxl"
SCHNELL = "lucataco/flux-schnell-lora"
MIN_SIDE, MAX_SIDE = 64, 2048
MAX_NOTED = 12


@dataclass(frozen=True)
class Parameters:
    """The validated parameters of one request for still images."""

    model: str
    mode: Mode
    prompt: str
    negative_prompt: str | None
    width: int | None
    """Pixels; None where the input image decides."""
    height: int | None
    count: int
    steps: int
    guidance: float
    seed: int
    strength: float = 1.0
    scheduler: str = ""
    """A published scheduler name; empty for the weights' own."""
    format: Literal["png", "jpg", "webp"] = "png"
    quality: int = 80
    lora: str | None = None
    lora_scale: float = 1.0
    refine: str = "no_refiner"
    high_noise_frac: float = 0.8
    refine_steps: int | None = None
    check_safety: bool = True
    notes: tuple[str, ...] = ()
    """Log lines about inputs that have no effect."""


def parse_input(settings: ModelSettings, inputs: dict[str, Any], drawn_seed: int) -> Parameters:
    """Parse the input of a still-image model. Raises `Refusal`, in the published model's words where it has any."""
    model = settings.name
    inputs = {name: value for name, value in inputs.items() if value is not None}
    typed = TypedInput({**published_models.defaults(model), **inputs})
    mode = _mode(model, inputs)
    width, height = _size(model, mode, typed)
    lora = _lora(model, inputs)
    return Parameters(
        model=model,
        mode=mode,
        prompt=typed.text("prompt"),
        negative_prompt=typed.text("negative_prompt") if typed.has("negative_prompt") else None,
        width=width,
        height=height,
        count=_integer(model, typed, "num_outputs"),
        steps=_integer(model, typed, "num_inference_steps"),
        guidance=_number(model, typed, "guidance_scale") if typed.has("guidance_scale") else 0.0,
        seed=typed.integer("seed") if "seed" in inputs else drawn_seed,
        strength=strength(typed) if mode != "text" and typed.has("prompt_strength") else 1.0,
        scheduler=_scheduler(settings, typed),
        format=_choice(model, typed, "output_format") if typed.has("output_format") else "png",
        quality=_integer(model, typed, "output_quality") if typed.has("output_quality") else 80,
        lora=lora,
        lora_scale=_number(model, typed, "lora_scale") if typed.has("lora_scale") else 1.0,
        refine=_choice(model, typed, "refine") if typed.has("refine") else "no_refiner",
        high_noise_frac=_number(model, typed, "high_noise_frac") if typed.has("high_noise_frac") else 0.8,
        refine_steps=typed.integer("refine_steps", 1, 500) if typed.has("refine_steps") else None,
        check_safety=_checks(settings, typed),
        notes=tuple(_notes(settings, mode, lora, inputs)),
    )


def strength(typed: TypedInput) -> float:
    """`prompt_strength`; outside 0 to 1 it is refused in the published model's words."""
    value = typed.number("prompt_strength")
    if not 0 <= value <= 1:
        raise Refusal(f"The value of strength should in [0.0, 1.0] but is {value}")
    return value


def _mode(model: str, inputs: dict[str, Any]) -> Mode:
    if model == INPAINTING:
        return "inpaint"
    if model == IMG2IMG:
        return "image"
    if not inputs.get("image"):
        return "text"
    return "inpaint" if model == SDXL and inputs.get("mask") else "image"


def _size(model: str, mode: Mode, typed: TypedInput) -> tuple[int | None, int | None]:
    if mode == "image":
        return None, None
    if typed.has("aspect_ratio"):
        return RATIOS[typed.choice("aspect_ratio", tuple(RATIOS))]
    width, height = typed.integer("width"), typed.integer("height")
    sizes = published_models.choices(model, "width")
    if sizes and not {width, height} <= set(sizes):
        raise Refusal("Inputs width and height must be multiples of 64 between 64 and 1024.")
    if width % 8 or height % 8:
        raise Refusal(f"`height` and `width` have to be divisible by 8 but are {height} and {width}.")
    if not (MIN_SIDE <= width <= MAX_SIDE and MIN_SIDE <= height <= MAX_SIDE):
        raise Refusal(f"Sides of {MIN_SIDE} to {MAX_SIDE} pixels are made here, not {width} x {height}.")
    return width, height


def _integer(model: str, typed: TypedInput, name: str) -> int:
    low, high = published_models.limits(model, name)
    return typed.integer(name, int(low or 0), int(high or 0)) if high is not None else typed.integer(name)


def _number(model: str, typed: TypedInput, name: str) -> float:
    low, high = published_models.limits(model, name)
    return typed.number(name, low, high)


def _choice(model: str, typed: TypedInput, name: str) -> Any:
    return typed.choice(name, published_models.choices(model, name))


def _scheduler(settings: ModelSettings, typed: TypedInput) -> str:
    if settings.family == "flux" or not typed.has("scheduler"):
        return settings.scheduler
    wanted: str = _choice(settings.name, typed, "scheduler")
    return settings.scheduler or wanted


def _lora(model: str, inputs: dict[str, Any]) -> str | None:
    return lora_of(MODELS[model], inputs) if model in MODELS else None


def _checks(settings: ModelSettings, typed: TypedInput) -> bool:
    """Whether the safety checker runs: as the published model does, and as the operator configured."""
    if settings.safety_checker == "off":
        return False
    disabled = typed.has("disable_safety_checker") and typed.flag("disable_safety_checker")
    if disabled and settings.may_disable_safety:
        return False
    return settings.safety_checker != "auto" or settings.name != IMG2IMG


def _notes(settings: ModelSettings, mode: Mode, lora: str | None, inputs: dict[str, Any]) -> list[str]:
    notes = [note for name in inputs if (note := _note(settings, mode, lora, name, inputs))]
    if len(notes) > MAX_NOTED:
        notes[MAX_NOTED:] = [f"{len(notes) - MAX_NOTED} more inputs were ignored."]
    return notes


def _note(
    settings: ModelSettings, mode: Mode, lora: str | None, name: str, inputs: dict[str, Any]
) -> str | None:
    """The log line for an input that has no effect, or None where it has one."""
    if name not in published_models.properties(settings.name):
        printable = name[:60].encode("unicode_escape").decode("ascii")
        return f"Input {printable} is unknown to {settings.name} and was ignored."
    if name == "disable_safety_checker" and inputs[name] and not settings.may_disable_safety:
        return "Input disable_safety_checker is not honoured on this server."
    if name == "scheduler" and settings.scheduler and inputs[name] != settings.scheduler:
        return f"Input scheduler was ignored: this server always uses {settings.scheduler}."
    if name == "apply_watermark" and inputs[name]:
        return "Input apply_watermark has no effect: the file's metadata says how it was made instead."
    if name == "output_quality" and inputs.get("output_format") == "png":
        return "Input output_quality has no effect on png and was ignored."
    only_with_image = name == "prompt_strength" or (name == "mask" and inputs[name])
    if mode == "text" and only_with_image:
        return f"Input {name} matters only together with image and was ignored."
    if mode == "image" and name in ("width", "height", "aspect_ratio"):
        return f"Input {name} was ignored: the picture keeps its own shape."
    if name == "lora_scale" and lora is None:
        return "Input lora_scale matters only together with a LoRA and was ignored."
    return None
