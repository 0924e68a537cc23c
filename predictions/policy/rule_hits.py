"""Rule hits: the only writer of hits in prompts, and the job that prunes hits of all kinds."""

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

RETENTION = timedelta(days=90)
"""How long a hit is kept; one that a moderator has not seen yet stays longer."""
AT_ONCE = 500
"""Rows that one call of `prune` deletes at most."""
REPEAT_WINDOW_S = 600
"""Seconds within which the same text of an account is recorded once, however often it is sent."""
MOST_AN_HOUR = 200
"""Refusals of one account recorded in an hour: more would add nothing."""


def record_refusals(findings: Iterable[Finding], account: Account, user: User) -> None:
    """Record refusals. Outside of any transaction: there is no prediction that they belong to."""
    rows = [_row(finding, account, user) for finding in findings if _is_news(finding, account)]
    RuleHit.objects.bulk_create(rows)


def flagged_hits(findings: Iterable[Finding], account: Account, user: User, prediction: str) -> list[RuleHit]:
    """Hits of a prediction that is accepted: rows to insert in the transaction that creates it."""
    return [_row(finding, account, user, prediction) for finding in findings]


def prune() -> bool:
    """Job: delete some hits that are old enough. Whether there were any."""
    old = RuleHit.objects.filter(created_at__lt=Now() - RETENTION, case_owed=False)
    keys = list(old.order_by("created_at").values_list("pk", flat=True)[:AT_ONCE])
    return bool(keys and RuleHit.objects.filter(pk__in=keys).delete()[0])


def _row(finding: Finding, account: Account, user: User, prediction: str = "") -> RuleHit:
    return RuleHit(
        what=RuleHit.What.PROMPT,
        rule_id=finding.rule.pk,
        source=finding.rule.name[:80],
        action=finding.action,
        account=account,
        user=user,
        prediction=prediction,
        excerpt=finding.excerpt(),
        marks={"input": finding.field, "found": finding.found},
        case_owed=finding.action == Action.FLAG,
    )


def _is_news(finding: Finding, account: Account) -> bool:
    digest = hashlib.sha256(finding.text.encode(errors="replace")).hexdigest()[:32]
    if not cache.add(f"hit-{account.pk}-{finding.rule.pk}-{digest}", 1, REPEAT_WINDOW_S):
        return False
    key = f"hits-{account.pk}"
    counters.cache.add(key, 0, 3600)
    try:
        return counters.cache.incr(key) <= MOST_AN_HOUR
    except ValueError:  # it ran out between the two
        return True
