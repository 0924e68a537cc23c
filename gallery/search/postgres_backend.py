"""Search on PostgreSQL: two tsvector columns in the narrow table, each with a GIN index.

For a rare word all rows are fetched and sorted; for a common one the rows are scanned from the newest on until
enough match. Left alone the planner often scans for a rare word too, through the whole table. So:

1. Where its statistics call a word common, the newest rows are scanned, but not far. 2. Where they don't, or
were wrong, hits are counted: a word is common if more than `RARE` rows have it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from django.db import connection

from gallery.search.backend import LARGEST, Entry, Hit, Index, Query, batch_sizes

RARE = 2_000
COMMON, NEAR = 10_000, 20_000
"""A word that the statistics expect in more than `COMMON` rows is searched for in the newest `NEAR` without
counting."""
_PLACE = {"own": "item_id", "public": "place"}
_GUESS = "EXPLAIN (FORMAT JSON) SELECT 1 FROM gallery_searchrow WHERE {index}_words @@ %s::tsquery"
# Materialised, so planned as if all rows were wanted (by the words' own index), and stopped after the first.
_SOME = """
WITH hit AS MATERIALIZED (SELECT {place} AS place, item_id FROM gallery_searchrow WHERE {index}_words @@ %s::tsquery)
SELECT place, item_id FROM hit LIMIT %s
"""
# The inner LIMIT keeps the GIN index out of it: the rows are read in the order of their place.
_WALK = """
SELECT place, item_id FROM (
    SELECT {place} AS place, item_id, {index}_words AS words FROM gallery_searchrow
    WHERE {place} < %s ORDER BY {place} DESC LIMIT %s
) AS near WHERE words @@ %s::tsquery ORDER BY place DESC LIMIT %s
"""
_WRITE = """
INSERT INTO gallery_searchrow (item_id, place, own_words, public_words)
VALUES (%s, %s, array_to_tsvector(%s::text[]), array_to_tsvector(%s::text[]))
ON CONFLICT (item_id) DO UPDATE
SET place = excluded.place, own_words = excluded.own_words, public_words = excluded.public_words
"""


class PostgresBackend:
    """Words as `tsvector`, built from our own words as they are: no parser, no dictionary."""

    def write(self, entries: Sequence[Entry]) -> None:
        """Upsert one row per entry."""
        rows = [
            (entry.item, entry.place, list(entry.own), None if entry.place is None else list(entry.public))
            for entry in entries
        ]
        with connection.cursor() as cursor:
            cursor.executemany(_WRITE, rows)

    def hits(self, index: Index, question: Query, before: int | None) -> Iterator[list[Hit]]:
        """All at once where they are few, else in batches as the scan proceeds."""
        words, before = _as_tsquery(question), LARGEST if before is None else before
        near = NEAR if self._seems_common(index, words) else None
        if near is None:
            some = self._rows(_SOME, index, words, RARE + 1)
            if len(some) <= RARE:
                yield from _parts(some, before)
                return
        parts = batch_sizes()
        part = next(parts)
        while True:
            found = self._rows(_WALK, index, before, near, words, part)
            if found:
                yield found
                before = found[-1].place
            if len(found) == part:
                part = next(parts)
                continue
            if near is None:
                return
            # Common, but not in the newest rows, or not common at all.
            near, some = None, self._rows(_SOME, index, words, RARE + 1)
            if len(some) <= RARE:
                yield from _parts(some, before)
                return

    def _seems_common(self, index: Index, words: str) -> bool:
        with connection.cursor() as cursor:
            cursor.execute(_GUESS.format(index=index), [words])
            (plan,) = cursor.fetchone()
        return bool(plan[0]["Plan"]["Plan Rows"] > COMMON)

    def _rows(self, statement: str, index: Index, *values: str | int | None) -> list[Hit]:
        with connection.cursor() as cursor:
            cursor.execute(statement.format(index=index, place=_PLACE[index]), values)
            return [Hit(place, item) for place, item in cursor.fetchall()]


def _parts(some: Sequence[Hit], before: int) -> Iterator[list[Hit]]:
    rest = sorted((hit for hit in some if hit.place < before), key=_newest_first)
    ends = itertools.takewhile(
        lambda start: start < len(rest), itertools.accumulate(batch_sizes(), initial=0)
    )
    yield from (rest[start:end] for start, end in itertools.pairwise([*ends, len(rest)]))


def _newest_first(hit: Hit) -> int:
    return -hit.place


def _as_tsquery(question: Query) -> str:
    """The query as `tsquery`. No word has an apostrophe or a backslash, so none can break out of its quotes."""
    return " & ".join("(" + " | ".join(f"'{word}'" for word in group) + ")" for group in question)
