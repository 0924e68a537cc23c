"""The selection of a bulk action: items by their ids, or all that match a filter.

Forged ids, those of others' items and those in the trash are silently left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.http import QueryDict

from accounts.models import User
from gallery.library import item_filters, item_queries
from gallery.models import Item

MAX_ITEMS = item_queries.MAX_SELECTED
_ID = re.compile(r"[A-Za-z0-9_-]{22,32}")
_AT = re.compile(r"[0-9]{15,17}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STEP = 500


class TooMany(ValueError):
    """More ids than one action takes."""


@dataclass(frozen=True)
class Selection:
    """Primary keys of the selected own items, newest first."""

    pks: list[int]

    def __len__(self) -> int:
        return len(self.pks)

    def batches(self, size: int = _STEP) -> Iterator[list[int]]:
        """The keys in batches."""
        for start in range(0, len(self.pks), size):
            yield self.pks[start : start + size]


def from_form(user: User, form: QueryDict) -> Selection:
    """The selection in a form: `id` (repeated), `ids` (separated by spaces), or `all` with `filter` and `asof`.

    Raises TooMany.
    """
    if form.get("all") == "1":
        filter_ = item_filters.from_params(QueryDict(form.get("filter", "")[:2000]).dict())
        return Selection(item_queries.ids(user, replace(filter_, asof=from_param(form.get("asof", "")))))
    return Selection(_own(user, public_ids(form)))


def public_ids(form: QueryDict) -> list[str]:
    """The well-formed ids in a form, each once. Raises TooMany."""
    text = form.get("ids", "")
    if len(text) > MAX_ITEMS * 33:
        raise TooMany
    found = dict.fromkeys(
        text_id for text_id in [*form.getlist("id"), *text.split()] if _ID.fullmatch(text_id)
    )
    if len(found) > MAX_ITEMS:
        raise TooMany
    return list(found)


def _own(user: User, ids: list[str]) -> list[int]:
    assert user.account is not None
    rows: list[tuple[Any, int]] = []
    for start in range(0, len(ids), _STEP):
        own = Item.objects.owned_by(user.account).filter(public_id__in=ids[start : start + _STEP])
        rows += own.order_by().values_list("created_at", "pk")
    return [pk for _at, pk in sorted(rows, reverse=True)]


def from_param(text: str) -> datetime | None:
    """The moment in a page's parameter (microseconds since 1970); None where it is invalid."""
    return _EPOCH + timedelta(microseconds=int(text)) if _AT.fullmatch(text) else None


def to_param(at: datetime) -> str:
    """A moment as the parameter that `from_param` reads."""
    return str((at - _EPOCH) // timedelta(microseconds=1))
