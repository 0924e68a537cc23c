"""Welcome credits of a new user, and the credits that an invitation adds."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from accounts import credits
from accounts.models import Invitation, LedgerEntry, User
from accounts.personal_accounts import ensure_account
from accounts.site import site_rules


def grant_welcome(user: User) -> LedgerEntry | None:
    """Grant the welcome credits, once per user; None where there are none or they were granted before."""
    return _grant_once(user, site_rules.welcome_credits(), "Welcome", f"welcome-{user.pk}")


def grant_invited(user: User, invitation: Invitation) -> LedgerEntry | None:
    """Grant the invitation's credits, once per user; None where it has none or they were granted before."""
    return _grant_once(user, invitation.grant, "Invitation", f"invitation-{user.pk}")


def _grant_once(user: User, amount: int, reason: str, reference: str) -> LedgerEntry | None:
    if amount <= 0:
        return None
    try:
        # A savepoint: the ledger's unique reference rejects a repeat without breaking the caller's transaction.
        with transaction.atomic():
            return credits.grant(ensure_account(user), amount, reason=reason, reference=reference)
    except IntegrityError:
        return None
