"""Telling open pages at once that items changed. Optional, as every hint: without it pages see it when they next read.

New items and everything about predictions need no telling: the looks at the database find them.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from core.jobs import wakeups

MOST = 100
"""Items told of one deed."""


def items_changed(item_ids: Iterable[int]) -> None:
    """Say, once the transaction has committed, that these rows changed; whose they are the listeners look up."""
    some = list(islice(item_ids, MOST))
    if some:
        wakeups.send_on_commit(wakeups.ITEMS, *map(str, some))


def parse(hint: str) -> int | None:
    """The row that a hint names; None where it names none."""
    return int(hint) if hint.isascii() and hint.isdigit() and len(hint) <= 18 else None
