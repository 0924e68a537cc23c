"""What a new member gets: the welcome credits, and what an invitation adds to them."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from accounts import credits
from accounts.models import Invitation, LedgerEntry, User
from accounts.personal_accounts import ensure_account
from accounts.site import site_rules


def grant_welcome(user: User) -> LedgerEntry | None:
    """Grant the welcome credits, once in a user's life; None where there are none or they were given."""
    return _once(user, site_rules.welcome_credits(), "Welcome", f"welcome-{user.pk}")


def grant_invited(user: User, invitation: Invitation) -> LedgerEntry | None:
    """Grant what the invitation adds, once in a user's life; None where it adds nothing or it was given."""
    return _once(user, invitation.grant, "Invitation", f"invitation-{user.pk}")


def _once(user: User, amount: int, reason: str, reference: str) -> LedgerEntry | None:
    if amount <= 0:
        return None
    try:
        # A savepoint: the ledger's unique reference refuses the second time, and the caller's work goes on.
        with transaction.atomic():
            return credits.grant(ensure_account(user), amount, reason=reason, reference=reference)
    except IntegrityError:
        return None
