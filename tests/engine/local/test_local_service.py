"""Local models end to end: a real server with local weights, through the API, and the service on its socket."""

from __future__ import annotations

import io
import json
import os
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

from tests.engine.local.conftest import DEV, FILE, SD, SDXL
from tests.engine.local.local_service import LocalService
from tests.engine.local.output_events import data_uri
from tests.servers.installations import eventually
from tests.servers.server_process import ServerProcess

pytestmark = [pytest.mark.local, pytest.mark.timeout(600)]

SMALL: dict[str, Any] = {"prompt": "a cat", "width": 64, "height": 64, "num_inference_steps": 2}
LONG: dict[str, Any] = {**SMALL, "num_inference_steps": 500, "num_outputs": 4}


@pytest.fixture(scope="module")
def service(weights: Path) -> Iterator[LocalService]:
    with LocalService(weights, {**FILE, "cancel_grace_s": 60}) as one:
        one.run("warm-0", SD, SMALL)
        yield one


@pytest.fixture(scope="module")
def server(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    path = tmp_path_factory.mktemp("file") / "models.json"
    models = {
        name: {**one, **{key: str(weights / value) for key, value in one.items() if key in ("weights", "refiner")}}
        for name, one in FILE["models"].items()
        if "motion_modules" not in one
    }  # fmt: skip
    path.write_text(json.dumps({"models": models, "loras": {"folder": str(weights / "loras")}}))
    with ServerProcess(DARKROOM_LOCAL_MODELS=str(path)) as one:
        yield one


def ask(server: ServerProcess, path: str, body: Any = None) -> Any:
    request = urllib.request.Request(
        server.url + path,
        data=json.dumps(body).encode() if body is not None else None,
        headers={"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def create(server: ServerProcess, model: str, **inputs: Any) -> str:
    version = ask(server, f"/v1/models/{model}")["latest_version"]["id"]
    made = ask(server, "/v1/predictions", {"version": version, "input": inputs})
    return str(made["id"])


def ended(server: ServerProcess, id: str) -> dict[str, Any]:
    def state() -> dict[str, Any] | None:
        found: dict[str, Any] = ask(server, f"/v1/predictions/{id}")
        return found if found["status"] in ("succeeded", "failed", "canceled") else None

    found: dict[str, Any] = eventually(state, 240, lambda: (server.data / "log").read_text()[-3000:])
    return found


def picture(url: str) -> Image.Image:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return Image.open(io.BytesIO(answer.read()))


def test_a_request_to_the_api_is_answered_by_the_weights(server: ServerProcess) -> None:
    found = ended(server, create(server, SD, **SMALL))
    assert (found["status"], found["error"]) == ("succeeded", None)
    assert "Local weights: sd, on cpu" in found["logs"] and "100%|" in found["logs"]
    (url,) = found["output"]
    image = picture(url)
    assert image.size == (64, 64)
    assert "trainedAlgorithmicMedia" in image.info["XML:com.adobe.xmp"]


def test_pictures_loras_and_refusals_pass_through_the_api(server: ServerProcess) -> None:
    inputs = {
        "prompt": "a cat", "image": data_uri(np.full((64, 80, 3), 99, np.uint8)), "num_inference_steps": 2,
    }  # fmt: skip
    ids = [
        create(server, DEV, hf_lora="me/painted", **inputs),
        create(server, SDXL, **inputs),
        create(server, f"{SD}-img2img", **inputs),
        create(server, DEV, hf_lora="me/unknown", **inputs),
    ]
    flux, sdxl, image, refused = (ended(server, id) for id in ids)
    assert [one["status"] for one in (flux, sdxl, image)] == ["succeeded"] * 3
    assert "Loading LoRA took: " in flux["logs"] and "img2img mode" in sdxl["logs"]
    assert refused["status"] == "failed"
    assert refused["error"] == "LoRA me/unknown is not among those that this server has."


def test_what_has_no_weights_is_still_painted(server: ServerProcess) -> None:
    picture_of = data_uri(np.full((64, 80, 3), 99, np.uint8))
    found = ended(server, create(server, "cjwbw/rembg", image=picture_of))
    assert found["status"] == "succeeded" and "Local weights" not in found["logs"]


def test_a_cancel_through_the_api_frees_the_device(server: ServerProcess) -> None:
    id = create(server, SD, **LONG)
    eventually(lambda: "%|" in ask(server, f"/v1/predictions/{id}")["logs"], 120)
    assert ask(server, f"/v1/predictions/{id}/cancel", {})["status"] == "canceled"
    assert ended(server, create(server, SD, **SMALL))["status"] == "succeeded"


def test_a_cancel_ends_at_a_step_and_keeps_the_worker_warm(service: LocalService) -> None:
    service.put("long-0", SD, LONG)
    pid = service.wait_for(lambda: _worker(service, "long-0"), "a worker")
    service.wait_for(lambda: service.state("long-0")["progress"], "a first step")
    service.cancel("long-0")
    assert service.ended("long-0")["status"] == "canceled"
    service.put("next-0", SD, LONG)
    assert service.wait_for(lambda: _worker(service, "next-0"), "a worker") == pid
    service.cancel("next-0")
    assert service.ended("next-0")["output"] == []


def test_a_worker_that_is_killed_is_replaced_and_its_prediction_done_again(service: LocalService) -> None:
    service.put("hurt-0", SD, {**SMALL, "num_inference_steps": 200})
    pid = service.wait_for(lambda: _worker(service, "hurt-0"), "a worker")
    service.wait_for(lambda: service.state("hurt-0")["progress"], "a first step")
    os.kill(pid, signal.SIGKILL)
    state = service.ended("hurt-0")
    assert state["status"] == "succeeded"
    assert state["logs"].count("Using seed:") == 1


def test_one_prediction_at_a_time_has_the_device(service: LocalService) -> None:
    for key in ("a-0", "b-0"):
        service.put(key, SD, LONG)
    service.wait_for(lambda: _worker(service, "a-0"), "a worker")
    assert service.state("b-0")["status"] == "starting"
    for key in ("b-0", "a-0"):
        service.cancel(key)
        assert service.ended(key)["status"] == "canceled"


def test_a_deadline_ends_the_worker_and_the_next_is_served(service: LocalService) -> None:
    service.put("late-0", SD, LONG, deadline_s=1.0)
    state = service.ended("late-0")
    assert state["error"] == "The prediction ran longer than 1 second and was stopped."
    assert service.run("then-0", SD, SMALL)["status"] == "succeeded"


def test_two_devices_work_side_by_side(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "sd").symlink_to(weights / "sd")
    settings = {"devices": ["cpu", "cpu"], "models": {SD: {"weights": "./sd"}}}
    with LocalService(tmp_path, settings) as one:
        for key in ("a-0", "b-0"):
            one.put(key, SD, LONG)
        first, second = (
            one.wait_for(lambda key=key: _worker(one, key), "a worker") for key in ("a-0", "b-0")
        )
        assert first != second
        assert one.health()["slots"] == 2


def test_no_worker_outlives_the_service(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "sd").symlink_to(weights / "sd")
    with LocalService(tmp_path, {"models": {SD: {"weights": "./sd"}}}) as one:
        one.put("long-0", SD, LONG)
        pid = one.wait_for(lambda: _worker(one, "long-0"), "a worker")
        one.process.kill()
        one.process.wait()
    eventually(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def _worker(service: LocalService, key: str) -> int | None:
    return next((one["pid"] for one in service.health()["running"] if one["id"] == key), None)
