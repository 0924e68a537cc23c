"""What the open pages of one account have been told. No database here, and no threads: `watching` holds the lock."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

PREDICTIONS, ITEMS, GONE, BALANCE = "predictions", "items", "gone", "balance"
_OTHER = {ITEMS: GONE, GONE: ITEMS}
KEPT = 256
"""News that a channel remembers for those who come back."""
RECENT_S = 15.0
"""Who comes for the first time is told the news of so many seconds: its page may be a little older than its stream."""
MOST_IDS = 100
"""Ids told at once; who missed more reads everything."""
TRACKED = 100
"""Unfinished predictions of one account whose changes are told: the newest."""


@dataclass(frozen=True, slots=True)
class News:
    """One thing that was told: ids of a kind, and when (monotonic seconds). The balance has none."""

    number: int
    at: float
    kind: str
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """What somebody is to be told now, by kind, each id once; and up to where."""

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
    """What the session had to carry when it began to listen: another one by now has ended it."""
    money: bool = True
    """Whether its reader saw the account's money when it began to listen."""
    over: str = ""
    """Why it is to end; empty while it goes on."""
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """There is something to be told. From any thread; a loop that is gone has nobody left to be woken."""
        try:
            self.loop.call_soon_threadsafe(self._woken.set)
        except RuntimeError:
            self.over = "closed"

    async def wait(self, seconds: float) -> None:
        """Until woken, or for so many seconds. Neither a thread nor a task is held meanwhile."""
        timer = self.loop.call_later(max(0.0, seconds), self._woken.set)
        try:
            await self._woken.wait()
        finally:
            timer.cancel()
        self._woken.clear()


@dataclass(slots=True)
class _Seen:
    public_id: str
    state: tuple[int, str]
    """Revision and phase."""


@dataclass(eq=False, slots=True)
class Channel:
    """One account's."""

    account_id: int
    boot: str = field(default_factory=lambda: secrets.token_hex(4))
    """Tells a later channel of the same account apart, whose numbers begin anew."""
    number: int = 0
    balance: int | None = None
    listeners: set[Listener] = field(default_factory=set)
    tracked: dict[int, _Seen] = field(default_factory=dict)
    """Unfinished predictions by primary key."""
    known: dict[str, set[int]] = field(default_factory=lambda: {PREDICTIONS: set(), ITEMS: set()})
    """Newest rows that were told already, by primary key, so that looking twice tells them once."""
    ready: bool = False
    """Whether it was looked at once."""
    asked_at: float = 0.0
    """When somebody last listened or asked, in monotonic seconds."""
    placed_at: float = 0.0
    """When the places in the queue were last told."""
    _log: deque[News] = field(default_factory=lambda: deque(maxlen=KEPT))

    @property
    def cursor(self) -> str:
        """Where it stands, as pages give it back."""
        return f"{self.boot}-{self.number}"

    def tell(self, kind: str, ids: Iterable[str], now: float) -> None:
        """Note news; the listeners are woken by the caller."""
        some = tuple(ids)
        for start in range(0, len(some), MOST_IDS):
            self._add(News(self.number + 1, now, kind, some[start : start + MOST_IDS]))

    def set_balance(self, balance: int, now: float) -> None:
        """Note the balance, in micro-credits; news where it is another one."""
        if balance != self.balance:
            self.balance = balance
            self._add(News(self.number + 1, now, BALANCE))

    def _add(self, news: News) -> None:
        self.number = news.number
        self._log.append(news)

    def position(self, cursor: str) -> int | None:
        """The number behind a cursor of this channel whose later news are all remembered; else None."""
        boot, _dash, text = cursor.partition("-")
        if boot != self.boot or not text.isascii() or not text.isdigit() or len(text) > 12:
            return None
        number = int(text)
        oldest = self._log[0].number if self._log else self.number + 1
        return number if oldest - 1 <= number <= self.number else None

    def beginning(self, now: float) -> int:
        """Where somebody begins who comes for the first time: a little before now."""
        older = [news.number for news in self._log if news.at < now - RECENT_S]
        oldest = self._log[0].number - 1 if self._log else self.number
        return max(older, default=oldest)

    def after(self, number: int) -> Told:
        """All news after that number, each id once, the newest of them last."""
        told: dict[str, dict[str, None]] = {PREDICTIONS: {}, ITEMS: {}, GONE: {}}
        balance = False
        for news in self._log:
            if news.number <= number:
                continue
            if news.kind == BALANCE:
                balance = True
            else:
                told[news.kind].update(dict.fromkeys(news.ids))
                # What was thrown away and brought back is there.
                for one in news.ids if news.kind in _OTHER else ():
                    told[_OTHER[news.kind]].pop(one, None)
        return Told(self.number, {kind: list(ids) for kind, ids in told.items()}, balance)

    # -- What the looks found --------------------------------------------------------------------------------

    def saw_prediction(self, pk: int, public_id: str, state: tuple[int, str], *, ended: bool) -> str | None:
        """Note how one stands; its id where that is news."""
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
            self.tracked[pk] = _Seen(public_id, state)
            if len(self.tracked) > TRACKED:
                del self.tracked[min(self.tracked)]
        return public_id

    def lost_predictions(self, found: set[int]) -> list[str]:
        """Those that were tracked and are no more (an account that is being removed)."""
        gone = [pk for pk in self.tracked if pk not in found]
        return [self.tracked.pop(pk).public_id for pk in gone]

    def saw_item(self, pk: int) -> bool:
        """Whether it is new."""
        fresh = pk not in self.known[ITEMS]
        self.known[ITEMS].add(pk)
        return fresh

    def waiting(self, phase: str, most: int) -> list[str]:
        """The newest tracked ones in that phase."""
        found = [seen.public_id for _, seen in sorted(self.tracked.items()) if seen.state[1] == phase]
        return found[-most:]

    def forget(self, kind: str, until: int) -> None:
        """Rows up to that primary key are not looked at any more as new ones."""
        self.known[kind] = {pk for pk in self.known[kind] if pk > until}
