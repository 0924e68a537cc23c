"""Queries of the library: a page under a filter, counts, and the rows that "select all" means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Sum
from django.db.models.functions import Coalesce

from accounts.models import User
from core import pagination
from gallery.items import access
from gallery.library import item_filters
from gallery.library.item_filters import Filter
from gallery.models import Item, ItemQuerySet
from gallery.search import results
from predictions.models import HostedModel

MAX_COUNTED = 1000
"""Counts stop here: nobody waits for a million rows to be counted."""
MAX_SELECTED = 10_000
"""Items that one bulk action covers at most."""
_STEP = 500


def page(user: User, filter_: Filter, size: int, after: str = "") -> pagination.Page[Item]:
    """The `size` items after a cursor with what a page of pictures needs, newest first."""
    items = access.for_tiles(item_filters.matching(user, filter_))
    if filter_.text:
        assert user.account is not None
        return results.own_page(user.account, filter_.text, size, after, within=items)
    return pagination.page_or_newest(items, "created_at", size, after)


def ids(user: User, filter_: Filter, most: int = MAX_SELECTED) -> list[int]:
    """Primary keys of the items that match, newest first, at most `most`."""
    items = item_filters.matching(user, filter_)
    if not filter_.text:
        newest = items.order_by("-created_at", "-id")
        return list(newest.values_list("pk", flat=True)[:most])
    found: list[int] = []
    after = ""
    assert user.account is not None
    while len(found) < most:
        page = results.own_page(user.account, filter_.text, _STEP, after, within=items)
        found += [item.pk for item in page.rows]
        after = page.next
        if not after:
            break
    return found[:most]


@dataclass(frozen=True)
class Measure:
    """How many match, at most `MAX_SELECTED`; whether there are more; and the bytes of their originals."""

    count: int
    more: bool
    bytes: int


def measure(user: User, filter_: Filter) -> Measure:
    """What a bulk action on all that matches would cover; bounded."""
    if filter_.text:
        rows = ids(user, filter_, MAX_SELECTED + 1)
        parts = [rows[start : start + _STEP] for start in range(0, min(len(rows), MAX_SELECTED), _STEP)]
        size = sum(_bytes(Item.objects.filter(pk__in=part)) for part in parts)
        return Measure(min(len(rows), MAX_SELECTED), len(rows) > MAX_SELECTED, size)
    items = item_filters.matching(user, filter_).order_by("-created_at", "-id")
    count = items[: MAX_SELECTED + 1].count()
    return Measure(min(count, MAX_SELECTED), count > MAX_SELECTED, _bytes(items[:MAX_SELECTED]))


def _bytes(items: ItemQuerySet) -> int:
    found: dict[str, Any] = items.aggregate(size=Coalesce(Sum("output__file__size"), 0))
    return int(found["size"])


def counts(user: User) -> dict[str, str]:
    """The counts beside the library's sections, none higher than `1,000+`."""
    assert user.account is not None
    own = Item.objects.owned_by(user.account)
    films = list(HostedModel.objects.filter(kind=HostedModel.Kind.VIDEO).values_list("pk", flat=True))
    found = {
        "everything": own,
        "liked": own.filter(liked__user=user),
        "published": own.filter(visibility=Item.Visibility.PUBLIC),
        "shared": item_filters.matching(user, Filter(shared=True)),
        "films": own.filter(model_id__in=films),
    }
    return {name: capped_count(items) for name, items in found.items()}


def capped_count(rows: Any) -> str:
    """The number of rows as text, at most `1,000+`."""
    count = rows.order_by()[: MAX_COUNTED + 1].count()
    return f"{MAX_COUNTED:,}+" if count > MAX_COUNTED else f"{count:,}"
