"""asyncio loop that posts webhooks, each in its own task, so that a slow receiver delays no other.

Due deliveries are claimed continually while others are under way; `delivery_claims` limits how many go to one account
or one receiver at once. A post whose process dies before recording it is due again when its lease ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import structlog
from django.conf import settings
from django.db import close_old_connections

from core.db import retry
from core.http import request_ids
from core.jobs import wakeups
from core.net import http_client
from predictions import lifecycle
from predictions.inputs import user_urls
from predictions.processes.due_times import Alarm, NextDue
from predictions.processes.heartbeat import Heartbeats
from predictions.webhooks import delivery_claims, failure_reasons
from predictions.webhooks.delivery_claims import Claimed

log = structlog.get_logger(__name__)
T = TypeVar("T")
RunInDatabaseThread = Callable[[Callable[[], T]], "asyncio.Future[T]"]

TICK_S = 0.2
"""Sleep in seconds while something is due but no slot is free for it."""
BATCH_PAUSE_S = 0.01
MAX_CONCURRENT = 64
DNS_THREADS = 32
MAX_RESPONSE_BYTES = 16 * 1024
THREAD_SWITCH_S = 0.0005
"""Interpreter thread switch interval in seconds.

With Python's default of 5 ms the loop would wait that long after each of its system calls while the database thread
computes.
"""
SHUTDOWN_GRACE_S = 4.0
"""Seconds that posts under way get to finish when the process is told to stop."""
_ERRORS = (*http_client.CONNECTION_ERRORS, ValueError)


@dataclass(frozen=True)
class _Outcome:
    code: int | None
    note: str = ""
    retry_after_s: float | None = None
    took_ms: int = 0


def run(stop: threading.Event, due: NextDue | None = None, signs: Heartbeats | None = None) -> None:
    """Post due deliveries until `stop` is set. A round that raises is logged, and the next one tries again.

    `due` and `signs` are the process's own, where it shares them with other loops.
    """
    asyncio.run(_Poster(stop, due, signs).run())


def run_until_idle() -> None:
    """Post due deliveries, including those that become due meanwhile, until nothing is under way.

    For tests and by hand.
    """
    asyncio.run(_Poster(None).run())


class _Poster:
    """The delivery loop. Without `stop` it ends as soon as nothing is due or under way."""

    def __init__(
        self, stop: threading.Event | None, due: NextDue | None = None, signs: Heartbeats | None = None
    ) -> None:
        self._stop = stop
        self._due = due or NextDue()
        self._signs = signs or Heartbeats("poster")
        self._tasks: set[asyncio.Task[None]] = set()
        self._alarm: Alarm | None = None
        self._changed = 0.0
        """Monotonic time at which this loop last changed when a delivery is due."""

    async def run(self) -> None:
        # One thread with one connection for all database access.
        with (
            _switch_interval(THREAD_SWITCH_S),
            ThreadPoolExecutor(1, thread_name_prefix="poster-db") as database,
        ):
            loop = asyncio.get_running_loop()
            # Names are resolved in threads: enough of them that a few that hang delay no other.
            loop.set_default_executor(ThreadPoolExecutor(DNS_THREADS, thread_name_prefix="poster-names"))

            def run_in_database(function: Callable[[], Any]) -> asyncio.Future[Any]:
                return loop.run_in_executor(database, function)

            try:
                if self._stop is None:
                    await self._run_until_idle(run_in_database)
                else:
                    await self._run_until_stopped(self._stop, run_in_database)
            finally:
                await run_in_database(_close)

    async def _run_until_idle(self, run_in_database: RunInDatabaseThread[Any]) -> None:
        while await self._begin(run_in_database) or self._tasks:
            await self._wait_for_slot()

    async def _run_until_stopped(
        self, stop: threading.Event, run_in_database: RunInDatabaseThread[Any]
    ) -> None:
        alarm = self._alarm = Alarm(wakeups.DELIVERIES, stop)
        is_due = True
        try:
            while not stop.is_set():
                # Before the query: a wake-up from now on may come too late for its result.
                alarm.set(soonest=BATCH_PAUSE_S)
                try:
                    began = await self._step(run_in_database, alarm, is_due=is_due)
                except Exception:
                    log.exception("posting_broke")
                    await run_in_database(close_old_connections)
                    await asyncio.sleep(1.0)
                    began = False
                    alarm.sooner(TICK_S)
                if began:
                    await self._wait_for_slot()
                # Where deliveries were due, more probably are.
                is_due = began or await alarm.wait()
        finally:
            self._alarm = None
            alarm.close()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=SHUTDOWN_GRACE_S)

    async def _step(self, run_in_database: RunInDatabaseThread[Any], alarm: Alarm, *, is_due: bool) -> bool:
        """Start posting what is due and has a free slot: whether anything was.

        If not, the alarm is set to the next due time.
        """
        if self._signs.note("poster"):
            await run_in_database(self._signs.write)
        if is_due:
            self._changed = time.monotonic()
        if (is_due or await self._seconds(run_in_database, alarm) <= 0) and await self._begin(
            run_in_database
        ):
            return True
        seconds = await self._seconds(run_in_database, alarm)
        if seconds <= 0:
            # It may wait for one under way, each of which sets the alarm when done; or webhooks are
            # switched off.
            seconds = TICK_S if self._tasks else alarm.longest()
        alarm.sooner(seconds)
        return False

    async def _seconds(self, run_in_database: RunInDatabaseThread[Any], alarm: Alarm) -> float:
        return float(
            await run_in_database(
                partial(self._due.seconds, wakeups.DELIVERIES, self._changed, alarm.longest())
            )
        )

    async def _begin(self, run_in_database: RunInDatabaseThread[Any]) -> bool:
        free = MAX_CONCURRENT - len(self._tasks)
        if free <= 0:
            return True
        claimed = await run_in_database(lambda: delivery_claims.claim_due(free))
        for delivery in claimed:
            task = asyncio.create_task(_deliver(delivery, run_in_database))
            self._tasks.add(task)
            task.add_done_callback(self._task_done)
            # One by one: the first steps of many tasks at once would starve those under way.
            await asyncio.sleep(0)
        return bool(claimed)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._changed = time.monotonic()
        if self._alarm is not None:
            self._alarm.sooner(BATCH_PAUSE_S)

    async def _wait_for_slot(self) -> None:
        """Wait until a task has ended and left a free slot, one tick at most."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=TICK_S, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(BATCH_PAUSE_S)


