"""Effects of a ban on predictions: cancels live ones, each in its own transaction, and drops pending webhooks.

The sanction stays marked (`work_owed`) until no more work of the member can appear: a request that was accepted in the
same instant is found by a later run.
"""

from __future__ import annotations

import time

from django.db.models import Q, QuerySet

from accounts.models import Sanction, User
from accounts.personal_accounts import personal_account
from accounts.staff import sanctions
from core.clock import after
from core.db.due_rows import DueRows
from core.jobs import wakeups
from predictions import lifecycle
from predictions.models import Phase, Prediction
from predictions.webhooks import outbox

CLOSED = "The account was closed."
"""The error of the predictions that a ban cancels."""
QUIET_S = 300.0
"""Seconds after a ban during which a request that began before it may still create predictions."""
TURN_S = 1.0
_BATCH = 50
_UNDER_WAY = [phase for phase in Phase.values if phase != Phase.ENDED]


def connect_signals() -> None:
    """Register the handlers of the ban signals."""
    sanctions.register_account_closer(close)
    sanctions.register_consequences(count_consequences)


def close(user: User, sanction: Sanction) -> None:
    """Drop pending webhooks and request the cancellations; in the ban's own transaction."""
    outbox.drop_of(user)
    # Cancel their live predictions at once, too.
    wakeups.send_on_commit(wakeups.JOBS)


def count_consequences(user: User) -> dict[str, int]:
    """Counts of what a ban would end, by name."""
    live = _predictions_of(user).filter(phase__in=_UNDER_WAY)
    waiting = live.filter(phase=Phase.WAITING).count()
    return {
        "waiting": waiting,
        "running": live.count() - waiting,
        "webhooks": outbox.owed_to(user).count(),
    }


def run_once() -> bool:
    """Periodic job: cancel live predictions of banned members. Returns whether it found any, or more remains."""
    return _OWED.step(TURN_S, _BATCH)


def owed() -> QuerySet[Sanction]:
    """Bans whose cancellations are still due."""
    return Sanction.objects.filter(work_owed=True, lifted_at__isnull=True)


def _end_batch(due: tuple[int]) -> bool:
    row = owed().filter(pk=due[0]).select_related("user").first()
    if row is None:
        return False
    until = time.monotonic() + TURN_S
    live = _predictions_of(row.user).filter(phase__in=_UNDER_WAY)
    # Results that are being fetched are excluded: these predictions end by themselves, within moments.
    found = live.exclude(phase__in=[Phase.RESULT, Phase.COLLECTING]).order_by("pk")
    public_ids = list(found.values_list("public_id", flat=True)[:_BATCH])
    for public_id in public_ids:
        lifecycle.cancel(public_id, error=CLOSED)
        if time.monotonic() > until:
            break
    dropped = outbox.drop_of(row.user)
    if not public_ids and not dropped and not live.exists():
        quiet = Sanction.objects.filter(pk=row.pk, created_at__lte=after(-QUIET_S))
        if quiet.exists():
            sanctions.mark_work_stopped(row)
    return bool(public_ids or dropped)


# A ban that is not quiet yet does not delay the others. Each prediction ends in its own transaction.
_OWED = DueRows("banned", lambda: owed().values_list("pk"), _end_batch, in_transaction=False)


def _predictions_of(user: User) -> QuerySet[Prediction]:
    """Predictions that the member made, for any account, and those that their own account pays for."""
    condition = Q(user=user)
    account = personal_account(user)
    if account is not None:
        condition |= Q(account=account)
    return Prediction.objects.filter(condition)
