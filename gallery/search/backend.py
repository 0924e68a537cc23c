"""What is kept of an item, where it is found, and which of the two databases does it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Index = Literal["own", "public"]
PARTS = (64, 512, 4_000)
"""Hits of the first parts that are read: mostly the first is enough for a page. Then as many as the last says."""
LARGEST = 2**63 - 1
"""No place is larger."""
Question = Sequence[Sequence[str]]
"""Words that are asked for: of each group one, and of all groups."""


@dataclass(frozen=True)
class Entry:
    """The words of an item: those that its owner finds it by, and, while it is published, those for everybody."""

    item: int
    place: int | None
    own: Sequence[str]
    public: Sequence[str] = ()


@dataclass(frozen=True)
class Hit:
    """An item that has the words. `place` orders its list: newest have the largest."""

    place: int
    item: int


class SearchBackend(Protocol):
    """One kind of database."""

    def write(self, entries: Sequence[Entry]) -> None:
        """Put these in place of what was kept of the same items; inside the caller's transaction."""

    def hits(self, index: Index, question: Question, before: int | None) -> Iterator[list[Hit]]:
        """The hits before a place, the largest place first, in parts as they are asked for."""


def sizes() -> Iterator[int]:
    """How many hits to read at a time."""
    yield from PARTS
    yield from itertools.repeat(PARTS[-1])
