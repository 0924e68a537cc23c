"""One thread per process that looks for all open pages.

It asks for all accounts with open pages together, one statement for a hundred of them, and wakes those streams that
have something to tell. It sleeps while nobody listens, looks at once when a prediction ends on this machine (`hints`),
and takes at most a small share of a processor: with more to look at the tick grows. The thread and its connection are
all that any number of open streams costs.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import os
import select
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from django.conf import settings
from django.db import close_old_connections, connections

from core.jobs import wakeups
from gallery.live import broadcast, change_queries
from gallery.live.channels import GONE, ITEMS, PREDICTIONS, Channel, Listener
from predictions.models import Phase

log = logging.getLogger("darkroom.live")
Some = TypeVar("Some")
TICK = 0.25
SHARE = 0.05
"""Of a processor, at most, for looking."""
SLOWEST = 2.0
"""Seconds to which the tick grows at most."""
PER_ACCOUNT = 20
"""Streams of one account."""
LINGER_S = 60.0
"""An account is watched for so many seconds after its last page has gone, so that one that returns missed nothing."""
FLOORS_S = 5.0
"""New rows are looked for above what was the highest key this long ago at least, and twice as long at most."""
PLACES_S = 3.0
"""Places in the queue change with other people's predictions: pages look at theirs this often."""
PLACES = 12
GUARD_S = 2.0
"""How often it is asked whether those who listen are still signed in."""
CHUNK = 100


