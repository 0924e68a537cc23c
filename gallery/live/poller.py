"""Polling for live updates: one thread per web process, for all open pages.

One statement covers a hundred accounts with open pages, and wakes those streams that have something to send.
The thread sleeps while nobody listens, polls at once when a prediction ends on this machine (`wakeups`), and
uses at most a small share of a processor: with more to poll the interval grows. The thread and its database
connection are all that any number of open streams costs.
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
Row = TypeVar("Row")
INTERVAL_S = 0.25
MAX_CPU_SHARE = 0.05
"""The largest share of a processor used for polling."""
MAX_INTERVAL_S = 2.0
"""The longest interval, in seconds."""
MAX_STREAMS_PER_ACCOUNT = 20
"""Streams per account."""
LINGER_S = 60.0
"""Seconds that an account is still polled after its last page has gone, so that one that returns missed
nothing."""
FLOORS_S = 5.0
"""New rows are those above what was the highest key at least this long ago, and at most twice as long."""
POSITIONS_INTERVAL_S = 3.0
"""Queue positions change with other accounts' predictions: pages refresh theirs this often."""
MAX_POSITIONS = 12
SESSION_CHECK_S = 2.0
"""Seconds between checks whether listeners are still signed in."""
CHUNK = 100


@dataclass(eq=False)
class Reader:
    """The open streams of this process, and the thread that polls for them."""

    limit: int
    tick: float = INTERVAL_S
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
    """Primary keys of items that hints reported as changed; used by the thread alone."""

    # -- For streams and views
    # --------------------------------------------------------------------------------

    @property
    def streams(self) -> int:
        """How many are open."""
        return self._streams

    def has_capacity(self, account_id: int) -> bool:
        """Whether one more page of the account may listen."""
        with self._lock:
            channel = self._channels.get(account_id)
            used = len(channel.listeners) if channel is not None else 0
            return not self._closed and self._streams < self.limit and used < MAX_STREAMS_PER_ACCOUNT

    def open(
        self, account_id: int, user_id: int, session_key: str, mark: str, *, money: bool = True
    ) -> tuple[Channel, Listener] | None:
        """Register a stream, from its event loop; None where the limit is reached. Ends with `leave`."""
        with self._lock:
            if not self.has_capacity(account_id):
                return None
            listener = Listener(asyncio.get_running_loop(), account_id, user_id, session_key, mark, money)
            channel = self._watch(account_id)
            channel.listeners.add(listener)
            self._streams += 1
        return channel, listener

    def leave(self, listener: Listener) -> None:
        """Unregister a stream."""
        with self._lock:
            channel = self._channels.get(listener.account_id)
            if channel is not None and listener in channel.listeners:
                channel.listeners.discard(listener)
                channel.last_used_at = time.monotonic()
                self._streams -= 1

    def visit(self, account_id: int) -> Channel | None:
        """The channel for a page that polls instead of listening; None where the limit is reached."""
        with self._lock:
            if self._closed or (
                account_id not in self._channels and len(self._channels) >= max(1, self.limit)
            ):
                return None
            return self._watch(account_id)

    def reading(self) -> contextlib.AbstractContextManager[bool]:
        """The lock to hold while reading a channel."""
        return self._lock

    def close(self) -> None:
        """End all streams and the thread; no stream can be opened afterwards."""
        with self._lock:
            self._closed = True
            for channel in self._channels.values():
                _end(channel.listeners, "closed")
            self._wake_thread()

    def join(self, seconds: float) -> None:
        """Wait until the thread of a closed reader has ended."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _watch(self, account_id: int) -> Channel:
        channel = self._channels.get(account_id)
        if channel is None:
            channel = self._channels[account_id] = Channel(account_id)
            self._start()
            self._wake_thread()
        channel.last_used_at = time.monotonic()
        return channel

    # -- The thread
    # -------------------------------------------------------------------------------------------

    def _start(self) -> None:
        if self._thread is None:
            self._wake = os.pipe()
            os.set_blocking(self._wake[1], False)
            self._thread = threading.Thread(target=self._run, name="live", daemon=True)
            # Start it in an empty context: nothing of the request that happens to come first may stay in the
            # thread.
            contextvars.Context().run(self._thread.start)

    def _wake_thread(self) -> None:
        if self._wake is not None:
            with contextlib.suppress(BlockingIOError):
                os.write(self._wake[1], b".")

    def _run(self) -> None:
        hint_listeners = list(_hint_listeners())
        try:
            due = soonest = 0.0
            while not self._closed:
                self._sleep(hint_listeners, due, soonest)
                if self._closed or not self._channels:
                    continue
                used = self._poll_timed()
                soonest = time.monotonic() + min(used * (1 / MAX_CPU_SHARE - 1), MAX_INTERVAL_S)
                due = max(soonest, time.monotonic() + self.tick)
        finally:
            for hint_listener in hint_listeners:
                hint_listener.close()
            # Connections belong to this thread, which ends here.
            connections.close_all()
            with self._lock:
                for end in self._wake or ():
                    os.close(end)
                self._wake = None

    def _sleep(self, hint_listeners: Sequence[wakeups.Listener], due: float, soonest: float) -> None:
        """Sleep until the next poll is due, or a hint calls for an earlier one; without listeners, until one
        comes."""
        assert self._wake is not None
        poll = select.poll()
        poll.register(self._wake[0], select.POLLIN)
        for hint_listener in hint_listeners:
            poll.register(hint_listener.fileno(), select.POLLIN)
        while not self._closed:
            remaining = due - time.monotonic()
            if self._channels and remaining <= 0:
                return
            ready = {fd for fd, _ in poll.poll(remaining * 1000 if self._channels else None)}
            if self._wake[0] in ready:
                os.read(self._wake[0], 4096)
            has_wakeup = self._has_relevant_hint(
                [
                    hint
                    for hint_listener in hint_listeners
                    if hint_listener.fileno() in ready
                    for hint in hint_listener.wait(0)
                ]
            )
            # New listeners are polled for at once, too.
            if has_wakeup or any(not channel.ready for channel in list(self._channels.values())):
                due = min(due, soonest)

    def _has_relevant_hint(self, hints: list[str]) -> bool:
        """Whether hints name a tracked prediction, or an item: then a poll is worthwhile."""
        with self._lock:
            tracked = {
                seen.public_id for channel in self._channels.values() for seen in channel.tracked.values()
            }
        items = {pk for pk in map(broadcast.parse, hints) if pk is not None}
        self._named.update(items)
        return bool(items) or any(hint in tracked for hint in hints)

    def _poll_timed(self) -> float:
        """Poll; returns the processor seconds used."""
        began = time.thread_time()
        try:
            self.poll_once()
        except Exception:
            # The database is away: the streams stay open, and the next poll comes after the longest interval.
            log.exception("live could not read")
            return MAX_INTERVAL_S
        finally:
            with contextlib.suppress(Exception):
                close_old_connections()
        return time.thread_time() - began

    def poll_once(self) -> None:
        """Poll once for all accounts: note what is new, and wake the streams concerned. Raises what the
        database raises."""
        now = time.monotonic()
        self._drop_idle(now)
        self._move_floors(now)
        with self._lock:
            fresh = [channel for channel in self._channels.values() if not channel.ready]
            others = [channel for channel in self._channels.values() if channel.ready]
        for channel in fresh:
            self._note([channel], change_queries.initial_rows(channel.account_id), full=False)
            channel.ready = True
        floors = self._floors
        assert floors is not None
        for chunk in _chunks(others):
            tracked = [pk for channel in chunk for pk in channel.tracked]
            accounts = [channel.account_id for channel in chunk]
            self._note(chunk, change_queries.changes(accounts, tracked, floors), full=True)
        self._report_named()
        if now - self._guarded_at >= SESSION_CHECK_S:
            self._guarded_at = now
            self._end_stale_streams()

    def _note(self, channels: Sequence[Channel], rows: Iterable[change_queries.Row], *, full: bool) -> None:
        """Note the rows of a poll. `full`: tracked predictions that are not among them no longer exist."""
        now = time.monotonic()
        by_account: dict[int, list[change_queries.Row]] = {channel.account_id: [] for channel in channels}
        for row in rows:
            by_account[row.account_id].append(row)
        with self._lock:
            for channel in channels:
                before = channel.number
                found = by_account[channel.account_id]
                channel.append_news(PREDICTIONS, _changed(channel, found, now, full=full), now)
                fresh = [row for row in found if row.kind == "item" and channel.note_item(row.pk)]
                channel.append_news(ITEMS, [row.public_id for row in fresh], now)
                for row in found:
                    if row.kind == "balance":
                        channel.set_balance(row.number, now)
                if channel.number != before:
                    _wake(channel)

    def _report_named(self) -> None:
        """Report the items that hints named, to their owners' channels."""
        items, self._named = sorted(self._named), set()
        for chunk in _chunks(items):
            with self._lock:
                accounts = list(self._channels)
            found = change_queries.items_by_pk(chunk, accounts)
            with self._lock:
                for account_id, public_id, trashed in found:
                    channel = self._channels.get(account_id)
                    if channel is not None:
                        channel.append_news(GONE if trashed else ITEMS, [public_id], time.monotonic())
                        _wake(channel)

    def _move_floors(self, now: float) -> None:
        if self._next_floors is not None and now - self._floors_at < FLOORS_S:
            return
        top = change_queries.highest_keys()
        self._floors, self._next_floors, self._floors_at = self._next_floors or top, top, now
        with self._lock:
            for channel in self._channels.values():
                channel.forget(PREDICTIONS, self._floors.prediction)
                channel.forget(ITEMS, self._floors.item)

    def _drop_idle(self, now: float) -> None:
        with self._lock:
            for account_id, channel in list(self._channels.items()):
                if not channel.listeners and now - channel.last_used_at > LINGER_S:
                    del self._channels[account_id]

    def _end_stale_streams(self) -> None:
        """End the streams of sessions that are over, of banned users, of those who act for another account by
        now, and of those whose role no longer shows the account's money; the latter reconnect in the new role."""
        with self._lock:
            listeners = [listener for channel in self._channels.values() for listener in channel.listeners]
        for chunk in _chunks(listeners):
            open_now, members = change_queries.valid_sessions(
                {listener.session_key for listener in chunk}, {listener.user_id for listener in chunk}
            )
            with_money = [listener for listener in chunk if listener.money]
            accounts, users = (
                {listener.account_id for listener in with_money},
                {listener.user_id for listener in with_money},
            )
            demoted = change_queries.without_funds_access(accounts, users) if with_money else set()
            _end(
                (listener for listener in with_money if (listener.user_id, listener.account_id) in demoted),
                "role",
            )
            signed_out, expired = [], []
            for listener in chunk:
                account_id, mark = members.get(listener.user_id, (None, ""))
                if account_id != listener.account_id:
                    signed_out.append(listener)
                elif listener.session_key not in open_now or mark != listener.mark:
                    expired.append(listener)
            _end(signed_out, "signed-out")
            _end(expired, "session-over")


