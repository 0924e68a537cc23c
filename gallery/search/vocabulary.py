"""All words that were ever indexed, for the beginnings of words that people type.

Both databases answer a beginning by reading all rows of all words that begin so, tens of milliseconds for a common one.
So it is asked here which words those are, and the most used of them are looked for. Only words that can grow out of a
beginning stand here: of scripts that are written with spaces. A word goes some time after its last item: a chore walks
through all of them, a few at a time (`drop_unused`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from django.db import connection, transaction

from gallery.search.lexemes import SHORTEST_BEGINNING, Term, grows

MOST_GROWN = 12
"""Words that a beginning stands for, itself among them."""
AT_ONCE = 300
"""Words that the chore looks at in one turn."""
_looked_at = ""
"""How far this process has walked."""
_MOST_READ = 2_000
"""Words of one beginning that are compared: made-up ones by the million must not make anybody wait."""
_GROWN = """
SELECT word FROM (
    SELECT word, used FROM gallery_searchword WHERE word > %s AND word < %s ORDER BY word LIMIT %s
) AS begun ORDER BY used DESC, word LIMIT %s
"""
_NOTE = """
INSERT INTO gallery_searchword (word, used) VALUES (%s, %s)
ON CONFLICT (word) DO UPDATE SET used = gallery_searchword.used + excluded.used
"""

_NEXT = {
    "sqlite": """
SELECT word, EXISTS (SELECT 1 FROM gallery_search_own WHERE gallery_search_own MATCH '"' || next.word || '"')
FROM (SELECT word FROM gallery_searchword WHERE word > %s ORDER BY word LIMIT %s) AS next ORDER BY word
""",
    "postgresql": """
SELECT word, EXISTS (SELECT 1 FROM gallery_searchrow WHERE own_words @@ quote_literal(next.word)::tsquery)
FROM (SELECT word FROM gallery_searchword WHERE word > %s ORDER BY word LIMIT %s) AS next ORDER BY word
""",
}
"""Some words, and whether any item has them."""
_DROP = {
    "sqlite": "DELETE FROM gallery_searchword WHERE word = %s AND NOT EXISTS "
    "(SELECT 1 FROM gallery_search_own WHERE gallery_search_own MATCH %s)",
    "postgresql": "DELETE FROM gallery_searchword WHERE word = %s AND NOT EXISTS "
    "(SELECT 1 FROM gallery_searchrow WHERE own_words @@ %s::tsquery)",
}


def grown(terms: Sequence[Term]) -> list[list[str]]:
    """For each term the words that it stands for, of which one must be there: itself first."""
    return [[term.word, *(_longer(term.word) if term.prefix else ())] for term in terms]


def _longer(beginning: str) -> list[str]:
    # In the order of the bytes, which both databases use here, nothing comes after the last character there is.
    values: list[str | int] = [beginning, beginning + "\U0010ffff", _MOST_READ, MOST_GROWN - 1]
    with connection.cursor() as cursor:
        cursor.execute(_GROWN, values)
        return [row[0] for row in cursor.fetchall()]


def add(texts: Iterable[Sequence[str]]) -> None:
    """Count the words of some items; inside the caller's transaction."""
    counted = Counter(
        word for words in texts for word in words if len(word) > SHORTEST_BEGINNING and grows(word)
    )
    with connection.cursor() as cursor:
        # In one order, so that two who write at once cannot wait for each other.
        cursor.executemany(_NOTE, sorted(counted.items()))


def drop_unused() -> bool:
    """A chore: forget those of the next few words that no item has any more. The others have time: never at once."""
    global _looked_at
    some = _some_after(_looked_at)
    _looked_at = some[-1][0] if len(some) == AT_ONCE else ""
    loose = [word for word, is_used in some if not is_used]
    with connection.cursor() as cursor:
        if loose:
            # Asked once more as it goes: an item with it may have come.
            cursor.executemany(_DROP[connection.vendor], [(word, _asked(word)) for word in loose])
    return False


def _some_after(last: str) -> list[tuple[str, bool]]:
    """The next words, and whether any item has them: one statement for all of them."""
    values: list[str | int] = [last, AT_ONCE]
    if connection.vendor != "postgresql":
        return _rows(values)
    with transaction.atomic():
        with connection.cursor() as cursor:
            # It knows none of the words while it plans, and would take each for one that many items have.
            cursor.execute("SET LOCAL enable_seqscan = off")
        return _rows(values)


def _rows(values: list[str | int]) -> list[tuple[str, bool]]:
    with connection.cursor() as cursor:
        cursor.execute(_NEXT[connection.vendor], values)
        return cursor.fetchall()


def _asked(word: str) -> str:
    # No word has a quotation mark of either kind.
    return f"'{word}'" if connection.vendor == "postgresql" else f'"{word}"'
