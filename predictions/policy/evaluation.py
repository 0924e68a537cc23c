"""Evaluation of an input by the prompt rules: findings, verdict, and the wording of refusals."""

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
"""Characters of one text in an input: more than any model reads, far less than would slow a page."""


QUOTE_LENGTH = 60
"""Characters of the match that a refusal quotes."""
_DEEPEST = 16
_MOST_TEXTS = 5000
_NEGATIVE = ("n_prompt",)
_MOST_IN_ALL = 4 * MAX_TEXT
_SEARCHED_OF_FILE = 2000
_STRICTNESS = (Action.OFF.value, Action.FLAG.value, Action.REFUSE.value)
_FILE = re.compile(r"data:[\w.+-]+/[\w.+-]+(?:;[\w=.-]+)*;base64,[A-Za-z0-9+/=_-]*", re.ASCII | re.IGNORECASE)
"""A file inlined in the input, as a whole: a prompt may begin like one, but its words are no Base64.

Where the schema does not declare it a file, its beginning is searched all the same.
"""


@dataclass(frozen=True)
class Finding:
    """A rule matched in one input."""

    rule: prompt_rules.RuleInfo
    action: str
    field: str
    """The input's name, without `input.`."""
    text: str = dataclasses.field(repr=False)
    start: int = 0
    end: int = 0

    @property
    def found(self) -> str:
        """The match as written, on one line."""
        text = " ".join(self.text[self.start : self.end].split())
        return text if len(text) <= QUOTE_LENGTH else f"{text[: QUOTE_LENGTH - 1]}…"

    def excerpt(self, most: int = 300) -> str:
        """The match with its surroundings, in at most so many characters."""
        margin = max(0, most - 2 - (self.end - self.start)) // 2
        start, end = max(0, self.start - margin), min(len(self.text), self.end + margin)
        before, after = "…" if start else "", "…" if end < len(self.text) else ""
        return (before + " ".join(self.text[start:end].split()) + after)[:most]

    @property
    def sentence(self) -> str:
        """The refusal for API and pages; it says that nothing was charged."""
        if self.rule.message:
            message = " ".join(self.rule.message.split())
            return f"{message if message.endswith(_ENDS) else message + '.'} Nothing was charged."
        return f"This server does not allow “{self.found}”. Nothing was charged."


_ENDS = (".", "!", "?", "…", "。", "！", "？")


@dataclass(frozen=True)
class Verdict:
    """What the rules say of one input."""

    refused: tuple[Finding, ...] = ()
    flagged: tuple[Finding, ...] = ()

    @property
    def faults(self) -> list[Fault]:
        """One fault for each refused input, in the input's order, in the words of the first rule that matched."""
        first: dict[str, Finding] = {}
        for finding in self.refused:
            first.setdefault(finding.field, finding)
        return [
            Fault(
                "not_allowed",
                f"input.{name}",
                finding.sentence,
                "" if finding.rule.message else finding.found,
            )
            for name, finding in first.items()
        ]


NOTHING = Verdict()


def limit_faults(inputs: Mapping[str, Any], properties: Mapping[str, Any] | None = None) -> list[Fault]:
    """Faults of texts that are too long, too many or too deeply nested: the rules search all that is let through."""
    faults: list[Fault] = []
    count, length = 0, 0
    for name, value in inputs.items():
        rule = (properties or {}).get(name, {})
        if _is_file(rule, value):
            continue
        if _is_deeper(value, 0):
            faults.append(
                Fault("invalid", f"input.{name}", f"Must not be nested deeper than {_DEEPEST} levels")
            )
            continue
        for text in _searched(rule, value):
            count, size = count + 1, min(len(text), _SEARCHED_OF_FILE) if _FILE.fullmatch(text) else len(text)
            length += size
            if size > MAX_TEXT:
                message = f"String length must be less than or equal to {MAX_TEXT}"
                faults.append(Fault("string_lte", f"input.{name}", message))
                break
            if count > _MOST_TEXTS or length > _MOST_IN_ALL:
                message = f"All texts together: at most {_MOST_TEXTS}, and {_MOST_IN_ALL} characters"
                return [*faults, Fault("string_lte", f"input.{name}", message)]
    return faults


def evaluate(
    inputs: Mapping[str, Any],
    account: Account,
    properties: Mapping[str, Any] | None = None,
    *,
    personal_account: Account | None = None,
) -> Verdict:
    """The verdict of the current rules on an input (texts within their limits) for an account.

    `properties`: those of the version's schema, which declare what is a file. `personal_account`: that of a member
    acting for an organisation; the stricter of both actions counts.
    """
    rules = prompt_rules.current()
    if not rules.matcher:
        return NOTHING
    plans = (account.plan_id,) if personal_account is None else (account.plan_id, personal_account.plan_id)
    return evaluate_rules(rules, inputs, plans, properties)


def evaluate_rules(
    rules: prompt_rules.Rules,
    inputs: Mapping[str, Any],
    plans: Sequence[int | None],
    properties: Mapping[str, Any] | None = None,
) -> Verdict:
    """The verdict of given rules for accounts of those plans: the strictest action counts."""
    refused: list[Finding] = []
    flagged: list[Finding] = []
    for name, text in texts(inputs, properties or {}):
        for finding in _findings(rules, name, text, plans):
            (refused if finding.action == Action.REFUSE else flagged).append(finding)
    return Verdict(tuple(refused), tuple(flagged)) if refused or flagged else NOTHING


def _findings(
    rules: prompt_rules.Rules, name: str, text: str, plans: Sequence[int | None]
) -> Iterator[Finding]:
    negative = is_negative(name)
    most = _SEARCHED_OF_FILE if _FILE.fullmatch(text) else MAX_TEXT
    spans: list[Span] = sorted(rules.matcher.find(text[:most]), key=lambda span: (span.start, span.rule))
    for span in spans:
        rule = rules.infos[span.rule]
        action = max((rule.action_for(plan) for plan in plans), key=_STRICTNESS.index)
        if action == Action.OFF or (negative and span.rule not in rules.matcher.negative):
            continue
        yield Finding(rule, action, name, text, span.start, span.end)


def texts(inputs: Mapping[str, Any], properties: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every text of an input with the input's name. What the schema declares a URI names a file, and is no text."""
    left = _MOST_TEXTS
    for name, value in inputs.items():
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
    """The texts of one value; strings in a list of files are not texts."""
    items = rule.get("items")
    if isinstance(value, list) and isinstance(items, Mapping) and items.get("format") == "uri":
        value = [item for item in value if not isinstance(item, str)]
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
    """Whether it is nested deeper than the rules search."""
    if not isinstance(value, list | dict):
        return False
    if depth >= _DEEPEST:
        return bool(value)
    return any(_is_deeper(item, depth + 1) for item in (value.values() if isinstance(value, dict) else value))


def is_negative(name: str) -> bool:
    """Whether an input is a negative prompt."""
    return "negative" in name.lower() or name in _NEGATIVE
