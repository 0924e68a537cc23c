"""Waiters for predictions: one thread per process polls the database for all of them.

A waiter awaits a prediction's end, or any revision other than the one it knows. The thread, with its own connection,
queries all awaited predictions together every `TICK` seconds, reads the changed rows together too, and wakes their
waiters with what they make of the row. It sleeps while nobody waits. Ends on this machine arrive at once as `hints`
and are queried alone. A waiter with an API token is dismissed (`Barred`) once the token is no longer valid.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.conf import settings
from django.db import close_old_connections, connections

from accounts.tokens.authentication import usable_ids
from core.jobs import wakeups
from predictions import queries
from predictions.models.prediction import ENDED, Prediction

log = logging.getLogger("darkroom.waiting")
Item = TypeVar("Item")
Value = TypeVar("Value")
TICK = 0.1
# Seconds after which the listening thread notices that it should stop.
LISTEN = 1.0
# The most of one CPU that polling takes, however many wait: the tick grows with their number.
SHARE = 0.1
# The longest tick, in seconds.
SLOWEST = 0.5
CHUNK = 500
# Rows read per query: the first callers are answered while later rows are still being read.
BATCH = 100
# Seconds between checks that the waiters' tokens are still valid.
GUARD_S = 2.0


@dataclass(eq=False, slots=True)
class _Waiter:
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    known: int | None
    """The revision that it knows; None where it awaits the end."""
    make: Callable[[Prediction], Any]
    token: int | None = None
    """Primary key of the API token that must stay valid while it waits, if any."""


class Barred(Exception):
    """The waiter's token is no longer valid: revoked, expired, or its member is banned."""


# A waiter's result: a value, or an exception.
_Result = tuple[_Waiter, Any, BaseException | None]


@dataclass(eq=False)
class Reader:
    """The waiters of this process, and the thread that polls for them."""

    limit: int
    tick: float = TICK
    _waiters: dict[str, set[_Waiter]] = field(default_factory=dict)
    _count: int = 0
    _closed: bool = False
    _thread: threading.Thread | None = None
    _wake: threading.Condition = field(default_factory=threading.Condition)
    _hinted: set[str] = field(default_factory=set)
    """Awaited predictions that have ended according to a hint and were not queried since."""
    _guard_at: float = 0.0

    @property
    def waiting(self) -> int:
        """The number of waiters."""
        return self._count

    @property
    def closed(self) -> bool:
        """Whether no more waiters are accepted because the process is shutting down."""
        return self._closed

    def has_room(self) -> bool:
        """Whether one more waiter fits."""
        return not self._closed and self._count < self.limit

    async def wait(
        self,
        public_id: str,
        seconds: float,
        make: Callable[[Prediction], Value],
        *,
        known: int | None = None,
        token: int | None = None,
    ) -> Value | None:
        """What `make` returns for the prediction once it has ended or, with `known`, once its revision differs.

        None on timeout, where too many wait, or where the process shuts down. `make` is called in the reader's thread,
        with a row (model and version included) that may be shared: it must not modify it. Its exceptions are
        raised here. Raises Barred once the `token` (primary key) is no longer valid.
        """
        loop = asyncio.get_running_loop()
        waiter = _Waiter(loop, loop.create_future(), known, make, token)
        if seconds <= 0 or not self._add(public_id, waiter):
            return None
        timer = loop.call_later(seconds, _settle, waiter.future, None, None)
        try:
            value: Value | None = await waiter.future
            return value
        finally:
            timer.cancel()
            self._remove(public_id, waiter)

    def close(self) -> None:
        """Release all waiters with None and end the thread. No waiter is accepted after that."""
        with self._wake:
            self._closed = True
            waiters = [waiter for group in self._waiters.values() for waiter in group]
            self._wake.notify_all()
        _wake_up((waiter, None, None) for waiter in waiters)

    def _add(self, public_id: str, waiter: _Waiter) -> bool:
        with self._wake:
            if not self.has_room():
                return False
            self._waiters.setdefault(public_id, set()).add(waiter)
            self._count += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="waiting", daemon=True)
                # An empty context, so that the first request's variables do not outlive it here.
                contextvars.Context().run(self._thread.start)
                listener = threading.Thread(target=self._listen, name="waiting-hints", daemon=True)
                contextvars.Context().run(listener.start)
            elif self._count == 1:
                self._wake.notify_all()
        return True

    def _remove(self, public_id: str, waiter: _Waiter) -> None:
        with self._wake:
            group = self._waiters.get(public_id)
            if group is None or waiter not in group:
                return
            group.discard(waiter)
            self._count -= 1
            if not group:
                del self._waiters[public_id]

    def _run(self) -> None:
        due = time.monotonic()
        while self._sleep_until(due):
            if time.monotonic() < due:
                # Woken by hints alone: the others are polled at the next tick.
                self._check_hinted()
                continue
            due, used = time.monotonic() + self.tick, 0.0
            try:
                used = self._poll()
                self._guard()
            except Exception:
                # The database is unavailable: waiters keep their own timeouts, and the next tick tries again.
                log.exception("waiting could not read")
            finally:
                _close_old_connections()
            due = max(due, time.monotonic() + min(used * (1 / SHARE - 1), SLOWEST))
        # This thread's connections: it ends here.
        connections.close_all()

    def _check_hinted(self) -> None:
        """Query only the predictions that hints report as ended."""
        with self._wake:
            hinted, self._hinted = self._hinted, set()
            groups = {one: tuple(self._waiters[one]) for one in hinted if one in self._waiters}
        try:
            self._wake_ready(groups)
        except Exception:
            log.exception("waiting could not read")
        finally:
            _close_old_connections()

    def _listen(self) -> None:
        """Receive hints of predictions that end on this machine, until closed."""
        try:
            listener = wakeups.Listener(wakeups.ENDED)
        except OSError as error:
            log.info("waiting hears no hints: %s", error)
            return
        while not self._closed:
            ended = listener.wait(LISTEN)
            with self._wake:
                self._hinted.update(one for one in ended if one in self._waiters)
                if self._hinted:
                    self._wake.notify_all()
        listener.close()

    def _sleep_until(self, due: float) -> bool:
        """Sleep until the next tick or hint, or while nobody waits; False when closed."""
        with self._wake:
            while not self._closed:
                left = due - time.monotonic()
                if self._waiters and (left <= 0 or self._hinted):
                    return True
                self._wake.wait(left if self._waiters else None)
        return False

    def _poll(self) -> float:
        """Query all awaited predictions and wake those that are ready. Returns the CPU seconds spent on the queries."""
        with self._wake:
            self._hinted.clear()
            groups = {public_id: tuple(group) for public_id, group in self._waiters.items()}
        return self._wake_ready(groups)

    def _guard(self) -> None:
        """Dismiss waiters whose token is no longer valid."""
        now = time.monotonic()
        if now < self._guard_at:
            return
        self._guard_at = now + GUARD_S
        with self._wake:
            waiters = [one for group in self._waiters.values() for one in group if one.token is not None]
        for chunk in _parts(waiters, CHUNK):
            good = usable_ids({one.token for one in chunk if one.token is not None})
            _wake_up((one, None, Barred()) for one in chunk if one.token not in good)

    def _wake_ready(self, groups: dict[str, tuple[_Waiter, ...]]) -> float:
        began = time.thread_time()
        found = list(_ready(groups))
        used = time.thread_time() - began
        for ready in _parts(found, BATCH):
            rows = {row.public_id: row for row in queries.fetch({public_id for public_id, _ in ready})}
            _wake_up(_result(waiter, rows[public_id]) for public_id, waiter in ready if public_id in rows)
        return used


