"""What the supervisor promises, seen from outside: real processes, real kills."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.source_rules import ROOT

STAY = "mark('stay'); forever()"
Start = Callable[[list[dict[str, Any]]], "subprocess.Popen[bytes]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a supervisor over parts; whatever the test leaves behind is killed."""
    started: list[subprocess.Popen[bytes]] = []

    def go(parts: list[dict[str, Any]]) -> subprocess.Popen[bytes]:
        with (tmp_path / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.servers.supervisor_process", str(tmp_path)],
                cwd=ROOT, stdin=subprocess.PIPE, stderr=log,
            )  # fmt: skip
        assert process.stdin
        process.stdin.write(json.dumps(parts).encode())
        process.stdin.close()
        started.append(process)
        return process

    yield go
    for process in started:
        with contextlib.suppress(psutil.NoSuchProcess):
            below = psutil.Process(process.pid).children(recursive=True)
            # The supervisor first: it would start again what is killed below it.
            process.kill()
            for child in below:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
        process.wait()


def eventually(true: Callable[[], Any], seconds: float = 20) -> Any:
    """The first true answer; fails the test when there is none within a generous time."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        if answer := true():
            return answer
        time.sleep(0.02)
    raise AssertionError("it never came true")


def marks(folder: Path, name: str) -> list[int]:
    """The process ids that wrote this mark, in order."""
    path = folder / name
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def alive(pid: int) -> bool:
    """Whether the process runs (a zombie does not)."""
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("how", ["sys.exit(0)", "sys.exit(3)", "os.kill(os.getpid(), 9)"])
def test_it_starts_a_part_again_however_it_ended(start: Start, tmp_path: Path, how: str) -> None:
    start([{"name": "a", "code": f"mark('a')\nif len((here/'a').read_text().split()) < 3: {how}\nforever()"}])
    assert len(eventually(lambda: len(found := marks(tmp_path, "a")) >= 3 and found)) == 3


def test_it_ends_what_a_dead_part_left_behind_whatever_group_or_session_it_moved_to(
    start: Start, tmp_path: Path
) -> None:
    code = """
mark('main')
for name, move in (('same', lambda: None), ('group', os.setpgrp), ('session', os.setsid)):
    if os.fork() == 0:
        move()
        mark(name)
        forever()
forever()
"""
    start([{"name": "a", "code": code}])
    left = [eventually(lambda n=name: marks(tmp_path, n))[0] for name in ("same", "group", "session")]
    kill(marks(tmp_path, "main")[0])
    eventually(lambda: len(marks(tmp_path, "session")) >= 2)
    eventually(lambda: not any(map(alive, left)))


def test_it_backs_off_after_five_crashes_and_the_others_go_on(start: Start, tmp_path: Path) -> None:
    start([{"name": "bad", "code": "mark('bad'); sys.exit(1)"}, {"name": "good", "code": STAY}])
    states = eventually(lambda: (s := _states(tmp_path)).get("bad", {}).get("state") == "backing off" and s)
    assert states["bad"]["crashes"] >= 5
    assert states["good"] == {"state": "running", "starts": 1, "crashes": 0, "waits_s": 0.0}
    assert alive(marks(tmp_path, "stay")[0])


def _states(folder: Path) -> dict[str, Any]:
    path = folder / "states"
    return json.loads(path.read_text()) if path.exists() else {}


def test_no_descendant_outlives_a_supervisor_that_was_killed(start: Start, tmp_path: Path) -> None:
    code = """
mark('child')
if os.fork() == 0:
    os.setsid()
    mark('grandchild')
    if os.fork() == 0:
        os.setsid()
        mark('great')
        forever()
    forever()
program = ["import sys, time", "sys.path.insert(0, %r)" % sys.path[0],
           "from core.processes import pdeathsig", "pdeathsig.arm()", "time.sleep(600)"]
argv = [sys.executable, "-c", chr(10).join(program)]
other = subprocess.Popen(argv, pass_fds=pdeathsig.leash_fds(), start_new_session=True)
mark('program', other.pid)
forever()
"""
    supervisor = start([{"name": "a", "code": code}])
    names = ("child", "grandchild", "great", "program")
    found = [eventually(lambda n=name: marks(tmp_path, n))[0] for name in names]
    assert all(map(alive, found))
    kill(supervisor.pid)
    eventually(lambda: not any(map(alive, found)))


def test_no_descendant_outlives_a_supervisor_of_supervisors_that_was_killed(
    start: Start, tmp_path: Path
) -> None:
    inner = f"""
