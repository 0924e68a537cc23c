"""Watcher: one asyncio loop that polls all running jobs, stores progress and ends predictions; no worker waits.

Due times are in the rows, so any number of watchers may run and take over from one that dies. The last state seen of
each job is kept in memory: a poll without changes costs no query of its own.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import structlog
from django.db import close_old_connections, connections

from core.db import retry
from core.http import request_ids
from core.jobs import wakeups
from predictions import lifecycle
from predictions.dispatch import provider_lookup
from predictions.execution import final_states
from predictions.lifecycle import DuePoll
from predictions.lifecycle.leases import POLL_LEASE
from predictions.models import Prediction
from predictions.processes.due_times import Alarm, NextDue
from predictions.processes.heartbeat import Heartbeats
from predictions.providers.base import Job, Provider, ProviderError, Update
from predictions.providers.http_sessions import Sessions
from predictions.providers.provider_names import is_upstream
from predictions.providers.registry import UnknownProvider

log = structlog.get_logger(__name__)
T = TypeVar("T")
RunInDatabase = Callable[[Callable[[], Any]], "asyncio.Future[Any]"]

TICK_S = 0.1
"""The shortest sleep between two claims."""
BUSY_TICK_S = 0.02
"""The same while many polls are due."""
LARGE_BATCH = 32
ENGINE_POLL_S = 0.25
"""Seconds between polls of the embedded engine: it is local, and users watch its progress."""
# Seconds between polls of streamed text.
STREAM_S = 0.1
FIRST_S = 0.5
"""Seconds until the second poll of an upstream; pauses then grow, and each change resets them to this."""
LONGEST_S = 10.0
GROWTH = 1.5
ALREADY_WRITTEN_S = 2.0
"""If the next poll is at least this far away, it is written with the claim; otherwise after the response."""
ERROR_PAUSE_S = 0.5
LONGEST_REST_S = 60.0
MAX_IN_FLIGHT = 512
"""The most polls in flight; one provider may have only a part, so that a hanging one does not delay others."""
MAX_PER_PROVIDER = 96
"""The most polls in flight at one provider: what its connections carry at once."""
LATENT_S = 2.0
BATCH = 500
NOTHING_SEEN = -1
"""A mark that no update has: Python's `hash` never returns -1."""
FORGOTTEN_S = 120.0


@dataclass(slots=True)
class _Seen:
    """The last state seen of one run, and the seconds until the next poll while it stays the same."""

    run: int
    mark: int
    pause: float
    at: float


@dataclass(slots=True)
class _PollResult:
    poll: DuePoll
    update: Update


def run(stop: threading.Event, due: NextDue | None = None, signs: Heartbeats | None = None) -> None:
    """Run the watcher until `stop` is set. A failed tick is logged and the next one tries again.

    `due` and `signs` are the process's own where it runs other loops too.
    """
    asyncio.run(Watcher(due or NextDue(), signs or Heartbeats("watcher")).run(stop))


def check(provider: Provider, poll: DuePoll) -> Any:
    """The job's current state, as an awaitable."""
    return provider.check(Job(id=poll.job_id, instance=poll.job_instance))


def report(prediction: Prediction, update: Update) -> bool:
    """Store the result of a poll. False where the row changed in the meantime."""
    if update.is_final:
        final_states.finish(prediction, update)
        return True
    return lifecycle.note(prediction, update, _first_pause(prediction))


def _first_pause(prediction: Prediction) -> float:
    if prediction.version.streams_text:
        return STREAM_S
    return FIRST_S if is_upstream(prediction.provider) else ENGINE_POLL_S


