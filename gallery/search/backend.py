"""The interface of the search backends: index entries, hits, and batch sizes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Index = Literal["own", "public"]
BATCH_SIZES = (64, 512, 4_000)
"""Hits in the first batches: mostly the first is enough for a page. Later batches are as large as the last."""
LARGEST = 2**63 - 1
"""The largest possible place."""
Query = Sequence[Sequence[str]]
"""A query: at least one word of every group must match."""


@dataclass(frozen=True)
class Entry:
    """The words of an item: those its owner finds it by, and, while it is published, those for everybody."""

    item: int
    place: int | None
    own: Sequence[str]
    public: Sequence[str] = ()


@dataclass(frozen=True)
class Hit:
    """An item that matches. `place` orders the list: the newest have the largest."""

    place: int
    item: int


class SearchBackend(Protocol):
    """The search index of one kind of database."""

    def write(self, entries: Sequence[Entry]) -> None:
        """Replace the entries of these items; inside the caller's transaction."""

    def hits(self, index: Index, question: Query, before: int | None) -> Iterator[list[Hit]]:
        """The hits below a place, largest place first, in batches read as they are consumed."""


def batch_sizes() -> Iterator[int]:
    """How many hits to read per batch."""
    yield from BATCH_SIZES
    yield from itertools.repeat(BATCH_SIZES[-1])
