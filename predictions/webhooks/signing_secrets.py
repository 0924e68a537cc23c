"""The secret that signs an account's webhooks: made when first asked for, changed without a receiver noticing."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import Account
from core.clock import Now
from predictions.webhooks import signatures

BOTH_FOR = timedelta(hours=24)
"""How long webhooks carry the old signature beside the new one."""


def secret_of(account: Account) -> str:
    """The account's signing secret, made when it is first asked for and stable from then on."""
    if not account.webhook_secret:
        with transaction.atomic():
            Account.objects.filter(pk=account.pk, webhook_secret="").update(
                webhook_secret=signatures.new_secret()
            )
        account.refresh_from_db(fields=["webhook_secret"])
    return account.webhook_secret


def older_of(account: Account) -> tuple[str, ...]:
    """The secret before, while it still signs beside the present one."""
    until = old_until(account)
    return (account.webhook_secret_old,) if until is not None and until > timezone.now() else ()


def old_until(account: Account) -> datetime | None:
    """When the secret before stops, or stopped, to sign; None where there was none."""
    if not account.webhook_secret_old or account.webhook_secret_rotated_at is None:
        return None
    return account.webhook_secret_rotated_at + BOTH_FOR


def rotate(account: Account) -> str:
    """Change the secret, and give the new one. The old one signs beside it for a day more.

    Two changes at the same time are one: whoever comes second gets the other's new secret.
    """
    seen = secret_of(account)
    with transaction.atomic():
        Account.objects.filter(pk=account.pk, webhook_secret=seen).update(
            webhook_secret_old=F("webhook_secret"),
            webhook_secret=signatures.new_secret(),
            webhook_secret_rotated_at=Now(),
        )
    account.refresh_from_db(fields=["webhook_secret", "webhook_secret_old", "webhook_secret_rotated_at"])
    return account.webhook_secret
