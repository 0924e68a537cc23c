"""Painters below the fork server of an installation: a dying process ends its own children and no others."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from core.processes.fork_server import client
from predictions.files import sandbox_client
from tests.engine.engine_service import LONG, SMALL, Service, is_alive, running, wait_for
from tests.predictions.files.test_sandbox import GOOD, endless, has_reader, kept, looked
from tests.servers.fork_server_process import ForkServerOwner, below, held, loads, oom_score

FOUR = {**SMALL, "width": 384, "height": 384, "num_outputs": 4}


@pytest.fixture
def top(monkeypatch: pytest.MonkeyPatch) -> Iterator[ForkServerOwner]:
    """The socket of an installation's fork server, inherited by this process too."""
    with held() as top:
        servers = client.Servers()
        monkeypatch.setattr(sandbox_client, "_servers", servers)
        monkeypatch.setenv(client.VARIABLE, str(top.ours.fileno()))
        yield top
        servers.close()
        if servers._inherited is not None:
            servers._inherited.close()


@pytest.fixture
def service(top: ForkServerOwner) -> Iterator[Service]:
    top.start()
    with running(fork_server=top.ours.fileno()) as service:
        yield service


def painters(top: ForkServerOwner, which: int = -1) -> psutil.Process:
    """The painter server below a server process."""
    found = wait_for(
        lambda: below(psutil.Process(top.started[which].pid), "dr-painters"), "the painters' process"
    )
    assert len(found) == 1
    return found[0]


def test_one_server_serves_the_painters_of_two_engines_and_files_and_an_engine_takes_only_its_own_along(
    top: ForkServerOwner, service: Service, tmp_path: Path
) -> None:
    service.put("same-id", LONG)
    painter = psutil.Process(service.painting("same-id"))
    assert looked(kept(tmp_path, "good", GOOD)).width == 64
    forks = painters(top)
    assert psutil.Process(service.process.pid).children() == [] and painter.parent() == forks
    server = psutil.Process(top.started[0].pid)
    assert loads(painter, "cv2") and not loads(server, "cv2")
    assert oom_score(painter) > oom_score(server)
    assert [one.num_threads() for one in (server, forks)] == [1, 1]

    with running(fork_server=top.ours.fileno()) as other:
        second = other.put("same-id", LONG) and other.painting("same-id")
        other.client.post("/predictions/same-id/cancel")
        assert painter.is_running() and not is_alive(second)
    assert service.get("same-id")["status"] == "processing"

    service.process.kill()
    service.process.wait()
    wait_for(lambda: not is_alive(painter.pid) and not is_alive(forks.pid), "the painters to end")
    assert is_alive(server.pid) and looked(kept(tmp_path, "good", GOOD)).width == 64


def test_an_engine_waits_for_its_server_and_one_killed_over_a_child_of_each_kind_costs_neither_its_work(
    top: ForkServerOwner, tmp_path: Path
) -> None:
    starter = threading.Timer(1.0, top.start)
    starter.start()
    with running(fork_server=top.ours.fileno()) as service:
        assert service.run("first", SMALL)["status"] == "succeeded"
        starter.join()
        _killed_over_a_child_of_each_kind(top, service, tmp_path)


def _killed_over_a_child_of_each_kind(top: ForkServerOwner, service: Service, tmp_path: Path) -> None:
    path, found = endless(tmp_path), []
    look = threading.Thread(target=lambda: found.append(looked(path).width))
    look.start()
    reader = wait_for(lambda: has_reader(path), "the file to be read")
    kept(tmp_path, "good", GOOD).rename(path)
    service.put("plain", FOUR)
    service.painting("plain")
    left = [*psutil.Process(top.started[0].pid).children(recursive=True)]
    assert {one.name() for one in left} == {"dr-sandbox", "dr-painters", "dr-painter"}
    top.started[0].kill()
    top.start()
    state = service.ended("plain")
    assert (state["status"], len(state["output"]), state["logs"].count("Using seed: 3")) == (
        "succeeded",
        4,
        1,
    )
    look.join(60)
    assert found == [64]
    wait_for(lambda: not any(is_alive(one.pid) for one in left), "all its children to end")
    os.close(reader)


def test_below_a_frozen_server_pictures_are_painted_and_cancelled_and_painters_that_die_are_missed(
    top: ForkServerOwner, service: Service
) -> None:
    service.put("cancelled", LONG)
    pid = service.painting("cancelled")
    os.kill(top.started[0].pid, signal.SIGSTOP)
    assert service.client.post("/predictions/cancelled/cancel").json()["status"] == "canceled"
    assert not is_alive(pid)

    service.put("frozen", FOUR)
    service.painting("frozen")
    painters(top).kill()
    wait_for(lambda: not service.health()["ready"], "the engine to notice")
    # As the supervisor does with what gives no sign of life.
    top.started[0].kill()
    top.start()
    assert service.ended("frozen")["status"] == "succeeded"
