"""Waiting for predictions: one reader per process looks for all who wait.

Every waiter names a prediction and what it waits for: its end, or any revision but the one it knows. A thread of its
own, with a connection of its own, asks for all of them together every `TICK` seconds, reads the rows of those that
changed together too, and wakes their waiters with what they make of the row. It sleeps while nobody waits. Of what ends
on this machine it hears at once (`hints`), and asks for it alone. Who waits by an API token is sent away (`Barred`) as
soon as it is seen that the token opens nothing any more.
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
Made = TypeVar("Made")
TICK = 0.1
# Seconds after which the thread that listens sees that it is to end.
LISTEN = 1.0
# However many wait, asking for them takes at most this share of a processor: with more of them the tick grows.
SHARE = 0.1
# Seconds to which it grows at most.
SLOWEST = 0.5
CHUNK = 500
# Rows read and answers made at once: the first callers are answered while the later ones are still read for.
BATCH = 100
# How often it is asked whether the tokens of those who wait still open the door, in seconds.
GUARD_S = 2.0


@dataclass(eq=False, slots=True)
class _Waiter:
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    known: int | None
    """The revision it knows; None where it waits for the end."""
    make: Callable[[Prediction], Any]
    token: int | None = None
    """The API token by which it waits, where it has to stay good for that."""


class Barred(Exception):
    """Whoever waited may wait no more: the token was revoked or has expired, its member is banned."""


# What a waiter is to be told: a value, or the exception that came instead of it.
_News = tuple[_Waiter, Any, BaseException | None]


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
    _heard: set[str] = field(default_factory=set)
    """Awaited ones that have ended, as a hint says, and that were not looked at since."""
    _guard_at: float = 0.0

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

    async def wait(
        self,
        public_id: str,
        seconds: float,
        make: Callable[[Prediction], Made],
        *,
        known: int | None = None,
        token: int | None = None,
    ) -> Made | None:
        """What `make` says of the prediction once it has ended or, with `known`, once it has another revision.

        None when time, room or the process ended first. `make` is called in the reader's thread, with a row that others
        may be given too (model and version read with it): it changes nothing of it. What it raises is raised here.
        Raises Barred once the `token` (its primary key) opens nothing any more.
        """
        loop = asyncio.get_running_loop()
        waiter = _Waiter(loop, loop.create_future(), known, make, token)
        if seconds <= 0 or not self._add(public_id, waiter):
            return None
        timer = loop.call_later(seconds, _settle, waiter.future, None, None)
        try:
            made: Made | None = await waiter.future
            return made
        finally:
            timer.cancel()
            self._remove(public_id, waiter)

    def close(self) -> None:
        """Send all waiters away with None, and end the thread. Nobody may wait after that."""
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
                # Nothing of the request that happens to come first may live on in the thread.
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
                # Nothing but hints: the others are asked for at their time.
                self._tell_heard()
                continue
            due, used = time.monotonic() + self.tick, 0.0
            try:
                used = self._look()
                self._guard()
            except Exception:
                # The database is away for a moment: the waiters keep their own time, the next tick tries again.
                log.exception("waiting could not read")
            finally:
                _let_go()
            due = max(due, time.monotonic() + min(used * (1 / SHARE - 1), SLOWEST))
        # Of this thread, which ends here.
        connections.close_all()

    def _tell_heard(self) -> None:
        """Ask for those alone that have ended, as hints say."""
        with self._wake:
            heard, self._heard = self._heard, set()
            groups = {one: tuple(self._waiters[one]) for one in heard if one in self._waiters}
        try:
            self._look_at(groups)
        except Exception:
            log.exception("waiting could not read")
        finally:
            _let_go()

    def _listen(self) -> None:
        """Hear what ends on this machine, until closed."""
        try:
            ear = wakeups.Listener(wakeups.ENDED)
        except OSError as error:
            log.info("waiting hears no hints: %s", error)
            return
        while not self._closed:
            ended = ear.wait(LISTEN)
            with self._wake:
                self._heard.update(one for one in ended if one in self._waiters)
                if self._heard:
                    self._wake.notify_all()
        ear.close()

    def _sleep_until(self, due: float) -> bool:
        """Wait for the next tick or a hint, or as long as nobody waits; False when closed."""
        with self._wake:
            while not self._closed:
                left = due - time.monotonic()
                if self._waiters and (left <= 0 or self._heard):
                    return True
                self._wake.wait(left if self._waiters else None)
        return False

    def _look(self) -> float:
        """Ask for all, tell those whose time has come; the processor seconds that the asking took."""
        with self._wake:
            self._heard.clear()
            groups = {public_id: tuple(group) for public_id, group in self._waiters.items()}
        return self._look_at(groups)

    def _guard(self) -> None:
        """Send those away whose token opens nothing any more."""
        now = time.monotonic()
        if now < self._guard_at:
            return
        self._guard_at = now + GUARD_S
        with self._wake:
            waiters = [one for group in self._waiters.values() for one in group if one.token is not None]
        for some in _parts(waiters, CHUNK):
            good = usable_ids({one.token for one in some if one.token is not None})
            _wake_up((one, None, Barred()) for one in some if one.token not in good)

    def _look_at(self, groups: dict[str, tuple[_Waiter, ...]]) -> float:
        began = time.thread_time()
        found = list(_ready(groups))
        used = time.thread_time() - began
        for ready in _parts(found, BATCH):
            rows = {row.public_id: row for row in queries.fetch({public_id for public_id, _ in ready})}
            _wake_up(_made(waiter, rows[public_id]) for public_id, waiter in ready if public_id in rows)
        return used


def _ready(groups: dict[str, tuple[_Waiter, ...]]) -> Iterator[tuple[str, _Waiter]]:
    """Whose time has come. Of those that wait for an end only the ended are read, of the others every revision."""
    ending = [one for one, group in groups.items() if any(waiter.known is None for waiter in group)]
    changing = [one for one, group in groups.items() if any(waiter.known is not None for waiter in group)]
    for chunk in _parts(ending, CHUNK):
        # Not sorted, as their model otherwise is.
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


def _made(waiter: _Waiter, row: Prediction) -> _News:
    try:
        return waiter, waiter.make(row), None
    except Exception as error:
        return waiter, None, error


def _wake_up(news: Iterable[_News]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[_News]] = {}
    for one in news:
        by_loop.setdefault(one[0].loop, []).append(one)
    for loop, settled in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle_all, settled)
        except RuntimeError:
            log.info("waiting: a loop ended before its waiters")


def _settle_all(settled: list[_News]) -> None:
    for waiter, value, error in settled:
        _settle(waiter.future, value, error)


def _let_go() -> None:
    """Give up connections that are of no use any more; a thread that many wait for must not end of it."""
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
_making = threading.Lock()


def reader() -> Reader:
    """The reader of this process, made at the first call."""
    global _reader
    with _making:
        if _reader is None:
            _reader = Reader(limit=settings.HOLD_LIMIT, tick=TICK)
        return _reader


async def until_ended(public_id: str, seconds: float, token: int | None = None) -> bool:
    """True when the prediction ended within `seconds`; False when they passed, too many wait, or the process ends.

    Raises Barred, as all of these do that are given a `token`.
    """
    return await reader().wait(public_id, seconds, lambda _: True, token=token) is not None


async def ended(
    public_id: str, seconds: float, make: Callable[[Prediction], Made], token: int | None = None
) -> Made | None:
    """What `make` says of the ended prediction; None where `until_ended` says False. For `make` see `Reader.wait`."""
    return await reader().wait(public_id, seconds, make, token=token)


async def changed(
    public_id: str, revision: int, seconds: float, token: int | None = None
) -> Prediction | None:
    """The prediction as soon as its revision differs from the one given; None when `seconds` passed or nobody may wait.

    It comes with model and version, and others may be given the same object: nothing of it may be changed.
    """
    return await reader().wait(public_id, seconds, _itself, known=revision, token=token)


def _itself(prediction: Prediction) -> Prediction:
    return prediction


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
