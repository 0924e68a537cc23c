"""Usage time series for charts, of any period of days with empty days filled in, from the daily aggregates."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import QuerySet, Sum

from accounts.models import Account
from predictions.models import FailureDay, FigureDay, HostedModel, QueueLook, UsageDay
from predictions.usage import billing_days
from predictions.usage.queue_samples import QueueSample, current_sample

LONGEST_DAYS = 3700
"""A longer period is cut at its beginning: nobody draws ten years of days."""


@dataclass
class Amount:
    """Totals of a day or a model."""

    succeeded: int = 0
    failed: int = 0
    canceled: int = 0
    outputs: int = 0
    filtered: int = 0
    charged: int = 0
    spent: int = 0

    @property
    def ended(self) -> int:
        """How many predictions ended, with whatever status."""
        return self.succeeded + self.failed + self.canceled

    @property
    def margin(self) -> int:
        """Charges less upstream costs."""
        return self.charged - self.spent

    def add(self, other: Amount) -> None:
        """Add another one."""
        for column in fields(self):
            setattr(self, column.name, getattr(self, column.name) + getattr(other, column.name))


@dataclass
class Usage:
    """Usage of a period: in total, by day (every day, in order), by model (`owner/name`, the highest charges first)."""

    total: Amount = field(default_factory=Amount)
    days: dict[date, Amount] = field(default_factory=dict)
    models: dict[str, Amount] = field(default_factory=dict)


@dataclass
class Failures:
    """Failures by class (`FailureDay.Reason`): in total, by day, by model."""

    total: dict[str, int] = field(default_factory=dict)
    days: dict[date, dict[str, int]] = field(default_factory=dict)
    models: dict[str, dict[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Margin:
    """What one model earned: charged to members, paid upstream, and the outputs of that."""

    model: str
    succeeded: int
    failed: int
    outputs: int
    charged: int
    spent: int

    @property
    def left(self) -> int:
        """Micro-credits left; negative where it costs more than it earns."""
        return self.charged - self.spent

    @property
    def percent(self) -> int | None:
        """What is left in percent of the charges; None where nothing was charged."""
        return round(self.left * 100 / self.charged) if self.charged else None


_SUMS: dict[str, Any] = {one.name: Sum(one.name) for one in fields(Amount)}


def usage(
    account: Account | None, first: date, last: date, *, model: HostedModel | int | None = None
) -> Usage:
    """Usage of one account, or of all, in a period.

    Two queries over daily rows, however many predictions there were.
    """
    rows = _between(UsageDay.objects.all(), first, last)
    if account is not None:
        rows = rows.filter(account=account)
    if model is not None:
        rows = rows.filter(model=model)
    result = Usage(days={day: Amount() for day in _days(first, last)})
    for row in rows.values("day").annotate(**_sums()):
        result.days.setdefault(row["day"], Amount()).add(_amount(row))
    by_model = rows.values("model__owner", "model__name").annotate(**_sums())
    models = {f"{row['model__owner']}/{row['model__name']}": _amount(row) for row in by_model}
    result.models = dict(sorted(models.items(), key=lambda one: (-one[1].charged, -one[1].ended, one[0])))
    for amount in result.days.values():
        result.total.add(amount)
    return result


def failures(first: date, last: date) -> Failures:
    """Failures by class in a period. One query."""
    result = Failures(
        total=dict.fromkeys(FailureDay.Reason.values, 0),
        days={day: dict.fromkeys(FailureDay.Reason.values, 0) for day in _days(first, last)},
    )
    rows = _between(FailureDay.objects.all(), first, last).values_list(
        "day", "model__owner", "model__name", "reason", "count"
    )
    for day, owner, name, reason, count in rows:
        of_model = result.models.setdefault(f"{owner}/{name}", dict.fromkeys(FailureDay.Reason.values, 0))
        for kept in (result.total, result.days[day], of_model):
            kept[reason] = kept.get(reason, 0) + count
    result.models = dict(sorted(result.models.items(), key=lambda one: (-sum(one[1].values()), one[0])))
    return result


def margins(first: date, last: date) -> list[Margin]:
    """What each model earned and cost in a period, the highest charges first."""
    return [
        Margin(name, one.succeeded, one.failed, one.outputs, one.charged, one.spent)
        for name, one in usage(None, first, last).models.items()
    ]


def queue(start: datetime, end: datetime, *, points: int = 240) -> list[QueueSample]:
    """The queue's state over time: at most `points` samples in order, each with the worst figures of its interval."""
    rows = QueueLook.objects.filter(at__gte=start, at__lt=end).order_by("at")
    interval_s = max((end - start).total_seconds() / max(1, points), 1e-6)
    samples: list[QueueSample] = []
    last_interval = -1
    for at, waiting, running, oldest, p95 in rows.values_list(
        "at", "waiting", "running", "oldest_s", "start_p95_ms"
    ).iterator(chunk_size=2000):
        interval = int((at - start).total_seconds() / interval_s)
        sample = QueueSample(at, waiting, running, oldest, p95)
        if interval == last_interval:
            samples[-1] = _worse(samples[-1], sample)
        else:
            samples.append(sample)
        last_interval = interval
    return samples


def _worse(one: QueueSample, other: QueueSample) -> QueueSample:
    slow = [ms for ms in (one.start_p95_ms, other.start_p95_ms) if ms is not None]
    return QueueSample(
        one.at,
        max(one.waiting, other.waiting),
        max(one.running, other.running),
        max(one.oldest_s, other.oldest_s),
        max(slow) if slow else None,
    )


def aggregated_at() -> datetime | None:
    """When the present day was summed up last; None before it ever was."""
    return FigureDay.objects.filter(day=billing_days.today()).values_list("made_at", flat=True).first()


def _sums() -> dict[str, Any]:
    return {f"sum_{name}": one for name, one in _SUMS.items()}


def _amount(row: dict[str, Any]) -> Amount:
    return Amount(**{name: int(row[f"sum_{name}"] or 0) for name in _SUMS})


def _between(rows: QuerySet[Any], first: date, last: date) -> QuerySet[Any]:
    return rows.filter(day__gte=_cut(first, last), day__lte=last).order_by()


def _cut(first: date, last: date) -> date:
    return max(first, last - timedelta(days=LONGEST_DAYS))


def _days(first: date, last: date) -> list[date]:
    begin = _cut(first, last)
    return [begin + timedelta(days=number) for number in range((last - begin).days + 1)]


__all__ = [
    "Amount",
    "Failures",
    "Margin",
    "QueueSample",
    "Usage",
    "aggregated_at",
    "current_sample",
    "failures",
    "margins",
    "queue",
    "usage",
]