@dataclass(eq=False)
class Reader:
    """The open pages of this process, and the thread that looks for them."""

    limit: int
    tick: float = TICK
    _channels: dict[int, Channel] = field(default_factory=dict)
    _streams: int = 0
    _closed: bool = False
    _thread: threading.Thread | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _floors: change_queries.Floors | None = None
    _next_floors: change_queries.Floors | None = None
    _floors_at: float = 0.0
    _guarded_at: float = 0.0
    _wake: tuple[int, int] | None = None
    _named: set[int] = field(default_factory=set)
    """Items of which hints said that they changed; of the thread alone."""

    # -- For streams and views -------------------------------------------------------------------------------

    @property
    def streams(self) -> int:
        """How many are open."""
        return self._streams

    def has_room(self, account_id: int) -> bool:
        """Whether one more page of the account may listen."""
        with self._lock:
            channel = self._channels.get(account_id)
            used = len(channel.listeners) if channel is not None else 0
            return not self._closed and self._streams < self.limit and used < PER_ACCOUNT

    def open(
        self, account_id: int, user_id: int, session_key: str, mark: str, *, money: bool = True
    ) -> tuple[Channel, Listener] | None:
        """Listen, from the running event loop; None without room. Ends with `leave`."""
        with self._lock:
            if not self.has_room(account_id):
                return None
            listener = Listener(asyncio.get_running_loop(), account_id, user_id, session_key, mark, money)
            channel = self._watch(account_id)
            channel.listeners.add(listener)
            self._streams += 1
        return channel, listener

    def leave(self, listener: Listener) -> None:
        """Listen no more."""
        with self._lock:
            channel = self._channels.get(listener.account_id)
            if channel is not None and listener in channel.listeners:
                channel.listeners.discard(listener)
                channel.asked_at = time.monotonic()
                self._streams -= 1

    def visit(self, account_id: int) -> Channel | None:
        """The channel of one who asks now and then instead of listening; None without room."""
        with self._lock:
            if self._closed or (
                account_id not in self._channels and len(self._channels) >= max(1, self.limit)
            ):
                return None
            return self._watch(account_id)

    def reading(self) -> contextlib.AbstractContextManager[bool]:
        """Hold this while reading a channel."""
        return self._lock

    def close(self) -> None:
        """End all streams and the thread. Nobody may listen after that."""
        with self._lock:
            self._closed = True
            for channel in self._channels.values():
                _end(channel.listeners, "closed")
            self._rouse()

    def join(self, seconds: float) -> None:
        """Wait until the thread of a closed reader has ended."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _watch(self, account_id: int) -> Channel:
        channel = self._channels.get(account_id)
        if channel is None:
            channel = self._channels[account_id] = Channel(account_id)
            self._start()
            self._rouse()
        channel.asked_at = time.monotonic()
        return channel

    # -- The thread ------------------------------------------------------------------------------------------

    def _start(self) -> None:
        if self._thread is None:
            self._wake = os.pipe()
            os.set_blocking(self._wake[1], False)
            self._thread = threading.Thread(target=self._run, name="live", daemon=True)
            # Nothing of the request that happens to come first may live on in the thread.
            contextvars.Context().run(self._thread.start)

    def _rouse(self) -> None:
        if self._wake is not None:
            with contextlib.suppress(BlockingIOError):
                os.write(self._wake[1], b".")

    def _run(self) -> None:
        ears = list(_ears())
        try:
            due = soonest = 0.0
            while not self._closed:
                self._sleep(ears, due, soonest)
                if self._closed or not self._channels:
                    continue
                used = self._looked()
                soonest = time.monotonic() + min(used * (1 / SHARE - 1), SLOWEST)
                due = max(soonest, time.monotonic() + self.tick)
        finally:
            for ear in ears:
                ear.close()
            # Of this thread, which ends here.
            connections.close_all()
            with self._lock:
                for end in self._wake or ():
                    os.close(end)
                self._wake = None

    def _sleep(self, ears: Sequence[wakeups.Listener], due: float, soonest: float) -> None:
        """Until the next look is due, or something worth an earlier one; with nobody there, until somebody comes."""
        assert self._wake is not None
        poll = select.poll()
        poll.register(self._wake[0], select.POLLIN)
        for ear in ears:
            poll.register(ear.fileno(), select.POLLIN)
        while not self._closed:
            left = due - time.monotonic()
            if self._channels and left <= 0:
                return
            ready = {one for one, _ in poll.poll(left * 1000 if self._channels else None)}
            if self._wake[0] in ready:
                os.read(self._wake[0], 4096)
            heard = self._heard([one for ear in ears if ear.fileno() in ready for one in ear.wait(0)])
            # Who has just come is looked for at once, too.
            if heard or any(not channel.ready for channel in list(self._channels.values())):
                due = min(due, soonest)

    def _heard(self, said: list[str]) -> bool:
        """Whether hints name a prediction that is watched, or an item: then it is time for a look."""
        with self._lock:
            tracked = {
                seen.public_id for channel in self._channels.values() for seen in channel.tracked.values()
            }
        items = {pk for pk in map(broadcast.parse, said) if pk is not None}
        self._named.update(items)
        return bool(items) or any(one in tracked for one in said)

    def _looked(self) -> float:
        """Look; the processor seconds that it took."""
        began = time.thread_time()
        try:
            self.look()
        except Exception:
            # The database is away for a moment: the streams go on, and it is left alone for a while.
            log.exception("live could not read")
            return SLOWEST
        finally:
            with contextlib.suppress(Exception):
                close_old_connections()
        return time.thread_time() - began

    def look(self) -> None:
        """One look for all accounts: note what is new, and wake who is to be told. Raises what the database raises."""
        now = time.monotonic()
        self._let_go(now)
        self._move_floors(now)
        with self._lock:
            fresh = [channel for channel in self._channels.values() if not channel.ready]
            others = [channel for channel in self._channels.values() if channel.ready]
        for channel in fresh:
            self._note([channel], change_queries.first(channel.account_id), whole=False)
            channel.ready = True
        floors = self._floors
        assert floors is not None
        for some in _chunks(others):
            tracked = [pk for channel in some for pk in channel.tracked]
            accounts = [channel.account_id for channel in some]
            self._note(some, change_queries.changes(accounts, tracked, floors), whole=True)
        self._look_up()
        if now - self._guarded_at >= GUARD_S:
            self._guarded_at = now
            self._guard()

    def _note(self, channels: Sequence[Channel], rows: Iterable[change_queries.Row], *, whole: bool) -> None:
        """Note what a look found. `whole`: what is tracked and was not found is gone."""
        now = time.monotonic()
        by_account: dict[int, list[change_queries.Row]] = {channel.account_id: [] for channel in channels}
        for row in rows:
            by_account[row.account_id].append(row)
        with self._lock:
            for channel in channels:
                before = channel.number
                found = by_account[channel.account_id]
                channel.tell(PREDICTIONS, _changed(channel, found, now, whole=whole), now)
                fresh = [row for row in found if row.kind == "item" and channel.saw_item(row.pk)]
                channel.tell(ITEMS, [row.public_id for row in fresh], now)
                for row in found:
                    if row.kind == "balance":
                        channel.set_balance(row.number, now)
                if channel.number != before:
                    _wake(channel)

    def _look_up(self) -> None:
        """Tell of the items that hints named, to those whose they are."""
        items, self._named = sorted(self._named), set()
        for some in _chunks(items):
            with self._lock:
                accounts = list(self._channels)
            found = change_queries.named(some, accounts)
            with self._lock:
                for account_id, public_id, trashed in found:
                    channel = self._channels.get(account_id)
                    if channel is not None:
                        channel.tell(GONE if trashed else ITEMS, [public_id], time.monotonic())
                        _wake(channel)

    def _move_floors(self, now: float) -> None:
        if self._next_floors is not None and now - self._floors_at < FLOORS_S:
            return
        top = change_queries.highest()
        self._floors, self._next_floors, self._floors_at = self._next_floors or top, top, now
        with self._lock:
            for channel in self._channels.values():
                channel.forget(PREDICTIONS, self._floors.prediction)
                channel.forget(ITEMS, self._floors.item)

    def _let_go(self, now: float) -> None:
        with self._lock:
            for account_id, channel in list(self._channels.items()):
                if not channel.listeners and now - channel.asked_at > LINGER_S:
                    del self._channels[account_id]

    def _guard(self) -> None:
        """End the streams of sessions that are over, of the banned, of those who act for another account by now, and of
        those who began to listen in a role that saw the account's money and have another: they come back in that.
        """
        with self._lock:
            listeners = [one for channel in self._channels.values() for one in channel.listeners]
        for some in _chunks(listeners):
            open_now, members = change_queries.admitted(
                {one.session_key for one in some}, {one.user_id for one in some}
            )
            seeing = [one for one in some if one.money]
            accounts, users = {one.account_id for one in seeing}, {one.user_id for one in seeing}
            kept = change_queries.kept_from_money(accounts, users) if seeing else set()
            _end((one for one in seeing if (one.user_id, one.account_id) in kept), "role")
            out, over = [], []
            for one in some:
                account_id, mark = members.get(one.user_id, (None, ""))
                if account_id != one.account_id:
                    out.append(one)
                elif one.session_key not in open_now or mark != one.mark:
                    over.append(one)
            _end(out, "signed-out")
            _end(over, "session-over")


def _changed(channel: Channel, rows: list[change_queries.Row], now: float, *, whole: bool) -> list[str]:
    """The ids of the predictions whose pages are to be told."""
    found = [row for row in rows if row.kind == "prediction"]
    ids: dict[str, None] = {}
    for row in sorted(found, key=lambda row: row.pk):
        state = (row.number, row.phase)
        news = channel.saw_prediction(row.pk, row.public_id, state, ended=row.phase == Phase.ENDED)
        if news is not None:
            ids[news] = None
    if whole:
        ids.update(dict.fromkeys(channel.lost_predictions({row.pk for row in found})))
    if now - channel.placed_at >= PLACES_S:
        channel.placed_at = now
        ids.update(dict.fromkeys(channel.waiting(Phase.WAITING, PLACES)))
    return list(ids)


def _ears() -> Iterator[wakeups.Listener]:
    for kind in (wakeups.ENDED, wakeups.ITEMS):
        try:
            yield wakeups.Listener(kind, "live-")
        except OSError as error:
            log.info("live hears no hints: %s", error)


def _chunks(some: Sequence[Some]) -> Iterator[Sequence[Some]]:
    return (some[start : start + CHUNK] for start in range(0, len(some), CHUNK))


def _wake(channel: Channel) -> None:
    for listener in channel.listeners:
        listener.wake()


def _end(listeners: Iterable[Listener], why: str) -> None:
    for listener in listeners:
        listener.over = why
        listener.wake()


_reader: Reader | None = None
_making = threading.Lock()


def reader() -> Reader:
    """The reader of this process, made at the first call."""
    global _reader
    with _making:
        if _reader is None:
            _reader = Reader(limit=settings.LIVE_STREAMS)
        return _reader


def close() -> None:
    """End all streams, because the process is about to end; they come back to the next one."""
    reader().close()


def reset() -> None:
    """Forget the reader, so that a later server in the same process (in tests) may begin anew."""
    global _reader
    with _making:
        if _reader is not None:
            _reader.close()
            _reader.join(10)
        _reader = None
