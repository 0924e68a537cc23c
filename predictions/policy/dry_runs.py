"""Tries rules without anything coming of it: on one prompt, and on what was asked for lately."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from predictions.models import Action, Prediction, PromptRule
from predictions.policy import prompt_rules
from predictions.policy.evaluation import Finding, judged

LAST = 500
"""Prompts of the past that a rule is tried on."""
PATIENCE_S = 3.0
"""How long it is tried on them: whoever saves it waits, and so does all that writes meanwhile."""
_AT_ONCE = 5
"""Inputs in memory: each may hold pictures of many megabytes."""
SHOWN = 10


@dataclass(frozen=True)
class Tried:
    """What a rule found in a prompt, cut into what stands before it, itself, and what follows."""

    name: str
    action: str
    draft: bool
    before: str
    found: str
    after: str

    @property
    def action_words(self) -> str:
        """What the rule does, in the reader's language."""
        return str(Action(self.action).label)


@dataclass(frozen=True)
class Counted:
    """How many of the last prompts a rule would have found something in."""

    of: int
    found: int
    samples: list[Tried] = field(default_factory=list)
    """The newest of them."""


def prompt(text: str, plan_id: int | None, draft: PromptRule | None = None) -> list[Tried]:
    """What the rules of the house, and a draft, find in a prompt of an account with that plan."""
    verdict = judged(
        prompt_rules.compile_rules(list(PromptRule.objects.filter(enabled=True))), {"prompt": text}, [plan_id]
    )
    found = [_cut(one) for one in (*verdict.refused, *verdict.flagged)]
    if draft is not None:
        mine = judged(prompt_rules.compile_rules([draft]), {"prompt": text}, [None])
        found += [_cut(one, draft=True) for one in (*mine.refused, *mine.flagged)]
    return found


def outcome(found: list[Tried]) -> str:
    """What would become of the prompt, by the rules of the house and the draft together."""
    actions = {one.action for one in found}
    return next((one.value for one in (Action.REFUSE, Action.FLAG) if one in actions), Action.OFF.value)


def past(tried: prompt_rules.Rules, most: int = LAST) -> Counted:
    """How many of the newest predictions it would have found something in, whatever was done about them then.

    Of as many as can be read within its patience, at least of one.
    """
    rows = Prediction.objects.filter(data_removed=False).order_by("-pk")
    of, hits, until = 0, 0, time.monotonic() + PATIENCE_S
    samples: list[Tried] = []
    for given, plan_id in rows.values_list("input", "account__plan")[:most].iterator(chunk_size=_AT_ONCE):
        if of and time.monotonic() > until:
            break
        of += 1
        verdict = judged(tried, given, [plan_id])
        findings = [*verdict.refused, *verdict.flagged]
        if findings:
            hits += 1
            if len(samples) < SHOWN:
                samples.append(_cut(findings[0], around=60))
    return Counted(of, hits, samples)


def _cut(one: Finding, *, draft: bool = False, around: int = 2000) -> Tried:
    start, end = max(0, one.start - around), one.end + around
    return Tried(
        one.rule.name,
        one.action,
        draft,
        ("…" if start else "") + one.text[start : one.start],
        one.text[one.start : one.end],
        one.text[one.end : end] + ("…" if end < len(one.text) else ""),
    )
