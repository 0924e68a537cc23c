"""When watcher and poster have something to do next: one statement for both, and a sleep that ends when it is due.

Nobody who sleeps trusts a hint alone: the sweep, which asks every second for all, hints once more at what is overdue
(`overdue_looks`, `overdue_deliveries`), and without it the longest sleep is a few seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
import time
from typing import Any

from django.db.models import DurationField, ExpressionWrapper, F, QuerySet

from core.clock import Now, after
from core.db.prepared import PreparedFirsts
from core.jobs import wakeups
from predictions.models import Delivery, Phase, Prediction

LONGEST_S = 5.0
DEAF_S = 1.0
"""The same where no hint can be heard."""
OFTEN_S = 0.2
"""The same where there may be other machines whose hints are not heard here."""
OVERDUE_S = 0.5
"""Who has not begun by then did not know."""
_SLACK_S = 0.05
"""By so much loops that wake for the same second may miss each other."""
_numbers = itertools.count(1)


def _look() -> QuerySet[Any, Any]:
    rows = Prediction.objects.filter(phase=Phase.RUNNING, look_at__isnull=False).order_by("look_at")
    return rows.values_list(_until("look_at"))[:1]


def _delivery() -> QuerySet[Any, Any]:
    rows = Delivery.objects.filter(state=Delivery.State.OWED).order_by("due_at")
    return rows.values_list(_until("due_at"))[:1]


def _until(name: str) -> ExpressionWrapper:
    return ExpressionWrapper(F(name) - Now(), output_field=DurationField())


_NEXT = PreparedFirsts({wakeups.LOOKS: _look, wakeups.DELIVERIES: _delivery})


def longest() -> float:
    """The longest sleep, in seconds, as things are."""
    return LONGEST_S if wakeups.come_from_all() else OFTEN_S


def overdue_looks() -> QuerySet[Prediction]:
    """Looks that should have begun."""
    return Prediction.objects.filter(phase=Phase.RUNNING, look_at__lte=after(-OVERDUE_S))


def overdue_deliveries() -> QuerySet[Delivery]:
    """Deliveries that should have begun."""
    return Delivery.objects.filter(state=Delivery.State.OWED, due_at__lte=after(-OVERDUE_S))


class NextDue:
    """What is due next of each kind, known to all loops of a process together; to be asked from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked_at = float("-inf")
        self._seconds: dict[str, float] = {}

    def seconds(self, kind: str, since: float, longest: float) -> float:
        """Seconds until something of that kind is due, `LONGEST_S` at most; none or less: it is due.

        `since`: when the caller changed anything, by the monotonic clock; what was known before counts for nothing.
        `longest`: the caller's longest sleep; an answer as old as that does not count either.
        """
        with self._lock:
            if self._asked_at < since or time.monotonic() - self._asked_at >= longest - _SLACK_S:
                asked_at = time.monotonic()
                found = _NEXT.all()
                self._seconds = {one: _of(value) for one, value in found.items()}
                self._asked_at = asked_at
            passed = time.monotonic() - self._asked_at
            return self._seconds[kind] - passed


def _of(value: Any) -> float:
    return LONGEST_S if value is None else min(LONGEST_S, value.total_seconds())


class Alarm:
    """The sleep of one loop: until its time, or sooner where a hint, the loop itself, or its end says so.

    To be made, and asked, on the loop.
    """

    def __init__(self, kind: str, stop: threading.Event | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._rung = asyncio.Event()
        self._at = self._soonest = 0.0
        self._told = self._is_over = False
        self._ear: wakeups.Listener | None = None
        with contextlib.suppress(OSError):
            self._ear = wakeups.Listener(kind, f"{next(_numbers)}-")
            self._loop.add_reader(self._ear.fileno(), self._hear, self._ear)
        if stop is not None:
            # It waits without looking at the clock, and ends with the process where nobody stops it.
            threading.Thread(target=self._await_end, args=[stop], name=f"{kind}-stop", daemon=True).start()

    def longest(self) -> float:
        """The longest sleep of this loop, in seconds."""
        return longest() if self._ear else min(DEAF_S, longest())

    def set(self, *, soonest: float) -> None:
        """Ring after the longest sleep; for hints not before `soonest`, in seconds."""
        now = self._loop.time()
        self._at, self._soonest = now + self.longest(), now + soonest

    def sooner(self, seconds: float) -> None:
        """Ring after so many seconds at the latest."""
        self._at = min(self._at, self._loop.time() + seconds)
        self._rung.set()

    async def wait(self) -> bool:
        """Until it rings. Whether a hint came: then something is due, by all that is known."""
        while not self._is_over and (left := self._at - self._loop.time()) > 0:
            self._rung.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._rung.wait()
        told, self._told = self._told, False
        return told

    def close(self) -> None:
        """Listen no more."""
        if self._ear is not None:
            self._loop.remove_reader(self._ear.fileno())
            self._ear.close()

    def _hear(self, ear: wakeups.Listener) -> None:
        ear.wait(0.0)
        self._told = True
        self._at = min(self._at, max(self._soonest, self._loop.time()))
        self._rung.set()

    def _await_end(self, stop: threading.Event) -> None:
        stop.wait()
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        self._is_over = True
        self._rung.set()
