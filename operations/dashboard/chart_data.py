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
from operations.dashboard import number_format
from operations.dashboard import totals as desk
from operations.dashboard.periods import Period
from predictions.models import FailureDay
from predictions.usage import time_series

_POINTS = 96
_MARKS = 6
SPENT_COLOUR = 5
"""In the chart of credits: kinds of income have the colours before it."""
_SEEN = 0.3
"""Per cent below which a part of a bar is not seen."""


def queue(period: Period) -> Chart:
    """How many waited, and how long it took to start: the last 24 hours, or all of a longer period."""
    now = timezone.now()
    if (period.has_today and period.length == 7) or period.name == "day":
        start, end, title = now - timedelta(hours=24), now, _("Queue, last 24 hours")
    else:
        start, end = desk.span(period)
        end, title = min(end, now), _("Queue")
    looks = time_series.queue(start, end, points=_POINTS)
    by_place: dict[int, Any] = {}
    step = (end - start) / _POINTS
    for look in looks:
        by_place[min(_POINTS - 1, int((look.at - start) / step))] = look
    places = [by_place.get(at) for at in range(_POINTS)]
    return Chart(
        key="queue",
        title=title,
        slots=[_moment(start + step * at) for at in range(_POINTS)],
        marks=_clock(start, end),
        series=[
            Series(_("waiting"), [one and one.waiting for one in places], 1, "area"),
            Series(
                _("seconds to start, 95th"),
                [
                    one.start_p95_ms / 1000 if one is not None and one.start_p95_ms is not None else None
                    for one in places
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
    people = desk.summary(period).people
    days = list(people.days.items())
    return Chart(
        key="members",
        title=_("Members"),
        slots=[_day(day) for day, _people in days],
        marks=_dates(period),
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
    found = desk.credits_of(period)
    days = list(found.days.items())
    shown, axis = number_format.credits, number_format.credits_round
    came = [
        Series(
            str(income.name), [max(0, of_day[kind]) for _day_, of_day in days], income.colour,
            shown=shown, axis=axis,
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
        marks=_dates(period),
        series=[*came, spent],
        partial=period.has_today,
        words=_("%(balance)s with members, %(held)s on hold")
        % {"balance": number_format.credits(found.balance), "held": number_format.credits(found.held)},
        empty=_("No credits came or went in these days."),
    )


def models(period: Period) -> list[Bar]:
    """Cost and margin of each model."""
    found = [one for one in _margins(period) if one.charged or one.spent]
    longest = max([max(one.charged, one.spent) for one in found], default=1) or 1
    bars = []
    for one in found:
        parts = row_parts([(5, one.spent), (1, max(0, one.left))], longest, _SEEN)
        share = "–" if one.percent is None else number_format.signed(one.percent, "%").lstrip("+")
        charged = number_format.credits(one.charged)
        label = _("%(model)s: charged %(charged)s, paid upstream %(spent)s, margin %(margin)s") % {
            "model": one.model, "charged": charged, "spent": number_format.credits(one.spent), "margin": share,
        }  # fmt: skip
        bars.append(Bar(one.model.partition("/")[2], parts, [charged, share], label))
    return bars


def failures(period: Period) -> list[Bar]:
    """Failure reasons, most frequent first; internal errors last and in another colour."""
    total = desk.failures(period).total
    longest = max(total.values(), default=0) or 1
    titles = reasons()
    ordered = sorted(total.items(), key=lambda one: (one[0] == FailureDay.Reason.OURS, -one[1]))
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
    """Sorts of reasons, as headings."""
    return {
        FailureDay.Reason.UPSTREAM: _("Upstream stopped"),
        FailureDay.Reason.TOO_LONG: _("Took too long"),
        FailureDay.Reason.SENSITIVE: _("Sensitive result"),
        FailureDay.Reason.INPUT: _("Input refused"),
        FailureDay.Reason.OURS: _("Our own fault"),
    }


def _margins(period: Period) -> Sequence[time_series.Margin]:
    return [
        time_series.Margin(name, one.succeeded, one.failed, one.outputs, one.charged, one.spent)
        for name, one in desk.summary(period).usage.models.items()
    ]


def _day(day: date) -> str:
    return date_format(day, pgettext("format of a day of a chart", "D, j F"))


def _moment(at: datetime) -> str:
    return date_format(_here(at), pgettext("format of a moment of a chart", "D H:i"))


def _here(at: datetime) -> datetime:
    """In the billing zone, whose days the periods are made of."""
    return at.astimezone(site_rules.billing_zone())


def _clock(start: datetime, end: datetime) -> list[tuple[float, str]]:
    """Five marks; hours of a day, days of a longer time."""
    hours = (end - start) <= timedelta(hours=30)
    found = []
    for part in range(5):
        at = _here(start + (end - start) * part / 4)
        found.append((25.0 * part, f"{at:%H:%M}" if hours else date_format(at, pgettext("short day", "j M"))))
    return found


def _dates(period: Period) -> list[tuple[float, str]]:
    """Up to six days under their slots."""
    days = period.days
    step = max(1, -(-len(days) // _MARKS))
    return [
        (middle(at, len(days)), date_format(days[at], pgettext("short day", "j M")))
        for at in range((len(days) - 1) % step, len(days), step)
    ]
