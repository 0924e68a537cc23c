"""Parsing of each model's inputs into settings, without painting."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.input_settings import parse_input
from engine.models import MODELS, Settings
from engine.performers import PERFORMERS, performer
from engine.protocol.job_output import Refusal
from engine.published_models import RATIOS, picture_inputs, served_models
from tests.engine.engine_service import DEV, SCHNELL, SD, SDXL

IMG2IMG = "stability-ai/stable-diffusion-img2img"
CATALOGUE = sorted(Path(__file__).parents[2].glob("predictions/**/*__*.json"))


def parse(model: str, **inputs: Any) -> Settings:
    return parse_input(MODELS[model], inputs, drawn_seed=77)


def published(model: str) -> dict[str, Any]:
    """The published input schema's properties."""
    path = next(path for path in CATALOGUE if path.name == f"{model.replace('/', '__')}.json")
    return json.loads(path.read_text())["input_schema"]["properties"]


UNDERSTOOD = {
    "prompt", "negative_prompt", "width", "height", "aspect_ratio", "num_outputs", "num_inference_steps",
    "guidance_scale", "prompt_strength", "output_format", "output_quality", "seed",
}  # fmt: skip
"""Inputs that `parse_input` reads for every model that has them."""


@pytest.mark.parametrize("model", sorted(MODELS))
def test_every_published_input_means_something_or_is_said_to_mean_nothing(model: str) -> None:
    known = MODELS[model]
    named = {*known.ignored_inputs, *known.only_with_image, *known.image_inputs, known.lora_input} - {None}
    assert named - UNDERSTOOD == set(published(model)) - UNDERSTOOD


@pytest.mark.parametrize("model", [SD, SDXL])
def test_it_paints_the_published_default_where_nothing_is_given(model: str) -> None:
    settings = parse(model)
    assert settings.prompt == published(model)["prompt"]["default"]
    assert (settings.quality, settings.guidance, settings.count, settings.seed) == (1.0, 1.0, 1, 77)


def test_every_model_that_is_served_has_somebody_who_does_it() -> None:
    assert set(PERFORMERS) == served_models(conformance=False)
    assert set(MODELS) < served_models(conformance=False)
    with pytest.raises(Refusal, match="does not serve acme/nothing"):
        performer("acme/nothing")


def test_an_input_that_is_published_as_a_file_is_a_picture() -> None:
    assert picture_inputs(SDXL) == ("image", "mask")
    assert picture_inputs("sujaykhandekar/object-removal") == ("image_path",)
    assert picture_inputs(SD) == picture_inputs("acme/nothing") == picture_inputs("../secret") == ()


def test_a_picture_brings_its_own_size_and_a_strength() -> None:
    settings = parse(SDXL, image="data:,x", width=500, prompt_strength=0.3)
    assert (settings.width, settings.height, settings.strength) == (0, 0, 0.3)
    assert settings.notes == ("Input width does nothing together with image and was ignored.",)
    assert parse(DEV, prompt="x", image="data:,x").strength == 0.8
    assert parse(SDXL).strength is None
    masked = parse(SDXL, image="data:,x", mask="data:,x", width=512, height=640)
    assert (masked.width, masked.height, masked.notes) == (512, 640, ())
    with pytest.raises(Refusal, match="divisible by 8 but are 512 and 500"):
        parse(SDXL, image="data:,x", mask="data:,x", width=500, height=512)


def test_img2img_gives_up_to_eight_pictures() -> None:
    assert parse(IMG2IMG, num_outputs=8).count == 8
    with pytest.raises(Refusal, match="between 1 and 8"):
        parse(IMG2IMG, num_outputs=9)
    with pytest.raises(Refusal, match="finite"):
        parse(IMG2IMG, prompt_strength=float("nan"))


@pytest.mark.parametrize("ratio", sorted(RATIOS))
def test_it_gives_each_ratio_its_published_pixels(ratio: str) -> None:
    settings = parse(SCHNELL, prompt="x", aspect_ratio=ratio)
    assert (settings.width, settings.height) == RATIOS[ratio]
    wide, high = map(int, ratio.split(":"))
    assert settings.width / settings.height == pytest.approx(wide / high, rel=0.04)


def test_it_takes_steps_and_guidance_relative_to_the_models_defaults() -> None:
    assert parse(SD, num_inference_steps=25).quality == 0.5
    assert parse(SCHNELL, prompt="x", num_inference_steps=8).quality == 2.0
    assert parse(DEV, prompt="x", guidance_scale=7).guidance == 2.0
    assert parse(SDXL, guidance_scale=15).guidance == 2.0


