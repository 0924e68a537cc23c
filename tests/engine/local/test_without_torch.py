"""Without torch everything else works, and predictions that need it fail with a message that names what is missing."""

from __future__ import annotations

import json
import os
import socket
import threading
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from config.checks import local_models_can_be_run
from engine.local.config import settings_file
from engine.local.config.settings_file import parse
from engine.local.pipeline_worker import Worker
from tests.engine.local.local_service import LocalService

SD = "stability-ai/stable-diffusion"


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulates a missing extra, also where it is installed."""
    monkeypatch.setattr(settings_file, "NEEDED", ("no_such_torch", "no_such_diffusers"))


def test_the_sentence_names_the_extra_and_what_to_do(bare: None) -> None:
    hint = settings_file.install_hint(settings_file.missing_packages())
    assert "darkroom[local]" in hint
    assert "no_such_torch, no_such_diffusers are not installed" in hint
    assert "pip install --require-hashes -r requirements/local.txt" in hint


def test_a_worker_fails_each_prediction_with_that_sentence(bare: None, tmp_path: Path) -> None:
    settings = parse({"models": {SD: {"weights": "org/name"}}}, tmp_path)
    (tmp_path / "order.json").write_text(json.dumps({"model": SD, "input": {}}))
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        threading.Thread(target=Worker(theirs, settings, "auto", 1).run, daemon=True).start()
        assert "ready" in json.loads(ours.recv(65536))
        reading, writing = os.pipe()
        message = {"run": "a-0", "folder": str(tmp_path), "drawn_seed": 1}
        socket.send_fds(ours, [json.dumps(message).encode()], [writing])
        os.close(writing)
        with os.fdopen(reading) as pipe:
            (event,) = [json.loads(line) for line in pipe]
        assert event == {"error": settings_file.install_hint(["no_such_torch", "no_such_diffusers"])}
        heard = [json.loads(ours.recv(65536)) for _ in range(2)]
        assert [*heard[0], heard[1]] == ["started", "pid", {"ended": "a-0", "code": 1}]


def test_a_service_fails_in_a_sentence_what_it_cannot_do_and_lives_on(tmp_path: Path) -> None:
    """A real service and worker: the sentence is about the extra or, where that is installed, about the weights."""
    with LocalService(tmp_path, {"models": {SD: {"weights": "./nowhere"}}}) as service:
        for key in ("one-0", "two-0"):
            state = service.run(key, SD, {"prompt": "a cat"})
            missing = settings_file.missing_packages()
            expected = (
                settings_file.install_hint(missing)
                if missing
                else f"The weights of {SD} are not on this server"
            )
            assert state["status"] == "failed"
            assert state["error"].startswith(expected)
        answer = service.put("three-0", "stability-ai/sdxl", {})
        assert answer.status_code == 422
        assert answer.json()["detail"] == "The service of local weights does not serve stability-ai/sdxl."


def test_the_check_warns_an_operator_who_named_weights(bare: None, tmp_path: Path) -> None:
    path = tmp_path / "models.toml"
    path.write_text(f'[models."{SD}"]\nweights = "org/name"\n')
    with override_settings(LOCAL={"models": path, "folder": tmp_path}):
        (found,) = local_models_can_be_run(None)
        assert (found.id, "darkroom[local]" in found.msg) == ("darkroom.W004", True)
        path.write_text("models = 5")
        (found,) = local_models_can_be_run(None)
        assert (found.id, found.level) == ("darkroom.E005", 40)
        assert "models must be a table" in found.msg
    with override_settings(LOCAL={"models": None, "folder": tmp_path}):
        assert local_models_can_be_run(None) == []


def test_the_command_says_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DARKROOM_LOCAL_SECRET", raising=False)
    nothing = override_settings(LOCAL={"models": None, "folder": tmp_path})
    with nothing, pytest.raises(CommandError, match="DARKROOM_LOCAL_MODELS is not set"):
        call_command("local")
    path = tmp_path / "models.toml"
    path.write_text("keep = 0")
    with override_settings(LOCAL={"models": path, "folder": tmp_path}):
        with pytest.raises(CommandError, match="keep must be a whole number"):
            call_command("local")
        path.write_text("")
        with pytest.raises(CommandError, match="DARKROOM_LOCAL_SECRET is not set"):
            call_command("local")
