"""Crashes, limits, cancels and killed processes: each affects one prediction, and no process outlives the engine."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.engine.engine_service import LONG, SMALL, Service, is_alive, running, wait_for
from tests.runner.sampling import one_in


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with running() as service:
        yield service


def test_it_ends_the_whole_group_on_cancel_and_leaves_no_half_file(service: Service) -> None:
    service.put("cancel-1", LONG)
    pid = service.painting("cancel-1")
    assert os.getpgid(pid) == pid
    state = service.client.post("/predictions/cancel-1/cancel").json()
    assert (state["status"], state["output"], state["error"]) == ("canceled", [], None)
    assert not is_alive(pid)
    wait_for(lambda: not (service.work / "cancel-1").exists(), "the folder to go")


def test_it_cancels_a_child_that_does_not_listen(service: Service) -> None:
    service.put("deaf-1", LONG)
    pid = service.painting("deaf-1")
    os.kill(pid, signal.SIGSTOP)  # a stopped process cannot act on SIGTERM
    assert service.client.post("/predictions/deaf-1/cancel").json()["status"] == "canceled"
    assert not is_alive(pid)


def test_it_can_be_cancelled_at_any_moment(service: Service) -> None:
    ids = {f"moment-{n}": n for n in one_in(3, range(12))}
    for id, n in ids.items():
        service.put(id, {**SMALL, "width": 256, "height": 256, "num_outputs": 4})
        time.sleep(0.03 * n)
        state = service.client.post(f"/predictions/{id}/cancel").json()
        assert state["status"] in ("canceled", "succeeded")
        assert len(state["output"]) == (4 if state["status"] == "succeeded" else 0)
    assert service.health()["running"] == []
    left = {path.name for path in service.work.iterdir()} & ids.keys()
    assert left == {id for id in ids if service.get(id)["status"] == "succeeded"}


def test_it_fails_only_the_prediction_whose_painter_crashed(service: Service) -> None:
    service.put("crash", LONG)
    service.put("other", {**SMALL, "num_outputs": 4})
    os.kill(service.painting("crash"), signal.SIGSEGV)
    state = service.ended("crash")
    assert state["status"] == "failed"
    assert state["error"] == f"The painter stopped unexpectedly (signal {int(signal.SIGSEGV)})."
    assert service.ended("other")["status"] == "succeeded"


def test_it_paints_again_when_a_stranger_killed_the_painter(service: Service) -> None:
    service.put("killed", {**LONG, "width": 512, "height": 512, "num_outputs": 1})
    first = service.painting("killed")
    os.kill(first, signal.SIGKILL)
    state = service.ended("killed")
    assert state["status"] == "succeeded"
    assert state["logs"].count("Using seed: ") == 1


def test_it_gives_a_prediction_up_whose_painter_is_killed_again_and_again(service: Service) -> None:
    service.put("doomed", LONG)
    killed: set[int] = set()

    def kill_a_new_one() -> bool:
        for child in service.health()["running"]:
            if child["id"] == "doomed" and child["pid"] not in killed:
                os.kill(child["pid"], signal.SIGKILL)
                killed.add(child["pid"])
        return len(killed) == 3

    wait_for(kill_a_new_one, "three painters to be killed")
    state = service.ended("doomed")
    assert (state["status"], state["error"]) == ("failed", "The painter was killed several times.")
    assert service.run("after", SMALL)["status"] == "succeeded"


def test_it_stops_a_prediction_at_its_deadline(service: Service) -> None:
    state = service.run("late-1", LONG, deadline_s=0.3)
    assert state["status"] == "failed"
    assert state["error"] == "The prediction ran longer than 0.3 seconds and was stopped."
    assert service.health()["running"] == []
    assert service.run("late-2", SMALL)["status"] == "succeeded"


def test_it_stops_a_painter_that_uses_too_much_memory() -> None:
    with running(memory_bytes=640 * 1024**2) as service:
        state = service.run("hog-1", LONG)
        assert state["status"] == "failed"
        assert state["error"] == "The painter needed more than 0.625 GB of memory and was stopped."
        assert service.run("hog-2", SMALL)["status"] == "succeeded"


def test_it_stops_a_painter_that_uses_too_much_processor_time() -> None:
    with running(cpu_s=1) as service:
        state = service.run("spin-1", LONG)
        assert state["status"] == "failed"
        assert state["error"] == "The painter used more than 1 second of processor time and was stopped."
        assert service.run("spin-2", SMALL)["status"] == "succeeded"


def test_it_limits_every_child(service: Service) -> None:
    service.put("limits-1", LONG)
    child = psutil.Process(service.painting("limits-1"))
    wanted = {psutil.RLIMIT_AS: 2 * 1024**3, psutil.RLIMIT_CORE: 0}
    assert {kind: child.rlimit(kind)[1] for kind in wanted} == wanted
    assert 0 < child.rlimit(psutil.RLIMIT_CPU)[0] < 1000
    service.client.delete("/predictions/limits-1")


def test_it_finishes_a_picture_though_the_forking_process_was_killed(service: Service) -> None:
    service.put("plain", {**SMALL, "width": 384, "height": 384, "num_outputs": 4})
    service.painting("plain")
    painters = service.painters()
    os.kill(painters, signal.SIGKILL)
    state = service.ended("plain")
    assert (state["status"], len(state["output"])) == ("succeeded", 4)
    assert state["logs"].count("Using seed: 3") == 1 and state["logs"].count("0/5") == 1
    assert service.painters() != painters


def test_it_cancels_though_the_forking_process_is_frozen(service: Service) -> None:
    service.put("frozen-1", LONG)
    pid, painters = service.painting("frozen-1"), service.painters()
    os.kill(painters, signal.SIGSTOP)
    service.client.post("/predictions/frozen-1/cancel")
    assert service.ended("frozen-1")["status"] == "canceled"
    wait_for(lambda: not is_alive(pid) and not is_alive(painters), "the old processes to end")
    assert service.run("frozen-2", SMALL)["status"] == "succeeded"


def test_it_leaves_no_process_when_it_is_killed_and_forgets_everything_when_it_restarts() -> None:
    with running() as service:
        boot = service.health()["boot"]
        service.run("before-1", SMALL)
        service.put("orphan-1", LONG)
        service.put("orphan-2", LONG)
        pids = [service.painting("orphan-1"), service.painting("orphan-2"), service.painters()]
        service.process.kill()
        service.process.wait()
        wait_for(lambda: not any(map(is_alive, pids)), "the children to end")
        again = Service(service.folder)
        assert again.health()["boot"] != boot
        assert again.client.get("/predictions/before-1").status_code == 404
        assert not (again.work / "before-1").exists() and not (again.work / "orphan-1").exists()
        again.client.close()
        assert again.stop() == 0


def test_it_ends_with_its_children_when_the_leash_is_let_go() -> None:
    reading, writing = os.pipe()
    with running(leash=reading) as service:
        os.close(reading)
        service.put("leashed-1", LONG)
        pids = [service.painting("leashed-1"), service.painters(), service.process.pid]
        os.close(writing)
        wait_for(lambda: not any(map(is_alive, pids)), "everything to end")


def test_it_stops_politely_and_takes_its_socket_away() -> None:
    with running() as service:
        service.put("unfinished", LONG)
        pid = service.painting("unfinished")
        os.kill(service.painters(), signal.SIGTERM)  # as a supervisor does that signals the whole group
        assert service.stop() == 0
        assert service.errors.read_text() == ""
        assert not is_alive(pid) and not service.socket.exists()


def test_it_refuses_a_folder_that_others_may_enter() -> None:
    folder = Path(tempfile.mkdtemp(prefix="engine-"))
    (folder / "run").mkdir(mode=0o755)
    try:
        with pytest.raises(AssertionError, match="must have mode 0700"):
            Service(folder)
    finally:
        shutil.rmtree(folder)
