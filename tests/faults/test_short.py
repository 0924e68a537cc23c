"""Kills in a working house, in short. The long form is `python -m tests.faults.long`."""

from __future__ import annotations

import pytest

from tests.faults.harness import databases, short

pytestmark = [pytest.mark.server, pytest.mark.timeout(900)]


@pytest.mark.parametrize("database", databases())
def test_it_loses_nothing_while_processes_are_killed(database: str, request: pytest.FixtureRequest) -> None:
    short(request.getfixturevalue("postgres") if database == "PostgreSQL" else None)
