"""What the rules found, kept for a time: the only writer of findings in prompts, and what prunes all findings."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import timedelta

from django.core.cache import cache

from accounts.models import Account, User
from core.cache import counters
from core.clock import Now
from predictions.models import Action, RuleHit
from predictions.policy.evaluation import Finding

KEPT = timedelta(days=90)
"""How long a finding is kept, in whatever it was; one that a moderator is still to see stays until then."""
AT_ONCE = 500
SAME_S = 600
"""Seconds within which the same text of an account is noted once, however often it is sent."""
MOST_AN_HOUR = 200
"""Refusals of one account that are noted in an hour: the next says nothing new."""


def refused(findings: Iterable[Finding], account: Account, user: User) -> None:
    """Note what was refused. Outside of any transaction: there is no prediction that it belongs to."""
    rows = [_row(one, account, user) for one in findings if _is_news(one, account)]
    RuleHit.objects.bulk_create(rows)


def flagged(findings: Iterable[Finding], account: Account, user: User, prediction: str) -> list[RuleHit]:
    """What is to be noted of a prediction that runs: rows to be inserted in the transaction that makes it."""
    return [_row(one, account, user, prediction) for one in findings]


def prune() -> bool:
    """A chore: forget some findings that are old enough. Whether there were any."""
    old = RuleHit.objects.filter(created_at__lt=Now() - KEPT, case_owed=False)
    keys = list(old.order_by("created_at").values_list("pk", flat=True)[:AT_ONCE])
    return bool(keys and RuleHit.objects.filter(pk__in=keys).delete()[0])


def _row(one: Finding, account: Account, user: User, prediction: str = "") -> RuleHit:
    return RuleHit(
        what=RuleHit.What.PROMPT,
        rule_id=one.rule.pk,
        source=one.rule.name[:80],
        action=one.action,
        account=account,
        user=user,
        prediction=prediction,
        excerpt=one.excerpt(),
        marks={"input": one.field, "found": one.found},
        case_owed=one.action == Action.FLAG,
    )


def _is_news(one: Finding, account: Account) -> bool:
    digest = hashlib.sha256(one.text.encode(errors="replace")).hexdigest()[:32]
    if not cache.add(f"hit-{account.pk}-{one.rule.pk}-{digest}", 1, SAME_S):
        return False
    key = f"hits-{account.pk}"
    counters.cache.add(key, 0, 3600)
    try:
        return counters.cache.incr(key) <= MOST_AN_HOUR
    except ValueError:  # it ran out between the two
        return True
