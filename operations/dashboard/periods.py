"""Periods of the dashboard and the periods they are compared with, in days of the billing zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from predictions.usage import billing_days

LENGTHS = {"day": 1, "week": 7, "month": 30}
LONGEST = 366


@dataclass(frozen=True)
class Period:
    """Days from the first to the last, both included."""

    name: str
    first: date
    last: date
    today: date

    @property
    def length(self) -> int:
        """Number of days."""
        return (self.last - self.first).days + 1

    @property
    def days(self) -> list[date]:
        """Every day, in order."""
        return [self.first + timedelta(days=number) for number in range(self.length)]

    @property
    def before(self) -> Period:
        """The period of the same length just before it."""
        shift = timedelta(days=self.length)
        return Period("dates", self.first - shift, self.last - shift, self.today)

    @property
    def title(self) -> str:
        """The page's heading."""
        return {"day": _("Today"), "week": _("This week"), "month": _("This month")}.get(
            self.name
        ) or self.range

    @property
    def range(self) -> str:
        """Its days as text: `14–20 November`."""
        return range_text(self.first, self.last, year=self.first.year != self.today.year)

    @property
    def query(self) -> str:
        """The query string of URLs for the same days."""
        if self.name in LENGTHS:
            return urlencode({"period": self.name})
        return urlencode({"from": self.first.isoformat(), "to": self.last.isoformat()})

    @property
    def has_today(self) -> bool:
        """Whether its last day is not over."""
        return self.last >= self.today


def for_query(query: QueryDict) -> Period:
    """The period named by the URL's query; the week up to today where there is no valid one."""
    today = billing_days.today()
    first, last = _day(query.get("from", "")), _day(query.get("to", ""))
    if first is not None and last is not None and first <= last <= today:
        return Period("dates", max(first, last - timedelta(days=LONGEST - 1)), last, today)
    name = query.get("period", "week")
    name = name if name in LENGTHS else "week"
    return Period(name, today - timedelta(days=LENGTHS[name] - 1), today, today)


def is_wrong(query: QueryDict) -> bool:
    """Whether the query has invalid dates: in the wrong order, in the future, or malformed."""
    return bool(query.get("from") or query.get("to")) and for_query(query).name != "dates"


def range_text(first: date, last: date, *, year: bool = False) -> str:
    """`14–20 November`, `28 October – 3 November`, `20 November`."""
    day_only, whole = (
        pgettext("format of a day of a range", "j"),
        pgettext("format of a day and its month", "j F"),
    )
    ends = date_format(last, pgettext("format of a day", "j F Y") if year else whole)
    if first == last:
        return ends
    if (first.year, first.month) == (last.year, last.month) and not year:
        if pgettext("which of a range names the month", "last") == "last":
            return f"{date_format(first, day_only)}–{ends}"
        return f"{date_format(first, whole)}–{date_format(last, day_only)}"
    return f"{date_format(first, whole)} – {ends}"


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None
    return day if day is not None and day.year >= 2000 else None
