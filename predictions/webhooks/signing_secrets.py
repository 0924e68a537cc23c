"""Signing secret of an account's webhooks: made on first use, rotated without downtime for receivers."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import Account
from core.clock import Now
from predictions.webhooks import signatures

ROTATION_OVERLAP = timedelta(hours=24)
"""How long after a rotation webhooks carry the old secret's signature beside the new one's."""


def get_or_create(account: Account) -> str:
    """The account's signing secret; made on first use and stable from then on."""
    if not account.webhook_secret:
        with transaction.atomic():
            Account.objects.filter(pk=account.pk, webhook_secret="").update(
                webhook_secret=signatures.new_secret()
            )
        account.refresh_from_db(fields=["webhook_secret"])
    return account.webhook_secret


def previous_secrets(account: Account) -> tuple[str, ...]:
    """The previous secret, while it still signs beside the present one; else empty."""
    until = previous_valid_until(account)
    return (account.webhook_secret_old,) if until is not None and until > timezone.now() else ()


def previous_valid_until(account: Account) -> datetime | None:
    """When the previous secret stops, or stopped, signing; None where there is none."""
    if not account.webhook_secret_old or account.webhook_secret_rotated_at is None:
        return None
    return account.webhook_secret_rotated_at + ROTATION_OVERLAP


def rotate(account: Account) -> str:
    """Replace the secret and return the new one. The old one keeps signing beside it for `BOTH_FOR`.

    Concurrent rotations are one: whoever comes second gets the first one's new secret.
    """
    current = get_or_create(account)
    with transaction.atomic():
        Account.objects.filter(pk=account.pk, webhook_secret=current).update(
            webhook_secret_old=F("webhook_secret"),
            webhook_secret=signatures.new_secret(),
            webhook_secret_rotated_at=Now(),
        )
    account.refresh_from_db(fields=["webhook_secret", "webhook_secret_old", "webhook_secret_rotated_at"])
    return account.webhook_secret
