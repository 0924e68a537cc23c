"""Runner of periodic jobs: one SQL statement a second finds which of them have work.

A job names its query: querysets of which one row means work. The result is never trusted alone: each job also runs at
a maximum interval, and without a result, because a table is locked, say, all run at their own intervals. A query that
hangs or fails delays no job but its own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import structlog
from django.db import close_old_connections, connections

from core.db import retry
from core.db.prepared import PreparedExists, Question
from core.jobs import wakeups

log = structlog.get_logger(__name__)

POLL_INTERVAL_S = 1.0
MIN_POLL_INTERVAL_S = 0.2
"""Seconds between two statements, however many wake-ups arrive."""
ANSWER_TIMEOUT_S = 5.0
"""Seconds to wait for the result of a poll."""
MAX_INTERVAL_S = 60.0
WAKEUP_KINDS = (wakeups.JOBS, wakeups.ENDED, wakeups.ITEMS)
"""Wake-ups after which a job may have work."""


@dataclass
class PeriodicJob:
    """A periodic job in bounded turns; it may be killed at any moment."""

    name: str
    run: Callable[[], object]
    """Runs one turn; returns whether there may be more to do at once."""
    due: Question | None = None
    """The query for due work; None: it runs every `every_s` seconds."""
    every_s: float = 0.0
    """Seconds to wait after a turn that left nothing."""
    max_interval_s: float = MAX_INTERVAL_S
    """Seconds after which it runs whatever the query found."""
    _more: bool = False
    _waits_until: float = 0.0
    _overdue_at: float = 0.0

    def fresh(self) -> PeriodicJob:
        """A copy in the state before its first turn."""
        overdue_at = time.monotonic() + self.max_interval_s
        return replace(self, _more=False, _waits_until=0.0, _overdue_at=overdue_at)

    def is_due(self, due_names: Collection[str] | None) -> bool:
        """Whether it is due, by the names of the jobs that have work; None: they are unknown."""
        now = time.monotonic()
        if now < self._waits_until:
            return False
        if self._more or self.due is None or due_names is None:
            return True
        return self.name in due_names or now >= self._overdue_at

    def turn(self) -> bool:
        """Run one turn; an exception is logged and stops no other job. Returns whether there may be more at once."""
        try:
            self._more = bool(self.run())
        except Exception:
            log.exception("step_broke", step=self.name)
            self._more = False
            close_old_connections()
        now = time.monotonic()
        self._waits_until = now if self._more else now + self.every_s
        self._overdue_at = now + self.max_interval_s
        return self._more


class DuePoller:
    """Polls for due jobs with one query, every second or at a wake-up, in a thread of its own."""

    def __init__(self, jobs: Iterable[PeriodicJob]) -> None:
        jobs = list(jobs)
        if len({job.name for job in jobs}) < len(jobs):
            raise ValueError("Two jobs have one name.")
        queries = {job.name: job.due for job in jobs if job.due is not None}
        self._combined_query = PreparedExists(queries)
        self._queries = {name: PreparedExists({name: query}) for name, query in queries.items()}
        self._listeners: wakeups.Listeners | None = None
        self._changed = threading.Condition()
        self._number = 0
        self._due_names: frozenset[str] | None = None
        self._closed = False
        self._logged: set[str] = set()
        """Queries whose failure was logged."""

    def run(self, stop: threading.Event) -> None:
        """Poll until `stop` is set; `close` ends the pause."""
        listeners = self._listeners = wakeups.Listeners(WAKEUP_KINDS, "sweep-")
        try:
            while not stop.is_set():
                began = time.monotonic()
                self._round()
                # A wake-up that arrived meanwhile counts now: its rows may have been too late for that query.
                if listeners.wait(POLL_INTERVAL_S) and not stop.is_set():
                    stop.wait(max(0.0, began + MIN_POLL_INTERVAL_S - time.monotonic()))
        finally:
            self._listeners = None
            listeners.close()
            with self._changed:
                self._closed = True
                self._changed.notify_all()
            connections.close_all()

    def close(self) -> None:
        """End the pause, after `stop` was set."""
        listeners = self._listeners
        if listeners is not None:
            listeners.wake()

    def poll(self) -> frozenset[str]:
        """Names of the jobs that have work; none while the database is unreachable."""
        try:
            due_names = self._combined_query.found()
        except Exception as error:
            if retry.is_away(error):
                self._log_once("database", error)
                close_old_connections()
                return frozenset()
            due_names = frozenset(
                name for name, query in self._queries.items() if self._has_work(name, query)
            )
        else:
            self._logged.clear()
        return due_names

    def after(self, number: int, seconds: float) -> tuple[int, frozenset[str] | None]:
        """The newest result after that number, with its own number; None where none comes within `seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: self._number > number or self._closed, seconds)
            return self._number, self._due_names if self._number > number else None

    def _round(self) -> None:
        try:
            self._publish(self.poll())
            close_old_connections()
        except Exception:
            # Without a result the jobs run at their own intervals.
            log.exception("questions_broke")

    def _publish(self, due_names: frozenset[str]) -> None:
        with self._changed:
            self._number += 1
            self._due_names = due_names
            self._changed.notify_all()

    def _has_work(self, name: str, query: PreparedExists) -> bool:
        try:
            return bool(query.found())
        except Exception as error:
            # The job then logs what is wrong, or works all the same.
            self._log_once(name, error)
            close_old_connections()
            return True

    def _log_once(self, name: str, error: Exception) -> None:
        if name not in self._logged:
            self._logged.add(name)
            log.error("question_broke", step=name, error=repr(error)[:300])


class Runner:
    """Runs its jobs one after the other, in a thread of its own: jobs of one runner never delay another's."""

    def __init__(
        self, jobs: Sequence[PeriodicJob], *, pause_s: float, skips: Callable[[], bool] = lambda: False
    ) -> None:
        """`pause_s`: before the next turn where a job has more to do. `skips`: whether to leave out a round."""
        self.jobs = [job.fresh() for job in jobs]
        self._pause_s = pause_s
        self._skips = skips

    def run(self, stop: threading.Event, poller: DuePoller) -> None:
        """Run what is due until `stop` is set."""
        number, more, timeout_s = 0, False, ANSWER_TIMEOUT_S
        due_names: frozenset[str] | None
        while not stop.is_set():
            if more:
                stop.wait(self._pause_s)
                due_names = frozenset()
            else:
                number, due_names = poller.after(number, timeout_s)
                timeout_s = POLL_INTERVAL_S if due_names is None else ANSWER_TIMEOUT_S
            more = not self._skips() and self.round(due_names, stop)
        connections.close_all()

    def round(self, due_names: Collection[str] | None, stop: threading.Event | None = None) -> bool:
        """One turn of each due job. Returns whether any has more to do."""
        more = False
        for job in self.jobs:
            if stop is not None and stop.is_set():
                return False
            if job.is_due(due_names):
                more = job.turn() or more
        close_old_connections()
        return more
