"""Video predictions on a real engine: their outputs, and a cancel that leaves nothing behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import MICRO, User
from predictions import tasks
from predictions.files import removal
from predictions.models import Output, Prediction, StoredFile
from predictions.providers.registry import EngineConfig, embedded_engine
from predictions.submit import acceptance, work_request
from tests import factories, fakes
from tests.engine import video_files
from tests.engine.engine_service import SECRET, Service, is_alive, wait_for

ANIMATION = "andreasjansson/stable-diffusion-animation"
CLIP = "lucataco/animate-diff"
QUICK = {
    "prompt_start": "an orange cat", "prompt_end": "a robot", "width": 128, "height": 128,
    "num_animation_frames": 3, "seed": 4,
}  # fmt: skip
LONG = {
    **QUICK, "width": 256, "height": 256, "num_animation_frames": 10, "num_interpolation_steps": 50,
    "output_format": "mp4",
}  # fmt: skip
"""Six hundred frames, of which ten are painted before the video is started; no test waits for its end."""


def running_video(service: Service, key: str, pid: int) -> tuple[psutil.Process, psutil.Process, Path]:
    """The painter, its ffmpeg and the engine's folder, once the video has been started."""
    folder = service.work / key
    painter = psutil.Process(pid)
    wait_for(lambda: (folder / ".output.mp4.part").exists(), "the video to be started")
    (writer,) = painter.children(recursive=True)
    return painter, writer, folder


def test_an_animation_gives_its_pictures_as_they_come_and_the_video_last(
    service: Service, tmp_path: Path
) -> None:
    state = service.run("film-1", {**QUICK, "intermediate_output": True, "output_format": "mp4"}, ANIMATION)
    assert (state["status"], state["error"]) == ("succeeded", None)
    outputs = [(output["name"], output["content_type"]) for output in state["output"]]
    assert outputs == [*((f"output-{k}.png", "image/png") for k in range(3)), ("output.mp4", "video/mp4")]
    path = tmp_path / "output.mp4"
    path.write_bytes(service.file("film-1", "output.mp4"))
    assert video_files.mp4(path).frames.shape == (17, 128, 128, 3)
    assert state["metrics"]["engine"] == "procedural" and state["progress"] == 1.0


def test_a_refusal_is_the_predictions_error(service: Service) -> None:
    state = service.run("refused-1", {**QUICK, "prompt_strength": 2}, ANIMATION)
    assert (state["status"], state["error"]) == ("failed", "Input prompt_strength must lie between 0 and 1.")


def test_ffmpeg_is_bound_in_memory_and_ends_with_a_cancel_and_nothing_is_left(service: Service) -> None:
    service.put("filming-1", LONG, ANIMATION, deadline_s=600)
    pid = service.painting("filming-1")
    painter, writer, folder = running_video(service, "filming-1", pid)
    assert writer.rlimit(psutil.RLIMIT_AS) == (600 * 1024**2,) * 2
    assert service.get("filming-1")["output"] == []
    state = service.client.post("/predictions/filming-1/cancel").json()
    assert state["status"] == "canceled"
    assert not is_alive(painter.pid)
    wait_for(lambda: not is_alive(writer.pid), "ffmpeg to be gone")
    wait_for(lambda: not folder.exists(), "its folder to be gone")


def test_a_killed_ffmpeg_fails_the_prediction_in_one_sentence(service: Service) -> None:
    service.put("shot-1", LONG, ANIMATION, deadline_s=600)
    pid = service.painting("shot-1")
    _painter, writer, folder = running_video(service, "shot-1", pid)
    writer.kill()
    state = service.ended("shot-1")
    assert state["status"] == "failed"
    assert state["error"].startswith("ffmpeg could not write the MP4: ")
    wait_for(lambda: not folder.exists(), "its folder to be gone")


# -- through the whole of Darkroom ------------------------------------------------------------------------------


@pytest.fixture
def prediction(
    service: Service, alice: User, monkeypatch: pytest.MonkeyPatch, db: None
) -> Callable[..., Prediction]:
    """A function that has the real engine start on Alice's animation."""
    path = (
        Path(__file__).parents[3]
        / "predictions/catalogue/data/models/andreasjansson__stable-diffusion-animation.json"
    )
    published = json.loads(path.read_text())
    fakes.use(monkeypatch, embedded_engine(EngineConfig(str(service.socket), SECRET, 2)))
    model = factories.make_model(published["owner"], published["name"])
    version = factories.make_version(
        model, input_schema=published["input_schema"], output_schema=published["output_schema"], unit="run"
    )

    def make(inputs: dict[str, Any]) -> Prediction:
        request = work_request.Request(account=alice.account, user=alice, version=version, input=inputs)
        found = acceptance.accept(request)
        tasks.start()
        return found

    return make


def fresh(prediction: Prediction) -> Prediction:
    return Prediction.objects.select_related("model", "version", "price").get(pk=prediction.pk)


def refreshed(prediction: Prediction) -> Prediction:
    """The row after watcher and workers have done what was due."""
    Prediction.objects.filter(pk=prediction.pk, phase="running").update(look_at="2020-01-01T00:00:00Z")
    fakes.watch_once()
    tasks.collect()
    return fresh(prediction)


@pytest.mark.django_db(transaction=True)
def test_a_cancel_in_the_middle_of_an_animation_returns_the_hold_and_leaves_no_file(
    prediction: Callable[..., Prediction], service: Service, alice: User, client_of: Callable[[User], Client]
) -> None:
    row = prediction({**LONG, "intermediate_output": True})
    assert factories.account_of(alice).held == MICRO
    wait_for(lambda: refreshed(row).output, "a first picture to be shown")
    row = fresh(row)
    painter, writer, folder = running_video(service, row.provider_key, service.painting(row.provider_key))
    shown = row.output
    client_of(alice).post(reverse("studio_cancel", args=[row.public_id]))
    tasks.cancel()
    row = fresh(row)
    assert (row.status, row.output, row.upstream_open) == ("canceled", None, False)
    account = factories.account_of(alice)
    assert (account.held, account.balance) == (0, 100 * MICRO)
    wait_for(lambda: not is_alive(painter.pid) and not is_alive(writer.pid), "its processes to be gone")
    wait_for(lambda: not folder.exists(), "the engine's folder to be gone")
    assert not Output.objects.exists() and shown
    # What had been shown already goes with the next sweep.
    removal.remove_unowned()
    assert not StoredFile.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_its_pictures_are_shown_while_it_works_and_the_video_ends_the_list(
    prediction: Callable[..., Prediction], client: Client
) -> None:
    row = prediction({**QUICK, "intermediate_output": True, "output_format": "mp4"})
    wait_for(lambda: refreshed(row).status == "succeeded", "the end")
    ended = fresh(row)
    names = [path.rsplit("/", 1)[1] for path in ended.output]
    assert names == ["output-0.png", "output-1.png", "output-2.png", "output.mp4"]
    video = Output.objects.select_related("file", "medium").get(name="output.mp4")
    assert (video.file.content_type, video.file.width, video.file.height) == ("video/mp4", 128, 128)
    assert video.medium is not None and video.blur and video.item.width == 128
    answer = client.get(ended.output[-1], headers={"Range": "bytes=4-7"})
    assert (answer.status_code, answer["Content-Type"]) == (206, "video/mp4")
    assert b"".join(answer.streaming_content) == b"ftyp"  # type: ignore[attr-defined]
