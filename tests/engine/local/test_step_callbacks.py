"""Progress, previews and cancellation between the steps of a pipeline."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.local.models.step_callbacks import StepCallbacks, Stopped
from tests.engine.local.output_events import after, never, recorded_output


def walk(steps: StepCallbacks, pictures: int, passes: list[int]) -> None:
    for picture in range(pictures):
        for number, count in enumerate(passes):
            steps.begin(picture, number)
            at_step = steps.callback(lambda latents: b"jpeg")
            for index in range(count):
                at_step(SimpleNamespace(num_timesteps=count), index, 0, {"latents": object()})
        steps.finished(picture)


@pytest.mark.parametrize(("pictures", "passes"), [(1, [4]), (3, [5]), (2, [8, 2]), (1, [1])])
def test_the_bar_never_falls_and_ends_at_a_hundred(pictures: int, passes: list[int], tmp_path: Path) -> None:
    with recorded_output(tmp_path) as (one, run):
        walk(StepCallbacks(one, never, passes, pictures), pictures, passes)
    shown = [int(found) for found in re.findall(r"(\d+)%\|", run.log)]
    assert shown == sorted(shown) and shown[0] == 0 and shown[-1] == 100
    assert run.all("progress") == sorted(run.all("progress")) and run.all("progress")[-1] == 1.0


def test_what_follows_the_pictures_has_its_share(tmp_path: Path) -> None:
    with recorded_output(tmp_path) as (one, run):
        steps = StepCallbacks(one, never, [4], 2, total=10, share=0.5)
        walk(steps, 2, [4])
        assert max(event["progress"] for event in _so_far(tmp_path)) == 0.5
        steps.rest(1.0)
    assert run.all("progress")[-1] == 1.0
    assert "| 10/10 [" in run.log


def _so_far(folder: Path) -> list[dict[str, float]]:
    import json

    lines = (folder / "events").read_text().splitlines()
    return [event for line in lines if "progress" in (event := json.loads(line))]


def test_a_cancel_ends_it_at_the_next_step(tmp_path: Path) -> None:
    with recorded_output(tmp_path) as (one, run), pytest.raises(Stopped):
        walk(StepCallbacks(one, after(3), [9], 1), 1, [9])
    assert 0 < run.all("progress")[-1] < 0.5


def test_the_last_step_needs_no_preview(tmp_path: Path) -> None:
    with recorded_output(tmp_path) as (one, run):
        walk(StepCallbacks(one, never, [1], 1), 1, [1])
    assert run.all("preview") == []
