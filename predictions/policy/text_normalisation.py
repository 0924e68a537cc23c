"""Text normalisation against disguised words: reads a text as lists of words in several ways. Pure.

Each reading is a list of words with their spans:

- plain: compatibility forms (full-width letters too), casefolded, without accents and invisible characters;
- folded: also look-alikes from other alphabets and digits for letters (p0rn), letters separated by dots, hyphens or
  spaces (n.u.d.e), and letters repeated three times or more (nuuude), once reduced to one and once to two.

What is joined by an underscore, a hyphen or a dot may be one disguised word (nu_d3) or two words (nud3_woman): it is
read both ways. Only whole words are searched for, so that neither reading finds one inside another.

Scripts without spaces between words (Chinese, Japanese, Korean, Thai) are read as one run of characters in which
isolated characters are joined again.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

_MOST_KEPT = 20_000
"""Characters whose plain form is cached; a text may contain a hundred thousand different ones."""
_BREAKS = "\n\r\v\f\x85\u2028\u2029"
_RUN = re.compile(r"[^\W_]+")
"""A word. An underscore separates words, as in tags (red_hair)."""
_REPEATED = re.compile(r"([^\W\d_])\1{2,}")
_LEET = str.maketrans(
    {"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b", "9": "g", "@": "a", "$": "s", "!": "i",
     "|": "l", "€": "e", "+": "t"}
)  # fmt: skip
_DISGUISED = re.compile(r"[0-9@$!|€+]")
_WORDS = re.compile(r"[\w@$!|€+]+")
_BETWEEN_UNDERSCORES = re.compile(r"_*([^_]+)_*")
_STRETCH = re.compile(r"\S+")
_SENTENCE = re.compile(r"([,;:/()\[\]{}<>\"“”，。；：、（）]+)")
_PIECE = re.compile(r"(?:[^\W_]|[@$!|€+])+")
_SMALL_PIECE = re.compile(r"(?:[^\W_]|[@$€])+")
_ALIKE = (
    "аa еe оo рp сc уy хx іi јj ѕs кk мm нh тt вb гr ьb ԁd ԛq ԝw һh ӏl ɡg αa οo ρp νv ιi κk τt "
    "υu χx εe ηn ωw γy βb ѡw ɑa ɩi ıi łl øo đd ŧt ʙb ʜh ɪi ɴn ʀr ʏy ᴀa ᴄc ᴅd ᴇe ᴊj ᴋk ᴍm ᴏo ᴘp ᴛt ᴜu ᴠv ᴡw ᴢz "
    "єe пn ոn սu օo հh յj ցg ѵv ʟl ɛe"
)
"""Letters of other alphabets with the Latin letter that each stands for, as pairs."""
_FILLED = (0x1F150, 0x1F170)
"""Code points at which the capitals in filled circles and in filled squares begin, A to Z."""
_LOOK_ALIKES = str.maketrans({pair[0]: pair[1] for pair in _ALIKE.split()})
_SOLID = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    r"\U00020000-\U0003ffff"
)
_SOLID_SIGN = re.compile(f"[{_SOLID}]")
_APART = re.compile(r"[^\w\n]{1,3}")


class _Plain(dict[int, str]):
    """The plain form of each character, computed when it is first met."""

    def __missing__(self, sign: int) -> str:
        if len(self) > _MOST_KEPT:
            self.clear()
        self[sign] = plain_form = _plain_sign(chr(sign))
        return plain_form


def _plain_sign(sign: str) -> str:
    if sign.isspace():
        return "\n" if sign in _BREAKS else " "
    if (enclosed := _enclosed(sign)) is not None:
        return enclosed
    form: Literal["NFKC", "NFKD"] = "NFKC" if _SOLID_SIGN.match(sign) else "NFKD"
    kept = [
        character
        for character in unicodedata.normalize(form, unicodedata.normalize("NFKC", sign).casefold())
        if unicodedata.category(character) not in ("Mn", "Me", "Cc", "Cf", "Cs", "Co", "Cn")
    ]
    return "".join(kept)


def _enclosed(sign: str) -> str | None:
    """The letter in a filled circle or square, which no Unicode normalisation decomposes."""
    place = next((ord(sign) - first for first in _FILLED if first <= ord(sign) < first + 26), None)
    return None if place is None else chr(ord("a") + place)


_plain = _Plain()


def plain(text: str) -> str:
    """The text casefolded, without accents and invisible characters, in canonical characters."""
    if text.isascii() and text.isprintable():
        return text.lower()
    return text.translate(_plain)


def places(text: str) -> list[int]:
    """For each character of the plain text, and its end, the position in the original text."""
    positions: list[int] = []
    for place, sign in enumerate(text):
        positions += [place] * len(plain(sign))
    return [*positions, len(text)]


def is_solid(word: str) -> bool:
    """Whether a word is searched for inside others, because its script has no spaces between words."""
    return bool(_SOLID_SIGN.search(word))


class Word(NamedTuple):
    """A word with its span in the plain text."""

    text: str
    start: int
    end: int


def words(text: str) -> list[Word]:
    """The words of a plain text as they stand."""
    return [Word(match[0], match.start(), match.end()) for match in _RUN.finditer(text)]


def readings(text: str) -> Iterator[list[Word]]:
    """The readings of a plain text as words, the plain one first; duplicates are left out."""
    first = words(text)
    yield first
    seen: list[list[Word]] = []
    for bare in _disguised(text):
        folded = [Word(_folded(word.text), word.start, word.end) for word in bare]
        if any(_same(folded, other) for other in seen):
            continue
        seen.append(folded)
        if not _same(folded, first):
            yield folded
        if any(_REPEATED.search(word.text) for word in folded):
            yield [Word(_REPEATED.sub(r"\1", word.text), word.start, word.end) for word in folded]
            yield [Word(_REPEATED.sub(r"\1\1", word.text), word.start, word.end) for word in folded]


def _same(words: list[Word], others: list[Word]) -> bool:
    return len(words) == len(others) and all(
        word.text == other.text for word, other in zip(words, others, strict=True)
    )


def _disguised(text: str) -> Iterator[list[Word]]:
    """Ways to split a text with signs between letters into words, not folded yet."""
    chunks = list(_chunks(text))
    # What has no space in it is one word …
    yield _joined(text, chunks)
    if not any(_may_be_several(text[start:end]) for start, end in chunks):
        return
    # … or an underscore separates two (nu.d3_woman); or every sign does (nud3-woman); or even one that can
    # stand for a letter (nud3|woman).
    if "_" in text:
        yield _joined(text, [part for start, end in chunks for part in _unparted(text, start, end)])
    yield _spelled(list(_pieces(_PIECE, text, chunks)))
    if any(sign in text for sign in "!|+"):
        yield _spelled(list(_pieces(_SMALL_PIECE, text, chunks)))


def _may_be_several(chunk: str) -> bool:
    """Whether a chunk without spaces contains several words, one of them disguised.

    Otherwise the plain reading covers it.
    """
    if chunk.isalpha():
        return False
    pieces = _SMALL_PIECE.findall(chunk)
    if len(pieces) < 2:
        return False
    return any(len(piece) < 3 or _folded(piece) != piece for piece in pieces)


def _unparted(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    for match in _BETWEEN_UNDERSCORES.finditer(text, start, end):
        yield match.span(1)


def _pieces(piece: re.Pattern[str], text: str, chunks: list[tuple[int, int]]) -> Iterator[Word]:
    for start, end in chunks:
        for match in piece.finditer(text, start, end):
            if any(sign.isalnum() for sign in match[0]):
                yield Word(match[0], match.start(), match.end())


def _joined(text: str, chunks: Iterable[tuple[int, int]]) -> list[Word]:
    """Words without what separates their letters: inside a word any sign, between single letters also a space."""
    words_: list[Word] = []
    for start, end in chunks:
        inner = text[start:end]
        if not inner.isalnum():
            inner = "".join(_WORDS.findall(inner)).replace("_", "")
            if not any(sign.isalnum() for sign in inner):
                continue
        words_.append(Word(inner, start, end))
    return _spelled(words_)


def _chunks(text: str) -> Iterator[tuple[int, int]]:
    """Stretches without spaces."""
    for match in _STRETCH.finditer(text):
        if match[0].isalnum():
            yield match.span()
            continue
        # Punctuation of sentences separates words: only hyphens, dots and the like inside one are an
        # evasion.
        start = match.start()
        for part in _SENTENCE.split(match[0]):
            if part and part[0] not in ',;:/()[]{}<>"“”，。；：、（）':
                yield start, start + len(part)
            start += len(part)


def _spelled(pieces: list[Word]) -> list[Word]:
    """Join three or more consecutive single letters into the word that they spell."""
    joined: list[Word] = []
    run: list[Word] = []
    for word in [*pieces, Word("", 0, 0)]:
        if len(word.text) == 1:
            run.append(word)
            continue
        if len(run) >= 3:
            joined.append(Word("".join(letter.text for letter in run), run[0].start, run[-1].end))
        else:
            joined += run
        run = []
        if word.text:
            joined.append(word)
    return joined


def _folded(word: str) -> str:
    """A word in Latin letters, where it looks like one."""
    if word.isascii() and word.isalpha():
        return word
    alike = word.translate(_LOOK_ALIKES)
    word = alike if alike.isascii() else word
    # A single letter among digits is a size or a name, such as 4k.
    if _DISGUISED.search(word) and sum(sign.isalpha() for sign in word) >= 2:
        trimmed = word.strip("!|+")
        return trimmed.translate(_LEET)
    return re.sub(r"[@$!|€+]", "", word)


@dataclass(frozen=True, slots=True)
class SolidText:
    """A text without separators, and the position of each character in the plain text."""

    text: str
    places: list[int]


def solid(text: str) -> SolidText:
    """A plain text with isolated characters joined to their neighbours.

    Only isolated ones: in 成人，体型 the characters on the two sides of the comma do not belong together.
    """
    if not _SOLID_SIGN.search(text):
        return SolidText("", [])
    signs: list[str] = []
    at: list[int] = []
    for match in re.finditer(r"[^\W_]+|(?:[^\w\n]|_){1,3}|.|\n", text):
        part = match[0]
        if _APART.fullmatch(part.replace("_", " ")) and _joins(text, match.start(), match.end()):
            continue
        signs.append(part)
        at += range(match.start(), match.end())
    return SolidText("".join(signs), at)


def _joins(text: str, start: int, end: int) -> bool:
    """Whether the text between these positions separates two characters of which one stands alone."""
    if start == 0 or end >= len(text):
        return False
    if not _SOLID_SIGN.match(text[start - 1]) and not _SOLID_SIGN.match(text[end]):
        return False
    alone_before = start == 1 or not text[start - 2].isalnum()
    alone_after = end + 1 >= len(text) or not text[end + 1].isalnum()
    return alone_before or alone_after
