"""Matching texts against the words and patterns of many rules at once. Pure: rules in, spans out.

Words are looked up in a table instead of being searched one by one: the time depends on the text, hardly on how many
words there are. Patterns run in RE2, in time linear in the text; a set of all of them tells which are worth running.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import re2

from predictions.policy import text_normalisation

MOST_WORDS = 5_000
"""Words of one rule."""
MOST_WORD = 80
"""Characters of one word or phrase."""
MOST_PATTERN = 1_000
"""Characters of one pattern."""
MEMORY = 8 * 1024**2
"""Bytes of memory that one pattern may take in RE2."""
SET_MEMORY = 64 * 1024**2
"""Bytes of memory of the set of all patterns."""
_ALWAYS = "(?:)"
"""Matches every text: where even this is missing, the set ran out of memory and its answer means nothing."""
_PARTS = re.compile(r"[\n,，、;；]")


class NotAPattern(ValueError):
    """A pattern that RE2 does not accept; the text says why."""


@dataclass(frozen=True)
class Rule:
    """What one rule searches for."""

    pk: int
    words: tuple[str, ...] = ()
    pattern: str = ""
    negative: bool = False


@dataclass(frozen=True)
class Span:
    """A match of a rule, as a span of the original text."""

    rule: int
    start: int
    end: int


def parse_words(text: str) -> tuple[str, ...]:
    """The words and phrases of a rule's text: one a line, or separated by commas.

    Lines beginning with # are comments.
    """
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    parts = (part.strip() for part in _PARTS.split("\n".join(lines)))
    return tuple(dict.fromkeys(part for part in parts if part))


def compile_pattern(pattern: str) -> Any:
    """A pattern compiled by RE2, ignoring case. Raises NotAPattern."""
    if len(pattern) > MOST_PATTERN:
        raise NotAPattern(f"more than {MOST_PATTERN} characters")
    try:
        expression = re2.compile(pattern, _options(MEMORY))
        if expression.search("") is not None:
            raise NotAPattern("it matches nothing at all, so it would match every prompt")
    except re2.error as fault:
        message = fault.args[0] if fault.args else ""
        raise NotAPattern(
            message.decode(errors="replace") if isinstance(message, bytes) else str(message)
        ) from None
    return expression


def _options(memory: int) -> re2.Options:
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = memory
    return options


class Matcher:
    """All rules, compiled for searching."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._phrases: dict[str, list[tuple[tuple[str, ...], int]]] = {}
        self._solid: dict[str, dict[str, list[int]]] = {}
        self._patterns: list[tuple[Any, int]] = []
        patterns, negative = [], set()
        for rule in rules:
            if rule.negative:
                negative.add(rule.pk)
            for word in rule.words:
                self._add(word, rule.pk)
            if rule.pattern:
                patterns.append(rule)
        self.negative = frozenset(negative)
        self._lengths = {first: sorted({len(word) for word in found}) for first, found in self._solid.items()}
        self._set: Any = self._set_of(patterns)

    def __bool__(self) -> bool:
        return bool(self._phrases or self._solid or self._patterns)

    def find(self, text: str) -> list[Span]:
        """The first match of each rule that matches the text."""
        plain = text_normalisation.plain(text)
        found: dict[int, tuple[int, int]] = {}
        readings = list(text_normalisation.readings(plain)) if self._phrases or self._patterns else []
        for words in readings if self._phrases else ():
            self._look_up(words, found)
        if self._solid:
            self._look_inside(plain, found)
        as_written = self._run(text, plain, readings, found) if self._patterns else []
        if not found:
            return as_written
        at = text_normalisation.places(text)
        return [Span(rule, at[start], _end(at, end)) for rule, (start, end) in found.items()] + as_written

    def _add(self, word: str, rule: int) -> None:
        plain = text_normalisation.plain(word)
        if text_normalisation.is_solid(plain):
            bare = "".join(sign for sign in plain if sign.isalnum())
            if bare:
                self._solid.setdefault(bare[0], {}).setdefault(bare, []).append(rule)
            return
        phrase = tuple(word_.text for word_ in text_normalisation.words(plain))
        if phrase:
            self._phrases.setdefault(phrase[0], []).append((phrase, rule))

    def _look_up(self, words: Sequence[text_normalisation.Word], found: dict[int, tuple[int, int]]) -> None:
        known = self._phrases
        for index, word in enumerate(words):
            for phrase, rule in known.get(word.text, ()):
                if rule in found:
                    continue
                last = index + len(phrase) - 1
                if last < len(words) and all(
                    words[index + step].text == part for step, part in enumerate(phrase)
                ):
                    found[rule] = (word.start, words[last].end)

    def _look_inside(self, plain: str, found: dict[int, tuple[int, int]]) -> None:
        solid = text_normalisation.solid(plain)
        for index, sign in enumerate(solid.text):
            for length in self._lengths.get(sign, ()):
                for rule in self._solid[sign].get(solid.text[index : index + length], ()):
                    found.setdefault(rule, (solid.places[index], solid.places[index + length - 1] + 1))

    def _set_of(self, rules: list[Rule]) -> Any:
        compiled_rules = []
        for rule in rules:
            try:
                compiled_rules.append((compile_pattern(rule.pattern), rule.pk, rule.pattern))
            except NotAPattern:
                continue  # the form refuses it; one that got here in another way finds nothing
        self._patterns = [(pattern, rule) for pattern, rule, _text in compiled_rules]
        if len(compiled_rules) < 2:
            return None
        pattern_set = re2.Set.SearchSet(_options(SET_MEMORY))
        for _pattern, _rule, text in compiled_rules:
            pattern_set.Add(text)
        pattern_set.Add(_ALWAYS)
        try:
            pattern_set.Compile()
        except re2.error:
            return None  # too large together: one after the other, then
        return pattern_set

    def _run(
        self,
        text: str,
        plain: str,
        readings: list[list[text_normalisation.Word]],
        found: dict[int, tuple[int, int]],
    ) -> list[Span]:
        """Add matches in the normalised readings to `found`; return those that only the original text has."""
        for rule, start, end in self._searched(plain, found):
            found[rule] = (start, end)
        for words in readings if "_" in plain else readings[1:]:
            for rule, start, end in self._searched(" ".join(word.text for word in words), found):
                found[rule] = _place(words, start, end)
        if text == plain or text.lower() == plain:
            return []
        return [Span(*match) for match in self._searched(text, found)]

    def _searched(self, text: str, found: Container[int]) -> Iterator[tuple[int, int, int]]:
        for index in self._worth(text):
            pattern, rule = self._patterns[index]
            match = None if rule in found else pattern.search(text)
            if match is not None and match.end() > match.start():
                yield rule, *match.span()

    def _worth(self, text: str) -> Iterable[int]:
        """Indexes of the patterns worth running; all of them where the set ran out of memory."""
        matched = self._set.Match(text) if self._set is not None else []
        count = len(self._patterns)
        return [index for index in matched if index < count] if matched else range(count)


def _place(words: list[text_normalisation.Word], start: int, end: int) -> tuple[int, int]:
    """The span in the plain text of a stretch of the words joined by spaces."""
    position, first, last = 0, words[0], words[-1]
    begun = False
    for word in words:
        stop = position + len(word.text)
        if not begun and start <= stop:
            first, begun = word, True
        if end <= stop:
            last = word
            break
        position = stop + 1
    return first.start, last.end


def _end(at: list[int], end: int) -> int:
    """The end in the original text of the last character before `end`."""
    return at[end - 1] + 1 if end else 0
