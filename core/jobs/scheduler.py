"""Registry of background jobs that are not urgent: indexing, copies, emptying the trash; in a thread beside the sweep.

Due work is stored in rows, written in the transaction that causes it; a job handles some of them and returns whether
there may be more. It registers a query for its rows and is called where there are any; a rare job may run by the clock
alone. Each is bounded to about a second per turn, may be killed at any moment, and may run twice.
"""

from __future__ import annotations

from collections.abc import Callable

from core.db.prepared import Question
from core.jobs.runner import Step

PAUSE_S = 0.5
"""Seconds between the turns of a job that has more to do."""
UNASKED_S = 300.0
BY_CLOCK_S = 30.0
"""A job called more often than this must have a query, so that an idle server runs just one statement."""

_chores: dict[str, Step] = {}


def register(
    name: str,
    step: Callable[[], bool],
    *,
    due: Question | None = None,
    every_s: float = PAUSE_S,
    unasked_s: float = UNASKED_S,
) -> None:
    """Have `step` called while any row of `due()` is there, or, without it, every so many seconds.

    With it, `every_s` is the rest after a turn that left nothing over. What changes in `due` must be a database
    function; it is asked every second, so an index must answer it. `unasked_s`: how often it is called at the least.
    """
    if due is None and every_s < BY_CLOCK_S:
        raise ValueError(f"The chore {name} is called often: it needs a question.")
    _chores[name] = Step(name, step, due, every_s, unasked_s=max(unasked_s, every_s))


def jobs() -> list[Step]:
    """All of them, as steps of a thread of their own."""
    return list(_chores.values())


def all_done(most: int = 1000) -> None:
    """Everything that is owed now, one after the other; for commands and tests. What breaks is raised."""
    for chore in jobs():
        for _turn in range(most):
            if not chore.do():
                break