from core.processes.supervisor import Part, Supervisor
from tests.servers.supervisor_process import program
mark('inner')
Supervisor([Part('b', program(here, {STAY!r}))]).run()
"""
    outer = start([{"name": "a", "code": inner}])
    deepest = eventually(lambda: marks(tmp_path, "stay"))[0]
    kill(outer.pid)
    eventually(lambda: not alive(deepest))
    assert not alive(marks(tmp_path, "inner")[0])


def test_a_killed_inner_supervisor_comes_back_with_its_parts_and_leaves_no_old_ones(
    start: Start, tmp_path: Path
) -> None:
    inner = f"""
from core.processes.supervisor import Part, Supervisor
from tests.servers.supervisor_process import program
mark('inner')
Supervisor([Part('b', program(here, {STAY!r}))]).run()
"""
    start([{"name": "a", "code": inner}])
    first = eventually(lambda: marks(tmp_path, "stay"))[0]
    kill(marks(tmp_path, "inner")[0])
    assert alive(eventually(lambda: marks(tmp_path, "stay")[1:])[0])
    eventually(lambda: not alive(first))


def test_whoever_is_on_the_leash_can_fork_because_no_thread_holds_it(start: Start, tmp_path: Path) -> None:
    code = """
def threads():
    return len(os.listdir("/proc/self/task"))
mark('main', threads())
if os.fork() == 0:
    mark('fork', threads())
    forever()
forever()
"""
    start([{"name": "a", "code": code}])
    assert [eventually(lambda n=name: marks(tmp_path, n)) for name in ("main", "fork")] == [[1], [1]]


def test_a_leash_that_was_let_go_before_ends_whoever_takes_it_up(tmp_path: Path) -> None:
    end, held = os.pipe()
    os.close(held)
    program = [sys.executable, "-c", "from core.processes import pdeathsig; pdeathsig.arm(); print('alive')"]
    environment = {**os.environ, "DARKROOM_LEASH_FD": str(end)}
    done = subprocess.run(
        program, cwd=ROOT, env=environment, pass_fds=[end], capture_output=True, check=False, timeout=60
    )
    os.close(end)
    assert (done.returncode, done.stdout) == (1, b"")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_by_signal_in_stages_and_leaves_nobody(start: Start, tmp_path: Path, number: int) -> None:
    polite = (
        "signal.signal(signal.SIGTERM, lambda *_: (mark('{0} ends'), sys.exit(0)))\nmark('{0}'); forever()"
    )
    stages = {"late": 1, "early": 0}
    parts = [{"name": name, "code": polite.format(name), "stage": stage} for name, stage in stages.items()]
    supervisor = start(parts)
    pids = [eventually(lambda n=name: marks(tmp_path, n))[0] for name in ("early", "late")]
    supervisor.send_signal(number)
    assert supervisor.wait(timeout=20) == 0
    early, late = ((tmp_path / f"{name} ends").stat().st_mtime_ns for name in ("early", "late"))
    assert early <= late
    assert not any(map(alive, pids))


def test_it_kills_what_does_not_stop_in_its_grace_and_orphans_too(start: Start, tmp_path: Path) -> None:
    code = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        mark('orphan')
        forever()
    os._exit(0)
mark('deaf')
forever()
"""
    supervisor = start([{"name": "a", "code": code, "grace_s": 0.3}])
    pids = [eventually(lambda n=name: marks(tmp_path, n))[0] for name in ("deaf", "orphan")]
    supervisor.terminate()
    assert supervisor.wait(timeout=20) == 0
    assert not any(map(alive, pids))


def test_a_second_signal_does_not_wait_for_the_grace(start: Start, tmp_path: Path) -> None:
    code = "signal.signal(signal.SIGTERM, lambda *_: mark('asked'))\nmark('deaf'); forever()"
    supervisor = start([{"name": "a", "code": code, "grace_s": 150.0}])
    eventually(lambda: marks(tmp_path, "deaf"))
    supervisor.terminate()
    eventually(lambda: marks(tmp_path, "asked"))
    supervisor.terminate()
    assert supervisor.wait(timeout=60) == 0


# -- forked parts, and signs of life ----------------------------------------------------------------------------------


