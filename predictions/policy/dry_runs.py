"""Dry runs of prompt rules: on one prompt, and on the inputs of recent predictions."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from predictions.models import Action, Prediction, PromptRule
from predictions.policy import prompt_rules
from predictions.policy.evaluation import Finding, evaluate_rules

SAMPLE_SIZE = 500
"""Recent predictions that a rule is tried on."""
TIME_LIMIT_S = 3.0
"""Seconds for that: whoever saves the rule waits, and so do all other writers meanwhile."""
_AT_ONCE = 5
"""Inputs in memory at once: each may contain images of many megabytes."""
MAX_SAMPLES = 10
"""Samples that are shown."""


@dataclass(frozen=True)
class RuleMatch:
    """A match of a rule in a prompt, split into the text before, the match, and the text after."""

    name: str
    action: str
    draft: bool
    before: str
    found: str
    after: str

    @property
    def action_label(self) -> str:
        """Label of the rule's action, in the reader's language."""
        return str(Action(self.action).label)


@dataclass(frozen=True)
class MatchCount:
    """How many of the recent predictions a rule would have matched."""

    of: int
    found: int
    samples: list[RuleMatch] = field(default_factory=list)
    """The newest of them."""


def on_prompt(text: str, plan_id: int | None, draft: PromptRule | None = None) -> list[RuleMatch]:
    """Matches of the enabled rules, and of a draft, in a prompt of an account with that plan."""
    verdict = evaluate_rules(
        prompt_rules.compile_rules(list(PromptRule.objects.filter(enabled=True))), {"prompt": text}, [plan_id]
    )
    matches = [_split(finding) for finding in (*verdict.refused, *verdict.flagged)]
    if draft is not None:
        of_draft = evaluate_rules(prompt_rules.compile_rules([draft]), {"prompt": text}, [None])
        matches += [_split(finding, draft=True) for finding in (*of_draft.refused, *of_draft.flagged)]
    return matches


def outcome(found: list[RuleMatch]) -> str:
    """The resulting action for the prompt, by the enabled rules and the draft together."""
    actions = {match.action for match in found}
    return next((match.value for match in (Action.REFUSE, Action.FLAG) if match in actions), Action.OFF.value)


def on_recent(rules: prompt_rules.Rules, most: int = SAMPLE_SIZE) -> MatchCount:
    """How many of the newest predictions the rules would have matched, whatever was done about them then.

    Of as many as can be read within `TIME_LIMIT_S`, at least of one.
    """
    rows = Prediction.objects.filter(data_removed=False).order_by("-pk")
    of, hits, until = 0, 0, time.monotonic() + TIME_LIMIT_S
    samples: list[RuleMatch] = []
    for input_, plan_id in rows.values_list("input", "account__plan")[:most].iterator(chunk_size=_AT_ONCE):
        if of and time.monotonic() > until:
            break
        of += 1
        verdict = evaluate_rules(rules, input_, [plan_id])
        findings = [*verdict.refused, *verdict.flagged]
        if findings:
            hits += 1
            if len(samples) < MAX_SAMPLES:
                samples.append(_split(findings[0], around=60))
    return MatchCount(of, hits, samples)


def _split(finding: Finding, *, draft: bool = False, around: int = 2000) -> RuleMatch:
    start, end = max(0, finding.start - around), finding.end + around
    return RuleMatch(
        finding.rule.name,
        finding.action,
        draft,
        ("…" if start else "") + finding.text[start : finding.start],
        finding.text[finding.start : finding.end],
        finding.text[finding.end : end] + ("…" if end < len(finding.text) else ""),
    )