@dataclass
class Watcher:
    """The state of one watcher loop."""

    _due: NextDue = field(default_factory=NextDue)
    _signs: Heartbeats = field(default_factory=lambda: Heartbeats("watcher"))
    _seen: dict[int, _Seen] = field(default_factory=dict)
    _in_flight: dict[int, str] = field(default_factory=dict)
    """Provider of each prediction with a poll in flight, by primary key."""
    _in_flight_at: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _providers: dict[str, Provider] = field(default_factory=dict)
    _results: list[_PollResult] = field(default_factory=list)
    _unchanged: dict[float, list[int]] = field(default_factory=lambda: defaultdict(list))
    """Unchanged predictions whose next poll is near, by pause."""
    _has_news: asyncio.Event = field(default_factory=asyncio.Event)
    _sessions: Sessions = field(default_factory=Sessions)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _changed: float = 0.0
    """When this loop last wrote a due time."""

    async def run(self, stop: threading.Event) -> None:
        """Watch until `stop` is set; polls in flight are completed and stored."""
        # One thread with one connection for all database access.
        with ThreadPoolExecutor(1, thread_name_prefix="watcher-db") as database:
            loop = asyncio.get_running_loop()

            def run_in_database(function: Callable[[], T]) -> asyncio.Future[T]:
                return loop.run_in_executor(database, function)

            alarm = Alarm(wakeups.POLLS, stop)
            reporter = asyncio.create_task(self._report_for_ever(run_in_database, alarm))
            try:
                await self._tick_until(stop, run_in_database, alarm)
                await asyncio.gather(*self._tasks, return_exceptions=True)
                await run_in_database(self._take_write())
            finally:
                reporter.cancel()
                alarm.close()
                await self._sessions.close()
                # Closes the connection of that thread.
                await run_in_database(connections.close_all)

    async def _tick_until(self, stop: threading.Event, run_in_database: RunInDatabase, alarm: Alarm) -> None:
        loop = asyncio.get_running_loop()
        pruned = -FORGOTTEN_S
        is_due = True
        while not stop.is_set():
            launched = 0
            # Before any query: hints from now on may come too late for its result.
            alarm.set(soonest=TICK_S)
            try:
                if self._signs.note("watcher"):
                    await run_in_database(self._signs.write)
                launched = await self._launch_due(run_in_database, alarm, is_due=is_due)
                if loop.time() - pruned >= FORGOTTEN_S:
                    self._prune()
                    pruned = loop.time()
            except Exception:
                log.exception("watch_broke")
                await run_in_database(close_old_connections)
                await asyncio.sleep(1.0)
                alarm.sooner(TICK_S)
            # After a large batch more are probably due.
            is_due = await alarm.wait() or launched >= LARGE_BATCH

    async def _launch_due(self, run_in_database: RunInDatabase, alarm: Alarm, *, is_due: bool) -> int:
        """Launch the polls that are due and return how many; if none, set the alarm to the next due time."""
        if not is_due:
            seconds = await run_in_database(
                partial(self._due.seconds, wakeups.POLLS, self._changed, alarm.longest())
            )
            if seconds > 0:
                alarm.sooner(seconds)
                return 0
        polls = await run_in_database(self._claim)
        self._changed = time.monotonic()
        for poll in polls:
            await self._launch(poll)
        alarm.sooner(BUSY_TICK_S if len(polls) >= LARGE_BATCH else TICK_S)
        return len(polls)

    # -- claiming due polls; in the database thread --------------------------------------------------------

    def _claim(self) -> list[DuePoll]:
        launched: list[DuePoll] = []
        counts = dict(self._in_flight_at)
        busy = [name for name, count in counts.items() if count >= self._width(name)]
        most = min(BATCH, MAX_IN_FLIGHT - len(self._in_flight))
        if most <= 0:
            return []

        def lease(poll: DuePoll) -> float | None:
            if poll.pk in self._in_flight:
                # A poll that takes longer than the pause: not polled a second time concurrently.
                return POLL_LEASE
            if counts.get(poll.provider, 0) >= self._width(poll.provider):
                return None
            counts[poll.provider] = counts.get(poll.provider, 0) + 1
            launched.append(poll)
            pause = self._pause_if_same(poll)
            return pause if pause >= ALREADY_WRITTEN_S else POLL_LEASE

        lifecycle.claim_polls(most, lease, busy)
        for name in {poll.provider for poll in launched}:
            self._find(name)
        return launched

    def _find(self, name: str) -> None:
        try:
            self._providers[name] = provider_lookup.provider(name)
        except UnknownProvider:
            self._providers.pop(name, None)

    def _width(self, name: str) -> int:
        """The most polls in flight at one provider: what its rate limit lets through in a moment."""
        provider = self._providers.get(name)
        if provider is None:
            return MAX_PER_PROVIDER
        return int(min(MAX_PER_PROVIDER, max(2.0, provider.requests_per_second * LATENT_S)))

    def _pause_if_same(self, poll: DuePoll) -> float:
        """Seconds until the next poll if this one finds no change."""
        seen = self._seen.get(poll.pk)
        if seen is None or seen.run != poll.run:
            return 0.0
        if not is_upstream(poll.provider):
            return seen.pause
        return min(seen.pause * GROWTH, LONGEST_S)

    # -- polling; on the event loop ------------------------------------------------------------------------

    async def _launch(self, poll: DuePoll) -> None:
        provider = self._providers.get(poll.provider)
        if provider is not None:
            await self._sessions.keep(provider)
        self._in_flight[poll.pk] = poll.provider
        self._in_flight_at[poll.provider] += 1
        task = asyncio.create_task(self._poll_in_context(poll, provider))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _poll_in_context(self, poll: DuePoll, provider: Provider | None) -> None:
        with request_ids.bound(poll.request_id):
            await self._poll(poll, provider)

    async def _poll(self, poll: DuePoll, provider: Provider | None) -> None:
        try:
            if provider is None:
                raise ProviderError(f"No provider is called {poll.provider}.", permanent=False)
            self._note(poll, await check(provider, poll))
        except ProviderError as error:
            log.info("check_failed", prediction=poll.public_id, reason=str(error))
            pause = min(
                max(error.retry_after or 0.0, self._pause_if_same(poll), ERROR_PAUSE_S), LONGEST_REST_S
            )
            self._postpone(poll, pause)
        except Exception:
            # The claim has already moved the row's due time: a failed poll does not stop the others.
            log.exception("look_broke", prediction=poll.public_id)
        finally:
            del self._in_flight[poll.pk]
            self._in_flight_at[poll.provider] -= 1
            if not self._in_flight_at[poll.provider]:
                del self._in_flight_at[poll.provider]

    def _note(self, poll: DuePoll, update: Update) -> None:
        seen = self._seen.get(poll.pk)
        if seen is None or seen.run != poll.run or seen.mark != _mark(update) or update.is_final:
            self._results.append(_PollResult(poll, update))
            self._has_news.set()
            return
        seen.pause, seen.at = self._pause_if_same(poll), time.monotonic()
        if seen.pause < ALREADY_WRITTEN_S:
            self._postpone(poll, seen.pause)

    def _postpone(self, poll: DuePoll, pause: float) -> None:
        seen = self._seen.get(poll.pk)
        if seen is None or seen.run != poll.run:
            # Even without any response yet: an unreachable provider is polled less and less often.
            seen = self._seen[poll.pk] = _Seen(poll.run, NOTHING_SEEN, 0.0, 0.0)
        seen.pause, seen.at = min(pause, LONGEST_S), time.monotonic()
        self._unchanged[pause].append(poll.pk)
        self._has_news.set()

    # -- storing results -----------------------------------------------------------------------------------

    async def _report_for_ever(self, run_in_database: RunInDatabase, alarm: Alarm) -> None:
        while True:
            await self._has_news.wait()
            self._has_news.clear()
            try:
                pause = await run_in_database(self._take_write())
                self._changed = time.monotonic()
                alarm.sooner(pause)
            except Exception:
                log.exception("report_broke")
                await run_in_database(close_old_connections)

    def _take_write(self) -> Callable[[], float]:
        """A function for the database thread that stores everything seen since the last call."""
        # Swapped here, on the event loop, where nothing is added concurrently.
        results, self._results = self._results, []
        unchanged, self._unchanged = self._unchanged, defaultdict(list)
        return partial(self._write, results, unchanged)

    def _write(self, results: list[_PollResult], unchanged: dict[float, list[int]]) -> float:
        """Store the results. Returns the seconds until the first of these is polled again."""
        pauses = [LONGEST_S, *unchanged]
        for pause, pks in unchanged.items():
            retry.run(partial(lifecycle.poll_all_later, pks, pause))
        if results:
            rows = retry.run(partial(lifecycle.polled_rows, [result.poll for result in results]))
            pauses += [self._write_result(result, rows.get(result.poll.pk)) for result in results]
        return min(pauses)

    def _write_result(self, result: _PollResult, row: Prediction | None) -> float:
        pk = result.poll.pk
        with request_ids.bound(result.poll.request_id):
            try:
                written = row is not None and retry.run(partial(report, row, result.update))
            except Exception:
                log.exception("report_broke", prediction=result.poll.public_id)
                written = False
        if row is None or not written or result.update.is_final:
            self._seen.pop(pk, None)
            return LONGEST_S
        pause = _first_pause(row)
        self._seen[pk] = _Seen(result.poll.run, _mark(result.update), pause, time.monotonic())
        return pause

    def _prune(self) -> None:
        """Drop cached states of predictions that ended by other means and are never polled again."""
        long_ago = time.monotonic() - FORGOTTEN_S
        for pk in [pk for pk, seen in self._seen.items() if seen.at < long_ago]:
            del self._seen[pk]


def _mark(update: Update) -> int:
    """A hash of the update's content, to detect changes."""
    return hash((update.kind, update.logs, update.progress, repr(update.output), update.preview))
