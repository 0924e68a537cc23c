"""Registry of background jobs that are not urgent: indexing, copies, emptying the trash; in a thread beside the sweep.

Due work is stored in rows, written in the transaction that causes it; a job handles some of them and returns whether
there may be more. It registers a query for its rows and runs where there are any; a rare job may run at an interval
alone. Each is bounded to about a second per turn, may be killed at any moment, and may run twice.
"""

from __future__ import annotations

from collections.abc import Callable

from core.db.prepared import Question
from core.jobs.runner import PeriodicJob

PAUSE_S = 0.5
"""Seconds between the turns of a job that has more to do."""
MAX_INTERVAL_S = 300.0
MIN_UNCONDITIONAL_INTERVAL_S = 30.0
"""A job called more often than this must have a query, so that an idle server runs just one statement."""

_jobs: dict[str, PeriodicJob] = {}


def register(
    name: str,
    run: Callable[[], bool],
    *,
    due: Question | None = None,
    every_s: float = PAUSE_S,
    max_interval_s: float = MAX_INTERVAL_S,
) -> None:
    """Have `run` called while `due()` finds a row, or, without `due`, every `every_s` seconds.

    With `due`, `every_s` is the pause after a turn that left nothing. What varies in `due` must be a database function;
    it runs every second, so it needs an index. `max_interval_s`: `run` is called at least this often.
    """
    if due is None and every_s < MIN_UNCONDITIONAL_INTERVAL_S:
        raise ValueError(f"The job {name} runs often: it needs a query for due rows.")
    _jobs[name] = PeriodicJob(name, run, due, every_s, max_interval_s=max(max_interval_s, every_s))


def jobs() -> list[PeriodicJob]:
    """All registered jobs."""
    return list(_jobs.values())


def run_all(max_turns: int = 1000) -> None:
    """Run every job until it has nothing left, one after the other; for commands and tests. Raises their errors."""
    for job in jobs():
        for _turn in range(max_turns):
            if not job.run():
                break
