"""animate-diff: the container, and smooth, plausible motion."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from engine import painting
from engine.animation import animate_diff
from engine.animation.clip import FRAMES, Clip
from engine.animation.prompt_transitions import FrameSettings
from engine.painting import movement
from engine.painting.random_streams import Streams
from engine.performers import performer
from engine.protocol.job_output import Refusal
from tests.engine import video_files
from tests.engine.output_recorder import OutputRecorder, no_network, says_truly_what_it_is
from tests.runner.sampling import one_in, short_or_whole

LAKE = "masterpiece, best quality, a fishing boat on a calm lake, autumn leaves falling, evening light"
SCENES = {
    "lake": LAKE,
    "portrait": "portrait of an old man",
    "city": "tokyo at night, neon",
    "storm": "a lighthouse in a night storm",
    "snow": "a cat in the snow",
    "space": "an astronaut in space",
    "sea": "a fish underwater",
    "abstract": "abstract blue and gold",
}


# The published size takes twelve times as long as the small one.
PUBLISHED = 512
SIDE = short_or_whole(128, PUBLISHED)
MOVED = one_in(6, SCENES)
SHOWN = 10
"""Frames of each clip here; all sixteen are in the video."""


@pytest.fixture(scope="module")
def default(tmp_path_factory: pytest.TempPathFactory) -> OutputRecorder:
    """The output for the published defaults."""
    assert animate_diff.SIDE == PUBLISHED
    recorder = OutputRecorder(tmp_path_factory.mktemp("default"))
    with no_network(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(animate_diff, "SIDE", SIDE)
        performer(animate_diff.NAME)(
            {"seed": 3, "path": "lyriel_v16.safetensors", "num_frames": 24}, recorder, 77
        )
    return recorder


@pytest.fixture(scope="module")
def video(default: OutputRecorder) -> video_files.Video:
    return video_files.mp4(default.folder / "out.mp4")


def clip(
    prompt: str, side: int = 112, seed: int = 7, *, count: int = FRAMES, **options: Any
) -> video_files.Video:
    """The first `count` frames of a clip, before they are written."""
    brush = FrameSettings(side, side, seed, options.get("quality", 1.0), options.get("guidance", 1.0))
    frames = Clip(painting.parse_prompt(prompt), brush).frames()
    return video_files.Video(np.stack(list(itertools.islice(frames, count))), "")


@pytest.fixture(scope="module")
def clips() -> dict[str, video_files.Video]:
    return {name: clip(SCENES[name], count=SHOWN) for name in MOVED}


def test_the_file_is_what_the_published_model_gives(
    default: OutputRecorder, video: video_files.Video
) -> None:
    assert default.outputs == ["out.mp4"]
    assert [path.name for path in default.folder.iterdir()] == ["out.mp4"]
    assert video.frames.shape == (FRAMES, SIDE, SIDE, 3)
    assert "Video: h264" in video.facts and "yuv420p" in video.facts and re.search(r"\b8 fps", video.facts)
    assert video.seconds == pytest.approx(2.0, abs=0.01)
    data = (default.folder / "out.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat") and b"algorithmicMedia" in data


def test_it_works_without_a_network_and_says_truly_what_it_is(default: OutputRecorder) -> None:
    says_truly_what_it_is(default)


def test_neighbouring_frames_of_the_default_prompt_differ_a_little(video: video_files.Video) -> None:
    assert min(video.steps) >= 1 and max(video.steps) <= 12


@pytest.mark.parametrize("name", MOVED)
def test_every_kind_of_scene_moves_a_little_from_frame_to_frame(
    name: str, clips: dict[str, video_files.Video]
) -> None:
    steps = clips[name].steps
    assert min(steps) > 0.4 and max(steps) < 16
    # It goes on: the last frame is farther from the first than its neighbour is.
    frames = clips[name].frames.astype(np.int16)
    assert np.abs(frames[0] - frames[-1]).mean() > np.median(steps)


def test_light_and_colours_do_not_flicker(clips: dict[str, video_files.Video]) -> None:
    """But for lightning the mean colour of a clip goes its way without going back and forth."""
    for name in set(MOVED) - {"storm"}:
        means = clips[name].frames.reshape(SHOWN, -1, 3).mean(axis=1)
        bends = np.abs(np.diff(means, n=2, axis=0))
        assert bends.max() < 2.5, name


@pytest.mark.in_turn(2)
def test_near_things_pass_faster_than_far_ones() -> None:
    """The camera slides past hills: the ground in front moves farther than the ridge behind."""
    frames = clip("green hills with trees, clear sky", side=192, count=9).frames
    first, last = (cv2.cvtColor(frames[index], cv2.COLOR_RGB2GRAY) for index in (4, 8))
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(first, last, None)[..., 0]
    far, near = np.median(flow[105:120]), np.median(flow[160:188])
    assert near < far <= 0.5 and near < -1.0


@pytest.mark.in_turn(2)
def test_flakes_fall() -> None:
    """Where one frame has a flake the next has it some pixels lower."""
    greys = [
        cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in clip("a snowy night", side=192, seed=4, count=8).frames
    ]
    flakes = [
        (grey - cv2.medianBlur(grey, 9).astype(np.int16) > 12)[:60].astype(np.float32) for grey in greys
    ]
    scores = dict.fromkeys(range(-8, 13), 0.0)
    for first, second in itertools.pairwise(flakes):
        for down in scores:
            scores[down] += float((np.roll(first, down, axis=0)[13:-13] * second[13:-13]).sum())
    assert min(float(flake.sum()) for flake in flakes) > 20
    assert max(scores, key=lambda down: scores[down]) > 0


@pytest.mark.in_turn(2)
def test_a_clip_is_the_same_every_time_and_another_for_another_seed() -> None:
    one, same, other = (clip("an orange cat", side=96, seed=seed, count=6) for seed in (3, 3, 4))
    assert np.array_equal(one.frames, same.frames) and not np.array_equal(one.frames, other.frames)


@pytest.mark.in_turn(2)
def test_a_still_is_unaffected_by_the_memory_of_a_video() -> None:
    """The memory of a video and its clock at zero change no pixel of the picture."""
    for prompt in one_in(3, ("a village by a lake, autumn", "a lighthouse in a night storm", "a volcano")):
        parsed, memory = painting.parse_prompt(prompt), {"shared": True}
        options = {"width": 96, "height": 96, "seed": 3}
        still = painting.paint(prompt, **options).pixels
        for _ in range(2):
            moment = painting.Moment(memory=memory)  # type: ignore[arg-type]
            again = painting.paint_moment(parsed, moment, **options).pixels
            assert np.array_equal(again, still)
        assert len(memory) > 3


@pytest.mark.in_turn(2)
def test_what_a_video_caches_of_one_light_is_not_used_in_another() -> None:
    words, memory = "a pine forest", {"shared": True}
    noon, night = (
        painting.colours_of(painting.parse_prompt(f"{words} at {t}"), 3, 1.0) for t in ("noon", "night")
    )
    dim = replace(noon, ambient=night.ambient, light=night.light)  # from where the sun of noon stands
    for light in (noon, dim, night, noon):
        kept, anew = (
            painting.paint_moment(
                painting.parse_prompt(words),
                painting.Moment(palette=light, memory=one),
                width=64,
                height=64,
                seed=3,
            ).pixels
            for one in (memory, {})
        )
        assert np.array_equal(kept, anew)


def test_lightning_flashes_and_dies_away() -> None:
    bright = []
    for frame in range(1, 17):
        stage: Any = SimpleNamespace(clock=frame / 8, streams=Streams("storm", 1))
        bright.append(movement.flash(stage))
    assert bright[0] == 0 and 0.4 < max(bright) <= 1
    peak = bright.index(max(bright[:8]))
    assert bright[peak] > bright[peak + 1] > bright[peak + 2]


def test_the_log_says_what_it_is_and_what_it_cannot_do(default: OutputRecorder) -> None:
    logs = default.logs
    assert logs[0] == "Using seed: 3" and "No neural network, no weights" in logs[1]
    assert "Checkpoint lyriel_v16.safetensors not loaded: this engine has no weights." in logs
    assert "Input 'num_frames' is unknown to lucataco/animate-diff and was ignored." in logs
    begun = next(index for index, line in enumerate(logs) if line.startswith("sampling: masterpiece"))
    assert logs[begun + 1].startswith("  0%|") and "0/25" in logs[begun + 1]
    assert logs[-2].startswith("100%|") and logs[-1] == "saved to file"
    assert not any("diffusion" in line.lower() for line in logs)
    # Looks come while it works, one for about every frame here.
    assert sum("preview" in event for event in default.events) >= 3


def test_what_the_negative_prompt_names_is_left_out(tmp_path: Path) -> None:
    recorder = OutputRecorder(tmp_path)
    prompt = animate_diff._log_settings(
        animate_diff.parse_input({"prompt": "a cat in the snow", "n_prompt": "snow"}, 1), {}, recorder
    )
    assert "snow" not in prompt.weather and "cat" in prompt.subjects


@pytest.mark.in_turn(2)
def test_steps_and_guidance_are_seen() -> None:
    prompt = "a red sunset over the sea"

    def frame(**options: float) -> video_files.Pixels:
        return np.asarray(clip(prompt, side=96, count=4, **options).frames[-1].astype(np.int16))

    sharp = [float(np.abs(np.diff(one, axis=1)).mean()) for one in (frame(), frame(quality=0.08))]
    assert sharp[1] < 0.9 * sharp[0]
    red = [float((one[..., 0] - one[..., 1]).mean()) for one in (frame(guidance=1.33), frame(guidance=0.13))]
    assert red[0] > red[1] + 5


def test_seeds_are_taken_as_they_are_and_drawn_from_four_bytes() -> None:
    assert animate_diff.parse_input({"seed": 0}, 9).seed == 0
    assert animate_diff.parse_input({"seed": 4294967295}, 9).seed == 4294967295
    drawn = {animate_diff.parse_input({}, seed).seed for seed in range(50)}
    assert len(drawn) == 50 and max(drawn) > 65535 and max(drawn) < 2**32
    assert animate_diff.parse_input({}, 5).seed == animate_diff.parse_input({}, 5).seed


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"steps": 101}, "Input steps must lie between 1 and 100."),
        ({"guidance_scale": 11}, "Input guidance_scale must lie between 1 and 10."),
        ({"path": "mine.safetensors"}, "Input path must be one of toonyou_beta3.safetensors"),
        ({"motion_module": 3}, "Input motion_module must be a text."),
        ({"prompt": ["a cat"]}, "Input prompt must be a text."),
    ],
)
def test_it_refuses_in_one_sentence(inputs: dict[str, Any], words: str) -> None:
    with pytest.raises(Refusal, match=re.escape(words)):
        animate_diff.parse_input(inputs, 1)
