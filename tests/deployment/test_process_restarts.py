"""A real installation on SQLite: every process that is killed is started again, and none is left when it stops."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tests.faults.harness import SMALL, Database
from tests.runner.sampling import one_in, one_of, short_or_whole
from tests.servers.installations import Installation, eventually
from tests.support.source_rules import ROOT

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]

SLEEPERS = """
from django_q.tasks import async_task
for _ in range(4):
    async_task("time.sleep", 25, cluster="work")
"""


@pytest.fixture
def running(installation_to_kill: Installation) -> Installation:
    return installation_to_kill


def whole(one: Installation) -> dict[str, list[int]] | None:
    """The process ids by kind once every part is up again, else None."""
    kinds = {kind: sorted(p.pid for p in found) for kind, found in one.kinds().items()}
    singles = ("server", "web", "watcher", "sweep", "engine", "fork-server")
    up = all(len(kinds.get(kind, [])) == 1 for kind in singles) and len(kinds.get("worker", [])) == 4
    return kinds if up else None


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("busy", [False, True])
def test_it_replaces_only_the_worker_that_dies(running: Installation, busy: bool) -> None:
    before = eventually(lambda: whole(running))
    if busy:
        running.python(SLEEPERS)
        eventually(lambda: _sleeping(running, 4))
    kill(before["worker"][0])
    after = eventually(lambda: (now := whole(running)) and now["worker"] != before["worker"] and now)
    assert after["server"] == before["server"]
    assert len(set(after["worker"]) & set(before["worker"])) == 3


def _sleeping(one: Installation, number: int) -> bool:
    """Whether so many tasks were taken from the queue's table and are with the workers."""
    taken = "SELECT count(*) FROM django_q_ormq WHERE lock > datetime('now')"
    return bool(Database(one).rows(taken)[0][0] >= number)


PARTS = ("web", "watcher", "sweep", "engine", "fork-server")


@pytest.mark.parametrize("kind", one_in(3, PARTS))
def test_it_starts_a_killed_part_again_and_keeps_the_others(running: Installation, kind: str) -> None:
    before = eventually(lambda: whole(running))
    kill(before[kind][0])
    after = eventually(lambda: (now := whole(running)) and now[kind] != before[kind] and now)
    assert {name for name in PARTS if after[name] != before[name]} == {kind}
    eventually(lambda: not any(map(psutil.pid_exists, before[kind])))


def test_all_parts_killed_at_once_and_again_while_they_are_forked_come_back_and_work(
    running: Installation,
) -> None:
    before = eventually(lambda: whole(running))
    for _time in range(short_or_whole(2, 3)):
        # The next strike falls while parts of the last one are being forked.
        for kind in (*PARTS, "worker"):
            for process in running.kinds().get(kind, []):
                with contextlib.suppress(ProcessLookupError):
                    kill(process.pid)
    after = eventually(lambda: whole(running), 120)
    assert after["server"] == before["server"]
    running.token = running.manage("token", "admin").stdout.split()[-1]
    _status, made = running.request("/v1/predictions", SMALL, timeout=60)
    eventually(lambda: running.request(f"/v1/predictions/{made['id']}")[1]["status"] == "succeeded", 120)


def test_a_killed_web_server_refuses_nobody(running: Installation) -> None:
    before = eventually(lambda: whole(running))
    kill(before["web"][0])
    # Connected while nobody answers: the door is the supervisor's, and the next web server takes the call.
    with urllib.request.urlopen(f"{running.url}/health", timeout=60) as answer:
        assert answer.status in {200, 503}


def second_server(**env: str) -> subprocess.CompletedProcess[str]:
    """What another server says before it gives up."""
    command = [sys.executable, "-m", "config.server.launcher"]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60)


def test_a_second_server_on_the_same_folder_is_told_so_in_a_sentence(running: Installation) -> None:
    again = second_server(**running.env)
    assert again.returncode == 1
    assert f"already uses the data folder {running.data}; stop it first" in again.stderr
    assert len(again.stderr.splitlines()) == 1


def test_a_port_in_use_is_told_in_a_sentence(running: Installation, tmp_path: Path) -> None:
    port = running.url.rpartition(":")[2]
    other = second_server(**{**running.env, "PORT": port, "DARKROOM_DATA": str(tmp_path)})
    assert other.returncode == 1
    assert other.stderr.startswith(
        f"Port {port} on 127.0.0.1 is in use by another program; choose another one"
    )
    assert len(other.stderr.splitlines()) == 1


@pytest.mark.parametrize("port", one_of(["http", "70000", "-1"]))
def test_a_port_that_is_none_is_told_in_a_sentence(running: Installation, tmp_path: Path, port: str) -> None:
    other = second_server(**{**running.env, "PORT": port, "DARKROOM_DATA": str(tmp_path)})
    assert other.returncode == 1
    assert other.stderr.startswith("PORT must be a number")


USERS = "from accounts.models import User; answer = User.objects.count()"


def stops_and_runs_again(running: Installation, number: int) -> None:
    """It stops with no process left, and runs again without harm."""
    assert running.stop(number) == []
    assert running.processes() == []
    users = running.python(USERS)
    running.start()
    eventually(lambda: whole(running))
    assert not [line for line in running.said if line.startswith("Administrator")]
    assert running.python(USERS) == users


@pytest.mark.parametrize("number", one_of([signal.SIGINT, signal.SIGTERM]))
def test_a_held_request_is_answered_when_the_server_stops_and_it_runs_again(
    running: Installation, number: signal.Signals
) -> None:
    kinds = eventually(lambda: whole(running))
    # An engine that stands still ends nothing: the caller would be held for its whole minute.
    os.kill(kinds["engine"][0], signal.SIGSTOP)
    token = running.manage("token", "admin").stdout.split()[-1]
    request = urllib.request.Request(
        f"{running.url}/v1/predictions",
        data=json.dumps(SMALL).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Prefer": "wait=60"},
    )
    made = "from predictions.models import Prediction; answer = Prediction.objects.count()"
    before = running.python(made)
    with ThreadPoolExecutor(1) as threads:
        held = threads.submit(lambda: json.load(urllib.request.urlopen(request, timeout=100)))
        eventually(lambda: running.python(made) > before)
        assert not held.done()
        stops_and_runs_again(running, number)
        assert held.result()["status"] in {"starting", "processing"}


def test_nothing_outlives_the_outermost_process_however_it_ends(running: Installation) -> None:
    eventually(lambda: whole(running))
    assert running.process
    running.process.kill()
    running.process.wait()
    eventually(lambda: not running.left())
