"""Event queue of demo data: run in the order of their moments under the demo's clock."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from config.demo.shifted_clock import ShiftedClock
from predictions.execution import task_queue

_BATCH_S = 1.0
"""Seconds of work in one transaction: on SQLite nobody else can write meanwhile."""


@dataclass
class EventQueue:
    """Events to come. An event may add later ones, at the earliest at its own moment."""

    clock: ShiftedClock
    end: datetime
    """Nothing happens later than this."""
    running: int = 0
    """Predictions that have not ended. No transaction ends before them, so no worker ever sees one to take."""
    _events: list[tuple[datetime, int, Callable[[], object]]] = field(default_factory=list)
    _added: int = 0

    def at(self, moment: datetime, event: Callable[[], object]) -> None:
        """Add an event; one that is later than the end happens at the end."""
        heapq.heappush(self._events, (min(moment, self.end), self._added, event))
        self._added += 1

    def run(self) -> None:
        """Run all events."""
        while self._events:
            with transaction.atomic(), task_queue.without_wake_ups():
                self._run_batch()

    def _run_batch(self) -> None:
        began = time.monotonic()
        while self._events and (self.running or time.monotonic() - began < _BATCH_S):
            moment, _number, event = heapq.heappop(self._events)
            self.clock.set(moment)
            event()
