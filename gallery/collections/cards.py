"""Collections in lists: each with its cover, two more pictures and a count, in a constant number of queries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import IntegerField, OuterRef, QuerySet, Subquery

from gallery.collections.picture_rows import Frame, Look
from gallery.items import access
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


def cards(
    collections: Sequence[Collection],
    seen: Seen,
    href: Callable[[Collection], str],
    look: Callable[[Collection], Look],
) -> list[Card]:
    """Cards of some collections, with what of their entries is `seen`, in two queries.

    Apart from the query that finds them: there the facts would be looked up for all that it sorts.
    """
    known = {one.pk: one for one in _facts([one.pk for one in collections], seen)}
    pictures = {pk: _pictures(one) for pk, one in known.items()}
    items = access.with_files(Item.objects.all()).in_bulk({pk for some in pictures.values() for pk in some})
    return [
        Card(
            one,
            href(one),
            getattr(known.get(one.pk), "seen_count", 0),
            [Frame(items[pk], look(one)) for pk in pictures.get(one.pk, ()) if pk in items],
        )
        for one in collections
    ]


def _facts(ids: Sequence[int], seen: Seen) -> QuerySet[Collection]:
    """The ids of the first pictures of collections, and how many there are."""
    entries = seen(CollectionItem.objects.filter(collection=OuterRef("pk")))
    ordered = entries.order_by("place", "id").values("item_id")
    facts: dict[str, Any] = {
        f"picture_{number}": Subquery(ordered[number : number + 1]) for number in range(_PICTURES)
    }
    cover = Subquery(entries.filter(item=OuterRef("cover")).values("item_id")[:1])
    count = _Count(entries.order_by().values("pk")[: MOST_COUNTED + 1])
    return Collection.objects.filter(pk__in=ids).annotate(**facts, shown_cover=cover, seen_count=count)


def _pictures(collection: Collection) -> list[int]:
    """The cover, then the first of the others."""
    found = [getattr(collection, "shown_cover", None)]
    found += [getattr(collection, f"picture_{number}", None) for number in range(_PICTURES)]
    return list(dict.fromkeys(pk for pk in found if pk is not None))[:_PICTURES]
