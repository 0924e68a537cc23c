"""Writes what the search index owes: items whose words changed, a batch at a time.

Whoever changes words sets `search_owed` in the same statement. A batch is read and cut into words outside of any
transaction; inside of one the rows are read again under their locks, and only those that are as they were are written
and no longer owed. What changed in between stays owed, and its turn comes again.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction
from django.db.models import QuerySet

from gallery.models import Item, ItemTag, SearchRow
from gallery.search import lexemes, vocabulary
from gallery.search.backend import Entry
from gallery.search.backend_registry import get_backend

BATCH = 50
"""Items of one transaction: small, since on SQLite all others wait until it ends."""
TURN_S = 0.5
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ROOM = 2_048
"""Places in one microsecond, for items that were published by one statement."""


@dataclass(frozen=True)
class State:
    """What an item's words are made of."""

    item: int
    account: int
    title: str
    prompt: str
    show_prompt: bool
    visibility: str
    published_at: datetime | None
    owner: str
    model: str
    tags: tuple[str, ...] = ()


def run_once() -> bool:
    """Index what is owed for a moment; whether there may be more at once."""
    end = time.monotonic() + TURN_S
    while batch():
        if time.monotonic() >= end:
            return True
    return False


def due() -> QuerySet[Item]:
    """Items that are owed."""
    return Item.objects.filter(search_owed=True)


def batch() -> int:
    """Index a few of the items that are owed; how many were. None where others hold those rows at the moment."""
    owed = read(due().order_by("pk")[:BATCH])
    return write(owed) if owed else 0


def read(items: QuerySet[Item]) -> dict[int, State]:
    """The present state of some items, by their keys."""
    rows = items.values_list(
        "pk", "account_id", "title", "prompt", "show_prompt", "visibility", "published_at", "model__owner",
        "model__name",
    )  # fmt: skip
    states = {row[0]: State(*row) for row in rows}
    tags: dict[int, list[str]] = {}
    tagged = ItemTag.objects.filter(item__in=list(states)).order_by("item", "position", "pk")
    for item, name in tagged.values_list("item_id", "tag__name"):
        tags.setdefault(item, []).append(name)
    return {pk: replace(state, tags=tuple(tags.get(pk, ()))) for pk, state in states.items()}


def write(prepared: Mapping[int, State]) -> int:
    """Put these into the index, but for those that are no longer as they were; how many were written."""
    entries = {pk: entry(state) for pk, state in prepared.items()}
    with transaction.atomic():
        still = Item.objects.filter(pk__in=list(prepared), search_owed=True)
        if connection.features.has_select_for_update_skip_locked:
            # Others lock items in orders of their own; who does not wait for them is part of no circle.
            locked = still.select_for_update(skip_locked=True).values_list("pk", flat=True)
            still = Item.objects.filter(pk__in=list(locked))
        same = [pk for pk, state in read(still).items() if state == prepared[pk]]
        kept = apart([entries[pk] for pk in same])
        get_backend().write(kept)
        vocabulary.add(one.own for one in kept)
        Item.objects.filter(pk__in=same).update(search_owed=False)
    return len(same)


def entry(state: State) -> Entry:
    """What is kept of an item in that state.

    Words for everybody are those of what is published, hidden by a moderator or not, so that nothing is owed when it
    is shown again; what may be seen now is asked of the item itself, in each search.
    """
    said = [state.title, *state.tags]
    everything = [*said, state.prompt, f"{state.owner} {state.model}"]
    own = [lexemes.account_term(state.account).word, *lexemes.index_words(everything)]
    if state.visibility != Item.Visibility.PUBLIC or state.published_at is None:
        return Entry(state.item, None, own)
    shown = [*said, state.prompt] if state.show_prompt else said
    return Entry(state.item, place_of(state.published_at, state.item), own, lexemes.index_words(shown))


def place_of(published_at: datetime, item: int) -> int:
    """The place of an item in public search: larger for what was published later."""
    return (published_at - _EPOCH) // timedelta(microseconds=1) * _ROOM + item % _ROOM


def apart(entries: Sequence[Entry]) -> list[Entry]:
    """The entries, moved on where another item has their place already, so that each has one of its own."""
    mine = [one.item for one in entries]
    wanted = [one.place for one in entries if one.place is not None]
    held = SearchRow.objects.exclude(pk__in=mine)
    taken = set(held.filter(place__in=wanted).values_list("place", flat=True))
    found = []
    for one in entries:
        place = one.place
        while place is not None and place in taken:
            place += 1
            if held.filter(place=place).exists():
                taken.add(place)
        taken.add(place)
        found.append(replace(one, place=place))
    return found
