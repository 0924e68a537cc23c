"""Three upstreams that go wrong and a house whose processes are killed, in short. Long: tests.faults.upstream_long."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.harness import databases
from tests.faults.upstream_chaos import doubled, short

pytestmark = [pytest.mark.server, pytest.mark.timeout(900)]


@pytest.mark.parametrize("database", databases(turned=True))
def test_nothing_is_charged_for_nothing_or_started_twice(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    short(tmp_path, request.getfixturevalue("postgres") if database == "PostgreSQL" else None)


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
    assert doubled(started, {"steady"}) == wrong
