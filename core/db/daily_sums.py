"""Sums by day in a time zone, without asking SQLite for the zone of every row.

The database sums by hour of UTC, which is to cut a text there; the hours are put into days here. Asked for days in a
zone, SQLite would call Python for each row.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from django.db.models import Aggregate, CharField, Func, QuerySet

_HOUR, _MINUTE = len("2026-11-20 13"), len("2026-11-20 13:30")


class _Stretch(Func):
    """The hour or the minute of a time in UTC as text, `2026-11-20 13`, in SQL."""

    output_field = CharField()

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        form = "YYYY-MM-DD HH24" if self.extra["width"] == _HOUR else "YYYY-MM-DD HH24:MI"
        return self.as_sql(
            compiler, connection, template=f"TO_CHAR(%(expressions)s AT TIME ZONE 'UTC', '{form}')"
        )

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="SUBSTR(%(expressions)s, 1, %(width)s)")


def sum_by_day(
    rows: QuerySet[Any], column: str, zone: tzinfo, *groups: str, **sums: Aggregate
) -> dict[tuple[Any, ...], dict[str, int]]:
    """What `sums` come to, by a day of the zone and values of the columns `groups` in it; days without rows are not
    there. The sums must be such that may be added up: of numbers, or counts.
    """
    found = _by(rows, column, _HOUR, groups, sums)
    if any(_is_cut(at, zone) for at, *_rest in found):
        # A day begins between two hours of UTC there.
        found = _by(rows, column, _MINUTE, groups, sums)
    days: dict[tuple[Any, ...], dict[str, int]] = defaultdict(lambda: dict.fromkeys(sums, 0))
    for (at, *group), values in found.items():
        of_day = days[(at.astimezone(zone).date(), *group)]
        for name, value in values.items():
            of_day[name] += value
    return dict(days)


def _by(
    rows: QuerySet[Any], column: str, width: int, groups: tuple[str, ...], sums: dict[str, Aggregate]
) -> dict[tuple[Any, ...], dict[str, int]]:
    stretches = rows.order_by().annotate(stretch_of_day=_Stretch(column, width=width))
    summed = stretches.values("stretch_of_day", *groups).annotate(**sums)
    return {
        (_moment(row["stretch_of_day"]), *(row[name] for name in groups)): {
            name: row[name] or 0 for name in sums
        }
        for row in summed
    }


def _moment(stretch: str) -> datetime:
    whole = stretch if len(stretch) == _MINUTE else f"{stretch}:00"
    return datetime.strptime(whole, "%Y-%m-%d %H:%M").replace(tzinfo=UTC)


def _is_cut(at: datetime, zone: tzinfo) -> bool:
    offset = at.astimezone(zone).utcoffset() or timedelta()
    return bool(offset % timedelta(hours=1))
