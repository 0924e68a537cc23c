"""Splits texts into words, in the same way for the index and for queries.

Neither database splits Chinese into words, so it is done here: scripts written without spaces (Han, kana, Thai
and others; Hangul too, since its words carry endings) become single characters and pairs of neighbours;
everything else becomes words separated by what is neither letter nor digit. Both are folded: full width to half
width, upper case to lower case, `é` to `e`. Invisible characters, such as zero-width and bidirectional ones,
are dropped.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MAX_TEXT = 20_000
"""Characters of a text that are indexed."""
MAX_WORDS = 2_000
"""Distinct words per item."""
MAX_QUERY_TEXT = 200
MAX_QUERY_WORDS = 16
"""Characters and words of a query that are used."""
MAX_WORD_LENGTH = 40
"""Characters of a word; longer ones are cut, in index and query."""
MIN_PREFIX_LENGTH = 3
"""Letters from which on a query's last word is treated as a prefix: fewer match too many words."""
ACCOUNT = "\ue000"
"""Prefix of an account's word; no text has it, since private-use characters are dropped."""

_CACHED = 50_000
_JOINED = "'\u2019\u02bc"
"""Apostrophes, as in `don't`, which is one word."""
_NO_SPACES = re.compile(
    "["
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\u1780-\u17ff"  # Burmese, Khmer
    "\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff\u3130-\u318f\uac00-\ud7af"  # Hangul
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u302f\u3038-\u303c"  # radicals and signs that occur among Han
    "\u3040-\u30ff\u31f0-\u31ff\U0001b000-\U0001b16f"  # kana
    "\u3100-\u312f\u31a0-\u31bf"  # bopomofo
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    "]+"
)
# The accents of Latin, Greek and Cyrillic; marks of other scripts are parts of their letters.
_ACCENTS = re.compile("[\u0300-\u036f]")


@dataclass(frozen=True)
class Term:
    """One word of a query; `prefix` where more letters may follow."""

    word: str
    prefix: bool = False


class _Translation(dict[int, str | None]):
    """Lazily filled table for `str.translate`: a character maps to itself, to a space, or to nothing."""

    def __missing__(self, code: int) -> str | None:
        found = _translated(chr(code))
        if len(self) < _CACHED:
            self[code] = found
        return found


def _translated(character: str) -> str | None:
    kind = unicodedata.category(character)
    if kind[0] in "LNM":
        # A variation selector is a mark that only selects the glyph.
        return None if character in "\ufe0e\ufe0f" or 0xE0100 <= ord(character) <= 0xE01EF else character
    if kind == "So":
        # A symbol, as most emoji are, is a word of its own.
        return f" {character} "
    if kind in ("Cf", "Sk") or character in _JOINED:
        return None
    return " "


_TRANSLATION = _Translation()


def fold(text: str) -> str:
    """The text as it is compared: only letters, digits and symbols, in words separated by spaces."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    bare = _ACCENTS.sub("", unicodedata.normalize("NFD", plain))
    return unicodedata.normalize("NFKC", bare).translate(_TRANSLATION)


def _pieces(text: str) -> Iterator[str]:
    """Runs of one kind of script: unspaced, or letters that make one word."""
    for chunk in fold(text).split():
        start = 0
        for run in _NO_SPACES.finditer(chunk):
            if run.start() > start:
                yield chunk[start : run.start()]
            yield run.group()
            start = run.end()
        if start < len(chunk):
            yield chunk[start:]


def index_words(texts: Iterable[str]) -> list[str]:
    """The distinct words of some texts, in order, at most `MAX_WORDS`."""
    found: dict[str, None] = {}
    for text in texts:
        for piece in _pieces(text[:MAX_TEXT]):
            found.update(dict.fromkeys(_words(piece)))
            if len(found) >= MAX_WORDS:
                return list(found)[:MAX_WORDS]
    return list(found)


def _words(piece: str) -> Iterator[str]:
    if not _NO_SPACES.match(piece):
        yield piece[:MAX_WORD_LENGTH]
        return
    yield from piece
    yield from _pairs(piece)


def _pairs(run: str) -> Iterator[str]:
    return (run[place : place + 2] for place in range(len(run) - 1))


def query_terms(text: str) -> list[Term]:
    """The words of a query, all of which must match; the last may be a prefix.

    Empty where nothing of the text can be searched for. Never raises.
    """
    found: dict[Term, None] = {}
    pieces = list(_pieces(text[:MAX_QUERY_TEXT]))
    for number, piece in enumerate(pieces):
        if _NO_SPACES.match(piece):
            found.update(dict.fromkeys(map(Term, _pairs(piece) if len(piece) > 1 else piece)))
        else:
            begun = number == len(pieces) - 1 and len(piece) >= MIN_PREFIX_LENGTH
            found[Term(piece[:MAX_WORD_LENGTH], begun)] = None
    return list(found)[:MAX_QUERY_WORDS]


def can_complete(word: str) -> bool:
    """Whether the word can be completed from a prefix: it is neither of an unspaced script nor an account's."""
    return not (_NO_SPACES.match(word) or word.startswith(ACCOUNT))


def account_term(account: int) -> Term:
    """The word that every item of an account has in its own index, and that no text can contain."""
    return Term(f"{ACCOUNT}{account}")
