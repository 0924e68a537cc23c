"""One asyncio loop that posts webhooks to strangers' servers, each on its own: nobody waits for the slowest.

What is due is claimed again and again while others are still under way; `delivery.rounds` keeps the room of one account
and of one receiver small. A post that its process does not live to report is due again when its lease ends.
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
Ask = Callable[[Callable[[], T]], "asyncio.Future[T]"]

TICK_S = 0.2
"""The sleep while something is due for which there is no room."""
BREATH_S = 0.01
AT_ONCE = 64
NAMES_AT_ONCE = 32
READ_AT_MOST = 16 * 1024
SWITCH_S = 0.0005
"""Seconds for which one thread computes while another waits. With Python's own 5 ms the loop would wait so long after
each of its system calls while the database's thread prepares what is next.
"""
LAST_WORDS_S = 4.0
"""Seconds that what is under way has left when the process is told to stop."""
_ERRORS = (*http_client.TROUBLES, ValueError)


@dataclass(frozen=True)
class _Outcome:
    code: int | None
    note: str = ""
    retry_after_s: float | None = None
    took_ms: int = 0


def run(stop: threading.Event, due: NextDue | None = None, signs: Heartbeats | None = None) -> None:
    """Post what is due until `stop` is set. A round that breaks is logged and the next one tries again.

    `due` and `signs` are those of its process, where it shares it with others.
    """
    asyncio.run(_Poster(stop, due, signs).run())


def work_off() -> None:
    """Post what is due, and what becomes due meanwhile, until nothing is under way. For tests and by hand."""
    asyncio.run(_Poster(None).run())


class _Poster:
    """The loop. Without `stop` it ends as soon as there is nothing to do."""

    def __init__(
        self, stop: threading.Event | None, due: NextDue | None = None, signs: Heartbeats | None = None
    ) -> None:
        self._stop = stop
        self._due = due or NextDue()
        self._signs = signs or Heartbeats("poster")
        self._flying: set[asyncio.Task[None]] = set()
        self._alarm: Alarm | None = None
        self._changed = 0.0
        """When this loop last wrote when a delivery is due."""

    async def run(self) -> None:
        # One thread with one connection for everything that asks the database.
        with _switching(SWITCH_S), ThreadPoolExecutor(1, thread_name_prefix="poster-db") as database:
            loop = asyncio.get_running_loop()
            # Names are looked up in threads: enough of them that a few names that hang hold up no other.
            loop.set_default_executor(ThreadPoolExecutor(NAMES_AT_ONCE, thread_name_prefix="poster-names"))

            def ask(function: Callable[[], Any]) -> asyncio.Future[Any]:
                return loop.run_in_executor(database, function)

            try:
                if self._stop is None:
                    await self._work_off(ask)
                else:
                    await self._work_until(self._stop, ask)
            finally:
                await ask(_close)

    async def _work_off(self, ask: Ask[Any]) -> None:
        while await self._begin(ask) or self._flying:
            await self._until_room()

    async def _work_until(self, stop: threading.Event, ask: Ask[Any]) -> None:
        alarm = self._alarm = Alarm(wakeups.DELIVERIES, stop)
        is_due = True
        try:
            while not stop.is_set():
                # Before anything is asked: what is hinted from now on may be too late for the answer.
                alarm.set(soonest=BREATH_S)
                try:
                    began = await self._step(ask, alarm, is_due=is_due)
                except Exception:
                    log.exception("posting_broke")
                    await ask(close_old_connections)
                    await asyncio.sleep(1.0)
                    began = False
                    alarm.sooner(TICK_S)
                if began:
                    await self._until_room()
                # Of those that were due more are left, in all likelihood.
                is_due = began or await alarm.wait()
        finally:
            self._alarm = None
            alarm.close()
        if self._flying:
            await asyncio.wait(self._flying, timeout=LAST_WORDS_S)

    async def _step(self, ask: Ask[Any], alarm: Alarm, *, is_due: bool) -> bool:
        """Start what is due and has room. Whether there was anything; where not, the alarm is put to when there is."""
        if self._signs.note("poster"):
            await ask(self._signs.write)
        if is_due:
            self._changed = time.monotonic()
        if (is_due or await self._seconds(ask, alarm) <= 0) and await self._begin(ask):
            return True
        seconds = await self._seconds(ask, alarm)
        if seconds <= 0:
            # It may wait for one of those under way, each of which rings when it is done; or for what is switched off.
            seconds = TICK_S if self._flying else alarm.longest()
        alarm.sooner(seconds)
        return False

    async def _seconds(self, ask: Ask[Any], alarm: Alarm) -> float:
        return float(
            await ask(partial(self._due.seconds, wakeups.DELIVERIES, self._changed, alarm.longest()))
        )

    async def _begin(self, ask: Ask[Any]) -> bool:
        room = AT_ONCE - len(self._flying)
        if room <= 0:
            return True
        claimed = await ask(lambda: delivery_claims.claim_due(room))
        for one in claimed:
            task = asyncio.create_task(_deliver(one, ask))
            self._flying.add(task)
            task.add_done_callback(self._landed)
            # One by one: the first steps of many at once would keep the loop from those that are under way.
            await asyncio.sleep(0)
        return bool(claimed)

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._flying.discard(task)
        self._changed = time.monotonic()
        if self._alarm is not None:
            self._alarm.sooner(BREATH_S)

    async def _until_room(self) -> None:
        """Until somebody is done and has left room, a tick at most."""
        if self._flying:
            await asyncio.wait(self._flying, timeout=TICK_S, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(BREATH_S)


@contextlib.contextmanager
def _switching(seconds: float) -> Iterator[None]:
    """Threads of this process take turns that often inside the block."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(seconds)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


