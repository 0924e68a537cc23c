"""Totals of the dashboard, read from daily summaries and indexes, never from all predictions or the whole ledger.

Incoming and outgoing credits are the ledger rows other than work (partial index `ledger_not_work`); spending is the sum
of settlements, stored in the daily usage. So chart, table and CSV show the same numbers, and they are the ledger's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, TypeVar

from django.core.cache import cache
from django.db.models import Count, QuerySet, Sum

from accounts.models import Account, LedgerEntry, Purchase, User
from accounts.models.ledger_kinds import OTHERS
from accounts.site import site_rules
from core.db.daily_sums import sum_by_day
from operations.dashboard.periods import Period
from predictions.models import UsageDay
from predictions.usage import time_series
from predictions.usage.billing_days import bounds

CACHE_S = 15
Figures = TypeVar("Figures")


@dataclass
class Credits:
    """Credits moved in a period other than by predictions, and credits spent, by day; and the present balance."""

    days: dict[date, dict[str, int]] = field(default_factory=dict)
    total: dict[str, int] = field(default_factory=dict)
    balance: int = 0
    held: int = 0


@dataclass
class People:
    """Sign-ups and active accounts by day, active accounts of the period, and the number of members."""

    days: dict[date, tuple[int, int]] = field(default_factory=dict)
    active: int = 0
    joined: int = 0
    members: int = 0


@dataclass
class Summary:
    """The dashboard's row of figures of a period."""

    usage: time_series.Usage
    people: People
    revenue: dict[str, int] = field(default_factory=dict)

    @property
    def margin_percent(self) -> float | None:
        """The margin in per cent of the charged credits."""
        total = self.usage.total
        return 100 * total.margin / total.charged if total.charged else None

    @property
    def failed_percent(self) -> float | None:
        """Failed predictions in per cent of those that ended."""
        total = self.usage.total
        return 100 * total.failed / total.ended if total.ended else None


def summary(period: Period) -> Summary:
    """The figures of a period."""
    return cached("summary", period, lambda: _summary(period))


def _summary(period: Period) -> Summary:
    return Summary(time_series.usage(None, period.first, period.last), _people(period), _revenue(period))


def credits_of(period: Period) -> Credits:
    """Movements of credits in a period."""
    return cached("credits", period, lambda: _credits(period))


def failures(period: Period) -> time_series.Failures:
    """Failed predictions of a period by reason."""
    return cached("failures", period, lambda: time_series.failures(period.first, period.last))


def _people(period: Period) -> People:
    zone = site_rules.billing_zone()
    start, end = span(period)
    signed_up = User.objects.filter(date_joined__gte=start, date_joined__lt=end)
    joined = {
        key[0]: counts["n"]
        for key, counts in sum_by_day(signed_up, "date_joined", zone, n=Count("pk")).items()
    }
    rows = UsageDay.objects.filter(day__gte=period.first, day__lte=period.last).order_by()
    active = dict(rows.values_list("day").annotate(n=Count("account", distinct=True)))
    return People(
        days={day: (joined.get(day, 0), active.get(day, 0)) for day in period.days},
        active=rows.aggregate(n=Count("account", distinct=True))["n"],
        joined=sum(joined.values()),
        members=User.objects.filter(date_joined__lt=end, erased_at__isnull=True).count(),
    )


def _paid(period: Period) -> QuerySet[Purchase]:
    start, end = span(period)
    return Purchase.objects.filter(paid_at__gte=start, paid_at__lt=end)


def _revenue(period: Period) -> dict[str, int]:
    """Revenue by currency, in its smallest unit: purchases less refunds."""
    sums = _paid(period).order_by("currency").values_list("currency")
    return {
        currency: paid - refunded
        for currency, paid, refunded in sums.annotate(paid=Sum("price"), back=Sum("refunded"))
    }


def revenue_of(period: Period) -> dict[tuple[date, str], int]:
    """Revenue by day of payment and currency; days without any are missing."""
    sums = sum_by_day(
        _paid(period),
        "paid_at",
        site_rules.billing_zone(),
        "currency",
        paid=Sum("price"),
        back=Sum("refunded"),
    )
    return {(day, currency): row["paid"] - row["back"] for (day, currency), row in sums.items()}


def _credits(period: Period) -> Credits:
    start, end = span(period)
    rows = LedgerEntry.objects.not_work().filter(created_at__gte=start, created_at__lt=end)
    moved = sum_by_day(rows, "created_at", site_rules.billing_zone(), "kind", moved=Sum("balance_delta"))
    spent = {day: usage.charged for day, usage in summary(period).usage.days.items()}
    kinds = [*OTHERS, "spent"]
    movements = Credits(
        days={day: dict.fromkeys(kinds, 0) for day in period.days}, total=dict.fromkeys(kinds, 0)
    )
    for (day, kind), row in moved.items():
        movements.days[day][kind] += row["moved"]
    for day, amount in spent.items():
        movements.days[day]["spent"] = amount
    for of_day in movements.days.values():
        for kind, amount in of_day.items():
            movements.total[kind] += amount
    now = Account.objects.aggregate(balance=Sum("balance"), held=Sum("held"))
    return replace(movements, balance=now["balance"] or 0, held=now["held"] or 0)


def span(period: Period) -> tuple[datetime, datetime]:
    """The times at which a period begins and ends."""
    zone = site_rules.billing_zone()
    return bounds(period.first, zone)[0], bounds(period.last, zone)[1]


def cached(name: str, period: Period, read: Callable[[], Figures]) -> Figures:
    """Figures cached for `CACHE_S` seconds, so that reloading the page does not sum everything again."""
    key = f"operations-{name}-{period.first}-{period.last}-{site_rules.current().billing_zone}"
    figures: Any = cache.get(key)
    if figures is None:
        figures = read()
        cache.set(key, figures, CACHE_S)
    return figures
