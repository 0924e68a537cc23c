"""What the rules say of an input: what is refused, what is shown to a moderator, and in which words."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from accounts.models import Account
from predictions.models import Action
from predictions.policy import prompt_rules
from predictions.policy.matcher import Span
from predictions.submit.validation import Fault

MAX_TEXT = 100_000
"""Characters of one text in an input: more than any model reads, far less than what would hurt a page."""


QUOTED = 60
"""Characters of what was found that a refusal names."""
_DEEPEST = 16
_MOST_TEXTS = 5000
_NEGATIVE = ("n_prompt",)
_MOST_IN_ALL = 4 * MAX_TEXT
_LOOKED_AT = 2000
_STRICTNESS = (Action.OFF.value, Action.FLAG.value, Action.REFUSE.value)
_FILE = re.compile(r"data:[\w.+-]+/[\w.+-]+(?:;[\w=.-]+)*;base64,[A-Za-z0-9+/=_-]*", re.ASCII | re.IGNORECASE)
"""A file that stands in the input itself, whole: a prompt may begin like one, and its words are no Base64. Where the
schema does not call it a file, its beginning is searched all the same.
"""


@dataclass(frozen=True)
class Finding:
    """A rule found something in one input."""

    rule: prompt_rules.Known
    action: str
    field: str
    """The input's name, without `input.`."""
    text: str = dataclasses.field(repr=False)
    start: int = 0
    end: int = 0

    @property
    def found(self) -> str:
        """What was found, as it was written, on one line."""
        words = " ".join(self.text[self.start : self.end].split())
        return words if len(words) <= QUOTED else f"{words[: QUOTED - 1]}…"

    def excerpt(self, most: int = 300) -> str:
        """What was found with what stands around it, in at most so many characters."""
        room = max(0, most - 2 - (self.end - self.start)) // 2
        start, end = max(0, self.start - room), min(len(self.text), self.end + room)
        before, after = "…" if start else "", "…" if end < len(self.text) else ""
        return (before + " ".join(self.text[start:end].split()) + after)[:most]

    @property
    def sentence(self) -> str:
        """The refusal, for the API: it says that nothing was charged."""
        if self.rule.told:
            told = " ".join(self.rule.told.split())
            return f"{told if told.endswith(_ENDS) else told + '.'} Nothing was charged."
        return f"This server does not allow “{self.found}”. Nothing was charged."


_ENDS = (".", "!", "?", "…", "。", "！", "？")


@dataclass(frozen=True)
class Verdict:
    """What the rules say of one input."""

    refused: tuple[Finding, ...] = ()
    flagged: tuple[Finding, ...] = ()

    @property
    def faults(self) -> list[Fault]:
        """One fault for each input that is refused, in the input's order: the first rule's words."""
        first: dict[str, Finding] = {}
        for one in self.refused:
            first.setdefault(one.field, one)
        return [
            Fault("not_allowed", f"input.{name}", one.sentence, "" if one.rule.told else one.found)
            for name, one in first.items()
        ]


NOTHING = Verdict()


def objections(given: Mapping[str, Any], properties: Mapping[str, Any] | None = None) -> list[Fault]:
    """Texts that are longer, more or deeper than anything reads: the rules search all that is let through."""
    faults: list[Fault] = []
    many, length = 0, 0
    for name, value in given.items():
        rule = (properties or {}).get(name, {})
        if _is_file(rule, value):
            continue
        if _is_deeper(value, 0):
            faults.append(
                Fault("invalid", f"input.{name}", f"Must not be nested deeper than {_DEEPEST} levels")
            )
            continue
        for text in _searched(rule, value):
            many, size = many + 1, min(len(text), _LOOKED_AT) if _FILE.fullmatch(text) else len(text)
            length += size
            if size > MAX_TEXT:
                words = f"String length must be less than or equal to {MAX_TEXT}"
                faults.append(Fault("string_lte", f"input.{name}", words))
                break
            if many > _MOST_TEXTS or length > _MOST_IN_ALL:
                words = f"All texts together: at most {_MOST_TEXTS}, and {_MOST_IN_ALL} characters"
                return [*faults, Fault("string_lte", f"input.{name}", words)]
    return faults


def judge(
    given: Mapping[str, Any],
    account: Account,
    properties: Mapping[str, Any] | None = None,
    *,
    person: Account | None = None,
) -> Verdict:
    """What the rules of this house say of an input (texts within their limits) for an account.

    `properties`: those of the version's schema, which say what is a file. `person`: the own account of somebody who
    acts for an organisation; of what a rule does for either the stricter counts.
    """
    known = prompt_rules.current()
    if not known.matcher:
        return NOTHING
    plans = (account.plan_id,) if person is None else (account.plan_id, person.plan_id)
    return judged(known, given, plans, properties)


def judged(
    known: prompt_rules.Rules,
    given: Mapping[str, Any],
    plans: Sequence[int | None],
    properties: Mapping[str, Any] | None = None,
) -> Verdict:
    """What these rules say, for accounts of those plans: the strictest of what they do."""
    refused: list[Finding] = []
    flagged: list[Finding] = []
    for name, text in texts(given, properties or {}):
        for one in _found(known, name, text, plans):
            (refused if one.action == Action.REFUSE else flagged).append(one)
    return Verdict(tuple(refused), tuple(flagged)) if refused or flagged else NOTHING


def _found(known: prompt_rules.Rules, name: str, text: str, plans: Sequence[int | None]) -> Iterator[Finding]:
    negative = is_negative(name)
    most = _LOOKED_AT if _FILE.fullmatch(text) else MAX_TEXT
    spans: list[Span] = sorted(known.matcher.find(text[:most]), key=lambda span: (span.start, span.rule))
    for span in spans:
        rule = known.known[span.rule]
        action = max((rule.action_for(plan) for plan in plans), key=_STRICTNESS.index)
        if action == Action.OFF or (negative and span.rule not in known.matcher.negative):
            continue
        yield Finding(rule, action, name, text, span.start, span.end)


def texts(given: Mapping[str, Any], properties: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every text of an input with the input's name. What the schema calls an address is none, and names a file."""
    left = _MOST_TEXTS
    for name, value in given.items():
        rule = properties.get(name, {})
        if _is_file(rule, value):
            continue
        for text in _searched(rule, value):
            left -= 1
            if left < 0:
                return
            yield name, text


def _is_file(rule: Mapping[str, Any], value: Any) -> bool:
    return isinstance(value, str) and rule.get("format") == "uri"


def _searched(rule: Mapping[str, Any], value: Any) -> Iterator[str]:
    """The texts of one value; files in a list of files are none."""
    items = rule.get("items")
    if isinstance(value, list) and isinstance(items, Mapping) and items.get("format") == "uri":
        value = [one for one in value if not isinstance(one, str)]
    return _within(value, 0)


def _within(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        if value:
            yield value
    elif depth < _DEEPEST and isinstance(value, list):
        for inner in value:
            yield from _within(inner, depth + 1)
    elif depth < _DEEPEST and isinstance(value, dict):
        for key, inner in value.items():
            yield from _within(key, depth + 1)
            yield from _within(inner, depth + 1)


def _is_deeper(value: Any, depth: int) -> bool:
    """Whether something stands in it where no rule looks."""
    if not isinstance(value, list | dict):
        return False
    if depth >= _DEEPEST:
        return bool(value)
    return any(_is_deeper(one, depth + 1) for one in (value.values() if isinstance(value, dict) else value))


def is_negative(name: str) -> bool:
    """Whether an input says what a picture should not show."""
    return "negative" in name.lower() or name in _NEGATIVE
