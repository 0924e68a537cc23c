"""Channels of live updates: a log with cursors of what the open pages of one account were sent.

No database, no threads and no locking here: callers hold the poller's lock.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

PREDICTIONS, ITEMS, GONE, BALANCE = "predictions", "items", "gone", "balance"
_OTHER = {ITEMS: GONE, GONE: ITEMS}
LOG_LENGTH = 256
"""News that a channel remembers for pages that reconnect."""
RECENT_S = 15.0
"""A page that connects for the first time gets the news of this many seconds: it may be older than its stream."""
MAX_IDS = 100
"""Ids per event; a page that missed more reloads everything."""
MAX_TRACKED = 100
"""Unfinished predictions tracked per account: the newest."""


@dataclass(frozen=True, slots=True)
class News:
    """One entry of the log: ids of one kind, and when (monotonic seconds). Balance news has no ids."""

    number: int
    at: float
    kind: str
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PendingNews:
    """What to send now: ids by kind, each once; `number` is the position reached."""

    number: int
    ids: dict[str, list[str]]
    balance: bool = False

    def __bool__(self) -> bool:
        return self.balance or any(self.ids.values())


@dataclass(eq=False, slots=True)
class Listener:
    """One open stream."""

    loop: asyncio.AbstractEventLoop
    account_id: int
    user_id: int
    session_key: str
    mark: str
    """The session's hash when the stream was opened; where it is another by now, the session is over."""
    money: bool = True
    """Whether the user might see the account's money when the stream was opened."""
    over: str = ""
    """Why the stream is to end; empty while it goes on."""
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """Signal that there is something to send. From any thread; a closed event loop marks the stream as
        closed."""
        try:
            self.loop.call_soon_threadsafe(self._woken.set)
        except RuntimeError:
            self.over = "closed"

    async def wait(self, seconds: float) -> None:
        """Wait until woken, or for so many seconds, without holding a thread or a task."""
        timer = self.loop.call_later(max(0.0, seconds), self._woken.set)
        try:
            await self._woken.wait()
        finally:
            timer.cancel()
        self._woken.clear()


@dataclass(slots=True)
class _TrackedPrediction:
    public_id: str
    state: tuple[int, str]
    """Revision and phase."""


@dataclass(eq=False, slots=True)
class Channel:
    """The log, and the polling state, of one account."""

    account_id: int
    boot: str = field(default_factory=lambda: secrets.token_hex(4))
    """Distinguishes a later channel of the same account, whose numbers start again."""
    number: int = 0
    balance: int | None = None
    listeners: set[Listener] = field(default_factory=set)
    tracked: dict[int, _TrackedPrediction] = field(default_factory=dict)
    """Unfinished predictions by primary key."""
    known: dict[str, set[int]] = field(default_factory=lambda: {PREDICTIONS: set(), ITEMS: set()})
    """Primary keys of new rows already reported, so that polling them again reports them once."""
    ready: bool = False
    """Whether it was polled at least once."""
    last_used_at: float = 0.0
    """When a page last listened or asked, in monotonic seconds."""
    placed_at: float = 0.0
    """When queue positions were last sent."""
    _log: deque[News] = field(default_factory=lambda: deque(maxlen=LOG_LENGTH))

    @property
    def cursor(self) -> str:
        """The present position, as pages send it back."""
        return f"{self.boot}-{self.number}"

    def append_news(self, kind: str, ids: Iterable[str], now: float) -> None:
        """Append news; the caller wakes the listeners."""
        all_ids = tuple(ids)
        for start in range(0, len(all_ids), MAX_IDS):
            self._add(News(self.number + 1, now, kind, all_ids[start : start + MAX_IDS]))

    def set_balance(self, balance: int, now: float) -> None:
        """Note the balance, in micro-credits; appends news where it changed."""
        if balance != self.balance:
            self.balance = balance
            self._add(News(self.number + 1, now, BALANCE))

    def _add(self, news: News) -> None:
        self.number = news.number
        self._log.append(news)

    def position(self, cursor: str) -> int | None:
        """The number in a cursor of this channel, if all later news is remembered; else None."""
        boot, _dash, text = cursor.partition("-")
        if boot != self.boot or not text.isascii() or not text.isdigit() or len(text) > 12:
            return None
        number = int(text)
        oldest = self._log[0].number if self._log else self.number + 1
        return number if oldest - 1 <= number <= self.number else None

    def beginning(self, now: float) -> int:
        """The position of a page that connects for the first time: a little before now."""
        older = [news.number for news in self._log if news.at < now - RECENT_S]
        oldest = self._log[0].number - 1 if self._log else self.number
        return max(older, default=oldest)

    def after(self, number: int) -> PendingNews:
        """All news after that number, each id once, the latest last."""
        ids_by_kind: dict[str, dict[str, None]] = {PREDICTIONS: {}, ITEMS: {}, GONE: {}}
        balance = False
        for news in self._log:
            if news.number <= number:
                continue
            if news.kind == BALANCE:
                balance = True
            else:
                ids_by_kind[news.kind].update(dict.fromkeys(news.ids))
                # An item that was trashed and restored is there, and the other way round.
                for public_id in news.ids if news.kind in _OTHER else ():
                    ids_by_kind[_OTHER[news.kind]].pop(public_id, None)
        return PendingNews(self.number, {kind: list(ids) for kind, ids in ids_by_kind.items()}, balance)

    # -- Results of polls
    # -------------------------------------------------------------------------------------

    def note_prediction(self, pk: int, public_id: str, state: tuple[int, str], *, ended: bool) -> str | None:
        """Note a prediction's state; returns its id where that is news."""
        before = self.tracked.get(pk)
        if before is None:
            if pk in self.known[PREDICTIONS]:
                return None
            self.known[PREDICTIONS].add(pk)
        elif before.state == state:
            return None
        if ended:
            self.tracked.pop(pk, None)
        else:
            self.tracked[pk] = _TrackedPrediction(public_id, state)
            if len(self.tracked) > MAX_TRACKED:
                del self.tracked[min(self.tracked)]
        return public_id

    def remove_missing(self, existing: set[int]) -> list[str]:
        """Ids of predictions that were tracked and no longer exist (an account is being removed)."""
        missing = [pk for pk in self.tracked if pk not in existing]
        return [self.tracked.pop(pk).public_id for pk in missing]

    def note_item(self, pk: int) -> bool:
        """Note an item; returns whether it is new."""
        fresh = pk not in self.known[ITEMS]
        self.known[ITEMS].add(pk)
        return fresh

    def waiting(self, phase: str, limit: int) -> list[str]:
        """The newest tracked predictions in that phase."""
        tracked = [seen.public_id for _, seen in sorted(self.tracked.items()) if seen.state[1] == phase]
        return tracked[-limit:]

    def forget(self, kind: str, until: int) -> None:
        """Forget rows up to that primary key: they are no longer polled as new."""
        self.known[kind] = {pk for pk in self.known[kind] if pk > until}
