"""Parsing a request's input into pipeline parameters."""

from __future__ import annotations

from typing import Any

import pytest

from engine.local.config.parameters import Parameters, parse_input
from engine.local.config.settings_file import FAMILIES, ModelSettings
from engine.protocol.job_output import Refusal

SD = "stability-ai/stable-diffusion"
IMG2IMG = f"{SD}-img2img"
INPAINTING = f"{SD}-inpainting"
SDXL = "stability-ai/sdxl"
DEV, SCHNELL = "lucataco/flux-dev-lora", "lucataco/flux-schnell-lora"
PICTURE = "data:image/png;base64,AA=="


def parse(model: str, settings: dict[str, Any] | None = None, **inputs: Any) -> Parameters:
    made = ModelSettings(model, FAMILIES[model], "org/name", "name", **(settings or {}))
    return parse_input(made, inputs, drawn_seed=77)


def test_defaults_are_the_published_ones() -> None:
    found = parse(SD)
    assert (found.prompt, found.width, found.height) == ("a vision of paradise. unreal engine", 768, 768)
    assert (found.steps, found.guidance, found.scheduler, found.seed) == (50, 7.5, "DPMSolverMultistep", 77)
    assert (found.negative_prompt, found.format) == (None, "png")
    assert parse(DEV, prompt="a").format == "webp"
    assert parse(SCHNELL, prompt="a").guidance == 0
    assert parse(IMG2IMG, image=PICTURE).steps == 25


@pytest.mark.parametrize(
    ("model", "inputs", "mode"),
    [
        (SD, {}, "text"),
        (IMG2IMG, {"image": PICTURE}, "image"),
        (INPAINTING, {"image": PICTURE, "mask": PICTURE}, "inpaint"),
        (SDXL, {}, "text"),
        (SDXL, {"mask": PICTURE}, "text"),
        (SDXL, {"image": PICTURE}, "image"),
        (SDXL, {"image": PICTURE, "mask": PICTURE}, "inpaint"),
        (DEV, {"prompt": "a", "image": PICTURE}, "image"),
    ],
)
def test_the_pictures_given_decide_what_is_done(model: str, inputs: dict[str, Any], mode: str) -> None:
    assert parse(model, **inputs).mode == mode


@pytest.mark.parametrize(
    ("model", "inputs", "words"),
    [
        (SD, {"width": 100}, "multiples of 64"),
        (SDXL, {"width": 100}, "have to be divisible by 8 but are 1024 and 100."),
        (SDXL, {"width": 8000}, "Sides of 64 to 2048 pixels are made here, not 8000 x 1024."),
        (IMG2IMG, {"image": PICTURE, "prompt_strength": 1.5}, "strength should in [0.0, 1.0] but is 1.5"),
        (SD, {"num_inference_steps": 501}, "num_inference_steps must lie between 1 and 500"),
        (SD, {"num_outputs": 5}, "num_outputs must lie between 1 and 4"),
        (SD, {"scheduler": "HeunDiscrete"}, "scheduler must be one of"),
        (DEV, {"prompt": "a", "hf_lora": "../../etc"}, "Invalid lora, must be either a"),
        (SCHNELL, {"prompt": "a", "hf_lora": ""}, "Invalid lora"),
        (DEV, {"prompt": 5}, "prompt must be a text"),
    ],
)
def test_what_cannot_be_is_refused(model: str, inputs: dict[str, Any], words: str) -> None:
    with pytest.raises(Refusal) as caught:
        parse(model, **inputs)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("model", "settings", "inputs", "note"),
    [
        (SD, {}, {"strength": 0.5}, f"Input strength is unknown to {SD} and was ignored."),
        (SDXL, {}, {"apply_watermark": True}, "Input apply_watermark has no effect"),
        (SDXL, {}, {"mask": PICTURE}, "Input mask matters only together with image"),
        (SDXL, {}, {"image": PICTURE, "width": 512}, "Input width was ignored"),
        (DEV, {}, {"prompt": "a", "lora_scale": 0.5}, "Input lora_scale matters only together with a LoRA"),
        (SD, {"scheduler": "DDIM"}, {"scheduler": "K_EULER"}, "this server always uses DDIM"),
        (
            INPAINTING,
            {"may_disable_safety": False},
            {"image": PICTURE, "mask": PICTURE, "disable_safety_checker": True},
            "not honoured on this server",
        ),
    ],
)
def test_inputs_without_effect_are_noted(
    model: str, settings: dict[str, Any], inputs: dict[str, Any], note: str
) -> None:
    (found,) = parse(model, settings, **inputs).notes
    assert note in found


def test_pictures_are_judged_as_the_published_models_do() -> None:
    assert parse(SD).check_safety
    assert not parse(IMG2IMG, image=PICTURE).check_safety
    assert parse(IMG2IMG, {"safety_checker": "/a"}, image=PICTURE).check_safety
    assert not parse(SD, {"safety_checker": "off"}).check_safety
    assert not parse(SDXL, disable_safety_checker=True).check_safety
    assert parse(SDXL, {"may_disable_safety": False}, disable_safety_checker=True).check_safety


def test_the_operators_scheduler_goes_before_the_members() -> None:
    assert parse(SD, {"scheduler": "DDIM"}, scheduler="K_EULER").scheduler == "DDIM"
    assert parse(DEV, prompt="a").scheduler == ""
