"""Upstreams that have reached today's cap. Read for each new prediction, so cached for up to a second."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from django.core.cache import cache
from django.db.models import F, Q, QuerySet
from django.db.models.functions import TruncDate

from core.clock import Now
from predictions.models import UpstreamDay

STALE_S = 1.0
_NAME = "upstreams-at-their-cap"


def reached() -> frozenset[str]:
    """Names of the upstreams at today's cap, which get no more work today."""
    names: frozenset[str] | None = cache.get(_NAME)
    if names is None:
        names = frozenset(rows().values_list("upstream__name", flat=True))
        cache.set(_NAME, names, STALE_S)
    return names


def rows() -> QuerySet[UpstreamDay]:
    """The rows of this day of upstreams at their cap."""
    spent = Q(capped_at__isnull=False) | Q(spent__gte=F("upstream__day_cap"))
    return UpstreamDay.objects.filter(spent, day=today(), upstream__day_cap__isnull=False)


def drop_cache() -> None:
    """Drop the cached answer: a cap was just reached in this process."""
    cache.delete(_NAME)


def today() -> Any:
    """The current day as an expression."""
    return TruncDate(Now(), tzinfo=UTC)


def day_of(at: datetime) -> date:
    """The day that contains a time."""
    return at.astimezone(UTC).date()
