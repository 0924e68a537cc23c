"""Enabled prompt rules, compiled and cached in each process for two seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models.signals import post_delete, post_save

from core.clock import Now
from predictions.models import Action, PlanRule, PromptRule
from predictions.policy.matcher import Matcher, Rule, parse_words

CACHE_S = 2.0
"""Seconds for which the cached rules are used without asking the database."""


@dataclass(frozen=True)
class RuleInfo:
    """What one rule does, apart from what it searches for."""

    pk: int
    name: str
    action: str
    message: str
    """Message for the member; empty: the match is quoted."""
    plans: Mapping[int, str] = field(default_factory=dict)
    """Actions for accounts of some plans, by the plan's primary key."""

    def action_for(self, plan_id: int | None) -> str:
        """Its action for an account of that plan."""
        return self.plans.get(plan_id, self.action) if plan_id is not None else self.action


@dataclass(frozen=True)
class Rules:
    """All rules that have an effect for somebody."""

    matcher: Matcher
    infos: Mapping[int, RuleInfo]


NONE = Rules(Matcher(()), {})


@dataclass(frozen=True)
class _Cached:
    at: float
    generation: tuple[Any, ...] | None
    rules: Rules


_lock = threading.Lock()
_cached: _Cached | None = None


def current() -> Rules:
    """The rules, at most two seconds old."""
    global _cached
    now, cached = time.monotonic(), _cached
    if cached is not None and now - cached.at <= CACHE_S:
        return cached.rules
    with _lock:
        generation = _generation()
        if cached is not None and cached.generation == generation:
            rules = cached.rules
        else:
            rules = compile_rules(list(PromptRule.objects.filter(enabled=True).order_by("pk")))
        _cached = _Cached(now, generation, rules)
        return rules


def compile_rules(rows: list[PromptRule]) -> Rules:
    """These rules, saved or not, compiled for searching."""
    plans: dict[int, dict[int, str]] = {}
    for rule_id, plan_id, action in PlanRule.objects.filter(
        rule__in=[row.pk for row in rows if row.pk]
    ).values_list("rule", "plan", "action"):
        plans.setdefault(rule_id, {})[plan_id] = action
    infos, searched = {}, []
    for row in rows:
        rule = RuleInfo(row.pk or 0, row.name, row.action, row.words, plans.get(row.pk, {}))
        if {rule.action, *rule.plans.values()} == {Action.OFF.value}:
            continue
        infos[rule.pk] = rule
        searched.append(as_rule(row))
    return Rules(Matcher(searched), infos)


def as_rule(row: PromptRule) -> Rule:
    """What a row searches for."""
    if row.kind == PromptRule.Kind.PATTERN:
        return Rule(row.pk or 0, pattern=row.text.strip(), negative=row.negative)
    return Rule(row.pk or 0, words=parse_words(row.text), negative=row.negative)


def touch(rule_id: int) -> None:
    """Note a change of a plan's action: other processes compare only the rule's own time."""
    PromptRule.objects.filter(pk=rule_id).update(changed_at=Now())
    drop_cache()


def use_rules(rules: Rules) -> None:
    """Use these rules without asking the database."""
    global _cached
    _cached = _Cached(time.monotonic(), None, rules)


def drop_cache(**_kwargs: Any) -> None:
    """Drop the cached rules."""
    global _cached
    _cached = None


def connect_signals() -> None:
    """Make this process see its own changes at once; called when the app is ready."""
    for model in (PromptRule, PlanRule):
        for signal in (post_save, post_delete):
            signal.connect(drop_cache, sender=model, dispatch_uid=f"policy-{model.__name__}-{id(signal)}")


def _generation() -> tuple[Any, ...]:
    # All times, not just the newest: of two rules saved at once, the earlier may become visible last.
    return tuple(PromptRule.objects.order_by("pk").values_list("pk", "changed_at"))
