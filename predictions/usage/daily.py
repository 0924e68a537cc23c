"""Daily usage aggregates: usage by account and model, failures by reason. The only writer of those rows.

A day is computed as a whole and only differences are written, so it may be repeated, done by two processes at once,
and killed at any moment. Today and yesterday are repeated every few minutes, because costs become known late; older
days are done once.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from itertools import islice
from typing import Any

from django.db import models, transaction
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.site import site_rules
from predictions.models import FailureDay, FigureDay, Prediction, Status, UpstreamRun, UsageDay
from predictions.providers.provider_names import is_upstream
from predictions.usage import failure_classes
from predictions.usage.billing_days import delivered, ended_within, today

EVERY_S = 120.0
"""Seconds between two computations of an open day; more where one takes long."""
_SHARE = 20
"""An open day is computed for at most one part in so many of the time."""
_BATCH = 500
_KEY = ("account_id", "model_id")
_FIGURES = ("succeeded", "failed", "canceled", "outputs", "filtered", "charged", "spent")
_due: dict[date, float] = {}
"""Monotonic time at which this process computes each open day again. Another process may do so too: no harm."""


def run_once() -> bool:
    """Compute one day that is due: today and yesterday first, then the newest missing one. True if one was."""
    now, present = time.monotonic(), today()
    for day in (present, present - timedelta(days=1)):
        if now >= _due.get(day, 0.0):
            aggregate_day(day)
            _due[day] = time.monotonic() + max(EVERY_S, _SHARE * (time.monotonic() - now))
            return True
    for day in [day_ for day_ in _due if day_ < present - timedelta(days=1)]:
        del _due[day]
    missing = next(_never_done(present - timedelta(days=2)), None)
    if missing is None:
        return False
    aggregate_day(missing, closed=True)
    return True


def make_all_due() -> None:
    """Make every open day due; for tests and commands."""
    _due.clear()


def _never_done(last: date) -> Iterator[date]:
    """Days up to `last`, newest first, without a final aggregate in the present time zone."""
    zone = site_rules.billing_zone()
    ended = Prediction.objects.ended().filter(completed_at__isnull=False)
    oldest = ended.order_by("completed_at").values_list("completed_at", flat=True).first()
    if oldest is None:
        return
    first = oldest.astimezone(zone).date()
    # In another time zone the first prediction may have ended on the day before.
    other = FigureDay.objects.exclude(zone=str(zone)).order_by("day").values_list("day", flat=True).first()
    first = min(first, other or first)
    done = set(FigureDay.objects.filter(closed=True, zone=str(zone)).values_list("day", flat=True))
    day = last
    while day >= first:
        if day not in done:
            yield day
        day -= timedelta(days=1)


def aggregate_day(day: date, *, closed: bool = False) -> None:
    """Compute one day and bring its rows up to date."""
    zone = site_rules.billing_zone()
    ended = Prediction.objects.ended().filter(ended_within(day, day, zone))
    sums = _sums(ended.order_by())
    counts = _failures(ended.filter(status=Status.FAILED).order_by())
    _synchronise(UsageDay, day, _KEY, _FIGURES, sums)
    _synchronise(FailureDay, day, ("model_id", "reason"), ("count",), counts)
    FigureDay.objects.update_or_create(
        day=day, defaults={"zone": str(zone), "closed": closed, "made_at": timezone.now()}
    )


def _sums(ended: QuerySet[Prediction]) -> dict[tuple[Any, ...], dict[str, int]]:
    rows = ended.values(*_KEY).annotate(
        succeeded=Count("pk", filter=Q(status=Status.SUCCEEDED)),
        failed=Count("pk", filter=Q(status=Status.FAILED)),
        canceled=Count("pk", filter=Q(status__in=[Status.CANCELED, Status.ABORTED])),
        outputs=Coalesce(Sum(delivered()), 0),
        dropped=Coalesce(Sum("filtered"), 0),
        paid=Coalesce(Sum("charge"), 0),
    )
    found = {
        (row["account_id"], row["model_id"]): {
            **{name: row[name] for name in ("succeeded", "failed", "canceled", "outputs")},
            "filtered": row["dropped"],
            "charged": row["paid"],
            "spent": 0,
        }
        for row in rows
    }
    # A separate query: joined with their runs, predictions that ran twice would count twice.
    costs = ended.filter(upstream_runs__cost__gt=0).values(*_KEY).annotate(cost=Sum("upstream_runs__cost"))
    for row in costs:
        known = found.get((row["account_id"], row["model_id"]))
        if known is not None:
            known["spent"] = row["cost"]
    return found


def _failures(failed: QuerySet[Prediction]) -> dict[tuple[Any, ...], dict[str, int]]:
    last = UpstreamRun.objects.filter(prediction=OuterRef("pk")).order_by("-id")
    rows = (
        failed.annotate(kind=Subquery(last.values("error_kind")[:1]))
        .values_list("model_id", "error", "kind", "provider", "filtered")
        .annotate(n=Count("pk"))
    )
    counts: Counter[tuple[int, str]] = Counter()
    for model_id, error, kind, provider, filtered, n in rows.iterator(chunk_size=1000):
        reason = failure_classes.classify(
            error or "",
            kind=kind or "",
            upstream=bool(kind) or is_upstream(provider),
            filtered=filtered,
        )
        counts[model_id, str(reason)] += n
    return {key: {"count": n} for key, n in counts.items()}


def _synchronise(
    model: type[models.Model],
    day: date,
    key: tuple[str, ...],
    figures: tuple[str, ...],
    wanted: dict[tuple[Any, ...], dict[str, int]],
) -> None:
    """Write the differences, in small transactions."""
    manager = model._default_manager
    existing = {
        row[1 : 1 + len(key)]: (row[0], row[1 + len(key) :])
        for row in manager.filter(day=day).values_list("pk", *key, *figures)
    }
    new = [
        model(day=day, **dict(zip(key, one, strict=True)), **values)
        for one, values in wanted.items()
        if one not in existing or existing[one][1] != tuple(values[name] for name in figures)
    ]
    unique = ["day", *(name.removesuffix("_id") for name in key)]
    for batch in _batches(new):
        with transaction.atomic():
            manager.bulk_create(
                batch, update_conflicts=True, unique_fields=unique, update_fields=list(figures)
            )
    for stale in _batches(pk for one, (pk, _) in existing.items() if one not in wanted):
        manager.filter(pk__in=stale).delete()


def _batches(rows: Iterable[Any]) -> Iterator[list[Any]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, _BATCH)):
        yield batch