def test_a_forked_part_comes_back_however_it_ended(start: Start, tmp_path: Path) -> None:
    code = "mark('a')\nif len((here/'a').read_text().split()) < 3: os.kill(os.getpid(), 9)\nforever()"
    start([{"name": "a", "code": code, "fork": True}])
    assert len(eventually(lambda: len(found := marks(tmp_path, "a")) >= 3 and found)) == 3


def test_a_forked_part_has_a_session_leash_and_descriptors_of_its_own(start: Start, tmp_path: Path) -> None:
    code = """
mark('session', os.getsid(0) == os.getpid())
mark('threads', len(os.listdir('/proc/self/task')))
open_ = {os.readlink(f'/proc/self/fd/{n}').split(':')[0] for n in os.listdir('/proc/self/fd')
         if os.path.exists(f'/proc/self/fd/{n}') or os.path.islink(f'/proc/self/fd/{n}')}
(here / 'open').write_text(' '.join(sorted(open_)))
(here / 'signals').write_text(' '.join(str(int(signal.getsignal(n))) for n in (signal.SIGTERM, signal.SIGCHLD)))
mark('done')
forever()
"""
    start([{"name": "other", "code": STAY, "fork": True}, {"name": "a", "code": code, "fork": True}])
    eventually(lambda: marks(tmp_path, "done"))
    assert (tmp_path / "session").read_text().strip() == "True"
    assert (tmp_path / "threads").read_text().strip() == "1"
    # Its leash twice (the kernel's signal belongs to an opening of its own), its pipe for signs, the streams.
    assert "socket" not in (tmp_path / "open").read_text()
    assert (tmp_path / "signals").read_text() == "0 0"


def test_no_forked_part_outlives_a_supervisor_that_was_killed(start: Start, tmp_path: Path) -> None:
    code = "mark('a')\nif os.fork() == 0:\n    os.setsid()\n    mark('grandchild')\nforever()"
    supervisor = start([{"name": "a", "code": code, "fork": True}, {"name": "b", "code": STAY, "fork": True}])
    found = [eventually(lambda n=name: marks(tmp_path, n))[0] for name in ("a", "grandchild", "stay")]
    kill(supervisor.pid)
    eventually(lambda: not any(map(alive, found)))


def test_a_forked_part_that_raises_is_logged_and_restarted(start: Start, tmp_path: Path) -> None:
    start([{"name": "a", "code": "mark('a'); raise ValueError('so it broke')", "fork": True}])
    eventually(lambda: len(marks(tmp_path, "a")) >= 2)
    assert "ValueError: so it broke" in (tmp_path / "log").read_text()


def test_forked_parts_draw_different_random_numbers(start: Start, tmp_path: Path) -> None:
    code = "import random, uuid; mark('drawn', random.getrandbits(60)); mark('drawn', uuid.uuid4().int); forever()"
    start([{"name": name, "code": code, "fork": True} for name in "abc"])
    assert len(set(eventually(lambda: len(found := marks(tmp_path, "drawn")) == 6 and found))) == 6


@pytest.mark.parametrize("fork", [True, False])
def test_a_part_that_gives_no_sign_of_life_is_killed_and_started_again(
    start: Start, tmp_path: Path, fork: bool
) -> None:
    signs = "from core.processes import programs\nmark('{0}')\nwhile True: {1}; time.sleep(0.1)"
    start(
        [
            {"name": "frozen", "code": signs.format("frozen", "pass"), "fork": fork, "silent_s": 1.0},
            {
                "name": "alive",
                "code": signs.format("alive", "programs.report_alive()"),
                "fork": fork,
                "silent_s": 1.0,
            },
        ]
    )
    eventually(lambda: len(marks(tmp_path, "frozen")) >= 3)
    assert len(marks(tmp_path, "alive")) == 1


def test_where_no_more_processes_may_be_forked_it_tries_again_and_the_others_go_on(
    start: Start, tmp_path: Path
) -> None:
    # The fork is refused as long as the file is there, as a limit of processes refuses it.
    (tmp_path / "refuse").touch()
    start(
        [
            {"name": "a", "code": STAY, "fork": True},
            {"name": "b", "code": "mark('b'); forever()", "fork": True},
        ]
    )
    eventually(lambda: "cannot be started" in (tmp_path / "log").read_text())
    (tmp_path / "refuse").unlink()
    eventually(lambda: marks(tmp_path, "stay") and marks(tmp_path, "b"))
