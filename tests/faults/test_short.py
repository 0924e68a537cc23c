"""Kills in a working house, in short. The long form is `python -m tests.faults.long`."""

from __future__ import annotations

import contextlib
import os
import signal

import psutil
import pytest

from tests.faults.harness import Faults, poison
from tests.houses import house
from tests.postgres import NoPostgres, Postgres

pytestmark = [pytest.mark.server, pytest.mark.timeout(400)]


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_it_loses_nothing_while_processes_are_killed(database: str) -> None:
    kills = ("web", "worker", "cluster", "work", "engine", "watcher", "sweep", "opener")
    with contextlib.ExitStack() as stack:
        postgres = None
        if database == "postgres":
            try:
                postgres = stack.enter_context(Postgres())
            except NoPostgres as error:
                pytest.skip(str(error))
        one = stack.enter_context(house(postgres.url if postgres else ""))
        report = Faults(one, 14, kills, pause_s=1.5, seed=7).run(postgres)
        assert report.wrong == [], "\n".join([*report.lines(), one.log[-4000:]])
        assert sum(report.killed.values()) == len(kills)


def test_it_sets_a_prediction_aside_that_costs_a_worker_at_every_claim() -> None:
    with house() as one:
        # An engine that is stopped answers nothing: the start stays in a worker's hands, where it can be struck.
        engine = one.kinds()["engine"][0]
        os.kill(engine.pid, signal.SIGSTOP)

        def strike() -> None:
            for worker in one.kinds().get("worker", []):
                with contextlib.suppress(psutil.Error):
                    worker.kill()

        status, error, captured, _released, starts = poison(one, strike)
        assert (status, captured, starts) == ("failed", 0, 3)
        assert error
        assert one.manage("audit", check=False).returncode == 0
