"""Samples of the queue's state, kept once a minute for charts of any period."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Count, Min
from django.utils import timezone

from core.clock import Now
from predictions.dispatch.fair_share import IN_FLIGHT
from predictions.models import Phase, Prediction, QueueLook

EVERY_S = 60.0
RETENTION = timedelta(days=180)
_MINUTE = timedelta(seconds=60)
_ONCE = timedelta(seconds=50)
_PRUNED = 1000
_OF_ALL = 10_000
"""Starts of a minute whose waiting times are read at most."""


@dataclass(frozen=True)
class QueueSample:
    """The queue's state at a moment. `start_p95_ms` is None where nothing started in the minute before."""

    at: datetime
    waiting: int
    running: int
    oldest_s: int
    start_p95_ms: int | None


def current_sample() -> QueueSample:
    """The queue's present state, from indexes alone."""
    at = _database_time()
    waiting = Prediction.objects.filter(phase=Phase.WAITING).aggregate(n=Count("pk"), first=Min("pk"))
    phases = Prediction.objects.filter(phase__in=IN_FLIGHT).order_by().values_list("phase")
    running = sum(n for _phase, n in phases.annotate(n=Count("pk")))
    oldest = 0
    if waiting["first"] is not None:
        made = Prediction.objects.filter(pk=waiting["first"]).values_list("created_at", flat=True).first()
        oldest = max(0, int((at - made).total_seconds())) if made else 0
    return QueueSample(at, waiting["n"], running, oldest, _p95(at))


def _p95(at: datetime) -> int | None:
    """95th percentile of the waiting time, in ms, of what started within the last minute.

    Those are in flight, or have ended since: both are few and found by an index.
    """
    since = at - _MINUTE
    begun = Prediction.objects.filter(started_at__gt=since).order_by()
    waits: list[float] = []
    for rows in (begun.filter(phase__in=IN_FLIGHT), begun.ended().filter(completed_at__gt=since)):
        pairs = rows.values_list("created_at", "started_at")[:_OF_ALL]
        waits += [(started - created).total_seconds() for created, started in pairs if started is not None]
    if not waits:
        return None
    waits.sort()
    return max(0, round(waits[math.ceil(len(waits) * 0.95) - 1] * 1000))


def _database_time() -> datetime:
    """The database's own time, by which rows compare."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT statement_timestamp()")
            now_: datetime = cursor.fetchone()[0]
            return now_
    # SQLite's clock is this machine's.
    return timezone.now()


def run_once() -> bool:
    """Store a sample, unless one was stored just now, and prune old ones. Whether more are left to prune."""
    if not QueueLook.objects.filter(at__gt=Now() - _ONCE).exists():
        sample = current_sample()
        QueueLook.objects.create(
            waiting=sample.waiting,
            running=sample.running,
            oldest_s=sample.oldest_s,
            start_p95_ms=sample.start_p95_ms,
        )
    old = (
        QueueLook.objects.filter(at__lt=Now() - RETENTION)
        .order_by("at")
        .values_list("pk", flat=True)[:_PRUNED]
    )
    chosen = list(old)
    if chosen:
        QueueLook.objects.filter(pk__in=chosen).delete()
    return len(chosen) == _PRUNED
