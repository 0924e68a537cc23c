"""Three upstreams that go wrong and a house whose processes are killed, in short. Long: tests.faults.upstream_long."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from tests.faults.upstream_chaos import chaos, doubled
from tests.postgres import NoPostgres, Postgres

pytestmark = [pytest.mark.server, pytest.mark.timeout(400)]


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_nothing_is_charged_for_nothing_or_started_twice(database: str, tmp_path: Path) -> None:
    kills = ("worker", "watcher", "cluster", "work", "web")
    with contextlib.ExitStack() as stack:
        postgres = None
        if database == "postgres":
            try:
                postgres = stack.enter_context(Postgres())
            except NoPostgres as error:
                pytest.skip(str(error))
        url = postgres.url if postgres else ""
        run = stack.enter_context(
            chaos(tmp_path, 30, kills, pause_s=1.0, seed=7, database_url=url, work_s=20, hurry=True)
        )
        run.run(postgres)
        said = "\n".join([*run.report.lines(), *run.lines(), run.house.log[-4000:]])
        assert run.report.wrong == [], said
        assert sum(run.report.killed.values()) == len(kills)
        assert run.report.ended["succeeded"] >= 15, said


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