async def _deliver(one: Claimed, ask: Ask[Any]) -> None:
    with request_ids.bound(one.headers.get(request_ids.HEADER, "")):
        try:
            outcome = await _post(one)
            context = contextvars.copy_context()
            await ask(lambda: context.run(retry.run, lambda: _report(one, outcome)))
        except Exception:
            # Its lease ends and it is tried again; one that breaks stops no other.
            log.exception("delivery_broke", message=one.delivery.message_id)
            await ask(close_old_connections)


async def _post(one: Claimed) -> _Outcome:
    began, limit = time.monotonic(), float(settings.WEBHOOK_TIMEOUT)
    try:
        code, location, wait = await _send(one, limit)
    except _ERRORS as error:
        return _Outcome(None, failure_reasons.for_error(error, limit), took_ms=_since(began))
    retry_after_s = failure_reasons.retry_after(wait)
    return _Outcome(
        code, failure_reasons.for_answer(code, one.url, location, retry_after_s), retry_after_s, _since(began)
    )


async def _send(one: Claimed, limit: float) -> tuple[int, str, str]:
    """Code, `Location` and `Retry-After` of the answer. Raises `_ERRORS`."""
    async with asyncio.timeout(limit), user_urls.http_client_for_users(timeout_s=limit) as client:
        request = client.build_request("POST", one.url, content=one.body.encode(), headers=one.headers)
        answer = await client.send(request, stream=True)
        try:
            await _drain(answer)
        finally:
            await answer.aclose()
        return answer.status_code, answer.headers.get("location", ""), answer.headers.get("retry-after", "")


async def _drain(answer: http_client.Response) -> None:
    """A little of the body, so that a receiver that writes one sees no broken connection; never all of a large one."""
    size = 0
    async for chunk in answer.aiter_raw():
        size += len(chunk)
        if size > READ_AT_MOST:
            return


def _report(one: Claimed, outcome: _Outcome) -> None:
    code = outcome.code
    if code is not None and 200 <= code < 300:
        delivery_claims.delivered(one, code, took_ms=outcome.took_ms)
        log.info(
            "webhook_delivered", message=one.delivery.message_id, of=one.delivery.event, code=code,
            ms=outcome.took_ms,
        )  # fmt: skip
        return
    delivery_claims.failed(
        one,
        code=code,
        note=outcome.note,
        retry=code is None or code in {408, 429} or code >= 500,
        wait_s=outcome.retry_after_s if code in {429, 503} else None,
        took_ms=outcome.took_ms,
    )
    if code == 410 and one.delivery.prediction_id is not None:
        lifecycle.turn_webhook_off(one.delivery.prediction_id)
    log.info("webhook_not_delivered", message=one.delivery.message_id, code=code, note=outcome.note)


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


def _close() -> None:
    from django.db import connections

    connections.close_all()
