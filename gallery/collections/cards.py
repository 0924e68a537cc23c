"""Cards of collections in lists: cover, two more pictures and a count, in a constant number of queries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import IntegerField, OuterRef, QuerySet, Subquery

from gallery.collections.picture_rows import Frame, Presentation
from gallery.items import access
from gallery.models import Collection, CollectionItem, Item

MAX_COUNTED = 1000
"""Counting stops here, and a larger collection is shown as "more than": no list counts a million entries."""
_PICTURES = 3
EntryFilter = Callable[[QuerySet[CollectionItem]], QuerySet[CollectionItem]]


class _Count(Subquery):
    """The number of rows of a query, honouring its limit."""

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
        """Whether there are more items than were counted."""
        return self.count > MAX_COUNTED


def cards(
    collections: Sequence[Collection],
    visible: EntryFilter,
    href: Callable[[Collection], str],
    presentation_for: Callable[[Collection], Presentation],
) -> list[Card]:
    """Cards of these collections, with the entries that `seen` lets through; two queries.

    Separate from the query that finds the collections: joined to it, the counts and pictures would be computed
    for every row that it sorts.
    """
    rows = {row.pk: row for row in _annotated([row.pk for row in collections], visible)}
    pictures = {pk: _pictures(row) for pk, row in rows.items()}
    items = access.with_files(Item.objects.all()).in_bulk({pk for pks in pictures.values() for pk in pks})
    return [
        Card(
            row,
            href(row),
            getattr(rows.get(row.pk), "seen_count", 0),
            [Frame(items[pk], presentation_for(row)) for pk in pictures.get(row.pk, ()) if pk in items],
        )
        for row in collections
    ]


def _annotated(ids: Sequence[int], visible: EntryFilter) -> QuerySet[Collection]:
    """These collections, annotated with the ids of their first pictures and their number of entries."""
    entries = visible(CollectionItem.objects.filter(collection=OuterRef("pk")))
    ordered = entries.order_by("place", "id").values("item_id")
    facts: dict[str, Any] = {
        f"picture_{number}": Subquery(ordered[number : number + 1]) for number in range(_PICTURES)
    }
    cover = Subquery(entries.filter(item=OuterRef("cover")).values("item_id")[:1])
    count = _Count(entries.order_by().values("pk")[: MAX_COUNTED + 1])
    return Collection.objects.filter(pk__in=ids).annotate(**facts, shown_cover=cover, seen_count=count)


def _pictures(collection: Collection) -> list[int]:
    """Ids of the cover and then of the first other pictures, at most `_PICTURES`."""
    ids = [getattr(collection, "shown_cover", None)]
    ids += [getattr(collection, f"picture_{number}", None) for number in range(_PICTURES)]
    return list(dict.fromkeys(pk for pk in ids if pk is not None))[:_PICTURES]
