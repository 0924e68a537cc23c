"""Collections in lists: each with its cover, two more pictures and a count, in a constant number of queries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import IntegerField, OuterRef, QuerySet, Subquery

from gallery import access
from gallery.collections.frames import Frame, Look
from gallery.models import Collection, CollectionItem, Item

MOST_COUNTED = 1000
"""A larger collection is said to have more than that: no list counts a million entries."""
_PICTURES = 3
Seen = Callable[[QuerySet[CollectionItem]], QuerySet[CollectionItem]]


class _Count(Subquery):
    """How many rows a query has, with its limit."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()


@dataclass(frozen=True)
class Card:
    """A collection in a list."""

    collection: Collection
    href: str
    count: int
    frames: list[Frame] = field(default_factory=list)

    @property
    def many(self) -> bool:
        """Whether there are more than were counted."""
        return self.count > MOST_COUNTED


def with_facts(collections: QuerySet[Collection], seen: Seen) -> QuerySet[Collection]:
    """Collections with the ids of their first pictures and their count, among the entries that are `seen`."""
    entries = seen(CollectionItem.objects.filter(collection=OuterRef("pk")))
    ordered = entries.order_by("place", "id").values("item_id")
    facts: dict[str, Any] = {
        f"picture_{number}": Subquery(ordered[number : number + 1]) for number in range(_PICTURES)
    }
    cover = Subquery(entries.filter(item=OuterRef("cover")).values("item_id")[:1])
    count = _Count(entries.order_by().values("pk")[: MOST_COUNTED + 1])
    return collections.select_related("user").annotate(**facts, shown_cover=cover, seen_count=count)


def cards(
    collections: Sequence[Collection],
    href: Callable[[Collection], str],
    look: Callable[[Collection], Look],
) -> list[Card]:
    """Cards of collections that come from `with_facts`; one query for all their pictures."""
    wanted = {pk for one in collections for pk in _pictures(one)}
    items = access.with_files(Item.objects.all()).in_bulk(wanted)
    return [
        Card(
            one,
            href(one),
            getattr(one, "seen_count", 0),
            [Frame(items[pk], look(one)) for pk in _pictures(one) if pk in items],
        )
        for one in collections
    ]


def _pictures(collection: Collection) -> list[int]:
    """The cover, then the first of the others."""
    found = [getattr(collection, "shown_cover", None)]
    found += [getattr(collection, f"picture_{number}", None) for number in range(_PICTURES)]
    return list(dict.fromkeys(pk for pk in found if pk is not None))[:_PICTURES]
