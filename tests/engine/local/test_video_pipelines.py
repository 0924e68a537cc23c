"""Animations and clips by real pipelines."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.local.config.settings_file import parse
from engine.protocol.job_output import Refusal
from tests.engine.local.conftest import Make

pytestmark = [pytest.mark.local, pytest.mark.timeout(600)]

ANIMATION = "andreasjansson/stable-diffusion-animation"
CLIP = "lucataco/animate-diff"
GIVEN = {
    "prompt_start": "a red cat", "prompt_end": "the blue sea", "width": 128, "height": 128,
    "num_inference_steps": 4, "num_animation_frames": 3, "seed": 5,
}  # fmt: skip


def test_an_animation_shows_its_drawn_pictures_and_what_lies_between(make: Make) -> None:
    run = make(ANIMATION, intermediate_output=True, num_interpolation_steps=2, **GIVEN)
    names = [one["name"] for one in run.all("output")]
    assert names == ["output-0.png", "output-1.png", "output-2.png", "video.gif"]
    video = Image.open(io.BytesIO(run.file("video.gif")))
    assert (video.size, video.n_frames) == ((128, 128), 5)
    first = np.asarray(video.convert("RGB"), int)
    assert np.abs(first - run.pixels("output-0.png").astype(int)).mean() < 12
    for words in ("Generating frame 1 of keyframe 0", "in place of FILM", "Saving GIF", "100%|"):
        assert words in run.log


def test_the_middle_is_neither_end(make: Make) -> None:
    run = make(ANIMATION, intermediate_output=True, num_interpolation_steps=1, **GIVEN)
    first, middle, last = (run.pixels(f"output-{index}.png").astype(int) for index in range(3))
    assert min(np.abs(middle - first).mean(), np.abs(middle - last).mean()) > 0.5


def test_latents_are_interpolated_where_film_is_not_wanted(make: Make) -> None:
    run = make(ANIMATION, film_interpolation=False, num_interpolation_steps=2, output_format="mp4", **GIVEN)
    assert [one["name"] for one in run.all("output")] == ["output.mp4"]
    assert "Interpolating images from latents" in run.log
    data = run.file("output.mp4")
    assert data[4:8] == b"ftyp" and b"trainedAlgorithmicMedia" in data and b"no neural network" not in data


def test_a_flagged_keyframe_ends_an_animation(weights: Path, make: Make) -> None:
    from engine.local.models.pipelines import PipelineStore

    room = PipelineStore(parse({"models": {ANIMATION: {"weights": "./strict"}}}, weights), "cpu", 64)
    with pytest.raises(Refusal) as caught:
        make(ANIMATION, at=room, **GIVEN)
    assert str(caught.value) == "NSFW content detected, please try a different prompt and/or seed"


def test_a_clip_is_sixteen_frames_of_the_chosen_checkpoint(make: Make) -> None:
    run = make(
        CLIP, prompt="a cat", steps=1, seed=3, path="lyriel_v16.safetensors", motion_module="mm_sd_v15"
    )
    assert [one["name"] for one in run.all("output")] == ["out.mp4"]
    assert run.all("log")[1].startswith("Local weights: lenient, on cpu")
    assert "in its place" not in run.log and "saved to file" in run.log
    assert _frames(run.folder / "out.mp4") == 16


def _frames(path: Path) -> int:
    import cv2

    video = cv2.VideoCapture(str(path))
    try:
        return int(video.get(cv2.CAP_PROP_FRAME_COUNT))
    finally:
        video.release()
