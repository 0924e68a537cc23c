"""The prompt rules as they are now, ready to be looked for. A process asks every other second whether they changed."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models.signals import post_delete, post_save

from core.clock import Now
from predictions.models import Action, PlanRule, PromptRule
from predictions.policy.matcher import Matcher, Rule, words_of

KEPT_S = 2.0


@dataclass(frozen=True)
class Known:
    """What is known of one rule beside what it looks for."""

    pk: int
    name: str
    action: str
    told: str
    """Told to the member; empty: what was found is named."""
    plans: Mapping[int, str] = field(default_factory=dict)
    """What it does instead for accounts of some plans, by their keys."""

    def action_for(self, plan_id: int | None) -> str:
        """What it does for an account of that plan."""
        return self.plans.get(plan_id, self.action) if plan_id is not None else self.action


@dataclass(frozen=True)
class Rules:
    """All rules that do something for somebody."""

    matcher: Matcher
    known: Mapping[int, Known]


NONE = Rules(Matcher(()), {})


@dataclass(frozen=True)
class _Kept:
    at: float
    generation: tuple[Any, ...] | None
    rules: Rules


_lock = threading.Lock()
_kept: _Kept | None = None


def current() -> Rules:
    """The rules of at most two seconds ago."""
    global _kept
    now, kept = time.monotonic(), _kept
    if kept is not None and now - kept.at <= KEPT_S:
        return kept.rules
    with _lock:
        generation = _generation()
        if kept is not None and kept.generation == generation:
            rules = kept.rules
        else:
            rules = compile_rules(list(PromptRule.objects.filter(enabled=True).order_by("pk")))
        _kept = _Kept(now, generation, rules)
        return rules


def compile_rules(rows: list[PromptRule]) -> Rules:
    """These rules, saved or not, ready to be looked for."""
    plans: dict[int, dict[int, str]] = {}
    for rule_id, plan_id, action in PlanRule.objects.filter(
        rule__in=[row.pk for row in rows if row.pk]
    ).values_list("rule", "plan", "action"):
        plans.setdefault(rule_id, {})[plan_id] = action
    known, looked_for = {}, []
    for row in rows:
        one = Known(row.pk or 0, row.name, row.action, row.words, plans.get(row.pk, {}))
        if {one.action, *one.plans.values()} == {Action.OFF.value}:
            continue
        known[one.pk] = one
        looked_for.append(as_rule(row))
    return Rules(Matcher(looked_for), known)


def as_rule(row: PromptRule) -> Rule:
    """What a row looks for."""
    if row.kind == PromptRule.Kind.PATTERN:
        return Rule(row.pk or 0, pattern=row.text.strip(), negative=row.negative)
    return Rule(row.pk or 0, words=words_of(row.text), negative=row.negative)


def touch(rule_id: int) -> None:
    """Say that what it does for some plan has changed: other processes look at the rule's own time alone."""
    PromptRule.objects.filter(pk=rule_id).update(changed_at=Now())
    forget()


def keep(rules: Rules) -> None:
    """Take these for the rules as they are now, without asking the database."""
    global _kept
    _kept = _Kept(time.monotonic(), None, rules)


def forget(**_kwargs: Any) -> None:
    """Ask anew next time."""
    global _kept
    _kept = None


def connect_signals() -> None:
    """Have this process see its own changes at once; called once when the app is ready."""
    for model in (PromptRule, PlanRule):
        for signal in (post_save, post_delete):
            signal.connect(forget, sender=model, dispatch_uid=f"policy-{model.__name__}-{id(signal)}")


def _generation() -> tuple[Any, ...]:
    # Of every rule, not the newest time of all: of two that are saved at once the earlier may be seen last.
    return tuple(PromptRule.objects.order_by("pk").values_list("pk", "changed_at"))
