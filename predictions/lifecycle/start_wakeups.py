"""Wake-ups of workers when a slot may be free: sent only where a prediction waits to start.

Imported by claims, completion and progress, each of which may free a slot.
"""

from __future__ import annotations

from core.db.prepared import PreparedValues
from predictions.execution import task_queue
from predictions.models import Phase, Prediction

_ANY = PreparedValues(lambda: Prediction.objects.filter(phase=Phase.WAITING).order_by().values_list("pk")[:1])
"""A row where any prediction waits; compiled once, since every end of a prediction runs it."""


def anybody_waits() -> bool:
    """Whether any prediction waits to start, now or later."""
    return bool(_ANY.all())


def wake_waiting() -> None:
    """Wake the workers if any prediction waits, since a slot may be free. Call it inside the transaction that frees it.

    A wake-up costs a row and a query by a worker, so none is written where nothing waits.
    """
    if anybody_waits():
        task_queue.wake("start")
