"""Servers that several test files ask, each with a member of its own: to start one costs more than most of its tests.
And our own source, which several look through.

Files that share one run in one process of a lane (`shared_fixtures` in pyproject.toml, `tests/parallel.py`).
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import rules
from tests.houses import House, house
from tests.server import RunningServer


@pytest.fixture(scope="session")
def product_source() -> list[rules.Source]:
    """All our Python, parsed: that takes longer than what most of the rules about it ask."""
    return rules.sources()


@pytest.fixture(scope="session")
def plain_server() -> Iterator[RunningServer]:
    """A server as it comes, but that it may tell this machine's own addresses, and answers as often as it is asked."""
    with RunningServer(DARKROOM_OUTBOUND_ALLOW="127.0.0.1/32", DARKROOM_RATE_OTHER="100000") as running:
        yield running


@pytest.fixture(scope="session")
def conformant_server() -> Iterator[RunningServer]:
    """A server in conformance mode with one slot, which answers as often as it is asked.

    `fixtures.json` in its data folder was written twice.
    """
    settings = {"DARKROOM_CONFORMANCE": "1", "DARKROOM_ENGINE_SLOTS": "1", "DARKROOM_RATE_OTHER": "100000"}
    with RunningServer(**settings) as running:
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
