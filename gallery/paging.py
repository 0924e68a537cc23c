"""Pages of long lists by keyset: a cursor names the last row seen, so page 1,000 costs what page 1 costs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from django.db.models import Model, Q, QuerySet

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_Row = TypeVar("_Row", bound=Model)


@dataclass(frozen=True)
class Cursor:
    """The place after one row: its time and its id."""

    at: datetime
    id: int

    @classmethod
    def parse(cls, text: str) -> Cursor | None:
        """The cursor of that text, or None where it is no cursor (then the list starts at its beginning)."""
        time, dot, number = text.partition(".")
        if not (dot and len(text) <= 40 and _digits(time) and _digits(number)):
            return None
        try:
            return cls(_EPOCH + timedelta(microseconds=int(time)), min(int(number), 2**63 - 1))
        except OverflowError:
            return None

    def __str__(self) -> str:
        return f"{(self.at - _EPOCH) // timedelta(microseconds=1)}.{self.id}"


@dataclass(frozen=True)
class Page(Generic[_Row]):
    """Some rows of a list, newest first, and the cursor of what is older (empty at the end)."""

    rows: list[_Row]
    older: str = ""


def older_than(field: str, cursor: Cursor) -> Q:
    """Rows after the cursor in the order `-field, -id`; written so that an index on both is used as a range."""
    return Q(**{f"{field}__lte": cursor.at}) & (Q(**{f"{field}__lt": cursor.at}) | Q(id__lt=cursor.id))


def newer_than(field: str, cursor: Cursor) -> Q:
    """Rows before the cursor in the order `-field, -id`."""
    return Q(**{f"{field}__gte": cursor.at}) & (Q(**{f"{field}__gt": cursor.at}) | Q(id__gt=cursor.id))


def page(rows: QuerySet[_Row], field: str, size: int, after: str = "") -> Page[_Row]:
    """The `size` rows after a cursor, in the order `-field, -id`; one query, and no count of everything."""
    cursor = Cursor.parse(after)
    if cursor is not None:
        rows = rows.filter(older_than(field, cursor))
    found = list(rows.order_by(f"-{field}", "-id")[: size + 1])
    if len(found) <= size:
        return Page(found)
    last = found[size - 1]
    return Page(found[:size], str(Cursor(getattr(last, field), last.pk)))


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit()
