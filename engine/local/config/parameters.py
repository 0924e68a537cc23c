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


def understand(settings: ModelSettings, given: dict[str, Any], drawn_seed: int) -> Parameters:
    """Parse the input of a still-image model. Raises `Refusal`, in the published model's words where it has any."""
    model = settings.name
    given = {name: value for name, value in given.items() if value is not None}
    asked = TypedInput({**published_models.defaults(model), **given})
    mode = _mode(model, given)
    width, height = _size(model, mode, asked)
    lora = _lora(model, given)
    return Parameters(
        model=model,
        mode=mode,
        prompt=asked.text("prompt"),
        negative_prompt=asked.text("negative_prompt") if asked.has("negative_prompt") else None,
        width=width,
        height=height,
        count=_integer(model, asked, "num_outputs"),
        steps=_integer(model, asked, "num_inference_steps"),
        guidance=_number(model, asked, "guidance_scale") if asked.has("guidance_scale") else 0.0,
        seed=asked.integer("seed") if "seed" in given else drawn_seed,
        strength=strength(asked) if mode != "text" and asked.has("prompt_strength") else 1.0,
        scheduler=_scheduler(settings, asked),
        format=_choice(model, asked, "output_format") if asked.has("output_format") else "png",
        quality=_integer(model, asked, "output_quality") if asked.has("output_quality") else 80,
        lora=lora,
        lora_scale=_number(model, asked, "lora_scale") if asked.has("lora_scale") else 1.0,
        refine=_choice(model, asked, "refine") if asked.has("refine") else "no_refiner",
        high_noise_frac=_number(model, asked, "high_noise_frac") if asked.has("high_noise_frac") else 0.8,
        refine_steps=asked.integer("refine_steps", 1, 500) if asked.has("refine_steps") else None,
        check_safety=_checks(settings, asked),
        notes=tuple(_notes(settings, mode, lora, given)),
    )


def strength(asked: TypedInput) -> float:
    """`prompt_strength`; outside 0 to 1 it is refused in the published model's words."""
    value = asked.number("prompt_strength")
    if not 0 <= value <= 1:
        raise Refusal(f"The value of strength should in [0.0, 1.0] but is {value}")
    return value


def _mode(model: str, given: dict[str, Any]) -> Mode:
    if model == INPAINTING:
        return "inpaint"
    if model == IMG2IMG:
        return "image"
    if not given.get("image"):
        return "text"
    return "inpaint" if model == SDXL and given.get("mask") else "image"


def _size(model: str, mode: Mode, asked: TypedInput) -> tuple[int | None, int | None]:
    if mode == "image":
        return None, None
    if asked.has("aspect_ratio"):
        return RATIOS[asked.choice("aspect_ratio", tuple(RATIOS))]
    width, height = asked.integer("width"), asked.integer("height")
    sizes = published_models.choices(model, "width")
    if sizes and not {width, height} <= set(sizes):
        raise Refusal("Inputs width and height must be multiples of 64 between 64 and 1024.")
    if width % 8 or height % 8:
        raise Refusal(f"`height` and `width` have to be divisible by 8 but are {height} and {width}.")
    if not (MIN_SIDE <= width <= MAX_SIDE and MIN_SIDE <= height <= MAX_SIDE):
        raise Refusal(f"Sides of {MIN_SIDE} to {MAX_SIDE} pixels are made here, not {width} x {height}.")
    return width, height


def _integer(model: str, asked: TypedInput, name: str) -> int:
    low, high = published_models.limits(model, name)
    return asked.integer(name, int(low or 0), int(high or 0)) if high is not None else asked.integer(name)


def _number(model: str, asked: TypedInput, name: str) -> float:
    low, high = published_models.limits(model, name)
    return asked.number(name, low, high)


def _choice(model: str, asked: TypedInput, name: str) -> Any:
    return asked.choice(name, published_models.choices(model, name))


def _scheduler(settings: ModelSettings, asked: TypedInput) -> str:
    if settings.family == "flux" or not asked.has("scheduler"):
        return settings.scheduler
    wanted: str = _choice(settings.name, asked, "scheduler")
    return settings.scheduler or wanted


def _lora(model: str, given: dict[str, Any]) -> str | None:
    return lora_of(MODELS[model], given) if model in MODELS else None


def _checks(settings: ModelSettings, asked: TypedInput) -> bool:
    """Whether the safety checker runs: as the published model does, and as the operator configured."""
    if settings.safety_checker == "off":
        return False
    disabled = asked.has("disable_safety_checker") and asked.flag("disable_safety_checker")
    if disabled and settings.may_disable_safety:
        return False
    return settings.safety_checker != "auto" or settings.name != IMG2IMG


def _notes(settings: ModelSettings, mode: Mode, lora: str | None, given: dict[str, Any]) -> list[str]:
    notes = [note for name in given if (note := _note(settings, mode, lora, name, given))]
    if len(notes) > MAX_NOTED:
        notes[MAX_NOTED:] = [f"{len(notes) - MAX_NOTED} more inputs were ignored."]
    return notes


def _note(
    settings: ModelSettings, mode: Mode, lora: str | None, name: str, given: dict[str, Any]
) -> str | None:
    """The log line for an input that has no effect, or None where it has one."""
    if name not in published_models.properties(settings.name):
        shown = name[:60].encode("unicode_escape").decode("ascii")
        return f"Input {shown} is unknown to {settings.name} and was ignored."
    if name == "disable_safety_checker" and given[name] and not settings.may_disable_safety:
        return "Input disable_safety_checker is not honoured on this server."
    if name == "scheduler" and settings.scheduler and given[name] != settings.scheduler:
        return f"Input scheduler was ignored: this server always uses {settings.scheduler}."
    if name == "apply_watermark" and given[name]:
        return "Input apply_watermark has no effect: the file's metadata says how it was made instead."
    if name == "output_quality" and given.get("output_format") == "png":
        return "Input output_quality has no effect on png and was ignored."
    only_with_image = name == "prompt_strength" or (name == "mask" and given[name])
    if mode == "text" and only_with_image:
        return f"Input {name} matters only together with image and was ignored."
    if mode == "image" and name in ("width", "height", "aspect_ratio"):
        return f"Input {name} was ignored: the picture keeps its own shape."
    if name == "lora_scale" and lora is None:
        return "Input lora_scale matters only together with a LoRA and was ignored."
    return None
