"""Still images by real pipelines of minimal size with random weights."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engine import published_models
from engine.protocol.job_output import Refusal
from tests.engine.local.conftest import DEV, FILE, SCHNELL, SD, SDXL, Make
from tests.engine.local.output_events import after, data_uri

pytestmark = [pytest.mark.local, pytest.mark.timeout(600)]

SMALL: dict[str, Any] = {"width": 64, "height": 64, "num_inference_steps": 3, "seed": 5}


def test_the_same_request_gives_the_same_bytes_and_another_seed_others(make: Make) -> None:
    first = make(SD, prompt="a red cat", **SMALL).file("out-0.png")
    assert make(SD, prompt="a red cat", **SMALL).file("out-0.png") == first
    assert make(SD, prompt="a red cat", **{**SMALL, "seed": 6}).file("out-0.png") != first
    assert make(SD, prompt="the blue sea", **SMALL).file("out-0.png") != first


def test_picture_k_is_that_of_seed_plus_k(make: Make) -> None:
    many = make(SD, prompt="a cat", num_outputs=3, **SMALL)
    alone = make(SD, prompt="a cat", **{**SMALL, "seed": 6})
    assert [one["name"] for one in many.all("output")] == ["out-0.png", "out-1.png", "out-2.png"]
    assert many.file("out-1.png") == alone.file("out-0.png")


@pytest.mark.parametrize("model", [SD, SDXL])
def test_every_published_scheduler_works_and_most_matter(model: str, make: Make) -> None:
    names = published_models.choices(model, "scheduler")
    made = {make(model, prompt="a cat", scheduler=name, **SMALL).file("out-0.png") for name in names}
    assert len(names) >= 6 and len(made) >= len(names) - 1


def test_the_log_begins_with_the_seed_and_names_the_weights(make: Make) -> None:
    run = make(DEV, prompt="a cat", image=data_uri(np.zeros((64, 64, 3), np.uint8)), num_inference_steps=2)
    lines = run.all("log")
    assert lines[0] == "Using seed: 77"
    assert lines[1].startswith("Local weights: Tiny Flux, on cpu (diffusers ")
    assert "Prompt: a cat" in lines and "img2img mode" in lines
    assert "No safety checker is configured for this model: pictures are not judged." in lines
    assert dict(run.all("metric")) == {"engine": "local", "weights": "Tiny Flux"}


def test_a_file_says_that_trained_weights_made_it(make: Make, photo: NDArray[np.uint8]) -> None:
    text = make(SD, prompt="my secret words", **SMALL).file("out-0.png")
    assert b"digitalsourcetype/trainedAlgorithmicMedia" in text
    assert b"weights sd, diffusers" in text and b"my secret words" not in text
    image = make(f"{SD}-img2img", prompt="a cat", image=data_uri(photo), num_inference_steps=4).file(
        "out-0.png"
    )
    assert b"digitalsourcetype/compositeWithTrainedAlgorithmicMedia" in image
    assert b"no neural network" not in text + image


def test_previews_are_small_jpegs(make: Make) -> None:
    import base64

    previews = make(SD, prompt="a cat", **SMALL).all("preview")
    assert previews and base64.b64decode(previews[0])[:3] == b"\xff\xd8\xff"


def test_image_to_image_keeps_the_shape_and_strength_zero_the_picture(
    make: Make, photo: NDArray[np.uint8]
) -> None:
    model, inputs = f"{SD}-img2img", {"prompt": "a cat", "image": data_uri(photo), "num_inference_steps": 6}
    run = make(model, prompt_strength=0.5, **inputs)
    assert run.pixels().shape == (96, 136, 3)
    assert "| 3/3 [" in run.log
    kept = make(model, prompt_strength=0, **inputs)
    assert np.array_equal(kept.pixels(), photo)
    assert "prompt_strength leaves no step to take" in kept.log


@pytest.mark.parametrize("model", [f"{SD}-inpainting", SDXL])
def test_inpainting_keeps_what_is_black_to_the_byte(model: str, make: Make, photo: NDArray[np.uint8]) -> None:
    hole = np.zeros((96, 136), np.uint8)
    hole[20:60, 40:90] = 255
    size = {"width": 128, "height": 64} if model != SDXL else {"width": 136, "height": 96}
    inputs = {"image": data_uri(photo), "mask": data_uri(hole), "num_inference_steps": 4, **size}
    run = make(model, prompt="a cat", **inputs)
    made = run.pixels()
    assert made.shape == (size["height"], size["width"], 3)
    if model == SDXL:
        assert "inpainting mode" in run.log
        assert np.array_equal(made[hole == 0], photo[hole == 0])
        change = np.abs(made[hole == 255].astype(int) - photo[hole == 255].astype(int))
        assert change.mean() > 5


@pytest.mark.parametrize("refine", ["expert_ensemble_refiner", "base_image_refiner"])
def test_the_refiner_works_on_what_the_base_left(refine: str, make: Make) -> None:
    inputs = {"prompt": "a cat", **SMALL, "num_inference_steps": 10}
    plain = make(SDXL, **inputs).pixels()
    refined = make(SDXL, refine=refine, **inputs)
    assert not np.array_equal(refined.pixels(), plain)
    assert "100%|" in refined.log


def test_flux_fits_a_given_picture_to_sixteens(make: Make) -> None:
    picture = data_uri(np.full((70, 100, 3), 90, np.uint8))
    run = make(SCHNELL, prompt="a cat", image=picture, num_inference_steps=2, output_format="png")
    assert run.pixels().shape == (80, 112, 3)
    assert "Input image size: 100x70" in run.log and "Input image size set to: 112x80" in run.log


def test_a_lora_changes_its_run_and_nothing_after_it(make: Make, photo: NDArray[np.uint8]) -> None:
    inputs = {
        "prompt": "a red cat", "image": data_uri(photo), "num_inference_steps": 3, "output_format": "png",
    }  # fmt: skip
    plain = make(DEV, **inputs).pixels()
    run = make(DEV, hf_lora="me/painted", lora_scale=1.0, **inputs)
    nothing = make(DEV, hf_lora="me/painted", lora_scale=0.0, **inputs)
    assert "Loading LoRA weights: me/painted" in run.log and "Loading LoRA took: " in run.log
    assert np.abs(run.pixels().astype(int) - plain).mean() > 1
    assert np.array_equal(nothing.pixels(), plain)
    assert np.array_equal(make(DEV, **inputs).pixels(), plain)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("me/unknown", "LoRA me/unknown is not among those that this server has."),
        ("https://x.example/other.safetensors", "cannot be used with the weights of this model."),
    ],
)
def test_a_lora_that_cannot_be_used_is_refused_and_leaves_no_trace(
    name: str, words: str, make: Make, photo: NDArray[np.uint8]
) -> None:
    inputs = {"prompt": "a cat", "image": data_uri(photo), "num_inference_steps": 2, "output_format": "png"}
    plain = make(DEV, **inputs).file("out-0.png")
    with pytest.raises(Refusal) as caught:
        make(DEV, hf_lora=name, **inputs)
    assert words in str(caught.value)
    assert make(DEV, **inputs).file("out-0.png") == plain


def test_a_cancel_ends_a_run_between_two_steps(make: Make, store: Any) -> None:
    from engine.local.models.step_callbacks import Stopped

    with pytest.raises(Stopped):
        make(SD, stop=after(4), prompt="a cat", **{**SMALL, "num_inference_steps": 50})
    assert make(SD, prompt="a cat", **SMALL).all("output")


def test_the_settings_in_a_file_can_be_read_back(make: Make) -> None:
    data = make(SD, prompt="a cat", scheduler="DDIM", **SMALL).file("out-0.png").decode("latin-1")
    start = data.index("darkroom:settings=") + len("darkroom:settings='")
    found = json.loads(data[start : data.index("}", start) + 1])
    assert found == {
        "weights": "sd", "width": 64, "height": 64, "num_inference_steps": 3, "guidance_scale": 7.5,
        "scheduler": "DDIM", "output_format": "png",
    }  # fmt: skip


def test_every_model_of_the_file_is_one_that_can_have_weights() -> None:
    from engine.local.config.settings_file import FAMILIES

    assert set(FILE["models"]) == set(FAMILIES)
