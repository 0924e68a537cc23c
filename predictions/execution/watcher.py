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
from predictions.lifecycle import Look
from predictions.lifecycle.leases import LOOK_LEASE
from predictions.models import Prediction
from predictions.processes.due_times import Alarm, NextDue
from predictions.processes.heartbeat import Heartbeats
from predictions.providers.base import Job, Provider, ProviderError, Update
from predictions.providers.http_sessions import Sessions
from predictions.providers.provider_names import is_upstream
from predictions.providers.registry import UnknownProvider

log = structlog.get_logger(__name__)
T = TypeVar("T")
Ask = Callable[[Callable[[], Any]], "asyncio.Future[Any]"]

TICK_S = 0.1
"""The shortest sleep between two claims."""
BUSY_TICK_S = 0.02
"""The same while many polls are due."""
MUCH = 32
LOOK_S = 0.25
"""Seconds between polls of the embedded engine: it is local, and users watch its progress."""
# Seconds between polls of streamed text.
STREAM_S = 0.1
FIRST_S = 0.5
"""Seconds until the second poll of an upstream; pauses then grow, and each change resets them to this."""
LONGEST_S = 10.0
GROWTH = 1.5
ALREADY_WRITTEN_S = 2.0
"""If the next poll is at least this far away, it is written with the claim; otherwise after the response."""
TROUBLED_S = 0.5
LONGEST_REST_S = 60.0
AT_ONCE = 512
"""The most polls in flight; one provider may have only a part, so that a hanging one does not delay others."""
OF_ONE = 96
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
class _News:
    look: Look
    update: Update


def run(stop: threading.Event, due: NextDue | None = None, signs: Heartbeats | None = None) -> None:
    """Run the watcher until `stop` is set. A failed tick is logged and the next one tries again.

    `due` and `signs` are the process's own where it runs other loops too.
    """
    asyncio.run(Watcher(due or NextDue(), signs or Heartbeats("watcher")).run(stop))


def check(provider: Provider, look: Look) -> Any:
    """The job's current state, as an awaitable."""
    return provider.check(Job(id=look.job_id, instance=look.job_instance))


def report(prediction: Prediction, update: Update) -> bool:
    """Store the result of a poll. False where the row changed in the meantime."""
    if update.is_final:
        final_states.finish(prediction, update)
        return True
    return lifecycle.note(prediction, update, _first_pause(prediction))


def _first_pause(prediction: Prediction) -> float:
    if prediction.version.streams_text:
        return STREAM_S
    return FIRST_S if is_upstream(prediction.provider) else LOOK_S


