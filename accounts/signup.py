"""What a new member gets."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from accounts import credits
from accounts.models import MICRO, LedgerEntry, User
from accounts.provisioning import ensure_account


def welcome(user: User) -> LedgerEntry | None:
    """Grant the welcome credits, once in a user's life; None where there are none or they were given."""
    if settings.WELCOME_CREDITS <= 0:
        return None
    reference = f"welcome-{user.pk}"
    try:
        # A savepoint: the ledger's unique reference refuses the second time, and the caller's work goes on.
        with transaction.atomic():
            return credits.grant(
                ensure_account(user), settings.WELCOME_CREDITS * MICRO, reason="Welcome", reference=reference
            )
    except IntegrityError:
        return None


def on_signed_up(sender: Any, user: User, **kwargs: Any) -> None:
    """Receiver of allauth's `user_signed_up`."""
    welcome(user)


def connect() -> None:
    """Connect the receiver; called once when the app is ready."""
    from allauth.account.signals import user_signed_up

    user_signed_up.connect(on_signed_up, dispatch_uid="accounts.signup")
