"""Two watchers over the same work: when one is killed, the other brings home what both had in sight."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import psutil
import pytest

from tests.faults.harness import SMALL
from tests.loopback_upstream import Upstream
from tests.servers.installations import Installation, eventually
from tests.servers.session_servers import upstream
from tests.support.source_rules import ROOT

pytestmark = [pytest.mark.server, pytest.mark.timeout(900)]
IN_FLIGHT = 4
"""As many as one account may have under way."""


def test_a_second_watcher_brings_home_what_a_killed_one_had_in_flight(
    front_installation: Installation,
) -> None:
    one = front_installation
    with contextlib.ExitStack() as stack:
        there = stack.enter_context(Upstream(seconds=2.0))
        stack.enter_context(upstream(one, "loop", there.url))
        # Every look is answered 500, so that nothing ends before we want it to.
        there.fault("get-500")
        sent = [_sent(one, seed) for seed in range(IN_FLIGHT)]
        eventually(lambda: _looked_at(there) == IN_FLIGHT, 60, lambda: one.log[-3000:])
        [first] = one.kinds()["watcher"]
        stack.enter_context(_never_replaced(one))
        second = stack.enter_context(_another_watcher(one))
        first.send_signal(signal.SIGKILL)
        eventually(lambda: first not in one.kinds()["watcher"])
        assert _statuses(one, sent) == {"processing": IN_FLIGHT}, "nothing was left to be taken over"
        there.heal()
        eventually(lambda: _statuses(one, sent) == {"succeeded": IN_FLIGHT}, 120, lambda: one.log[-3000:])
        assert [watcher.pid for watcher in one.kinds()["watcher"]] == [second.pid]
        assert sorted(there.starts().values()) == [1] * IN_FLIGHT
        assert one.manage("audit", check=False).returncode == 0
    eventually(lambda: len(one.kinds()["watcher"]) == 1)


def _sent(one: Installation, seed: int) -> str:
    """The id of a small prediction."""
    status, made = one.request("/v1/predictions", {**SMALL, "input": {**SMALL["input"], "seed": seed}})
    assert status == 201, made
    return str(made["id"])


def _looked_at(there: Upstream) -> int:
    """How many of the upstream's runs have been polled."""
    return len({row["path"] for row in there.rows("fault") if row["fault"] == "get-500"})


@contextlib.contextmanager
def _never_replaced(one: Installation) -> Iterator[None]:
    """The supervisor that would restart a killed part is stopped meanwhile; workers and sweep continue."""
    [server] = one.kinds()["server"]
    server.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(psutil.Error):
            server.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def _another_watcher(one: Installation) -> Iterator[subprocess.Popen[bytes]]:
    with (one.data / "second.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "manage.py", "watch"], cwd=ROOT, env=one.env, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _statuses(one: Installation, sent: list[str]) -> dict[str, int]:
    states = [one.request(f"/v1/predictions/{public_id}")[1]["status"] for public_id in sent]
    return dict(Counter(states))
