"""The order of a collection: integer places with gaps, so that moving an item updates its row alone.

Whoever writes places holds the collection's lock (`locked`), so that concurrent moves are serialised; no two
entries share a place.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from django.db import transaction
from django.db.models import F, Q, QuerySet

from core.clock import Now
from core.pagination import BadCursor
from gallery.models import Collection, CollectionItem

GAP = 2**20
"""Between neighbours: twenty items fit into one spot before those behind must be shifted."""
_LARGEST = 2**63 - 1
Step = Literal["earlier", "later", "first", "last"]


class Gone(Exception):
    """The collection, or the item to be moved, no longer exists."""


@contextmanager
def locked(collection: Collection) -> Iterator[Collection]:
    """The collection, read and locked until the end of the transaction, and marked as changed. Raises Gone."""
    with transaction.atomic():
        now = Collection.objects.select_for_update().filter(pk=collection.pk).first()
        if now is None:
            raise Gone
        yield now
        Collection.objects.filter(pk=now.pk).update(changed_at=Now())


def move(
    collection: Collection, visible: QuerySet[CollectionItem], item: str, *, before: str = "", after: str = ""
) -> None:
    """Move one item before or after another, all by public id. Raises Gone.

    `seen` are the entries visible to the caller: others cannot be moved, and keep their places.
    """
    with locked(collection):
        moved, target = _entry(visible, item), _entry(visible, before or after)
        if moved.pk != target.pk:
            _put(collection, moved, target, in_front=bool(before))


def step(collection: Collection, visible: QuerySet[CollectionItem], item: str, direction: Step) -> None:
    """Move one item by one place, or to either end, among the visible entries. Raises Gone."""
    with locked(collection):
        moved = _entry(visible, item)
        forward = direction in ("earlier", "first")
        other_entries = visible.exclude(pk=moved.pk)
        if direction == "earlier":
            target = other_entries.filter(ahead(moved.place, moved.pk)).order_by("-place", "-id").first()
        elif direction == "later":
            target = other_entries.filter(behind(moved.place, moved.pk)).order_by("place", "id").first()
        else:
            target = other_entries.order_by(*(("place", "id") if forward else ("-place", "-id"))).first()
        if target is not None:
            _put(collection, moved, target, in_front=forward)


def last_place(collection: Collection) -> int:
    """The last entry's place, or 0 without entries. Requires the lock."""
    last = collection.entries.order_by("-place").values_list("place", flat=True).first()
    return last or 0


def _entry(visible: QuerySet[CollectionItem], item: str) -> CollectionItem:
    # A forged id may hold NUL, which the database rejects in text.
    entry = visible.filter(item__public_id=item).first() if "\0" not in item else None
    if entry is None:
        raise Gone
    return entry


def _put(collection: Collection, moved: CollectionItem, target: CollectionItem, *, in_front: bool) -> None:
    place = _free_place(collection, moved, target, in_front)
    if place is None:
        _shift_following(collection, target, in_front)
        target.refresh_from_db(fields=["place"])
        place = _free_place(collection, moved, target, in_front)
    CollectionItem.objects.filter(pk=moved.pk).update(place=place)


def _shift_following(collection: Collection, target: CollectionItem, in_front: bool) -> None:
    """Shift all that follows by one GAP, in one statement; the target too where the room is needed before it."""
    following = behind(target.place, target.pk)
    if in_front:
        following |= Q(pk=target.pk)
    collection.entries.filter(following).update(place=F("place") + GAP)


def _free_place(
    collection: Collection, moved: CollectionItem, target: CollectionItem, in_front: bool
) -> int | None:
    """A free place right before or after the target; None where there is none."""
    other_entries = collection.entries.exclude(pk__in=[moved.pk, target.pk])
    if in_front:
        near = other_entries.filter(ahead(target.place, target.pk)).order_by("-place", "-id").first()
    else:
        near = other_entries.filter(behind(target.place, target.pk)).order_by("place", "id").first()
    if near is None:
        return target.place - GAP if in_front else target.place + GAP
    place = (near.place + target.place) // 2
    return place if place not in (near.place, target.place) else None


def ahead(place: int, pk: int) -> Q:
    """Entries before a place in the order `place, id`; phrased so that the composite index serves as a range."""
    return Q(place__lte=place) & (Q(place__lt=place) | Q(pk__lt=pk))


def behind(place: int, pk: int) -> Q:
    """Entries after a place in the order `place, id`; phrased so that the composite index serves as a range."""
    return Q(place__gte=place) & (Q(place__gt=place) | Q(pk__gt=pk))


def page(entries: QuerySet[CollectionItem], cursor: str, size: int) -> tuple[list[CollectionItem], str]:
    """The `size` entries after a cursor, and the cursor of the next page (empty at the end); one query.

    An invalid cursor starts at the beginning.
    """
    try:
        if cursor:
            entries = entries.filter(behind(*parse_cursor(cursor)))
    except BadCursor:
        pass
    found = list(entries.order_by("place", "id")[: size + 1])
    more = len(found) > size
    found = found[:size]
    return found, f"{found[-1].place}.{found[-1].pk}" if more else ""


def parse_cursor(cursor: str) -> tuple[int, int]:
    """Place and id of a cursor such as `-12.34`. Raises BadCursor."""
    first, dot, second = cursor.partition(".")
    digits = first.removeprefix("-")
    if not (
        dot and len(cursor) <= 41 and all(part.isascii() and part.isdigit() for part in (digits, second))
    ):
        raise BadCursor(cursor)
    place = min(int(digits), _LARGEST)
    return -place if first.startswith("-") else place, min(int(second), _LARGEST)