def _ready(groups: dict[str, tuple[_Waiter, ...]]) -> Iterator[tuple[str, _Waiter]]:
    """Waiters that are ready. For those that await the end only ended rows are read, for the others every revision."""
    ending = [one for one, group in groups.items() if any(waiter.known is None for waiter in group)]
    changing = [one for one, group in groups.items() if any(waiter.known is not None for waiter in group)]
    for chunk in _parts(ending, CHUNK):
        # Drops the model's default ordering.
        ended = Prediction.objects.filter(public_id__in=chunk, status__in=ENDED).order_by()
        for public_id in ended.values_list("public_id", flat=True):
            yield from ((public_id, waiter) for waiter in groups[public_id] if waiter.known is None)
    for chunk in _parts(changing, CHUNK):
        rows = Prediction.objects.filter(public_id__in=chunk).order_by()
        for public_id, revision in rows.values_list("public_id", "revision"):
            for waiter in groups[public_id]:
                if waiter.known is not None and waiter.known != revision:
                    yield public_id, waiter


def _parts(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _result(waiter: _Waiter, row: Prediction) -> _Result:
    try:
        return waiter, waiter.make(row), None
    except Exception as error:
        return waiter, None, error


def _wake_up(results: Iterable[_Result]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[_Result]] = {}
    for one in results:
        by_loop.setdefault(one[0].loop, []).append(one)
    for loop, settled in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle_all, settled)
        except RuntimeError:
            log.info("waiting: a loop ended before its waiters")


def _settle_all(settled: list[_Result]) -> None:
    for waiter, value, error in settled:
        _settle(waiter.future, value, error)


def _close_old_connections() -> None:
    """Close unusable connections; errors are swallowed, because all waiters depend on this thread."""
    try:
        close_old_connections()
    except Exception:
        log.exception("waiting could not let go of its connection")


def _settle(future: asyncio.Future[Any], value: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(value)


_reader: Reader | None = None
_creation = threading.Lock()


def reader() -> Reader:
    """The reader of this process, created at the first call."""
    global _reader
    with _creation:
        if _reader is None:
            _reader = Reader(limit=settings.HOLD_LIMIT, tick=TICK)
        return _reader


async def until_ended(public_id: str, seconds: float, token: int | None = None) -> bool:
    """Whether the prediction ended within `seconds`; False also where too many wait or the process shuts down.

    Raises Barred, as do all these functions when given a `token`.
    """
    return await reader().wait(public_id, seconds, lambda _: True, token=token) is not None


async def ended(
    public_id: str, seconds: float, make: Callable[[Prediction], Value], token: int | None = None
) -> Value | None:
    """What `make` returns for the ended prediction; None where `until_ended` would be False. See `Reader.wait`."""
    return await reader().wait(public_id, seconds, make, token=token)


async def changed(
    public_id: str, revision: int, seconds: float, token: int | None = None
) -> Prediction | None:
    """The prediction as soon as its revision differs from `revision`; None on timeout or where nobody may wait.

    It comes with model and version, and the object may be shared: do not modify it.
    """
    return await reader().wait(public_id, seconds, _itself, known=revision, token=token)


def _itself(prediction: Prediction) -> Prediction:
    return prediction


def has_room() -> bool:
    """Whether this process can hold one more request."""
    return reader().has_room()


def close() -> None:
    """Release all waiters at once, because the process is shutting down."""
    reader().close()


def reset() -> None:
    """Discard the closed reader, so that a later server in the same process (in tests) can hold requests again."""
    global _reader
    with _creation:
        if _reader is not None:
            _reader.close()
        _reader = None
