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
from operations.dashboard import totals as desk
from operations.dashboard import upstream_table
from operations.dashboard.periods import Period
from predictions.usage import time_series

Table = tuple[Sequence[str], Iterable[Sequence[Cell]]]


def days(period: Period) -> Table:
    """Every figure of every day; revenue in each currency that was paid in."""
    summary, revenue = desk.summary(period), desk.revenue_of(period)
    currencies = sorted({currency for _day, currency in revenue})
    head = (
        "day", "pictures", "succeeded", "failed", "canceled", "filtered", "charged", "paid_upstream", "margin",
        "signed_up", "active", *(f"revenue_{currency}" for currency in currencies),
    )  # fmt: skip
    rows: list[tuple[Cell, ...]] = [
        (
            day.isoformat(), one.outputs, one.succeeded, one.failed, one.canceled, one.filtered,
            _amount(one.charged), _amount(one.spent), _amount(one.margin), *summary.people.days.get(day, (0, 0)),
            *(Number(plain_amount(revenue.get((day, currency), 0), currency)) for currency in currencies),
        )
        for day, one in summary.usage.days.items()
    ]  # fmt: skip
    return head, rows


def models(period: Period) -> Table:
    """What each model made, cost and brought in."""
    rows = [
        (
            name,
            one.outputs,
            one.succeeded,
            one.failed,
            _amount(one.charged),
            _amount(one.spent),
            _amount(one.margin),
        )
        for name, one in desk.summary(period).usage.models.items()
    ]
    return ("model", "pictures", "succeeded", "failed", "charged", "paid_upstream", "margin"), rows


def failures(period: Period) -> Table:
    """Why predictions failed, by day."""
    found = desk.failures(period)
    reasons = list(found.total)
    return ("day", *reasons), [
        (day.isoformat(), *(of[one] for one in reasons)) for day, of in found.days.items()
    ]


def members(period: Period) -> Table:
    """Sign-ups and active accounts by day."""
    people = desk.summary(period).people.days
    return ("day", "signed_up", "active"), [(day.isoformat(), *both) for day, both in people.items()]


def credits(period: Period) -> Table:
    """Every kind of movement of credits by day."""
    found = desk.credits_of(period)
    kinds = list(found.total)
    return ("day", *kinds), [
        (day.isoformat(), *(_amount(of[one]) for one in kinds)) for day, of in found.days.items()
    ]


def queue(period: Period) -> Table:
    """Queue samples: every stored one for up to two days, the worst of each interval for longer periods."""
    start, end = desk.span(period)
    end = min(end, timezone.now() + timedelta(seconds=1))
    looks = time_series.queue(start, end, points=3000)
    rows = [
        (one.at.isoformat(), one.waiting, one.running, one.oldest_s, one.start_p95_ms)
        for one in looks
    ]  # fmt: skip
    return ("at", "waiting", "running", "oldest_s", "start_p95_ms"), rows


def upstream_rows(period: Period) -> Table:
    """How every upstream stands now."""
    rows = [
        (
            one.name,
            one.state,
            _decimal(one.errors),
            _decimal(one.median),
            one.in_flight,
            one.waiting,
            int(one.on),
        )
        for one in upstream_table.rows()
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
