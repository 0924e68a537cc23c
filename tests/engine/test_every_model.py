"""Properties of all ten models: no network access, and no claim to be a neural network."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from core import data_uri
from engine.performers import PERFORMERS, performer
from engine.published_models import served_models
from tests.engine.output_recorder import OutputRecorder, no_network, says_truly_what_it_is

WORDS = {"prompt": "a red cat by a lake", "seed": 3}
TINY = {"width": 64, "height": 64, "num_inference_steps": 5}


def uri(picture: Image.Image) -> str:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return data_uri.build("image/png", out.getvalue())


def scene() -> Image.Image:
    picture = Image.linear_gradient("L").resize((96, 96)).convert("RGB")
    picture.paste("#c03020", (30, 30, 62, 66))
    return picture


def mask() -> Image.Image:
    hole = Image.new("L", (96, 96))
    hole.paste(255, (24, 24, 70, 70))
    return hole


GIVEN: dict[str, dict[str, Any]] = {
    "stability-ai/stable-diffusion": {**WORDS, **TINY},
    "stability-ai/sdxl": {**WORDS, **TINY},
    "stability-ai/stable-diffusion-img2img": {**WORDS, "image": uri(scene())},
    "stability-ai/stable-diffusion-inpainting": {**WORDS, **TINY, "image": uri(scene()), "mask": uri(mask())},
    "lucataco/flux-schnell-lora": {**WORDS, "image": uri(scene()), "num_inference_steps": 1},
    "lucataco/flux-dev-lora": {**WORDS, "image": uri(scene()), "hf_lora": "owner/some_lora"},
    "cjwbw/rembg": {"image": uri(scene())},
    "andreasjansson/stable-diffusion-animation": {
        "prompt_start": "a lake", "prompt_end": "a lake at night", "width": 128, "height": 128, "seed": 3,
        "num_animation_frames": 2, "num_interpolation_steps": 2,
    },
}  # fmt: skip


IN_A_FILE_OF_ITS_OWN = {"lucataco/animate-diff", "sujaykhandekar/object-removal"}
"""Of one size alone, and slow: what holds for each is looked at in the model's own file, where it runs anyway."""


@pytest.mark.parametrize("name", sorted(GIVEN))
def test_it_works_without_a_network_and_says_truly_what_it_is(name: str, tmp_path: Path) -> None:
    recorder = OutputRecorder(tmp_path)
    with no_network():
        performer(name)(GIVEN[name], recorder, 77)
    says_truly_what_it_is(recorder)


def test_those_are_all_models_that_are_served() -> None:
    assert GIVEN.keys() | IN_A_FILE_OF_ITS_OWN == served_models(conformance=False) == set(PERFORMERS)
