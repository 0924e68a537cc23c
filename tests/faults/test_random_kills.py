"""Random kills in a working installation, in short: with the engine, or with failing upstreams, on either database.

The long forms are `python -m tests.faults.long_run` and `python -m tests.faults.upstream_long_run`.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from tests.faults import harness, upstream_chaos
from tests.postgres import Postgres
from tests.runner.sampling import one_of

pytestmark = [pytest.mark.server, pytest.mark.timeout(900)]
CASES = one_of(product(("SQLite", "PostgreSQL"), ("engine", "upstreams")))


@pytest.mark.parametrize(("database", "provider"), CASES)
def test_it_loses_nothing_and_starts_nothing_twice_while_processes_are_killed(
    database: str, provider: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    postgres: Postgres | None = request.getfixturevalue("postgres") if database == "PostgreSQL" else None
    if provider == "engine":
        harness.short(postgres)
    else:
        upstream_chaos.short(tmp_path, postgres)


@pytest.mark.parametrize(
    ("started", "wrong"),
    [
        ({"steady": {"a-0": 1}, "losing": {"b-0": 1}}, []),
        ({"steady": {"a-0": 1, "a-1": 1}}, []),
        ({"steady": {"a-0": 2}}, ["steady started a-0 2 times"]),
        ({"losing": {"a-0": 1, "a-1": 1}}, ["a was started at losing, losing"]),
        ({"losing": {"a-0": 1}, "steady": {"a-1": 1}}, ["a was started at losing, steady"]),
    ],
)
def test_it_notices_what_was_started_twice(started: dict[str, dict[str, int]], wrong: list[str]) -> None:
    assert upstream_chaos.doubled(started, {"steady"}) == wrong
