"""Vocabulary of the search index: all indexed words, to complete the prefixes that people type.

Both databases answer a prefix query by reading all rows of all words with that prefix, tens of milliseconds for
a common one. So the words with the prefix are looked up here, and the most used of them searched for. It holds
only words that can be completed, of scripts written with spaces. A word is dropped some time after its last
item: a background job (`drop_unused`) checks all of them, a few at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from django.db import connection, transaction

from gallery.search.lexemes import MIN_PREFIX_LENGTH, Term, can_complete

MAX_EXPANSION = 12
"""Words that a prefix expands to, itself included."""
AT_ONCE = 300
"""Words checked per run of the background job."""
_last_checked = ""
"""The last word that this process checked."""
_MOST_READ = 2_000
"""Words compared per prefix: made-up ones by the million must not slow anybody down."""
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
"""The next words, and whether any item has them."""
_DROP = {
    "sqlite": "DELETE FROM gallery_searchword WHERE word = %s AND NOT EXISTS "
    "(SELECT 1 FROM gallery_search_own WHERE gallery_search_own MATCH %s)",
    "postgresql": "DELETE FROM gallery_searchword WHERE word = %s AND NOT EXISTS "
    "(SELECT 1 FROM gallery_searchrow WHERE own_words @@ %s::tsquery)",
}


def expand(terms: Sequence[Term]) -> list[list[str]]:
    """For each term the words that match it: the word itself, then its completions."""
    return [[term.word, *(_longer(term.word) if term.prefix else ())] for term in terms]


def _longer(beginning: str) -> list[str]:
    # In byte order, which both databases use here, nothing comes after the last code point.
    values: list[str | int] = [beginning, beginning + "\U0010ffff", _MOST_READ, MAX_EXPANSION - 1]
    with connection.cursor() as cursor:
        cursor.execute(_GROWN, values)
        return [row[0] for row in cursor.fetchall()]


def add(texts: Iterable[Sequence[str]]) -> None:
    """Count the words of some items; inside the caller's transaction."""
    counted = Counter(
        word for words in texts for word in words if len(word) > MIN_PREFIX_LENGTH and can_complete(word)
    )
    with connection.cursor() as cursor:
        # In sorted order, so that concurrent writers cannot deadlock.
        cursor.executemany(_NOTE, sorted(counted.items()))


def drop_unused() -> bool:
    """Background job: check the next few words and delete those that no item has. Never asks to run again at
    once."""
    global _last_checked
    words = _next_words(_last_checked)
    _last_checked = words[-1][0] if len(words) == AT_ONCE else ""
    unused = [word for word, is_used in words if not is_used]
    with connection.cursor() as cursor:
        if unused:
            # Checked again in the DELETE: an item with the word may have been indexed meanwhile.
            cursor.executemany(_DROP[connection.vendor], [(word, _quoted(word)) for word in unused])
    return False


def _next_words(last: str) -> list[tuple[str, bool]]:
    """The next words and whether any item has them, in one statement."""
    values: list[str | int] = [last, AT_ONCE]
    if connection.vendor != "postgresql":
        return _rows(values)
    with transaction.atomic():
        with connection.cursor() as cursor:
            # Words are not known at planning time, and the planner would take each for a common one.
            cursor.execute("SET LOCAL enable_seqscan = off")
        return _rows(values)


def _rows(values: list[str | int]) -> list[tuple[str, bool]]:
    with connection.cursor() as cursor:
        cursor.execute(_NEXT[connection.vendor], values)
        return cursor.fetchall()


def _quoted(word: str) -> str:
    # No word has a quotation mark of either kind.
    return f"'{word}'" if connection.vendor == "postgresql" else f'"{word}"'
