"""Work that is owed and not urgent: indexing, copies, emptying the trash. Beside the sweep, in a thread of its own.

What is owed stands in rows, written in the transaction that owes it; a chore looks for some of it, does it and says
whether there was any. Each is bounded to about a second a turn, may be killed at any moment, and may run twice.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from django.db import close_old_connections, connections

log = structlog.get_logger(__name__)
Step = Callable[[], bool]
ROUND_S = 0.5


@dataclass
class _Chore:
    step: Step
    every_s: float
    due: float = 0.0


_chores: dict[str, _Chore] = {}


def register(name: str, step: Step, *, every_s: float = ROUND_S) -> None:
    """Have `step` called every so many seconds; at once again while it says that there was something to do."""
    _chores[name] = _Chore(step, every_s)


def run(stop: threading.Event) -> None:
    """Do chores until `stop` is set."""
    while not stop.wait(ROUND_S):
        once(stop)
        close_old_connections()
    connections.close_all()


def once(stop: threading.Event | None = None) -> None:
    """One turn of every chore that is due: each on its own, so that one that breaks stops no other."""
    for name, chore in list(_chores.items()):
        if stop is not None and stop.is_set():
            return
        if time.monotonic() < chore.due:
            continue
        try:
            more = chore.step()
        except Exception:
            log.exception("chore_broke", chore=name)
            more = False
            close_old_connections()
        chore.due = 0.0 if more else time.monotonic() + chore.every_s


def all_done(most: int = 1000) -> None:
    """Everything that is owed now, one after the other; for commands and tests. What breaks is raised."""
    for chore in list(_chores.values()):
        for _turn in range(most):
            if not chore.step():
                break
