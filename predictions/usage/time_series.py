"""Figures as charts want them: of any period of days, with the empty days filled in. Sums by the database, of days."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import QuerySet, Sum

from accounts.models import Account
from predictions.models import FailureDay, FigureDay, HostedModel, QueueLook, UsageDay
from predictions.usage import daily as summing
from predictions.usage.daily import today
from predictions.usage.queue_samples import Look, now

LONGEST_DAYS = 3700
"""A longer period is cut at its beginning: ten years of days are drawn by nobody."""


@dataclass
class Amount:
    """What a day, or a model, came to."""

    succeeded: int = 0
    failed: int = 0
    canceled: int = 0
    outputs: int = 0
    filtered: int = 0
    charged: int = 0
    spent: int = 0

    @property
    def ended(self) -> int:
        """How many predictions ended, however."""
        return self.succeeded + self.failed + self.canceled

    @property
    def margin(self) -> int:
        """What is left of the charges after what upstreams cost."""
        return self.charged - self.spent

    def add(self, other: Amount) -> None:
        """Take in another one."""
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))


@dataclass
class Usage:
    """A period: all of it, by day (every day, in order), by model (`owner/name`, the dearest first)."""

    total: Amount = field(default_factory=Amount)
    days: dict[date, Amount] = field(default_factory=dict)
    models: dict[str, Amount] = field(default_factory=dict)


@dataclass
class Failures:
    """How many failed and for what sort of reason (`FailureDay.Reason`): in all, by day, by model."""

    total: dict[str, int] = field(default_factory=dict)
    days: dict[date, dict[str, int]] = field(default_factory=dict)
    models: dict[str, dict[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Margin:
    """What one model earned: charged to members, paid upstream. `percent` of what was charged is left, or None."""

    model: str
    succeeded: int
    failed: int
    outputs: int
    charged: int
    spent: int

    @property
    def left(self) -> int:
        """Micro-credits that are left; less than nothing where it costs more than it brings."""
        return self.charged - self.spent

    @property
    def percent(self) -> int | None:
        """The part of the charges that is left, in hundredths; None where nothing was charged."""
        return round(self.left * 100 / self.charged) if self.charged else None


_SUMS: dict[str, Any] = {one.name: Sum(one.name) for one in fields(Amount)}


def usage(
    account: Account | None, first: date, last: date, *, model: HostedModel | int | None = None
) -> Usage:
    """What one account, or everybody, made in a period. Two queries over days, however many predictions there were."""
    rows = _between(UsageDay.objects.all(), first, last)
    if account is not None:
        rows = rows.filter(account=account)
    if model is not None:
        rows = rows.filter(model=model)
    found = Usage(days={day: Amount() for day in _days(first, last)})
    for row in rows.values("day").annotate(**_sums()):
        found.days.setdefault(row["day"], Amount()).add(_amount(row))
    by_model = rows.values("model__owner", "model__name").annotate(**_sums())
    models = {f"{row['model__owner']}/{row['model__name']}": _amount(row) for row in by_model}
    found.models = dict(sorted(models.items(), key=lambda one: (-one[1].charged, -one[1].ended, one[0])))
    for amount in found.days.values():
        found.total.add(amount)
    return found


def failures(first: date, last: date) -> Failures:
    """Why predictions failed in a period. One query."""
    found = Failures(
        total=dict.fromkeys(FailureDay.Reason.values, 0),
        days={day: dict.fromkeys(FailureDay.Reason.values, 0) for day in _days(first, last)},
    )
    rows = _between(FailureDay.objects.all(), first, last).values_list(
        "day", "model__owner", "model__name", "reason", "count"
    )
    for day, owner, name, reason, count in rows:
        of_model = found.models.setdefault(f"{owner}/{name}", dict.fromkeys(FailureDay.Reason.values, 0))
        for kept in (found.total, found.days[day], of_model):
            kept[reason] = kept.get(reason, 0) + count
    found.models = dict(sorted(found.models.items(), key=lambda one: (-sum(one[1].values()), one[0])))
    return found


def margins(first: date, last: date) -> list[Margin]:
    """What each model earned and cost in a period, the one that earned most first."""
    return [
        Margin(name, one.succeeded, one.failed, one.outputs, one.charged, one.spent)
        for name, one in usage(None, first, last).models.items()
    ]


def queue(start: datetime, end: datetime, *, points: int = 240) -> list[Look]:
    """How the queue stood, at most so many looks in order: of each stretch the worst of every figure."""
    rows = QueueLook.objects.filter(at__gte=start, at__lt=end).order_by("at")
    stretch = max((end - start).total_seconds() / max(1, points), 1e-6)
    found: list[Look] = []
    place = -1
    for at, waiting, running, oldest, p95 in rows.values_list(
        "at", "waiting", "running", "oldest_s", "start_p95_ms"
    ).iterator(chunk_size=2000):
        here = int((at - start).total_seconds() / stretch)
        look = Look(at, waiting, running, oldest, p95)
        if here == place:
            found[-1] = _worse(found[-1], look)
        else:
            found.append(look)
        place = here
    return found


def _worse(one: Look, other: Look) -> Look:
    slow = [ms for ms in (one.start_p95_ms, other.start_p95_ms) if ms is not None]
    return Look(
        one.at,
        max(one.waiting, other.waiting),
        max(one.running, other.running),
        max(one.oldest_s, other.oldest_s),
        max(slow) if slow else None,
    )


def as_of() -> datetime | None:
    """When the present day was summed up last; None before it ever was."""
    return FigureDay.objects.filter(day=summing.today()).values_list("made_at", flat=True).first()


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
    "Look",
    "Margin",
    "Usage",
    "as_of",
    "failures",
    "margins",
    "now",
    "queue",
    "today",
    "usage",
]
