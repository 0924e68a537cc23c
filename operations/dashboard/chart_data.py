"""Charts of the operations dashboard and their data. Tables and CSV files are made from the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from accounts.models.ledger_kinds import INCOME
from accounts.site import site_rules
from core.charts import Bar, Chart, Series, middle, row_parts
from operations.dashboard import number_format, totals
from operations.dashboard.periods import Period
from predictions.models import FailureDay
from predictions.usage import time_series

_QUEUE_POINTS = 96
_MAX_MARKS = 6
SPENT_COLOUR = 5
"""Colour of spent credits; kinds of income have the colours before it."""
_MIN_VISIBLE = 0.3
"""Per cent below which a part of a bar is not visible."""


def queue(period: Period) -> Chart:
    """Waiting predictions and the time to start: of the last 24 hours, or of the whole of a longer period."""
    now = timezone.now()
    if (period.has_today and period.length == 7) or period.name == "day":
        start, end, title = now - timedelta(hours=24), now, _("Queue, last 24 hours")
    else:
        start, end = totals.span(period)
        end, title = min(end, now), _("Queue")
    samples = time_series.queue(start, end, points=_QUEUE_POINTS)
    by_slot: dict[int, Any] = {}
    step = (end - start) / _QUEUE_POINTS
    for sample in samples:
        by_slot[min(_QUEUE_POINTS - 1, int((sample.at - start) / step))] = sample
    slots = [by_slot.get(at) for at in range(_QUEUE_POINTS)]
    return Chart(
        key="queue",
        title=title,
        slots=[_moment(start + step * at) for at in range(_QUEUE_POINTS)],
        marks=_time_marks(start, end),
        series=[
            Series(_("waiting"), [sample and sample.waiting for sample in slots], 1, "area"),
            Series(
                _("seconds to start, 95th"),
                [
                    sample.start_p95_ms / 1000
                    if sample is not None and sample.start_p95_ms is not None
                    else None
                    for sample in slots
                ],
                3,
                "dashed",
                "{:,.1f}".format,
            ),
        ],
        empty=_("Nobody waited, as far as the queue was looked at."),
    )


def members(period: Period) -> Chart:
    """Sign-ups and active accounts by day."""
    people = totals.summary(period).people
    days = list(people.days.items())
    return Chart(
        key="members",
        title=_("Members"),
        slots=[_day(day) for day, _people in days],
        marks=_day_marks(period),
        series=[
            Series(_("signed up"), [joined for _day_, (joined, _active) in days], 1),
            Series(pgettext("members", "active"), [active for _day_, (_joined, active) in days], 3, "dashed"),
        ],
        partial=period.has_today,
        words=_("%(n)s in all") % {"n": f"{people.members:,}"},
        empty=_("Nobody signed up in these days."),
    )


def credits(period: Period) -> Chart:
    """Incoming credits by kind; credits spent as a line."""
    movements = totals.credits_of(period)
    days = list(movements.days.items())
    shown, axis = number_format.credits, number_format.credits_round
    incoming = [
        Series(
            str(income.name), [max(0, of_day[kind]) for _day_, of_day in days], income.colour,
            format=shown, axis=axis,
        )
        for kind, income in INCOME
    ]  # fmt: skip
    spent = Series(
        _("spent"), [of_day["spent"] for _day_, of_day in days], SPENT_COLOUR, "dashed", shown, axis
    )
    return Chart(
        key="credits",
        title=_("Credits in circulation"),
        slots=[_day(day) for day, _of_day in days],
        marks=_day_marks(period),
        series=[*incoming, spent],
        partial=period.has_today,
        words=_("%(balance)s with members, %(held)s on hold")
        % {
            "balance": number_format.credits(movements.balance),
            "held": number_format.credits(movements.held),
        },
        empty=_("No credits came or went in these days."),
    )


def models(period: Period) -> list[Bar]:
    """Cost and margin of each model."""
    margins = [margin for margin in _margins(period) if margin.charged or margin.spent]
    longest = max([max(margin.charged, margin.spent) for margin in margins], default=1) or 1
    bars = []
    for margin in margins:
        parts = row_parts([(5, margin.spent), (1, max(0, margin.left))], longest, _MIN_VISIBLE)
        share = "–" if margin.percent is None else number_format.signed(margin.percent, "%").lstrip("+")
        charged = number_format.credits(margin.charged)
        label = _("%(model)s: charged %(charged)s, paid upstream %(spent)s, margin %(margin)s") % {
            "model": margin.model, "charged": charged, "spent": number_format.credits(margin.spent), "margin": share,
        }  # fmt: skip
        bars.append(Bar(margin.model.partition("/")[2], parts, [charged, share], label))
    return bars


def failures(period: Period) -> list[Bar]:
    """Failure reasons, most frequent first; internal errors last and in another colour."""
    total = totals.failures(period).total
    longest = max(total.values(), default=0) or 1
    titles = reasons()
    ordered = sorted(total.items(), key=lambda item: (item[0] == FailureDay.Reason.OURS, -item[1]))
    return [
        Bar(
            titles.get(reason, reason),
            row_parts([(9 if reason == FailureDay.Reason.OURS else 5, count)], longest),
            [f"{count:,}"],
            f"{titles.get(reason, reason)}: {count:,}",
        )
        for reason, count in ordered
    ]


def reasons() -> dict[str, str]:
    """Titles of the failure reasons."""
    return {
        FailureDay.Reason.UPSTREAM: _("Upstream stopped"),
        FailureDay.Reason.TOO_LONG: _("Took too long"),
        FailureDay.Reason.SENSITIVE: _("Sensitive result"),
        FailureDay.Reason.INPUT: _("Input refused"),
        FailureDay.Reason.OURS: _("Our own fault"),
    }


def _margins(period: Period) -> Sequence[time_series.Margin]:
    return [
        time_series.Margin(name, usage.succeeded, usage.failed, usage.outputs, usage.charged, usage.spent)
        for name, usage in totals.summary(period).usage.models.items()
    ]


def _day(day: date) -> str:
    return date_format(day, pgettext("format of a day of a chart", "D, j F"))


def _moment(at: datetime) -> str:
    return date_format(_in_billing_zone(at), pgettext("format of a moment of a chart", "D H:i"))


def _in_billing_zone(at: datetime) -> datetime:
    """In the billing zone, whose days the periods consist of."""
    return at.astimezone(site_rules.billing_zone())


def _time_marks(start: datetime, end: datetime) -> list[tuple[float, str]]:
    """Five marks of an axis: hours of a day, days of a longer period."""
    hours = (end - start) <= timedelta(hours=30)
    marks = []
    for part in range(5):
        at = _in_billing_zone(start + (end - start) * part / 4)
        marks.append((25.0 * part, f"{at:%H:%M}" if hours else date_format(at, pgettext("short day", "j M"))))
    return marks


def _day_marks(period: Period) -> list[tuple[float, str]]:
    """Marks of an axis: up to six days, below their slots."""
    days = period.days
    step = max(1, -(-len(days) // _MAX_MARKS))
    return [
        (middle(at, len(days)), date_format(days[at], pgettext("short day", "j M")))
        for at in range((len(days) - 1) % step, len(days), step)
    ]
