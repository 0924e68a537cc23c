"""What an account used, by day and model, drawn: the numbers of a chart and its table. Amounts are micro-credits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from django.db.models import Sum
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from accounts.credits.amounts import decimal_text
from accounts.models import MICRO, Account
from core import charts
from core.http.csv_rows import Cell, Number
from predictions.models import UsageDay
from predictions.usage import billing_days

SERIES = 4
"""Models with a colour of their own; the rest is one series."""
PERIODS = ("30", "month", "last")
COLUMNS = ["day", "model", "succeeded", "failed", "canceled", "outputs", "charged"]
_LEAST_TOP = MICRO // 25
"""The smallest value at the upper edge."""
_GAP = 0.8
"""Between the parts of a bar, in hundredths of the chart's height."""


@dataclass(frozen=True)
class Part:
    """A piece of a bar: which series, how much, and where it stands (from above, in hundredths)."""

    series: int
    name: str
    amount: int
    top: float
    height: float


@dataclass
class Day:
    """One day of the chart."""

    day: date
    amounts: dict[int, int] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    partial: bool = False
    label: bool = False
    """Whether its date stands below the chart."""
    cells: list[int] = field(default_factory=list)
    """What each series came to, for the table."""

    @property
    def total(self) -> int:
        return sum(self.amounts.values())


@dataclass
class Chart:
    """A period: its days in order, its series (the dearest first), and the lines across."""

    days: list[Day]
    series: list[str]
    lines: list[tuple[int, float]]
    """Amounts at which a line is drawn, and where: from above, in hundredths."""
    period: str
    this_month: int

    @property
    def total(self) -> int:
        return sum(day.total for day in self.days)

    @cached_property
    def by_series(self) -> list[tuple[str, int]]:
        """The series with what each came to."""
        sums = [0] * len(self.series)
        for day in self.days:
            for number, amount in day.amounts.items():
                sums[number] += amount
        return list(zip(self.series, sums, strict=True))


def chart(account: Account, period: str = "30") -> Chart:
    """The chart of a period of `PERIODS`. One query."""
    first, last = bounds(period)
    today = billing_days.today()
    rows = UsageDay.objects.filter(
        account=account, day__gte=min(first, today.replace(day=1)), day__lte=max(last, today)
    )
    found = list(
        rows.order_by().values_list("day", "model__owner", "model__name").annotate(charged=Sum("charged"))
    )
    this_month = sum(
        charged for day, _o, _n, charged in found if (day.year, day.month) == (today.year, today.month)
    )
    sums: dict[str, int] = {}
    within = [
        (day, f"{owner}/{name}", charged) for day, owner, name, charged in found if first <= day <= last
    ]
    for _day, model, charged in within:
        sums[model] = sums.get(model, 0) + charged
    ranked = sorted((model for model in sums if sums[model]), key=lambda model: (-sums[model], model))
    numbers = {model: min(number, SERIES) for number, model in enumerate(ranked)}
    if len(ranked) == SERIES + 1:
        # A fifth colour is there: no need to hide one model behind "others".
        names = [model.partition("/")[2] for model in ranked]
    else:
        names = [model.partition("/")[2] for model in ranked[:SERIES]]
        names += [_("others")] if len(ranked) > SERIES else []
    days = {
        first + timedelta(days=number): Day(first + timedelta(days=number))
        for number in range((last - first).days + 1)
    }
    for day, model, charged in within:
        if charged:
            amounts = days[day].amounts
            amounts[numbers[model]] = amounts.get(numbers[model], 0) + charged
    found_days = list(days.values())
    return Chart(found_days, names, _drawn(found_days, names, today), period, this_month)


def bounds(period: str) -> tuple[date, date]:
    """The first and last day of a period, in the billing zone."""
    today = billing_days.today()
    if period == "month":
        return today.replace(day=1), today
    if period == "last":
        last = today.replace(day=1) - timedelta(days=1)
        return last.replace(day=1), last
    return today - timedelta(days=29), today


def _drawn(days: list[Day], names: list[str], today: date) -> list[tuple[int, float]]:
    """Fill in where everything stands, and answer the lines across."""
    top = charts.round_top(max((day.total for day in days), default=0), minimum=_LEAST_TOP)
    for number, day in enumerate(days):
        day.partial = day.day == today
        day.label = number % 7 == 3
        day.cells = [day.amounts.get(series, 0) for series in range(len(names))]
        amounts = sorted(day.amounts.items())
        pieces = charts.stack([amount for _series, amount in amounts], top, _GAP)
        day.parts = [
            Part(series + 1, names[series], amount, round(piece.top, 2), round(piece.height, 2))
            for (series, amount), piece in zip(amounts, pieces, strict=True)
        ]
    return [(amount, 100 - height) for amount, height in charts.grid_lines(top)]


def table(account: Account, period: str) -> Iterator[list[Cell]]:
    """The rows of the CSV: every day and model on which something ended."""
    first, last = bounds(period)
    rows = UsageDay.objects.filter(account=account, day__gte=first, day__lte=last).order_by(
        "day", "model__owner", "model__name"
    )
    figures_of = ("succeeded", "failed", "canceled", "outputs")
    for row in rows.values("day", "model__owner", "model__name", *figures_of, "charged").iterator(
        chunk_size=1000
    ):
        model = f"{row['model__owner']}/{row['model__name']}"
        yield [
            row["day"].isoformat(),
            model,
            *(Number(row[name]) for name in figures_of),
            Number(decimal_text(row["charged"])),
        ]
