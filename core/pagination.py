"""Keyset pages of lists, newest first, by id or by a time: page one thousand costs what page one costs."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from django.db.models import Model, Q, QuerySet

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LARGEST = 2**63 - 1
Row = TypeVar("Row", bound=Model)


class BadCursor(ValueError):
    """The text is no cursor that we issued."""


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Rows of a list, newest first, and the cursor of the older ones; empty where there are none."""

    rows: list[Row]
    next: str = ""


def page(queryset: QuerySet[Row], cursor: str, size: int) -> Page[Row]:
    """The `size` newest rows of the queryset that are older than the cursor, in one query.

    BadCursor for a forged one.
    """
    rows: QuerySet[Any] = queryset.order_by("-id")
    if cursor:
        rows = rows.filter(id__lt=decode(cursor))
    found = list(rows[: size + 1])
    more = len(found) > size
    found = found[:size]
    return Page(found, encode(found[-1].pk) if more else "")


def encode(row_id: int) -> str:
    """The cursor after the row of that id."""
    return pack(f"id:{row_id}")


def decode(cursor: str) -> int:
    """The id in a cursor; BadCursor where it is none."""
    text = unpack(cursor)
    prefix, _, number = text.partition(":")
    if prefix != "id" or not (number.isascii() and number.isdigit()) or len(number) > 18:
        raise BadCursor(cursor)
    return int(number)


def pack(text: str) -> str:
    """A text as an opaque cursor: URL-safe Base64 without padding."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def unpack(cursor: str) -> str:
    """The text in an opaque cursor; BadCursor where there is none."""
    try:
        return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except ValueError:
        raise BadCursor(cursor) from None


@dataclass(frozen=True)
class Place:
    """The place after one row of a list by time: its time and its id."""

    at: datetime
    id: int

    @classmethod
    def parse(cls, text: str) -> Place:
        """The place of that text; BadCursor where it is none."""
        time, number = two_numbers(text)
        try:
            return cls(_EPOCH + timedelta(microseconds=time), number)
        except OverflowError:
            raise BadCursor(text) from None

    def __str__(self) -> str:
        return f"{(self.at - _EPOCH) // timedelta(microseconds=1)}.{self.id}"


def older_than(field: str, place: Place) -> Q:
    """Rows after the place in the order `-field, -id`; written so that an index on both is used as a range."""
    return Q(**{f"{field}__lte": place.at}) & (Q(**{f"{field}__lt": place.at}) | Q(id__lt=place.id))


def newer_than(field: str, place: Place) -> Q:
    """Rows before the place in the order `-field, -id`."""
    return Q(**{f"{field}__gte": place.at}) & (Q(**{f"{field}__gt": place.at}) | Q(id__gt=place.id))


def page_by_time(queryset: QuerySet[Row], field: str, cursor: str, size: int) -> Page[Row]:
    """The `size` rows after the cursor in the order `-field, -id`, in one query. BadCursor for a forged one."""
    rows: QuerySet[Any] = queryset.order_by(f"-{field}", "-id")
    if cursor:
        rows = rows.filter(older_than(field, Place.parse(cursor)))
    found = list(rows[: size + 1])
    if len(found) <= size:
        return Page(found, "")
    last = found[size - 1]
    return Page(found[:size], str(Place(getattr(last, field), last.pk)))


def two_numbers(cursor: str) -> tuple[int, int]:
    """The numbers of a cursor `12.34`, none larger than a database holds; BadCursor where it is none."""
    first, dot, second = cursor.partition(".")
    if not (dot and len(cursor) <= 40 and _digits(first) and _digits(second)):
        raise BadCursor(cursor)
    return min(int(first), _LARGEST), min(int(second), _LARGEST)


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def page_or_newest(rows: QuerySet[Row], field: str, size: int, after: str = "") -> Page[Row]:
    """As `page_by_time`, for web pages: a forged cursor shows the newest."""
    try:
        return page_by_time(rows, field, after, size)
    except BadCursor:
        return page_by_time(rows, field, "", size)
