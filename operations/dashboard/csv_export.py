"""CSV files of the dashboard's charts, with exact amounts: credits with all decimals, days as ISO 8601."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

from django.http import StreamingHttpResponse
from django.utils import timezone

from accounts.billing.currencies import plain_amount
from accounts.credits.amounts import decimal_text
from core.http import csv_rows
from core.http.csv_rows import Cell, Number
from operations.dashboard import totals, upstream_table
from operations.dashboard.periods import Period
from predictions.usage import time_series

Table = tuple[Sequence[str], Iterable[Sequence[Cell]]]


def days(period: Period) -> Table:
    """All figures by day; revenue in a column for each currency."""
    summary, revenue = totals.summary(period), totals.revenue_of(period)
    currencies = sorted({currency for _day, currency in revenue})
    head = (
        "day", "pictures", "succeeded", "failed", "canceled", "filtered", "charged", "paid_upstream", "margin",
        "signed_up", "active", *(f"revenue_{currency}" for currency in currencies),
    )  # fmt: skip
    rows: list[tuple[Cell, ...]] = [
        (
            day.isoformat(), usage.outputs, usage.succeeded, usage.failed, usage.canceled, usage.filtered,
            _amount(usage.charged), _amount(usage.spent), _amount(usage.margin), *summary.people.days.get(day, (0, 0)),
            *(Number(plain_amount(revenue.get((day, currency), 0), currency)) for currency in currencies),
        )
        for day, usage in summary.usage.days.items()
    ]  # fmt: skip
    return head, rows


def models(period: Period) -> Table:
    """Pictures, cost and income of each model."""
    rows = [
        (
            name,
            usage.outputs,
            usage.succeeded,
            usage.failed,
            _amount(usage.charged),
            _amount(usage.spent),
            _amount(usage.margin),
        )
        for name, usage in totals.summary(period).usage.models.items()
    ]
    return ("model", "pictures", "succeeded", "failed", "charged", "paid_upstream", "margin"), rows


def failures(period: Period) -> Table:
    """Failed predictions by day and reason."""
    failed = totals.failures(period)
    reasons = list(failed.total)
    return ("day", *reasons), [
        (day.isoformat(), *(of_day[reason] for reason in reasons)) for day, of_day in failed.days.items()
    ]


def members(period: Period) -> Table:
    """Sign-ups and active accounts by day."""
    people = totals.summary(period).people.days
    return ("day", "signed_up", "active"), [(day.isoformat(), *counts) for day, counts in people.items()]


def credits(period: Period) -> Table:
    """Every kind of movement of credits by day."""
    movements = totals.credits_of(period)
    kinds = list(movements.total)
    return ("day", *kinds), [
        (day.isoformat(), *(_amount(of_day[kind]) for kind in kinds))
        for day, of_day in movements.days.items()
    ]


def queue(period: Period) -> Table:
    """Queue samples: every stored one for up to two days, the worst of each interval for longer periods."""
    start, end = totals.span(period)
    end = min(end, timezone.now() + timedelta(seconds=1))
    samples = time_series.queue(start, end, points=3000)
    rows = [
        (sample.at.isoformat(), sample.waiting, sample.running, sample.oldest_s, sample.start_p95_ms)
        for sample in samples
    ]  # fmt: skip
    return ("at", "waiting", "running", "oldest_s", "start_p95_ms"), rows


def upstream_rows(period: Period) -> Table:
    """The present state of every upstream."""
    rows = [
        (
            row.name,
            row.state,
            _decimal(row.errors),
            _decimal(row.median),
            row.in_flight,
            row.waiting,
            int(row.on),
        )
        for row in upstream_table.rows()
    ]
    return ("name", "state", "errors_percent", "median_s", "in_flight", "waiting", "on"), rows


FILES: dict[str, Callable[[Period], Table]] = {
    "days": days,
    "models": models,
    "failures": failures,
    "members": members,
    "credits": credits,
    "queue": queue,
    "upstreams": upstream_rows,
}


def download(name: str, period: Period) -> StreamingHttpResponse:
    """The file of that name. KeyError where there is none."""
    head, rows = FILES[name](period)
    return csv_rows.download(f"{name}-{period.first}-{period.last}", head, rows)


def _amount(micro: int) -> Number:
    return Number(decimal_text(micro))


def _decimal(value: float | None) -> Number | None:
    return None if value is None else Number(f"{value:.2f}")
