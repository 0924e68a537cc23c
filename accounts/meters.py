"""What the limits of an account allow and leave, for its page. Amounts are micro-credits."""

from __future__ import annotations

from django.utils import timezone

from accounts import credits, spending
from accounts.credits import limits
from accounts.models import Account
from accounts.token_limits import Meter


def of_account(account: Account) -> list[Meter]:
    """The account's own limits or its plan's, whichever is lower. One query where there is no limit."""
    now = timezone.now()
    found = [(name, most) for _of_member, name, most in limits.of_account(account.pk)]
    if not found:
        return []
    return [
        Meter(name, most, credits.spent(account.pk, None, name, now), spending.ends_at(name, now))
        for name, most in found
    ]
