"""Hints to open pages that items changed.

Optional as every hint: without it pages see the change when they next load. New items and predictions need no
hint: polling finds them.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from core.jobs import wakeups

MAX_ITEMS = 100
"""Items per hint."""


def items_changed(item_ids: Iterable[int]) -> None:
    """Send a hint, once the transaction commits, that these rows changed; listeners look up whose they are."""
    pks = list(islice(item_ids, MAX_ITEMS))
    if pks:
        wakeups.send_on_commit(wakeups.ITEMS, *map(str, pks))


def parse(hint: str) -> int | None:
    """The primary key in a hint; None where it is malformed."""
    return int(hint) if hint.isascii() and hint.isdigit() and len(hint) <= 18 else None
