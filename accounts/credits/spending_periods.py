"""Periods of spending limits (UTC day, month or total), and what was spent in one according to the ledger.

A period is a text: a day (`2026-11-20`), a month (`2026-11`) or `total`, always in UTC. A hold counts in the periods
in which it was written; what its settlement releases is subtracted from those same periods, however late.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import CharField, F, Func, OuterRef, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from accounts.models import LedgerEntry

LIMITS = ("day", "month", "total")
"""The limits of a token, by the names of their fields without `_limit`; the narrowest first."""
TOTAL = "total"


class UtcDay(Func):
    """SQL expression: the UTC day of a time as text, `2026-11-20`."""

    output_field = CharField()

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(
            compiler, connection, template="TO_CHAR(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD')"
        )

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="SUBSTR(%(expressions)s, 1, 10)")


def period(limit: str, at: datetime) -> str:
    """The period of a limit (`day`, `month` or `total`) that contains a time."""
    if limit == TOTAL:
        return TOTAL
    return f"{at.astimezone(UTC):%Y-%m-%d}" if limit == "day" else f"{at.astimezone(UTC):%Y-%m}"


def periods(at: datetime) -> list[str]:
    """The periods of all limits that contain a time."""
    return [period(limit, at) for limit in LIMITS]


def ends_at(limit: str, at: datetime) -> datetime | None:
    """When the period of a limit that contains a time ends; None for `total`."""
    midnight = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if limit == "day":
        return midnight + timedelta(days=1)
    return (midnight.replace(day=1) + timedelta(days=32)).replace(day=1) if limit == "month" else None


def net_holds() -> QuerySet[LedgerEntry]:
    """Every hold with `net`: what it set aside less what its settlement released, in micro-credits."""
    settled = LedgerEntry.objects.filter(kind=LedgerEntry.Kind.SETTLE, reference=OuterRef("reference"))
    released = Coalesce(Subquery(settled.values("released")[:1]), Value(0))
    holds = LedgerEntry.objects.filter(kind=LedgerEntry.Kind.HOLD).order_by()
    return holds.annotate(net=F("held_delta") - released)


def counted(token_id: int, name: str) -> int:
    """A token's spending in a period, holds included, in micro-credits, summed from the ledger."""
    holds: QuerySet[Any] = net_holds().filter(token_id=token_id)
    if name != TOTAL:
        limit = "day" if len(name) > len("2026-11") else "month"
        start = datetime.fromisoformat(name if limit == "day" else f"{name}-01").replace(tzinfo=UTC)
        first = first_since(LedgerEntry.objects.filter(token=token_id), start - timedelta(days=1))
        if first is None:
            return 0
        holds = holds.filter(id__gte=first, created_at__gte=start, created_at__lt=ends_at(limit, start))
    return int(holds.aggregate(spent=Coalesce(Sum("net"), Value(0)))["spent"])


def counted_of_account(account_id: int, member_id: int | None, name: str) -> int:
    """The same for an account, or one member of it."""
    limit = "day" if len(name) > len("2026-11") else "month"
    start = datetime.fromisoformat(name if limit == "day" else f"{name}-01").replace(tzinfo=UTC)
    first = first_since(LedgerEntry.objects.filter(account=account_id), start - timedelta(days=1))
    if first is None:
        return 0
    holds: QuerySet[Any] = net_holds().filter(
        account=account_id, id__gte=first, created_at__gte=start, created_at__lt=ends_at(limit, start)
    )
    if member_id is not None:
        holds = holds.filter(member=member_id)
    return int(holds.aggregate(spent=Coalesce(Sum("net"), Value(0)))["spent"])


def first_since(rows: QuerySet[LedgerEntry], at: datetime) -> int | None:
    """The id of an account's or token's first row written at that time or later; None where there is none.

    Binary search: ids follow the order of writing, so a million rows need twenty short queries and no index on times.
    If the clock was set back the result is inexact by as much.
    """
    newest = rows.order_by("-id").values_list("id", "created_at").first()
    if newest is None or newest[1] < at:
        return None
    low, high = 0, newest[0]
    while low < high:
        middle = (low + high) // 2
        found = rows.filter(id__gt=middle).order_by("id").values_list("id", "created_at").first()
        if found is None or found[1] >= at:
            high = middle
            continue
        low = found[0]
    first = rows.filter(id__gt=low).order_by("id").values_list("id", flat=True).first()
    return int(first) if first is not None else None


def this_month() -> str:
    """The current month's period."""
    return period("month", datetime.now(UTC))