@dataclass
class Watcher:
    """The state of one watcher loop."""

    _due: NextDue = field(default_factory=NextDue)
    _signs: Heartbeats = field(default_factory=lambda: Heartbeats("watcher"))
    _seen: dict[int, _Seen] = field(default_factory=dict)
    _flying: dict[int, str] = field(default_factory=dict)
    """Provider of each prediction with a poll in flight, by primary key."""
    _flying_of: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _providers: dict[str, Provider] = field(default_factory=dict)
    _news: list[_News] = field(default_factory=list)
    _same: dict[float, list[int]] = field(default_factory=lambda: defaultdict(list))
    """Unchanged predictions whose next poll is near, by pause."""
    _told: asyncio.Event = field(default_factory=asyncio.Event)
    _sessions: Sessions = field(default_factory=Sessions)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _changed: float = 0.0
    """When this loop last wrote a due time."""

    async def run(self, stop: threading.Event) -> None:
        """Watch until `stop` is set; polls in flight are completed and stored."""
        # One thread with one connection for all database access.
        with ThreadPoolExecutor(1, thread_name_prefix="watcher-db") as database:
            loop = asyncio.get_running_loop()

            def ask(function: Callable[[], T]) -> asyncio.Future[T]:
                return loop.run_in_executor(database, function)

            alarm = Alarm(wakeups.POLLS, stop)
            reporter = asyncio.create_task(self._report_for_ever(ask, alarm))
            try:
                await self._tick_until(stop, ask, alarm)
                await asyncio.gather(*self._tasks, return_exceptions=True)
                await ask(self._writing())
            finally:
                reporter.cancel()
                alarm.close()
                await self._sessions.close()
                # Closes the connection of that thread.
                await ask(connections.close_all)

    async def _tick_until(self, stop: threading.Event, ask: Ask, alarm: Alarm) -> None:
        loop = asyncio.get_running_loop()
        pruned = -FORGOTTEN_S
        is_due = True
        while not stop.is_set():
            taken = 0
            # Before any query: hints from now on may come too late for its result.
            alarm.set(soonest=TICK_S)
            try:
                if self._signs.note("watcher"):
                    await ask(self._signs.write)
                taken = await self._take(ask, alarm, is_due=is_due)
                if loop.time() - pruned >= FORGOTTEN_S:
                    self._forget_old()
                    pruned = loop.time()
            except Exception:
                log.exception("watch_broke")
                await ask(close_old_connections)
                await asyncio.sleep(1.0)
                alarm.sooner(TICK_S)
            # After a large batch more are probably due.
            is_due = await alarm.wait() or taken >= MUCH

    async def _take(self, ask: Ask, alarm: Alarm, *, is_due: bool) -> int:
        """Launch the polls that are due and return how many; if none, set the alarm to the next due time."""
        if not is_due:
            seconds = await ask(partial(self._due.seconds, wakeups.POLLS, self._changed, alarm.longest()))
            if seconds > 0:
                alarm.sooner(seconds)
                return 0
        looks = await ask(self._claim)
        self._changed = time.monotonic()
        for look in looks:
            await self._launch(look)
        alarm.sooner(BUSY_TICK_S if len(looks) >= MUCH else TICK_S)
        return len(looks)

    # -- claiming due polls; in the database thread --------------------------------------------------------

    def _claim(self) -> list[Look]:
        taken: list[Look] = []
        wanted = dict(self._flying_of)
        busy = [name for name, count in wanted.items() if count >= self._width(name)]
        most = min(BATCH, AT_ONCE - len(self._flying))
        if most <= 0:
            return []

        def lease(look: Look) -> float | None:
            if look.pk in self._flying:
                # A poll that takes longer than the pause: not polled a second time concurrently.
                return LOOK_LEASE
            if wanted.get(look.provider, 0) >= self._width(look.provider):
                return None
            wanted[look.provider] = wanted.get(look.provider, 0) + 1
            taken.append(look)
            pause = self._pause_if_same(look)
            return pause if pause >= ALREADY_WRITTEN_S else LOOK_LEASE

        lifecycle.claim_looks(most, lease, busy)
        for name in {look.provider for look in taken}:
            self._find(name)
        return taken

    def _find(self, name: str) -> None:
        try:
            self._providers[name] = provider_lookup.provider(name)
        except UnknownProvider:
            self._providers.pop(name, None)

    def _width(self, name: str) -> int:
        """The most polls in flight at one provider: what its rate limit lets through in a moment."""
        provider = self._providers.get(name)
        if provider is None:
            return OF_ONE
        return int(min(OF_ONE, max(2.0, provider.requests_per_second * LATENT_S)))

    def _pause_if_same(self, look: Look) -> float:
        """Seconds until the next poll if this one finds no change."""
        seen = self._seen.get(look.pk)
        if seen is None or seen.run != look.run:
            return 0.0
        if not is_upstream(look.provider):
            return seen.pause
        return min(seen.pause * GROWTH, LONGEST_S)

    # -- polling; on the event loop ------------------------------------------------------------------------

    async def _launch(self, look: Look) -> None:
        provider = self._providers.get(look.provider)
        if provider is not None:
            await self._sessions.keep(provider)
        self._flying[look.pk] = look.provider
        self._flying_of[look.provider] += 1
        task = asyncio.create_task(self._look(look, provider))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _look(self, look: Look, provider: Provider | None) -> None:
        with request_ids.bound(look.request_id):
            await self._ask(look, provider)

    async def _ask(self, look: Look, provider: Provider | None) -> None:
        try:
            if provider is None:
                raise ProviderError(f"No provider is called {look.provider}.", permanent=False)
            self._note(look, await check(provider, look))
        except ProviderError as error:
            log.info("check_failed", prediction=look.public_id, reason=str(error))
            pause = min(max(error.retry_after or 0.0, self._pause_if_same(look), TROUBLED_S), LONGEST_REST_S)
            self._put_off(look, pause)
        except Exception:
            # The claim has already moved the row's due time: a failed poll does not stop the others.
            log.exception("look_broke", prediction=look.public_id)
        finally:
            del self._flying[look.pk]
            self._flying_of[look.provider] -= 1
            if not self._flying_of[look.provider]:
                del self._flying_of[look.provider]

    def _note(self, look: Look, update: Update) -> None:
        seen = self._seen.get(look.pk)
        if seen is None or seen.run != look.run or seen.mark != _mark(update) or update.is_final:
            self._news.append(_News(look, update))
            self._told.set()
            return
        seen.pause, seen.at = self._pause_if_same(look), time.monotonic()
        if seen.pause < ALREADY_WRITTEN_S:
            self._put_off(look, seen.pause)

    def _put_off(self, look: Look, pause: float) -> None:
        seen = self._seen.get(look.pk)
        if seen is None or seen.run != look.run:
            # Even without any response yet: an unreachable provider is polled less and less often.
            seen = self._seen[look.pk] = _Seen(look.run, NOTHING_SEEN, 0.0, 0.0)
        seen.pause, seen.at = min(pause, LONGEST_S), time.monotonic()
        self._same[pause].append(look.pk)
        self._told.set()

    # -- storing results -----------------------------------------------------------------------------------

    async def _report_for_ever(self, ask: Ask, alarm: Alarm) -> None:
        while True:
            await self._told.wait()
            self._told.clear()
            try:
                pause = await ask(self._writing())
                self._changed = time.monotonic()
                alarm.sooner(pause)
            except Exception:
                log.exception("report_broke")
                await ask(close_old_connections)

    def _writing(self) -> Callable[[], float]:
        """A function for the database thread that stores everything seen since the last call."""
        # Swapped here, on the event loop, where nothing is added concurrently.
        news, self._news = self._news, []
        same, self._same = self._same, defaultdict(list)
        return partial(self._write, news, same)

    def _write(self, news: list[_News], same: dict[float, list[int]]) -> float:
        """Store the results. Returns the seconds until the first of these is polled again."""
        pauses = [LONGEST_S, *same]
        for pause, pks in same.items():
            retry.run(partial(lifecycle.look_again_all, pks, pause))
        if news:
            rows = retry.run(partial(lifecycle.looked_at, [one.look for one in news]))
            pauses += [self._write_one(one, rows.get(one.look.pk)) for one in news]
        return min(pauses)

    def _write_one(self, one: _News, row: Prediction | None) -> float:
        pk = one.look.pk
        with request_ids.bound(one.look.request_id):
            try:
                kept = row is not None and retry.run(partial(report, row, one.update))
            except Exception:
                log.exception("report_broke", prediction=one.look.public_id)
                kept = False
        if row is None or not kept or one.update.is_final:
            self._seen.pop(pk, None)
            return LONGEST_S
        pause = _first_pause(row)
        self._seen[pk] = _Seen(one.look.run, _mark(one.update), pause, time.monotonic())
        return pause

    def _forget_old(self) -> None:
        """Drop cached states of predictions that ended by other means and are never polled again."""
        long_ago = time.monotonic() - FORGOTTEN_S
        for pk in [pk for pk, seen in self._seen.items() if seen.at < long_ago]:
            del self._seen[pk]


def _mark(update: Update) -> int:
    """A hash of the update's content, to detect changes."""
    return hash((update.kind, update.logs, update.progress, repr(update.output), update.preview))
