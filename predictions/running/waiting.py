"""Waiting for predictions: one reader per process looks for all who wait.

Every waiter names a prediction and the revision it knows. A thread of its own, with a connection of its own, asks for
all of them together every `TICK` seconds and wakes those whose prediction changed. It sleeps while nobody waits.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from django.conf import settings
from django.db import close_old_connections

from predictions.models.prediction import ENDED, Prediction

log = logging.getLogger("darkroom.waiting")
TICK = 0.25
CHUNK = 500


@dataclass(eq=False, slots=True)
class _Waiter:
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[int | None]
    wanted: Callable[[str, int], bool]


@dataclass(eq=False)
class Reader:
    """The waiters of this process, and the thread that looks for them."""

    limit: int
    tick: float = TICK
    _waiters: dict[str, set[_Waiter]] = field(default_factory=dict)
    _count: int = 0
    _closed: bool = False
    _thread: threading.Thread | None = None
    _wake: threading.Condition = field(default_factory=threading.Condition)

    @property
    def waiting(self) -> int:
        """How many wait at present."""
        return self._count

    @property
    def closed(self) -> bool:
        """Whether nothing is held any more, because the process is about to end."""
        return self._closed

    def has_room(self) -> bool:
        """Whether one more may wait."""
        return not self._closed and self._count < self.limit

    async def wait(self, public_id: str, wanted: Callable[[str, int], bool], seconds: float) -> int | None:
        """The revision at which `wanted(status, revision)` became true; None when time, room or the process ended."""
        loop = asyncio.get_running_loop()
        waiter = _Waiter(loop, loop.create_future(), wanted)
        if seconds <= 0 or not self._add(public_id, waiter):
            return None
        timer = loop.call_later(seconds, _settle, waiter.future, None)
        try:
            return await waiter.future
        finally:
            timer.cancel()
            self._remove(public_id, waiter)

    def close(self) -> None:
        """Send all waiters away with None, and end the thread. Nobody may wait after that."""
        with self._wake:
            self._closed = True
            waiters = [waiter for group in self._waiters.values() for waiter in group]
            self._wake.notify_all()
        _wake_up([(waiter, None) for waiter in waiters])

    def _add(self, public_id: str, waiter: _Waiter) -> bool:
        with self._wake:
            if not self.has_room():
                return False
            self._waiters.setdefault(public_id, set()).add(waiter)
            self._count += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="waiting", daemon=True)
                # Nothing of the request that happens to come first may live on in the thread.
                contextvars.Context().run(self._thread.start)
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
            due = time.monotonic() + self.tick
            try:
                self._look()
            except Exception:
                # The database is away for a moment: the waiters keep their own time, the next tick tries again.
                log.exception("waiting could not read")
            finally:
                close_old_connections()

    def _sleep_until(self, due: float) -> bool:
        """Wait for the next tick, or as long as nobody waits; False when closed."""
        with self._wake:
            while not self._closed:
                left = due - time.monotonic()
                if self._waiters and left <= 0:
                    return True
                self._wake.wait(left if self._waiters else None)
        return False

    def _look(self) -> None:
        with self._wake:
            groups = {public_id: tuple(group) for public_id, group in self._waiters.items()}
        ids = list(groups)
        for start in range(0, len(ids), CHUNK):
            chunk = ids[start : start + CHUNK]
            rows = Prediction.objects.filter(public_id__in=chunk).values_list(
                "public_id", "status", "revision"
            )
            _wake_up(
                (waiter, revision)
                for public_id, status, revision in rows
                for waiter in groups[public_id]
                if waiter.wanted(status, revision)
            )


def _wake_up(results: Iterable[tuple[_Waiter, int | None]]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Waiter, int | None]]] = {}
    for waiter, revision in results:
        by_loop.setdefault(waiter.loop, []).append((waiter, revision))
    for loop, settled in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle_all, settled)
        except RuntimeError:
            log.info("waiting: a loop ended before its waiters")


def _settle_all(settled: list[tuple[_Waiter, int | None]]) -> None:
    for waiter, revision in settled:
        _settle(waiter.future, revision)


def _settle(future: asyncio.Future[int | None], revision: int | None) -> None:
    if not future.done():
        future.set_result(revision)


_reader: Reader | None = None
_making = threading.Lock()


def reader() -> Reader:
    """The reader of this process, made at the first call."""
    global _reader
    with _making:
        if _reader is None:
            _reader = Reader(limit=settings.HOLD_LIMIT)
        return _reader


async def until_ended(public_id: str, seconds: float) -> bool:
    """True when the prediction ended within `seconds`; False when they passed, too many wait, or the process ends."""
    return await reader().wait(public_id, lambda status, _: status in ENDED, seconds) is not None


async def changed(public_id: str, revision: int, seconds: float) -> int:
    """Its revision as soon as it differs from the one given; that one when `seconds` passed or nobody may wait."""
    found = await reader().wait(public_id, lambda _, seen: seen != revision, seconds)
    return revision if found is None else found


def has_room() -> bool:
    """Whether one more request may be held in this process."""
    return reader().has_room()


def close() -> None:
    """Answer all who wait at once, because the process is about to end."""
    reader().close()


def reset() -> None:
    """Forget the reader after a close, so that a later server in the same process (in tests) may hold again."""
    global _reader
    with _making:
        if _reader is not None:
            _reader.close()
        _reader = None
