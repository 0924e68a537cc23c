"""When the watcher and the webhook poster have something due: one query for both, and the alarm that wakes each.

No loop relies on wake-ups alone: the sweep, which queries every second, sends another for what is overdue
(`overdue_polls`, `overdue_deliveries`), and without it the longest sleep is a few seconds.
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
"""Longest sleep in seconds."""
LONGEST_WITHOUT_WAKEUPS_S = 1.0
"""The same in a process that cannot receive wake-ups."""
LONGEST_WITH_OTHERS_S = 0.2
"""The same where other machines may exist whose wake-ups are not received here."""
OVERDUE_S = 0.5
"""What is due this long and not begun was missed by its loop."""
_SLACK_S = 0.05
"""Tolerance for loops that wake for the same moment, so that they share one query."""
_numbers = itertools.count(1)


def _next_poll() -> QuerySet[Any, Any]:
    rows = Prediction.objects.filter(phase=Phase.RUNNING, look_at__isnull=False).order_by("look_at")
    return rows.values_list(_until("look_at"))[:1]


def _delivery() -> QuerySet[Any, Any]:
    rows = Delivery.objects.filter(state=Delivery.State.OWED).order_by("due_at")
    return rows.values_list(_until("due_at"))[:1]


def _until(name: str) -> ExpressionWrapper:
    return ExpressionWrapper(F(name) - Now(), output_field=DurationField())


_NEXT = PreparedFirsts({wakeups.POLLS: _next_poll, wakeups.DELIVERIES: _delivery})


def longest() -> float:
    """Longest sleep in seconds, depending on whether wake-ups of all machines are received."""
    return LONGEST_S if wakeups.are_complete() else LONGEST_WITH_OTHERS_S


def overdue_polls() -> QuerySet[Prediction]:
    """Predictions whose provider should have been polled already."""
    return Prediction.objects.filter(phase=Phase.RUNNING, look_at__lte=after(-OVERDUE_S))


def overdue_deliveries() -> QuerySet[Delivery]:
    """Webhook deliveries that should have been posted already."""
    return Delivery.objects.filter(state=Delivery.State.OWED, due_at__lte=after(-OVERDUE_S))


class NextDue:
    """When the next item of each kind is due; shared by all loops of a process, callable from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked_at = float("-inf")
        self._seconds: dict[str, float] = {}

    def seconds(self, kind: str, since: float, longest: float) -> float:
        """Seconds until an item of that kind is due, `LONGEST_S` at most; zero or negative where one is.

        `since`: monotonic time of the caller's last change; a cached answer from before it is not used. `longest`:
        the caller's longest sleep; a cached answer as old as that is not used either.
        """
        with self._lock:
            if self._asked_at < since or time.monotonic() - self._asked_at >= longest - _SLACK_S:
                asked_at = time.monotonic()
                remaining = _NEXT.all()
                self._seconds = {name: _clamped(value) for name, value in remaining.items()}
                self._asked_at = asked_at
            passed = time.monotonic() - self._asked_at
            return self._seconds[kind] - passed


def _clamped(value: Any) -> float:
    return LONGEST_S if value is None else min(LONGEST_S, value.total_seconds())


class Alarm:
    """The sleep of one loop: until its time, or until a wake-up, the loop itself or its stop event ends it sooner.

    Create and use it on the event loop.
    """

    def __init__(self, kind: str, stop: threading.Event | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._rung = asyncio.Event()
        self._at = self._soonest = 0.0
        self._woken = self._is_over = False
        self._listener: wakeups.Listener | None = None
        with contextlib.suppress(OSError):
            self._listener = wakeups.Listener(kind, f"{next(_numbers)}-")
            self._loop.add_reader(self._listener.fileno(), self._receive, self._listener)
        if stop is not None:
            # A blocking wait, without polling; as a daemon thread it ends with the process where nobody
            # sets it.
            threading.Thread(target=self._await_end, args=[stop], name=f"{kind}-stop", daemon=True).start()

    def longest(self) -> float:
        """Longest sleep of this loop in seconds."""
        return longest() if self._listener else min(LONGEST_WITHOUT_WAKEUPS_S, longest())

    def set(self, *, soonest: float) -> None:
        """Ring after the longest sleep, and on a wake-up, but not before `soonest` seconds have passed."""
        now = self._loop.time()
        self._at, self._soonest = now + self.longest(), now + soonest

    def sooner(self, seconds: float) -> None:
        """Ring after so many seconds at the latest."""
        self._at = min(self._at, self._loop.time() + seconds)
        self._rung.set()

    async def wait(self) -> bool:
        """Sleep until it rings. Whether a wake-up came: then something is due, as far as is known."""
        while not self._is_over and (remaining := self._at - self._loop.time()) > 0:
            self._rung.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(remaining):
                    await self._rung.wait()
        woken, self._woken = self._woken, False
        return woken

    def close(self) -> None:
        """Stop listening."""
        if self._listener is not None:
            self._loop.remove_reader(self._listener.fileno())
            self._listener.close()

    def _receive(self, listener: wakeups.Listener) -> None:
        listener.wait(0.0)
        self._woken = True
        self._at = min(self._at, max(self._soonest, self._loop.time()))
        self._rung.set()

    def _await_end(self, stop: threading.Event) -> None:
        stop.wait()
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        self._is_over = True
        self._rung.set()
