"""Quantities of subjects in a prompt: "two cats", "three birds", "horses", 两只猫."""

from __future__ import annotations

from collections.abc import Sequence

from engine.painting.prompt.chinese import SIMPLIFIED
from engine.painting.prompt.tokenizer import Word

MAX_FIGURES = 3
"""Maximum number of figures: more would be too small, and would have to overlap."""

_NUMBERS = {
    1: "a an one single solo lone 一",
    2: "two pair couple both twin twins double duo 两 二 双 对 2girls 2boys",
    3: "three trio triple four five six seven eight nine ten several few many some group "
    "bunch family herd pack dozen 三 四 五 六 几 群 些 许多 3girls 3boys",
}
_NUMBER_WORDS = {word: number for number, words in _NUMBERS.items() for word in words.split()}
_MANY = frozenset({"people", "children", "women", "men", "girls", "boys", "kids", "人们", "孩子们"})
_SINGULAR_ENDINGS = ("ss", "us", "is")


def count(words: Sequence[Word]) -> dict[str, int]:
    """Number 1..MAX_FIGURES of each requested subject, by subject name.

    A number counts the next noun of its clause; a plural without one means two, a crowd three.
    """
    counts: dict[str, int] = {}
    waiting, clause = 0, -1
    for word in words:
        if word.clause != clause:
            waiting, clause = 0, word.clause
        subjects = word.of("subject")
        own = _number_of(word.text)
        for name in subjects:
            number = max(waiting, own, _number_of(word.text.split()[0]))
            number = number if number > 1 else _plural(word.text)
            counts[name] = max(counts.get(name, 1), min(MAX_FIGURES, number))
        if subjects or word.of("scene") or word.of("part"):
            waiting = 0
        elif own:
            # The larger of two numbers in a row counts (a pair, 一群), but "35 mm of a cat" is one cat.
            waiting = own if own == 1 and word.text.isascii() else max(waiting, own)
    return counts


def _number_of(text: str) -> int:
    if text.isascii() and text.isdecimal() and len(text) < 3:
        return min(MAX_FIGURES, int(text))
    return _NUMBER_WORDS.get(text.translate(SIMPLIFIED), 0)


def _plural(text: str) -> int:
    if text.translate(SIMPLIFIED) in _MANY:
        return 3
    last = text.rpartition(" ")[2]
    regular = len(last) > 3 and last.endswith("s") and not last.endswith(_SINGULAR_ENDINGS)
    return 2 if regular or last in ("wolves", "snowmen") else 1


def repeated(subjects: Sequence[str], counts: dict[str, int]) -> tuple[str, ...]:
    """`subjects` repeated by their counts, MAX_FIGURES figures in all; no subject is dropped for a repetition."""
    kept = list(dict.fromkeys(subjects))[:MAX_FIGURES]
    spare = MAX_FIGURES - len(kept)
    names: list[str] = []
    for name in kept:
        more = min(spare, counts.get(name, 1) - 1)
        spare -= more
        names += [name] * (1 + more)
    return tuple(names)
