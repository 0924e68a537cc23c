"""What a ban ends here: live predictions, one transaction each with its hold returned, and webhooks that are owed.

What is owed stands in the sanction (`work_owed`) until nothing of theirs can come any more: a request that was accepted
in the same instant is found by a later turn.
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
"""The last words of what was under way."""
QUIET_S = 300.0
"""So long after a ban something may still come of a request that began before it; then no more."""
TURN_S = 1.0
_AT_ONCE = 50
_UNDER_WAY = [phase for phase in Phase.values if phase != Phase.ENDED]


def connect_signals() -> None:
    """Have bans end what is ours, and say what they would end."""
    sanctions.register_account_closer(close)
    sanctions.register_consequences(tell)


def close(user: User, sanction: Sanction) -> None:
    """In the ban's own transaction: nothing that is owed to them is sent any more."""
    outbox.drop_of(user)
    # Their work is to end at once, too.
    wakeups.send_on_commit(wakeups.CHORES)


def tell(user: User) -> dict[str, int]:
    """What a ban would end, by name."""
    mine = _theirs(user).filter(phase__in=_UNDER_WAY)
    waiting = mine.filter(phase=Phase.WAITING).count()
    return {
        "waiting": waiting,
        "running": mine.count() - waiting,
        "webhooks": outbox.owed_to(user).count(),
    }


def run_once() -> bool:
    """A chore: end what is live of those who were banned. Whether there was anything to end, or another to look at."""
    return _OWED.step(TURN_S, _AT_ONCE)


def owed() -> QuerySet[Sanction]:
    """Bans that still owe this."""
    return Sanction.objects.filter(work_owed=True, lifted_at__isnull=True)


def _end_some(due: tuple[int]) -> bool:
    row = owed().filter(pk=due[0]).select_related("user").first()
    if row is None:
        return False
    until = time.monotonic() + TURN_S
    live = _theirs(row.user).filter(phase__in=_UNDER_WAY)
    # A result that is being fetched is theirs already: it ends by itself, in moments.
    found = live.exclude(phase__in=[Phase.RESULT, Phase.COLLECTING]).order_by("pk")
    public_ids = list(found.values_list("public_id", flat=True)[:_AT_ONCE])
    for public_id in public_ids:
        lifecycle.cancel(public_id, error=CLOSED)
        if time.monotonic() > until:
            break
    dropped = outbox.drop_of(row.user)
    if not public_ids and not dropped and not live.exists():
        quiet = Sanction.objects.filter(pk=row.pk, created_at__lte=after(-QUIET_S))
        if quiet.exists():
            sanctions.work_is_done(row)
    return bool(public_ids or dropped)


# Of many who are banned at once none waits until the first of them are quiet. Each prediction ends by itself.
_OWED = DueRows("banned", lambda: owed().values_list("pk"), _end_some, in_transaction=False)


def _theirs(user: User) -> QuerySet[Prediction]:
    """What they made, for whatever account, and what their own account pays."""
    mine = Q(user=user)
    own = personal_account(user)
    if own is not None:
        mine |= Q(account=own)
    return Prediction.objects.filter(mine)
