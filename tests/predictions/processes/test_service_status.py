"""The signs of life of the supervisor and of the services, which the sweep notes for them."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from predictions.models import Beat
from predictions.processes import service_status

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def states_fd(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Where a supervisor says something; this process listens, as the instance "here"."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    monkeypatch.setenv(service_status.VARIABLE, str(theirs.detach()))
    monkeypatch.setenv("DARKROOM_INSTANCE", "here")
    monkeypatch.setattr(service_status, "INCOMPLETE_ROUND_S", 0.01)
    monkeypatch.setattr(service_status, "EVERY_S", 0.01)
    with ours:
        yield ours


def say(states_fd: socket.socket, *, stopping: bool = False, **parts: Any) -> None:
    states_fd.send(json.dumps({"parts": parts, "stopping": stopping}).encode())


def listen(states_fd: socket.socket, rounds: int = 3) -> None:
    """Have it listen for some rounds, and end."""

    class Stop(threading.Event):
        left = rounds

        def wait(self, timeout: float | None = None) -> bool:
            self.left -= 1
            return self.left < 0

    service_status.run(Stop())


def test_it_writes_down_the_newest_state_of_all_parts_for_health(states_fd: socket.socket) -> None:
    say(states_fd, sweep={"state": "backing off"})
    say(states_fd, sweep={"state": "running"})
    listen(states_fd)
    assert Beat.objects.get(kind="supervisor", instance="here").detail == {
        "parts": {"sweep": {"state": "running"}}
    }


def test_it_notes_what_a_service_says_of_itself(
    states_fd: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        service_status, "engine_health", lambda path, secret: {"boot": f"{path.name} {secret}"}
    )
    for name, path, secret in (("LOCAL", "l", "s1"), ("ENGINE", "e", "s2")):
        monkeypatch.setenv(f"DARKROOM_{name}_SOCKET", f"/nowhere/{path}")
        monkeypatch.setenv(f"DARKROOM_{name}_SECRET", secret)
    listen(states_fd)
    assert Beat.objects.get(kind="local", instance="here").detail == {"boot": "l s1"}
    assert Beat.objects.get(kind="engine", instance="here").detail == {"boot": "e s2"}


def test_a_service_that_does_not_answer_gives_no_sign(
    states_fd: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DARKROOM_ENGINE_SOCKET", "/nowhere/engine.sock")
    monkeypatch.setenv("DARKROOM_ENGINE_SECRET", "s")
    listen(states_fd)
    assert not Beat.objects.filter(kind="engine").exists()


@pytest.mark.parametrize("stopping", [True, False])
def test_only_where_everything_stops_it_takes_this_machines_signs_of_life_back(
    states_fd: socket.socket, stopping: bool
) -> None:
    Beat.objects.create(kind="watcher", instance="here")
    Beat.objects.create(kind="watcher", instance="another machine")
    say(states_fd, stopping=stopping)
    listen(states_fd, rounds=0)
    left = {"another machine"} if stopping else {"another machine", "here"}
    assert set(Beat.objects.values_list("instance", flat=True)) == left


def test_a_sweep_that_was_started_alone_notes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(service_status.VARIABLE, raising=False)
    service_status.run(threading.Event())
    assert not Beat.objects.exists()
