"""Two watchers over the same work: when one is killed, the other brings home what both had in sight."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.faults.harness import BODY, MAKE_ACCOUNTS, Database
from tests.faults.upstream_chaos import KEY_VARIABLE, free_port
from tests.houses import House, eventually, house
from tests.rules import ROOT
from tests.upstream import UpstreamProcess

pytestmark = [pytest.mark.server, pytest.mark.timeout(900)]
IN_FLIGHT = 4
"""As many as one account may have under way."""
SETTINGS = {
    "DARKROOM_ENGINE": "0",
    "DARKROOM_UPSTREAM_PRIVATE": "127.0.0.1",
    KEY_VARIABLE: UpstreamProcess.token,
}


def test_a_second_watcher_brings_home_what_a_killed_one_had_in_flight(tmp_path: Path) -> None:
    there = UpstreamProcess(free_port(), tmp_path)
    with contextlib.ExitStack() as stack:
        stack.callback(there.kill)
        one = stack.enter_context(house(**SETTINGS))
        one.manage("upstream", "loop", "--url", there.start().url, "--key-env", KEY_VARIABLE)
        # Every look is answered 500, so that nothing ends before we want it to.
        there.ask("/_faults", {"fault": "get-500"})
        token = one.python(MAKE_ACCOUNTS)[0]
        for seed in range(IN_FLIGHT):
            body = {**BODY, "input": {**BODY["input"], "seed": seed}}  # type: ignore[dict-item]
            assert one.request("/v1/predictions", body, token)[0] == 201
        eventually(lambda: _looked_at(there) == IN_FLIGHT, 60, lambda: one.log[-3000:])
        [first] = one.kinds()["watcher"]
        stack.enter_context(_never_replaced(one))
        second = stack.enter_context(_another_watcher(one))
        first.send_signal(signal.SIGKILL)
        eventually(lambda: first not in one.kinds()["watcher"])
        assert _statuses(one) == {"processing": IN_FLIGHT}, "nothing was left to be taken over"
        there.forget_faults()
        eventually(lambda: _statuses(one) == {"succeeded": IN_FLIGHT}, 120, lambda: one.log[-3000:])
        assert [watcher.pid for watcher in one.kinds()["watcher"]] == [second.pid]
        assert sorted(there.starts().values()) == [1] * IN_FLIGHT
        assert one.manage("audit", check=False).returncode == 0


def _looked_at(there: UpstreamProcess) -> int:
    """How many of the runs over there have been looked at."""
    return len({row["path"] for row in there.rows("fault") if row["fault"] == "get-500"})


@contextlib.contextmanager
def _never_replaced(one: House) -> Iterator[None]:
    """Whoever would start a killed part anew is stopped meanwhile; workers and sweep go on."""
    [server] = one.kinds()["server"]
    server.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(psutil.Error):
            server.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def _another_watcher(one: House) -> Iterator[subprocess.Popen[bytes]]:
    with (one.data / "second.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "manage.py", "watch"], cwd=ROOT, env=one.env, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _statuses(one: House) -> dict[str, int]:
    return dict(Database(one).statuses())
