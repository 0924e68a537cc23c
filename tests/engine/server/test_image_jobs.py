"""Logs and outputs of image predictions on the engine."""

from __future__ import annotations

import io
import re

import pytest
from PIL import Image

from engine.painting import VERSION
from tests.engine.engine_service import DEV, SCHNELL, SD, SDXL, SMALL, Service
from tests.runner.sampling import one_of


def lines(state: dict[str, str]) -> list[str]:
    return state["logs"].splitlines()


@pytest.mark.parametrize(
    ("model", "input", "name", "fmt"),
    [
        (SD, SMALL, "out-0.png", "PNG"),
        *one_of(
            [
                (SCHNELL, {"prompt": "a cat", "seed": 3, "aspect_ratio": "9:21"}, "out-0.webp", "WEBP"),
                (
                    DEV,
                    {"prompt": "a cat", "seed": 3, "output_format": "jpg", "aspect_ratio": "9:21"},
                    "out-0.jpg",
                    "JPEG",
                ),
            ]
        ),
    ],
)
def test_it_gives_the_same_bytes_in_two_engines(
    service: Service, single: Service, model: str, input: dict[str, object], name: str, fmt: str
) -> None:
    here = f"same-{fmt}"
    assert service.run(here, input, model)["status"] == "succeeded"
    assert single.run(here, input, model)["status"] == "succeeded"
    assert single.file(here, name) == service.file(here, name)
    assert Image.open(io.BytesIO(service.file(here, name))).format == fmt


def test_it_paints_output_k_with_seed_plus_k(service: Service) -> None:
    state = service.run("three-1", {**SMALL, "num_outputs": 3})
    assert [output["name"] for output in state["output"]] == ["out-0.png", "out-1.png", "out-2.png"]
    for k in range(3):
        service.run(f"single-{k}", {**SMALL, "seed": 3 + k})
        assert service.file("three-1", f"out-{k}.png") == service.file(f"single-{k}")


def test_it_prints_the_log_of_the_published_model_and_says_what_it_is(service: Service) -> None:
    state = service.run("log-1", {**SMALL, "prompt": "a red cat by a lake, zxqv", "negative_prompt": ""})
    printed = lines(state)
    assert printed[0] == "Using seed: 3"
    assert printed[1] == (
        f"Embedded engine: procedural painter {VERSION}. "
        "No neural network, no weights; it draws from a word list."
    )
    assert re.fullmatch(r"Understood: .*cat.*lake.*\. No meaning here: zxqv\.", printed[2])
    assert printed[3:5] == ["Prompt: a red cat by a lake, zxqv", "txt2img mode"]
    assert "diffusion" not in state["logs"].lower()


def test_it_prints_no_prompt_for_a_model_that_never_did(service: Service) -> None:
    state = service.run("log-2", SMALL, SD)
    assert "Prompt:" not in state["logs"] and "txt2img" not in state["logs"]
    assert lines(state)[3] == "  0%|          | 0/5 [00:00<?, ?it/s]"


def test_it_counts_progress_in_the_steps_asked_for_and_never_falls(service: Service) -> None:
    state = service.run("bar-1", {**SMALL, "num_outputs": 4, "num_inference_steps": 77})
    bar = re.compile(r" *(\d+)%\|[█ ]{10}\| (\d+)/77 \[\d\d:\d\d<(?:\d\d:\d\d|\?), +(?:\?|\d+\.\d\d)it/s\]")
    matches = [match for line in lines(state) if (match := bar.fullmatch(line))]
    counts = [int(match[2]) for match in matches]
    assert counts[0] == 0 and counts[-1] == 77 and counts == sorted(set(counts))
    assert [int(match[1]) for match in matches] == [count * 100 // 77 for count in counts]
    assert 3 <= len(matches) <= 20


def test_it_draws_a_seed_of_two_bytes_and_draws_it_again_for_the_same_order(service: Service) -> None:
    unseeded = {name: value for name, value in SMALL.items() if name != "seed"}
    first = lines(service.run("drawn-1", unseeded))[0]
    assert 0 <= int(first.removeprefix("Using seed: ")) <= 65535
    assert lines(service.run("drawn-2", unseeded))[0] == first  # the same prediction's second run
    others = {lines(service.run(f"drawn{n}-1", unseeded))[0] for n in range(4)}
    assert len(others | {first}) >= 4


def test_it_says_once_what_each_meaningless_input_does(service: Service) -> None:
    inputs = {"scheduler": "DDIM", "refine": "no_refiner", "apply_watermark": False, "strength": 0.5}
    state = service.run("notes-1", {**SMALL, **inputs, "replicate_weights": "https://h.test/w.tar?token=abc"})
    for name in ("scheduler", "refine", "apply_watermark"):
        assert lines(state).count(f"Input {name} has no meaning to this engine and was ignored.") == 1
    assert lines(state).count("Input strength is unknown to stability-ai/sdxl and was ignored.") == 1
    assert lines(state).count("LoRA https://h.test/w.tar not loaded: this engine has no weights.") == 1
    assert "high_noise_frac" not in state["logs"] and "abc" not in state["logs"]


@pytest.mark.parametrize(
    ("model", "input", "error"),
    [
        (
            SDXL,
            {"width": 500, "height": 768},
            "`height` and `width` have to be divisible by 8 but are 768 and 500.",
        ),
        (
            SDXL,
            {"width": 8192, "height": 64},
            "The embedded engine paints 64 to 2048 pixels a side, not 8192 x 64.",
        ),
        (
            SCHNELL,
            {"prompt": "a cat", "hf_lora": ""},
            "Invalid lora, must be either a: HuggingFace path, Replicate model.tar URL, "
            "or a URL to a .safetensors file: ",
        ),
        (
            DEV,
            {"prompt": "a cat", "image": "https://files.example.test/a.png"},
            "Input image: it is no data URI.",
        ),
    ],
)
def test_it_fails_with_the_published_sentence_and_no_traceback(
    service: Service, model: str, input: dict[str, object], error: str, request: pytest.FixtureRequest
) -> None:
    id = f"error-{abs(hash(request.node.name))}"
    state = service.run(id, input, model)
    assert (state["status"], state["error"], state["output"]) == ("failed", error, [])
    assert "Traceback" not in state["logs"]
    assert not (service.work / id).exists()


def test_it_paints_a_prompt_of_odd_characters(service: Service) -> None:
    prompt = "一只猫 🦊 \u2028 \ud800 'quoted' <b>&amp;</b>\n\x00 end"
    assert service.run("odd-1", {**SMALL, "prompt": prompt})["status"] == "succeeded"
    assert service.run("odd-2", {**SMALL, "prompt": "cat " * 50_000})["status"] == "succeeded"
    assert service.run("odd-3", {**SMALL, "prompt": "", "seed": -(10**30)})["status"] == "succeeded"
