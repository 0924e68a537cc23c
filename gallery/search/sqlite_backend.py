"""Search on SQLite: two FTS5 tables whose rowid is the item's id (`own`) or its place (`public`).

FTS5 reads a word's rows in the order of rowid and stops when there are enough; any other order would read all.
Its tokeniser `ascii` treats everything beyond ASCII as letters, so words stay as `lexemes` made them, whatever
Unicode version its tables have.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.db import connection

from gallery.models import SearchRow
from gallery.search.backend import LARGEST, Entry, Hit, Index, Query, batch_sizes

_HITS = {
    "own": "SELECT rowid, rowid FROM gallery_search_own WHERE gallery_search_own MATCH %s AND rowid < %s "
    "ORDER BY rowid DESC LIMIT %s",
    "public": "SELECT row.place, row.item_id FROM (SELECT rowid AS place FROM gallery_search_public "
    "WHERE gallery_search_public MATCH %s AND rowid < %s ORDER BY rowid DESC LIMIT %s) AS hit "
    "CROSS JOIN gallery_searchrow AS row ON row.place = hit.place ORDER BY hit.place DESC",
}


class SqliteBackend:
    """Words in FTS5."""

    def write(self, entries: Sequence[Entry]) -> None:
        """Triggers delete the words along with the row of the table; they are inserted after it."""
        SearchRow.objects.filter(pk__in=[entry.item for entry in entries])._raw_delete("default")
        SearchRow.objects.bulk_create(SearchRow(item_id=entry.item, place=entry.place) for entry in entries)
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO gallery_search_own (rowid, words) VALUES (%s, %s)",
                [(entry.item, " ".join(entry.own)) for entry in entries],
            )
            cursor.executemany(
                "INSERT INTO gallery_search_public (rowid, words) VALUES (%s, %s)",
                [(entry.place, " ".join(entry.public)) for entry in entries if entry.place is not None],
            )

    def hits(self, index: Index, question: Query, before: int | None) -> Iterator[list[Hit]]:
        """A small batch first, then larger ones."""
        words = _as_fts5(question)
        for part in batch_sizes():
            with connection.cursor() as cursor:
                cursor.execute(_HITS[index], [words, LARGEST if before is None else before, part])
                found = [Hit(place, item) for place, item in cursor.fetchall()]
            if found:
                yield found
            if len(found) < part:
                return
            before = found[-1].place


def _as_fts5(question: Query) -> str:
    """The query in FTS5 syntax. No word has a quotation mark or a space, so none can break out of its quotes."""
    return " AND ".join("(" + " OR ".join(f'"{word}"' for word in group) + ")" for group in question)
