"""Retries after a lost database connection: a restart, a failover, a pooler's restart.

For processes that hold work whose report must not be lost with a connection: repeated here, it goes on in seconds
instead of after the lease of a worker that is taken for dead.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import structlog
from django.db import InterfaceError, OperationalError, connection

log = structlog.get_logger(__name__)
T = TypeVar("T")

SECONDS = 15.0
"""For so long one thread waits for a database that is away; with the longest round it stays below a task's limit."""
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 1.0
AWAY = (OperationalError, InterfaceError)
_ENDED = {"57P01", "57P02", "57P03"}
"""The server shuts down, has crashed, or is not ready yet. Class 08 is the connection itself."""
_of_thread = threading.local()


def run(deed: Callable[[], T], again: Callable[[], T] | None = None) -> T:
    """What `deed` gives, tried again while the connection breaks; after `SECONDS` it raises what it raised last.

    Only for what does no harm twice: the first try may have been committed, though its answer was lost. So its UPDATE
    asks for a claim, a state or a revision that it changes. `again`: what is tried in its place after the first time,
    where that must look first for what the first may have left. Inside a transaction nothing is tried again.
    """
    pause = FIRST_PAUSE_S
    while True:
        try:
            given = deed()
        except AWAY as error:
            if connection.in_atomic_block or not is_away(error) or _is_over():
                raise
            log.info("database_away", reason=str(error).strip().partition("\n")[0])
            connection.close()
            getattr(_of_thread, "wait", time.sleep)(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)
            deed = again or deed
        else:
            _of_thread.since = None
            return given


@contextlib.contextmanager
def waiting_by(wait: Callable[[float], None]) -> Iterator[None]:
    """In this block, in this thread, `run` waits by calling `wait` with the seconds: a loop need not stand still."""
    before = getattr(_of_thread, "wait", time.sleep)
    _of_thread.wait = wait
    try:
        yield
    finally:
        _of_thread.wait = before


def is_away(error: Exception) -> bool:
    """Whether the connection broke, rather than that the database refused what was asked on it."""
    if not isinstance(error, AWAY) or connection.vendor != "postgresql":
        return False
    state: str | None = getattr(error.__cause__, "sqlstate", None)
    return state is None or state[:2] == "08" or state in _ENDED


def _is_over() -> bool:
    """Whether this thread has waited long enough, for this and for whatever it tried before since the first failure."""
    now = time.monotonic()
    since: float | None = getattr(_of_thread, "since", None)
    if since is None:
        _of_thread.since = since = now
    return now - since >= SECONDS