def test_it_ignores_guidance_for_the_model_that_has_none() -> None:
    settings = parse(SCHNELL, prompt="x", guidance_scale=10)
    assert settings.guidance == 1.0
    assert settings.notes == (
        "Input guidance_scale is unknown to lucataco/flux-schnell-lora and was ignored.",
    )


def test_it_takes_null_for_left_out() -> None:
    assert parse(SDXL, seed=None, width=None, image=None) == parse(SDXL)


def test_it_lets_a_mask_without_an_image_do_nothing_and_says_so() -> None:
    settings = parse(SDXL, mask="https://files.example.test/m.png", prompt_strength=0.5)
    assert settings.notes == (
        "Input mask matters only together with image and was ignored.",
        "Input prompt_strength matters only together with image and was ignored.",
    )


def test_it_writes_webp_unless_asked_otherwise() -> None:
    assert parse(DEV, prompt="x").format == "webp"
    assert parse(DEV, prompt="x").encoder_quality == 80
    settings = parse(DEV, prompt="x", output_format="png", output_quality=20)
    assert settings.format == "png"
    assert settings.notes == ("Input output_quality has no effect on png and was ignored.",)


@pytest.mark.parametrize(
    "lora",
    [
        "alvdansen/frosting_lane_flux",
        "https://huggingface.co/owner/some.name",
        "https://replicate.delivery/yhqm/abc/trained_model.tar",
        "https://civitai.com/api/download/models/721",
        "https://h.test/a.safetensors",
    ],
)
def test_it_accepts_every_published_form_of_a_lora(lora: str) -> None:
    assert parse(SCHNELL, prompt="x", hf_lora=lora).lora == lora


@pytest.mark.parametrize(
    "lora", ["owner/na.me", "name", "a/b/c", "ftp://h.test/a.safetensors", "https://h.test/a"]
)
def test_it_refuses_any_other_lora_with_the_published_text(lora: str) -> None:
    with pytest.raises(Refusal) as caught:
        parse(DEV, prompt="x", hf_lora=lora)
    assert str(caught.value).startswith("Invalid lora, must be either a: HuggingFace path")
    assert str(caught.value).endswith(f": {lora}")


def test_it_takes_an_empty_lora_as_none_only_where_that_is_published() -> None:
    assert parse(DEV, prompt="x", hf_lora="").lora is None
    with pytest.raises(Refusal):
        parse(SCHNELL, prompt="x", hf_lora="")


@pytest.mark.parametrize(
    ("model", "inputs", "sentence"),
    [
        (SD, {"width": 500}, "Inputs width and height must be multiples of 64 between 64 and 1024."),
        (SD, {"width": "768"}, "Input width must be a whole number."),
        (SD, {"width": True}, "Input width must be a whole number."),
        (SD, {"prompt": 5}, "Input prompt must be a text."),
        (SD, {"num_outputs": 5}, "Input num_outputs must lie between 1 and 4."),
        (SD, {"guidance_scale": float("nan")}, "Input guidance_scale must lie between 0 and 50."),
        (SD, {"seed": "one"}, "Input seed must be a whole number."),
        (
            SDXL,
            {"width": 32, "height": 64},
            "The embedded engine paints 64 to 2048 pixels a side, not 32 x 64.",
        ),
        (SDXL, {"width": 0}, "The embedded engine paints 64 to 2048 pixels a side, not 0 x 1024."),
        (SCHNELL, {}, "Input prompt must be a text."),
        (
            SCHNELL,
            {"prompt": "x", "num_inference_steps": 13},
            "Input num_inference_steps must lie between 1 and 12.",
        ),
        (DEV, {"prompt": "x", "output_format": "gif"}, "Input output_format must be one of png, jpg, webp."),
        (DEV, {"prompt": "x", "output_quality": 101}, "Input output_quality must lie between 0 and 100."),
        (DEV, {"prompt": "x", "aspect_ratio": "7:3"}, None),
    ],
)
def test_it_refuses_what_it_cannot_do_in_one_sentence(
    model: str, inputs: dict[str, Any], sentence: str | None
) -> None:
    with pytest.raises(Refusal) as caught:
        parse(model, **inputs)
    assert str(caught.value) == (sentence or f"Input aspect_ratio must be one of {', '.join(RATIOS)}.")


def test_it_lists_a_bounded_number_of_unknown_inputs() -> None:
    settings = parse(SD, **{f"x{n}\n": n for n in range(1000)})
    assert len(settings.notes) == 13
    assert settings.notes[0] == r"Input x0\n is unknown to stability-ai/stable-diffusion and was ignored."
    assert settings.notes[-1] == "988 more inputs were ignored."