@contextlib.contextmanager
def _switch_interval(seconds: float) -> Iterator[None]:
    """Set the interpreter's thread switch interval inside the block."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(seconds)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


async def _deliver(claimed: Claimed, run_in_database: RunInDatabaseThread[Any]) -> None:
    with request_ids.bound(claimed.headers.get(request_ids.HEADER, "")):
        try:
            outcome = await _post(claimed)
            context = contextvars.copy_context()
            await run_in_database(lambda: context.run(retry.run, lambda: _report(claimed, outcome)))
        except Exception:
            # Its lease ends and it is tried again; one that raises stops no other.
            log.exception("delivery_broke", message=claimed.delivery.message_id)
            await run_in_database(close_old_connections)


async def _post(claimed: Claimed) -> _Outcome:
    began, limit = time.monotonic(), float(settings.WEBHOOK_TIMEOUT)
    try:
        code, location, wait = await _send(claimed, limit)
    except _ERRORS as error:
        return _Outcome(None, failure_reasons.for_error(error, limit), took_ms=_elapsed_ms(began))
    retry_after_s = failure_reasons.retry_after(wait)
    return _Outcome(
        code,
        failure_reasons.for_response(code, claimed.url, location, retry_after_s),
        retry_after_s,
        _elapsed_ms(began),
    )


async def _send(claimed: Claimed, limit: float) -> tuple[int, str, str]:
    """Status code, `Location` and `Retry-After` of the answer. Raises `_ERRORS`."""
    async with asyncio.timeout(limit), user_urls.http_client_for_users(timeout_s=limit) as client:
        request = client.build_request(
            "POST", claimed.url, content=claimed.body.encode(), headers=claimed.headers
        )
        response = await client.send(request, stream=True)
        try:
            await _drain(response)
        finally:
            await response.aclose()
        return (
            response.status_code,
            response.headers.get("location", ""),
            response.headers.get("retry-after", ""),
        )


async def _drain(response: http_client.Response) -> None:
    """Read up to `MAX_RESPONSE_BYTES` of the body, so that a receiver that sends one sees no broken connection."""
    size = 0
    async for chunk in response.aiter_raw():
        size += len(chunk)
        if size > MAX_RESPONSE_BYTES:
            return


def _report(claimed: Claimed, outcome: _Outcome) -> None:
    code = outcome.code
    if code is not None and 200 <= code < 300:
        delivery_claims.record_success(claimed, code, took_ms=outcome.took_ms)
        log.info(
            "webhook_delivered", message=claimed.delivery.message_id, of=claimed.delivery.event, code=code,
            ms=outcome.took_ms,
        )  # fmt: skip
        return
    delivery_claims.record_failure(
        claimed,
        code=code,
        note=outcome.note,
        retry=code is None or code in {408, 429} or code >= 500,
        wait_s=outcome.retry_after_s if code in {429, 503} else None,
        took_ms=outcome.took_ms,
    )
    if code == 410 and claimed.delivery.prediction_id is not None:
        lifecycle.turn_webhook_off(claimed.delivery.prediction_id)
    log.info("webhook_not_delivered", message=claimed.delivery.message_id, code=code, note=outcome.note)


def _elapsed_ms(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


def _close() -> None:
    from django.db import connections

    connections.close_all()
