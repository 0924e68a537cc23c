"""A PostgreSQL that is restarted meanwhile: work that was being reported goes on, and nothing is done twice."""

from __future__ import annotations

import time

import pytest

from tests.faults.harness import LIVE, MAKE_ACCOUNTS, SMALL, Database
from tests.postgres import Postgres
from tests.runner.sampling import short_or_whole
from tests.servers.installations import Installation, eventually, run_installation

pytestmark = [pytest.mark.server, pytest.mark.timeout(900)]

PREDICTIONS = short_or_whole(4, 20)
RESTARTS = short_or_whole(1, 3)
BEING_FETCHED = "SELECT count(*) FROM predictions_prediction WHERE phase = 'collecting'"


def test_what_was_being_reported_goes_on_after_a_restart_of_the_database(postgres: Postgres) -> None:
    with run_installation(postgres.url) as one:
        database = Database(one)
        send(one)
        for _ in range(RESTARTS):
            # Between a claim and its report: a process that waits for the lease starts it a second time afterwards.
            eventually(
                lambda: database.rows(BEING_FETCHED)[0][0] or not under_way(database), 120, pause_s=0.05
            )
            postgres.restart()
        eventually(lambda: not under_way(database), 300, lambda: one.log[-4000:])
        ended = database.rows(
            "SELECT status, start_attempts, collect_attempts, count(*) FROM predictions_prediction GROUP BY 1, 2, 3"
        )
        assert ended == [("succeeded", 1, 1, PREDICTIONS)], f"{ended}\n{one.log[-4000:]}"
        assert one.manage("audit", check=False).returncode == 0


def send(one: Installation) -> None:
    tokens = one.python(MAKE_ACCOUNTS)
    for number in range(PREDICTIONS):
        while one.request("/v1/predictions", SMALL, tokens[number % len(tokens)])[0] == 503:
            time.sleep(0.5)


def under_way(database: Database) -> bool:
    statuses = database.statuses()
    return any(statuses[status] for status in LIVE)
