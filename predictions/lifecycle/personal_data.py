"""Erasure of a deleted account's predictions, uploads and related rows, in batches."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q

from accounts.models import Account, User
from predictions import lifecycle
from predictions.files import media, uploads
from predictions.models import (
    Delivery,
    DeliveryAttempt,
    IdempotencyKey,
    Phase,
    Prediction,
    Preview,
    RuleHit,
    UnansweredCreate,
    Upload,
)
from predictions.upstreams import run_records

BATCH = 100


def end_live(account: Account, most: int = 50) -> int:
    """Cancel live predictions, one transaction each; returns how many there were.

    Results that are being fetched are left out: they cannot be canceled, end by themselves, and would fill the batch.
    """
    live = Prediction.objects.owned_by(account).live().exclude(phase__in=[Phase.RESULT, Phase.COLLECTING])
    public_ids = list(live.order_by("pk").values_list("public_id", flat=True)[:most])
    for public_id in public_ids:
        lifecycle.cancel(public_id)
    return len(public_ids)


def is_quiet(account: Account) -> bool:
    """Whether the account has no live prediction, here or at a provider."""
    rows = Prediction.objects.owned_by(account)
    return not rows.filter(~Q(phase=Phase.ENDED) | Q(upstream_open=True)).exists()


def erase_predictions(account: Account) -> int:
    """Erase a batch of ended predictions' personal data; returns how many. The rows stay for the ledger."""
    has_personal_data = (
        Q(data_removed=False) | ~Q(webhook="") | ~Q(origin="") | ~Q(request_id="") | Q(error__isnull=False)
    )
    rows = Prediction.objects.owned_by(account).filter(has_personal_data, phase=Phase.ENDED)
    with transaction.atomic():
        pks = list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])
        if not pks:
            return 0
        of_these = Q(prediction_id__in=pks)
        DeliveryAttempt.objects.filter(delivery__prediction_id__in=pks).delete()
        for kind in (Delivery, IdempotencyKey, UnansweredCreate, Preview):
            kind.objects.filter(of_these).delete()
        run_records.erase_responses(pks)
        return lifecycle.erase(pks)


def erase_uploads(account: Account) -> int:
    """Remove a batch of uploads; returns how many."""
    pks = list(Upload.objects.filter(account=account).order_by("pk").values_list("pk", flat=True)[:BATCH])
    for pk in pks:
        with transaction.atomic():
            file = uploads.hand_over(pk)
            media.doom([file] if file is not None else [])
    return len(pks)


def erase_rest(user: User | None, account: Account) -> None:
    """Delete the rest: webhook test deliveries, idempotency keys, rule hits. Few rows, in one transaction."""
    with transaction.atomic():
        DeliveryAttempt.objects.filter(delivery__account=account).delete()
        Delivery.objects.filter(account=account).delete()
        IdempotencyKey.objects.filter(account=account).delete()
        UnansweredCreate.objects.filter(account=account).delete()
        whose = Q(account=account) if user is None else Q(user=user)
        # Unreviewed ones too: nothing is left to review.
        RuleHit.objects.filter(whose).delete()


__all__ = ["end_live", "erase_predictions", "erase_rest", "erase_uploads", "is_quiet"]
