"""Tokenizer of prompts: splits the text into words and looks each up in the lexicon."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

from engine.painting.prompt.chinese import CHINESE, CHINESE_IDLE, SIMPLIFIED
from engine.painting.prompt.english import ENGLISH
from engine.painting.prompt.lexicon import CHINESE_STOP, STOPWORDS

_PIECES = re.compile(r"[\u3400-\u9fff]+|[^\W_]+|[^\w\s]|\n")
_BREAKS = frozenset(",.;:!?\n，。；：！？、|/")
_LONGEST_PHRASE = 4


@dataclass(frozen=True)
class Word:
    """One word or phrase of the prompt: `text` as written (lower case), its `meanings` and its clause."""

    text: str
    meanings: tuple[str, ...]
    clause: int

    def of(self, kind: str) -> list[str]:
        """Values of every meaning of this `kind`."""
        return [m.partition(":")[2] for m in self.meanings if m.startswith(kind + ":")]


@cache
def _english() -> dict[str, tuple[str, ...]]:
    return {word: tuple(key.split()) for key, words in ENGLISH.items() for word in words.split()}


@cache
def _phrase_starts() -> frozenset[str]:
    """The words with which a phrase of several words can begin."""
    phrases = (word.partition("_") for word in (*_english(), *STOPWORDS))
    return frozenset(first for first, more, _ in phrases if more)


@cache
def _chinese() -> dict[str, tuple[str, ...]]:
    meanings = {word: tuple(key.split()) for key, words in CHINESE.items() for word in words.split()}
    return {**dict.fromkeys(CHINESE_IDLE.split(), ()), **meanings}


def tokenize(text: str) -> list[Word]:
    """All words of `text` in order, known or not; stop words have the meaning `stop:`."""
    folded = unicodedata.normalize("NFKC", text).lower()
    plain = "".join(c for c in unicodedata.normalize("NFD", folded) if not unicodedata.combining(c))
    words: list[Word] = []
    run: list[str] = []
    clause = 0
    for piece in _PIECES.findall(plain):
        if piece in _BREAKS or "\u3400" <= piece[0] <= "\u9fff":
            words += _match_english(run, clause)
            run = []
        if piece in _BREAKS:
            clause += 1
        elif "\u3400" <= piece[0] <= "\u9fff":
            words += _match_chinese(piece, clause)
        elif piece[0].isalnum():
            run.append(piece)
    return words + _match_english(run, clause)


def _match_english(run: list[str], clause: int) -> list[Word]:
    words: list[Word] = []
    at = 0
    while at < len(run):
        longest = min(_LONGEST_PHRASE, len(run) - at) if run[at] in _phrase_starts() else 1
        for length in range(longest, 0, -1):
            part = run[at : at + length]
            meanings = _look_up(part)
            if meanings or length == 1:
                words.append(Word(" ".join(part), meanings, clause))
                at += length
                break
    return words


def _look_up(part: list[str]) -> tuple[str, ...]:
    """Meanings of a word or phrase as written, else of its singular; stop words are tried last."""
    table, phrase = _english(), "_".join(part)
    if phrase in table:
        return table[phrase]
    if phrase in STOPWORDS:
        return ("stop:" + phrase,)
    for ending, replacement in (("ies", "y"), ("ves", "f"), ("es", ""), ("s", "")):
        if len(phrase) > len(ending) + 2 and phrase.endswith(ending):
            singular = table.get(phrase[: -len(ending)] + replacement)
            if singular:
                return singular
    return ()


def _match_chinese(run: str, clause: int) -> list[Word]:
    """Longest match from the left; characters without meaning are merged into one unknown word.

    Traditional characters are looked up as simplified ones; the words keep their spelling.
    """
    table, plain = _chinese(), run.translate(SIMPLIFIED)
    words: list[Word] = []
    unknown = ""
    at = 0
    while at < len(run):
        size = next((n for n in range(min(6, len(run) - at), 0, -1) if plain[at : at + n] in table), 0)
        if size or plain[at] in CHINESE_STOP:
            if unknown:
                words.append(Word(unknown, (), clause))
                unknown = ""
            end = at + max(size, 1)
            meanings = table[plain[at:end]] if size else ("stop:" + plain[at],)
            words.append(Word(run[at:end], meanings, clause))
        else:
            unknown += run[at]
        at += max(size, 1)
    return [*words, Word(unknown, (), clause)] if unknown else words
