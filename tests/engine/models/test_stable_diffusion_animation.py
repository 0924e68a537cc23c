"""stable-diffusion-animation: frames, containers and log, measured on the written files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from engine import painting
from engine.animation import stable_diffusion_animation
from engine.animation.gif_writer import hundredths
from engine.animation.timeline import adjust_to_strength, count_drawn, plan
from engine.protocol.job_output import Refusal
from tests.engine import video_files
from tests.engine.image_metrics import ssim
from tests.engine.output_recorder import OutputRecorder

DAWN = "a lighthouse on a cliff at dawn, matte painting"
NIGHT = "a lighthouse on a cliff in a night storm, matte painting"
SMALL: dict[str, Any] = {"width": 128, "height": 128, "seed": 5, "num_inference_steps": 25}


def made(folder: Path, **inputs: Any) -> OutputRecorder:
    """The recorded output of an animation."""
    recorder = OutputRecorder(folder)
    stable_diffusion_animation.perform({**SMALL, **inputs}, recorder, 77)
    return recorder


def still(prompt: str, side: int = 128, **options: Any) -> video_files.Pixels:
    """The picture of a prompt without grain, which animations do not have."""
    moment = painting.Moment(grain=False)
    return painting.paint_moment(
        painting.parse_prompt(prompt), moment, width=side, height=side, seed=5, **{"quality": 0.5, **options}
    ).pixels


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> OutputRecorder:
    """From dawn to night as MP4, with intermediate output."""
    return made(
        tmp_path_factory.mktemp("there"), prompt_start=DAWN, prompt_end=NIGHT, num_animation_frames=6,
        output_format="mp4", intermediate_output=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def video(there: OutputRecorder) -> video_files.Video:
    return video_files.mp4(there.folder / "output.mp4")


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> OutputRecorder:
    """A cat that becomes a robot and a cat again, as GIF."""
    return made(
        tmp_path_factory.mktemp("loop"), prompt_start="an orange cat", prompt_end="a robot",
        num_animation_frames=4, num_interpolation_steps=3, gif_ping_pong=True, gif_frames_per_second=30,
    )  # fmt: skip


# -- how many frames ------------------------------------------------------------------------------------------


def test_it_counts_as_the_published_model_does() -> None:
    defaults = plan(2, 10, 5, there_and_back=False, flowing=True)
    assert (len(defaults.drawn), len(defaults.frames)) == (10, 73)
    assert len(plan(2, 25, 5, there_and_back=True, flowing=True).frames) == 401
    assert count_drawn(2, 25, there_and_back=True) == 51
    assert len(plan(2, 10, 5, there_and_back=False, flowing=False).frames) == 45
    # One step between two still doubles the frames where they flow.
    assert len(plan(2, 4, 1, there_and_back=False, flowing=True).frames) == 7
    assert len(plan(4, 3, 2, there_and_back=False, flowing=True).frames) == (3 * 3 - 1) * 2 + 1


@pytest.mark.parametrize("flowing", [True, False])
@pytest.mark.parametrize("prompts", [2, 3, 5])
def test_every_timeline_begins_with_the_first_prompt_and_ends_with_the_last(
    prompts: int, flowing: bool
) -> None:
    for per_stretch in (2, 3, 7):
        for steps in (2, 5):
            there = plan(prompts, per_stretch, steps, there_and_back=False, flowing=flowing)
            assert there.drawn[0] == 0 and there.drawn[-1] == prompts - 1
            assert there.frames[0] == 0 and there.frames[-1] == pytest.approx(len(there.drawn) - 1)
            assert list(there.drawn) == sorted(there.drawn)
            back = plan(prompts, per_stretch, steps, there_and_back=True, flowing=flowing)
            assert back.frames == pytest.approx(back.frames[::-1])
            assert max(back.frames) <= len(back.drawn) - 1


def test_a_low_prompt_strength_keeps_every_picture_near_the_middle() -> None:
    assert [adjust_to_strength(place, 2, 0.8) for place in (0, 0.5, 1.25, 2)] == [0, 0.5, 1.25, 2]
    assert {adjust_to_strength(place, 2, 0.0) for place in (0, 0.5, 2)} == {1.0}
    assert adjust_to_strength(0, 1, 0.4) == pytest.approx(0.25) and adjust_to_strength(
        1, 1, 0.4
    ) == pytest.approx(0.75)
    # Above the default it stays longer at the prompts and passes faster between them.
    assert adjust_to_strength(0.25, 1, 1.0) < 0.25 and adjust_to_strength(1, 1, 1.0) == 1


# -- MP4 ------------------------------------------------------------------------------------------------------


def test_an_mp4_is_h264_of_the_asked_size_rate_and_length(video: video_files.Video) -> None:
    assert "Video: h264" in video.facts and "yuv420p" in video.facts and "bt709" in video.facts
    assert video.frames.shape == (41, 128, 128, 3)
    assert re.search(r"\b20 fps", video.facts) and video.seconds == pytest.approx(41 / 20, abs=0.06)


def test_its_first_and_last_frame_are_the_pictures_of_the_prompts(video: video_files.Video) -> None:
    assert video_files.psnr(video.frames[0], still(DAWN)) > 35
    assert video_files.psnr(video.frames[-1], still(NIGHT)) > 35


def test_neighbouring_frames_never_differ_much(video: video_files.Video) -> None:
    assert max(video.steps) < 25


def test_from_dawn_to_night_it_darkens_all_over_and_not_along_an_edge(video: video_files.Video) -> None:
    """What looks like smoke are dark and bright patches side by side: each quarter must darken with the others."""
    light = np.array([[q.mean() for q in _quarters(frame)] for frame in video.frames[::8]])
    assert (np.diff(light.mean(axis=1)) < 1.0).all()
    middle = light[len(light) // 2]
    share = (light[0] - middle) / (light[0] - light[-1])
    assert share.min() > 0.2 and share.max() < 0.8


def _quarters(frame: video_files.Pixels) -> list[video_files.Pixels]:
    return [half for rows in np.array_split(frame, 2, axis=0) for half in np.array_split(rows, 2, axis=1)]


def test_what_both_prompts_name_stays_where_it_is(video: video_files.Video) -> None:
    """The lighthouse stands still: edges of the first frame are edges of the middle one."""
    first, middle = (cv2.Canny(video.frames[index], 60, 160)[:64] > 0 for index in (0, 20))
    tower = slice(20, 60)
    near = cv2.dilate(middle[:, tower].astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    edges = first[:, tower]
    assert edges.sum() > 30 and (edges & near).sum() / edges.sum() > 0.5


def test_an_mp4_says_how_it_was_made(there: OutputRecorder, video: video_files.Video) -> None:
    data = (there.folder / "output.mp4").read_bytes()
    packet = data[data.rindex(b"uuid") :].decode("utf-8", "replace")
    assert "digitalsourcetype/algorithmicMedia" in packet and 'darkroom:seed="5"' in packet
    assert stable_diffusion_animation.NAME in packet and "procedural, no neural network" in packet
    assert "no neural network" in video.facts and "diffusion" not in packet.replace(
        stable_diffusion_animation.NAME, ""
    )
    # Players that stream begin before the end of the file is there.
    assert data.index(b"moov") < data.index(b"mdat")


# -- GIF ------------------------------------------------------------------------------------------------------


def test_a_gif_plays_for_ever_at_the_nearest_rate_that_a_gif_can_have(loop: OutputRecorder) -> None:
    video, delays = video_files.gif(loop.folder / "video.gif")
    assert len(video.frames) == 2 * 4 * 4 + 1 and set(delays) == {30}
    assert [hundredths(fps) for fps in (1, 20, 24, 30, 50)] == [100, 5, 4, 3, 2]
    with Image.open(loop.folder / "video.gif") as picture:
        assert picture.info["loop"] == 0 and b"no neural network" in picture.info["comment"]
    data = (loop.folder / "video.gif").read_bytes()
    assert b"XMP DataXMP" in data and b"algorithmicMedia" in data


def test_a_ping_pong_comes_back_the_way_it_went(loop: OutputRecorder) -> None:
    video, _ = video_files.gif(loop.folder / "video.gif")
    for index in range(len(video.frames)):
        assert np.array_equal(video.frames[index], video.frames[-1 - index])
    assert max(video.steps) < 25


def test_its_colours_are_near_those_of_the_pictures(loop: OutputRecorder) -> None:
    video, _ = video_files.gif(loop.folder / "video.gif")
    assert video_files.psnr(video.frames[0], still("an orange cat")) > 28
    assert video_files.psnr(video.frames[16], still("a robot")) > 28


def test_between_two_subjects_there_is_one_figure_and_not_two_half_ones(loop: OutputRecorder) -> None:
    """In the middle of a cat and a robot the figure is in one piece, about as large as either."""
    video, _ = video_files.gif(loop.folder / "video.gif")
    empty = painting.Moment(grain=False, subjects=False)
    prompts = [painting.parse_prompt(text) for text in ("an orange cat", "a robot")]
    options = {"width": 128, "height": 128, "seed": 5, "quality": 0.5}
    masks = [
        painting.paint_moment(one, painting.Moment(grain=False), **options).subject_mask for one in prompts
    ]
    backs = [painting.paint_moment(one, empty, **options).pixels.astype(np.float32) for one in prompts]
    middle = video.frames[8].astype(np.float32)
    # The figure is what neither backdrop explains.
    apart = np.minimum(*(np.abs(middle - back).max(axis=-1) for back in backs))
    found = cv2.morphologyEx((apart > 60).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(found)
    areas = sorted(stats[1:count, cv2.CC_STAT_AREA], reverse=True)
    sizes = sorted(int((mask > 127).sum()) for mask in masks if mask is not None)
    assert 0.4 * sizes[0] < areas[0] < 1.6 * sizes[1]
    assert sum(areas[1:]) < 0.25 * areas[0]


@pytest.mark.in_turn(3)
def test_the_default_gif_is_below_ten_megabytes(tmp_path: Path) -> None:
    """The bound is for 512 pixels a side: the same share of it at 128, where a picture has as much detail."""
    recorder = made(
        tmp_path, prompt_start="a dog on the beach", prompt_end="a horse in a snowy forest",
        num_inference_steps=50,
    )  # fmt: skip
    video, delays = video_files.gif(tmp_path / "video.gif")
    assert recorder.outputs == ["video.gif"] and len(video.frames) == 73 and set(delays) == {50}
    assert (tmp_path / "video.gif").stat().st_size < 10_000_000 / 16


# -- what is given out and said ---------------------------------------------------------------------------------


def test_drawn_pictures_come_as_they_are_drawn_and_the_video_last(there: OutputRecorder) -> None:
    assert there.outputs == [*(f"output-{index}.png" for index in range(6)), "output.mp4"]
    order = [
        ("log", e["log"]) if "log" in e else ("output", e["output"]["name"])
        for e in there.events
        if {"log", "output"} & set(e)
    ]
    assert order.index(("output", "output-0.png")) < order.index(("log", "Generating frame 1 of keyframe 0"))
    assert np.array_equal(np.asarray(Image.open(there.folder / "output-5.png")), still(NIGHT))
    info = Image.open(there.folder / "output-2.png").info
    assert "algorithmicMedia" in info["XML:com.adobe.xmp"]


def test_without_intermediate_output_there_is_the_video_alone_and_nothing_is_left_beside_it(
    loop: OutputRecorder,
) -> None:
    assert loop.outputs == ["video.gif"]
    assert [path.name for path in loop.folder.iterdir()] == ["video.gif"]


def test_the_log_has_the_published_lines_and_says_what_this_engine_is(there: OutputRecorder) -> None:
    logs = there.logs
    assert logs[0] == "Using seed: 5"
    assert "procedural" in logs[1] and "No neural network, no weights" in logs[1]
    assert logs[2].startswith("Understood: ") and "lighthouse" in logs[2]
    for line in ("Generating first and last keyframes", "Generating frame 5 of keyframe 0", "Saving MP4"):
        assert line in logs
    assert not any("diffusion" in line.lower() for line in logs)


def test_its_progress_can_be_parsed_never_falls_and_ends_at_the_end(there: OutputRecorder) -> None:
    shares = [
        int(found) for line in there.logs if (found := next(iter(re.findall(r"^ *(\d+)%\|", line)), None))
    ]
    assert shares[0] == 0 and shares[-1] == 100 and shares == sorted(shares) and len(shares) <= 20
    shares = [event["progress"] for event in there.events if "progress" in event]
    assert shares == sorted(shares) and shares[-1] == 1.0
    assert any("preview" in event for event in there.events)


@pytest.mark.in_turn(3)
def test_the_same_request_gives_the_same_bytes(there: OutputRecorder, tmp_path: Path) -> None:
    again = made(tmp_path, prompt_start=DAWN, prompt_end=NIGHT, num_animation_frames=6, output_format="mp4")
    assert (again.folder / "output.mp4").read_bytes() == (there.folder / "output.mp4").read_bytes()


@pytest.mark.in_turn(3)
def test_several_endings_are_passed_one_after_the_other(tmp_path: Path) -> None:
    recorder = made(
        tmp_path, prompt_start="an orange cat", prompt_end="a robot|a red apple", num_animation_frames=2,
        num_interpolation_steps=2, intermediate_output=True, film_interpolation=False,
    )  # fmt: skip
    assert recorder.outputs[:-1] == [f"output-{index}.png" for index in range(4)]
    assert "Generating frame 1 of keyframe 1" in recorder.logs
    pictures = [np.asarray(Image.open(tmp_path / f"output-{index}.png")) for index in range(4)]
    for index, prompt in ((0, "an orange cat"), (2, "a robot"), (3, "a red apple")):
        assert np.array_equal(pictures[index], still(prompt))
    video, _ = video_files.gif(tmp_path / "video.gif")
    assert len(video.frames) == 3 * 2


@pytest.mark.in_turn(3)
def test_without_film_interpolation_what_lies_between_is_a_fade(tmp_path: Path) -> None:
    inputs = {"prompt_start": "a red apple", "prompt_end": "a duck on a lake", "num_animation_frames": 2}
    made(tmp_path / "fade", **inputs, num_interpolation_steps=5, film_interpolation=False)
    faded = video_files.gif(tmp_path / "fade" / "video.gif")[0].frames
    ends = [frame.astype(np.float32) for frame in (faded[0], faded[-1])]
    mixed = ends[0] + (ends[1] - ends[0]) * 0.5
    assert len(faded) == 5 and video_files.psnr(faded[2], mixed.astype(np.uint8)) > 26


@pytest.mark.in_turn(3)
def test_strength_steps_and_guidance_are_seen(tmp_path: Path) -> None:
    inputs = {
        "prompt_start": "a red sunset over the sea", "prompt_end": "a blue sunset over the sea",
        "num_animation_frames": 2, "num_interpolation_steps": 1, "intermediate_output": True,
    }  # fmt: skip
    kinds: dict[str, dict[str, Any]] = {
        "plain": {}, "weak": {"prompt_strength": 0.2}, "none": {"prompt_strength": 0.0},
        "few": {"num_inference_steps": 2}, "loud": {"guidance_scale": 15},
    }  # fmt: skip
    ends = {}
    for name, more in kinds.items():
        folder = made(tmp_path / name, **{**inputs, **more}).folder
        ends[name] = [np.asarray(Image.open(folder / f"output-{k}.png")).astype(np.int16) for k in (0, 1)]
    apart = {name: float(np.abs(a - b).mean()) for name, (a, b) in ends.items()}
    assert apart["none"] == 0 < apart["weak"] < 0.6 * apart["plain"]
    assert apart["loud"] > apart["plain"]
    assert ssim(*(ends[name][0].astype(np.uint8) for name in ("few", "plain"))) < 0.97


# -- what it refuses ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"prompt_strength": 1.2}, "Input prompt_strength must lie between 0 and 1."),
        ({"width": 384}, "The size must be one of"),
        ({"height": 1024}, "The size must be one of"),
        ({"num_animation_frames": 1}, "Input num_animation_frames must lie between 2 and 50."),
        ({"prompt_end": 5}, "Input prompt_end must be a text."),
        ({"gif_ping_pong": "yes"}, "Input gif_ping_pong must be true or false."),
        ({"prompt_end": "|".join(["a cat"] * 50)}, "and 6401 are made here"),
        ({"output_format": "webm"}, "Input output_format must be one of gif, mp4."),
    ],
)
def test_it_refuses_in_one_sentence(inputs: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=re.escape(words)):
        made(tmp_path, **{"prompt_start": "a cat", "prompt_end": "a dog", **inputs})
    assert not list(tmp_path.iterdir())


def test_the_longest_that_two_prompts_can_ask_for_is_served() -> None:
    inputs = {
        "prompt_start": "a",
        "prompt_end": "b",
        "num_animation_frames": 50,
        "num_interpolation_steps": 50,
    }
    settings = stable_diffusion_animation.parse_input({**inputs, "gif_ping_pong": True}, 1)
    assert len(settings.timeline.frames) == stable_diffusion_animation.MAX_FRAMES
