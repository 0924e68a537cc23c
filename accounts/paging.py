"""Keyset pages over rows that are listed newest first by id: as cheap on page one thousand as on page one."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Model, QuerySet

Row = TypeVar("Row", bound=Model)


class BadCursor(ValueError):
    """The text is no cursor that we gave out."""


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Some rows, and the cursor of the older ones; empty where there are none."""

    rows: list[Row]
    next: str


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
    """The cursor that stands behind the row of that id."""
    return base64.urlsafe_b64encode(f"id:{row_id}".encode()).decode().rstrip("=")


def decode(cursor: str) -> int:
    """The id in a cursor; BadCursor where it is none."""
    try:
        text = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)).decode()
    except (UnicodeError, binascii.Error, ValueError):
        raise BadCursor(cursor) from None
    prefix, _, number = text.partition(":")
    if prefix != "id" or not (number.isascii() and number.isdigit()) or len(number) > 18:
        raise BadCursor(cursor)
    return int(number)