def _changed(channel: Channel, rows: list[change_queries.Row], now: float, *, full: bool) -> list[str]:
    """The ids of predictions that changed, or whose queue position is to be refreshed."""
    found = [row for row in rows if row.kind == "prediction"]
    ids: dict[str, None] = {}
    for row in sorted(found, key=lambda row: row.pk):
        state = (row.number, row.phase)
        news = channel.note_prediction(row.pk, row.public_id, state, ended=row.phase == Phase.ENDED)
        if news is not None:
            ids[news] = None
    if full:
        ids.update(dict.fromkeys(channel.remove_missing({row.pk for row in found})))
    if now - channel.placed_at >= POSITIONS_INTERVAL_S:
        channel.placed_at = now
        ids.update(dict.fromkeys(channel.waiting(Phase.WAITING, MAX_POSITIONS)))
    return list(ids)


def _hint_listeners() -> Iterator[wakeups.Listener]:
    for kind in (wakeups.ENDED, wakeups.ITEMS):
        try:
            yield wakeups.Listener(kind, "live-")
        except OSError as error:
            log.info("live hears no hints: %s", error)


def _chunks(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    return (rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK))


def _wake(channel: Channel) -> None:
    for listener in channel.listeners:
        listener.wake()


def _end(listeners: Iterable[Listener], reason: str) -> None:
    for listener in listeners:
        listener.over = reason
        listener.wake()


_reader: Reader | None = None
_making = threading.Lock()


def reader() -> Reader:
    """The reader of this process, created by the first call."""
    global _reader
    with _making:
        if _reader is None:
            _reader = Reader(limit=settings.LIVE_STREAMS)
        return _reader


def close() -> None:
    """End all streams, because the process is about to stop; pages reconnect to the next one."""
    reader().close()


def reset() -> None:
    """Forget the reader, so that a later server in the same process (in tests) starts with a new one."""
    global _reader
    with _making:
        if _reader is not None:
            _reader.close()
            _reader.join(10)
        _reader = None
