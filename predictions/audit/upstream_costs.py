"""Audit of upstream spending: each day's total is the sum of its runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date
from typing import Any

from django.db import transaction
from django.db.models import Sum
from django.db.models.functions import Coalesce, TruncDate

from accounts.credits.amounts import decimal_text
from core.db.invariants import Breach
from predictions.models import Upstream, UpstreamDay, UpstreamRun


def breaches() -> Iterator[Breach]:
    """Days whose total differs from the sum of their runs; runs that ended and still reserve something."""
    yield from _days()
    yield from _kept_reservations()


def checked() -> dict[str, int]:
    """How many rows there were to check."""
    return {"runs": UpstreamRun.objects.count()}


def counted(upstream_pk: int, day: date) -> int:
    """Sum of one day's runs in micro-credits: their cost where it is known, else what is reserved."""
    return _sums(UpstreamRun.objects.filter(upstream=upstream_pk)).get((upstream_pk, day), 0)


def _sums(runs: Any) -> dict[tuple[int, date], int]:
    rows = (
        runs.annotate(day=TruncDate("sent_at", tzinfo=UTC))
        .order_by()
        .values_list("upstream_id", "day")
        .annotate(total=Sum(Coalesce("cost", "reserved")))
    )
    return {(upstream, day): total for upstream, day, total in rows}


def _days() -> Iterator[Breach]:
    names = dict(Upstream.objects.values_list("pk", "name"))
    sums = _sums(UpstreamRun.objects.all())
    days = {(row.upstream_id, row.day): row.spent for row in UpstreamDay.objects.all()}
    for upstream, day in sorted(sums.keys() | days.keys()):
        if sums.get((upstream, day), 0) == days.get((upstream, day), 0):
            continue
        # Both are read again in one transaction: something may have been spent between the first two reads.
        with transaction.atomic():
            row = UpstreamDay.objects.select_for_update().filter(upstream=upstream, day=day).first()
            recorded, runs = row.spent if row else 0, counted(upstream, day)
        if recorded != runs:
            message = f"says {decimal_text(recorded)}, its runs add up to {decimal_text(runs)}"
            yield Breach("upstream_day", f"{names.get(upstream, upstream)} {day}", message)


def _kept_reservations() -> Iterator[Breach]:
    wrong = UpstreamRun.objects.filter(ended_at__isnull=False, reserved__gt=0).select_related("prediction")
    for run in wrong.order_by("pk")[:1000]:
        yield Breach(
            "upstream_run", f"{run.prediction.public_id}-{run.run}", "has ended and still reserves something"
        )
