"""The engine as a program: no Django, settings from the environment, idle until the first request."""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from core.processes import programs
from engine.protocol import service_address
from engine.protocol.service_address import EngineError
from engine.server import logs
from tests.engine.engine_service import ROOT, SECRET, listens, wait_for

HEAVY = ("django", "structlog", "httpx", "numpy", "cv2", "PIL", "torch")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Socket paths must be short: not tmp_path."""
    with tempfile.TemporaryDirectory(prefix="engine-") as name:
        yield Path(name)


def place(folder: Path) -> service_address.ServiceAddress:
    return service_address.ServiceAddress("engine", folder / "run" / "e.sock", SECRET, folder / "work")


def started(folder: Path, *fds: int, **more: str) -> subprocess.Popen[bytes]:
    environment = {"PATH": os.environ["PATH"], "DARKROOM_ENGINE_SLOTS": "1", **programs.python_path()}
    environment |= place(folder).environment()
    return subprocess.Popen(
        programs.python_command("engine"),
        env={**environment, **more},
        pass_fds=fds,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize("module", ["engine.__main__", "engine.local.__main__"])
def test_it_loads_neither_django_nor_what_paints(module: str) -> None:
    code = f"import sys, json, {module}; print(json.dumps([name for name in {HEAVY} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    assert json.loads(done.stdout) == []


def test_it_serves_with_its_settings_in_the_environment_alone_and_ends_on_a_signal(folder: Path) -> None:
    with started(folder) as engine:
        wait_for(lambda: listens(place(folder).socket), "the engine")
        assert psutil.Process(engine.pid).name() == "dr-engine"
        engine.send_signal(signal.SIGTERM)
        assert engine.wait(30) == 0 and not place(folder).socket.exists()


def test_it_gives_signs_of_life_while_idle(folder: Path) -> None:
    reading, writing = os.pipe()
    with started(folder, writing, **{programs.LIVENESS_VARIABLE: str(writing)}) as engine:
        os.close(writing)
        for _ in range(2):
            assert select.select([reading], [], [], 60)[0] and os.read(reading, 100)
        engine.terminate()
    os.close(reading)


@pytest.mark.parametrize(
    "name", ["DARKROOM_ENGINE_SECRET", "DARKROOM_ENGINE_FOLDER", "DARKROOM_ENGINE_SLOTS"]
)
def test_it_says_which_setting_is_missing(folder: Path, name: str) -> None:
    with started(folder, **{name: ""}) as engine:
        assert engine.communicate(timeout=60)[1].decode() == f"{name} is not set.\n"
    assert engine.returncode == 1


def test_a_place_is_read_as_it_was_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in place(folder).environment().items():
        monkeypatch.setenv(name, value)
    assert service_address.ServiceAddress.of_environment("engine") == place(folder)
    with pytest.raises(EngineError, match="DARKROOM_LOCAL_SOCKET"):
        service_address.ServiceAddress.of_environment("local")


@pytest.mark.parametrize("as_json", [False, True])
def test_its_log_is_lines_without_secrets_and_without_control_characters(as_json: bool) -> None:
    formatter = logs.LineFormatter(as_json=as_json)
    try:
        raise ValueError("a\nb\x1b[31m")
    except ValueError as error:
        found = (type(error), error, error.__traceback__)
        record = logging.LogRecord("engine", logging.WARNING, "", 0, "lost r8_abcdefghijkl", None, found)
    line = formatter.format(record)
    assert (
        "abcdefghijkl" not in line and "ValueError" in line and "level=warning" in line.replace('": "', "=")
    )
    assert line.isprintable()
    assert not as_json or json.loads(line)["event"] == "lost [secret]"
