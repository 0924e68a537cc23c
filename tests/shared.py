"""Servers that several test files ask, each with a member of its own: to start one costs more than most of its tests.

Files that share one run in one process of a lane, whichever comes first starts it (`FILES`, `scheduler`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

from tests.houses import House, house
from tests.server import RunningServer

FILES = {
    "plain": (
        "tests/accounts/money/test_redeeming.py",
        "tests/guide/test_samples.py",
        "tests/openai/test_official_client.py",
        "tests/replicate/test_broken_connections.py",
        "tests/replicate/test_real_server.py",
    ),
    "conformant": ("tests/openai/test_official_client_pictures.py", "tests/test_fixtures.py"),
    "killed": (
        "tests/faults/test_banned.py",
        "tests/faults/test_poison.py",
        "tests/faults/test_poster.py",
        "tests/test_cluster.py",
    ),
}
"""The files that ask each of them, which have to be run by one process."""
_GROUPS = {file: name for name, files in FILES.items() for file in files}


@pytest.fixture(scope="session")
def plain_server() -> Iterator[RunningServer]:
    """A server as it comes, but that it may tell this machine's own addresses, and answers as often as it is asked."""
    with RunningServer(DARKROOM_OUTBOUND_ALLOW="127.0.0.1/32", DARKROOM_RATE_OTHER="100000") as running:
        yield running


@pytest.fixture(scope="session")
def conformant_server() -> Iterator[RunningServer]:
    """A server in conformance mode with one slot, and `fixtures.json` in its data folder, which was written twice."""
    with RunningServer(DARKROOM_CONFORMANCE="1", DARKROOM_ENGINE_SLOTS="1") as running:
        for _time in range(2):
            done = running.manage("fixtures", str(running.data / "fixtures.json"))
            assert done.returncode == 0, done.stdout + done.stderr
        yield running


@pytest.fixture(scope="session")
def _house_to_kill() -> Iterator[House]:
    with house(DARKROOM_OUTBOUND_ALLOW="127.0.0.0/8") as one:
        yield one


@pytest.fixture
def killed_house(_house_to_kill: House) -> House:
    """A house whose processes tests kill: each leaves it so that it becomes whole by itself, or not running at all."""
    assert _house_to_kill.process
    if _house_to_kill.process.poll() is not None:
        _house_to_kill.start()
    return _house_to_kill


class Scheduler(LoadFileScheduling):  # type: ignore[misc]
    """`--dist loadfile`, with the files that share a server in one hand."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return _GROUPS.get(file, file)


def scheduler(config: pytest.Config, log: Any) -> Scheduler | None:
    """What `pytest_xdist_make_scheduler` answers."""
    return Scheduler(config, log) if config.getoption("dist", "no") == "loadfile" else None
