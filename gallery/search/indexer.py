"""Background job that updates the search index: items whose texts changed, in batches.

Whoever changes texts sets `search_owed` in the same statement. A batch is read and split into words outside of
any transaction; inside one the rows are read again under their locks, and only those that are unchanged are
written and their mark is cleared. The others stay marked for the next batch.
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
"""Items per transaction: few, since on SQLite all other writers wait until it ends."""
ROUND_S = 0.5
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ROOM = 2_048
"""Places per microsecond, for items published by one statement."""


@dataclass(frozen=True)
class State:
    """All that an item's index entry is made of."""

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
    """Background job: index marked items for `ROUND_S`. Returns whether there may be more."""
    end = time.monotonic() + ROUND_S
    while batch():
        if time.monotonic() >= end:
            return True
    return False


def due() -> QuerySet[Item]:
    """Items marked for indexing."""
    return Item.objects.filter(search_owed=True)


def batch() -> int:
    """Index some marked items; returns how many. 0 where others hold those rows at the moment."""
    owed = read(due().order_by("pk")[:BATCH])
    return write(owed) if owed else 0


def read(items: QuerySet[Item]) -> dict[int, State]:
    """The present state of some items, by primary key."""
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
    """Write these to the index, except for those that have changed; returns how many were written."""
    entries = {pk: entry(state) for pk, state in prepared.items()}
    with transaction.atomic():
        marked = Item.objects.filter(pk__in=list(prepared), search_owed=True)
        if connection.features.has_select_for_update_skip_locked:
            # Others lock items in other orders; not waiting for them rules out a deadlock.
            locked = marked.select_for_update(skip_locked=True).values_list("pk", flat=True)
            marked = Item.objects.filter(pk__in=list(locked))
        unchanged = [pk for pk, state in read(marked).items() if state == prepared[pk]]
        distinct = with_unique_places([entries[pk] for pk in unchanged])
        get_backend().write(distinct)
        vocabulary.add(entry_.own for entry_ in distinct)
        Item.objects.filter(pk__in=unchanged).update(search_owed=False)
    return len(unchanged)


def entry(state: State) -> Entry:
    """The index entry of an item in that state.

    The words for everybody are those of any published item, hidden by a moderator or not, so that restoring it
    needs no indexing; each search checks on the item itself whether it may be seen.
    """
    public_texts = [state.title, *state.tags]
    everything = [*public_texts, state.prompt, f"{state.owner} {state.model}"]
    own = [lexemes.account_term(state.account).word, *lexemes.index_words(everything)]
    if state.visibility != Item.Visibility.PUBLIC or state.published_at is None:
        return Entry(state.item, None, own)
    visible_texts = [*public_texts, state.prompt] if state.show_prompt else public_texts
    return Entry(
        state.item, place_of(state.published_at, state.item), own, lexemes.index_words(visible_texts)
    )


def place_of(published_at: datetime, item: int) -> int:
    """The place of an item in public search: larger for what was published later."""
    return (published_at - _EPOCH) // timedelta(microseconds=1) * _ROOM + item % _ROOM


def with_unique_places(entries: Sequence[Entry]) -> list[Entry]:
    """The entries with unique places: where another item has the same one, it is moved up."""
    pks = [entry.item for entry in entries]
    wanted = [entry.place for entry in entries if entry.place is not None]
    others = SearchRow.objects.exclude(pk__in=pks)
    taken = set(others.filter(place__in=wanted).values_list("place", flat=True))
    found = []
    for entry in entries:
        place = entry.place
        while place is not None and place in taken:
            place += 1
            if others.filter(place=place).exists():
                taken.add(place)
        taken.add(place)
        found.append(replace(entry, place=place))
    return found
