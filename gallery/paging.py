"""Pages of long lists by keyset, as `accounts.paging` makes them; a cursor that is none starts the list anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet

from accounts import paging
from accounts.paging import Place as Cursor
from accounts.paging import newer_than, older_than

__all__ = ["Cursor", "Page", "newer_than", "older_than", "page"]
_Row = TypeVar("_Row", bound=Model)


@dataclass(frozen=True)
class Page(Generic[_Row]):
    """Some rows of a list, newest first, and the cursor of what is older (empty at the end)."""

    rows: list[_Row]
    older: str = ""


def page(rows: QuerySet[_Row], field: str, size: int, after: str = "") -> Page[_Row]:
    """The `size` rows after a cursor, in the order `-field, -id`; one query, and no count of everything."""
    try:
        found = paging.page_by_time(rows, field, after, size)
    except paging.BadCursor:
        found = paging.page_by_time(rows, field, "", size)
    return Page(found.rows, found.next)
