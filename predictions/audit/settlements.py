"""Audit of predictions' money: every prediction is held for, settled once and charged what it says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery

from accounts.audit.account_lock import confirmed
from accounts.credits.amounts import decimal_text
from accounts.models import LedgerEntry, Sanction
from core.clock import Now
from core.db.invariants import Breach, in_batches
from predictions.audit import quota_counts, stored_files, upstream_runs
from predictions.audit import upstream_costs as upstreams
from predictions.models import Delivery, Prediction, Status
from predictions.models.prediction import ENDED, LIVE

RECENT = timedelta(days=1)
"""How far back missing webhooks are looked for: older deliveries are pruned."""


def breaches(*, quick: bool = False) -> Iterator[Breach]:
    """Breaches of predictions: their money, webhooks, upstream runs, quotas and files.

    `quick` skips the files' digests.
    """
    yield from _holds()
    yield from _settles()
    yield from _stuck_holds()
    yield from _missing_webhooks()
    yield from upstreams.breaches()
    yield from upstream_runs.breaches()
    yield from quota_counts.breaches(quick=quick)
    yield from stored_files.breaches(quick=quick)


def checked() -> dict[str, int]:
    """How many rows there were to check."""
    return {"predictions": Prediction.objects.count(), **upstreams.checked(), **stored_files.checked()}


def _ledger(kind: str, field: str) -> Subquery:
    rows = LedgerEntry.objects.filter(kind=kind, reference=OuterRef("public_id"), account=OuterRef("account"))
    return Subquery(rows.values(field)[:1])


def _predictions() -> QuerySet[Any]:
    return Prediction.objects.annotate(
        hold=_ledger(LedgerEntry.Kind.HOLD, "held_delta"),
        captured=_ledger(LedgerEntry.Kind.SETTLE, "captured"),
    )


def _account(prediction: Prediction) -> int:
    return prediction.account_id


def _holds() -> Iterator[Breach]:
    wrong = _predictions().filter(Q(hold__isnull=True) | ~Q(hold=F("ceiling")))
    for prediction in confirmed(wrong, _account):
        held = "nothing" if prediction.hold is None else decimal_text(prediction.hold)
        words = f"may cost {decimal_text(prediction.ceiling)}, but {held} was held for it"
        yield Breach("hold", prediction.public_id, words)


def _settles() -> Iterator[Breach]:
    live = Q(status__in=LIVE, captured__isnull=False)
    unsettled = Q(status__in=ENDED, captured__isnull=True)
    # NULL compares as unknown in SQL, which a plain inequality would let pass.
    differs = Q(captured__isnull=False) & (Q(charge__isnull=True) | ~Q(charge=F("captured")))
    free = Q(status__in=[Status.FAILED, Status.CANCELED, Status.ABORTED], captured__gt=0)
    for prediction in confirmed(_predictions().filter(live | unsettled | differs | free), _account):
        yield Breach("settle", prediction.public_id, _settle_words(prediction))


def _settle_words(prediction: Any) -> str:
    if prediction.captured is None:
        return f"is {prediction.status} but was never settled"
    if prediction.status in LIVE:
        return f"is {prediction.status} but was settled already"
    if prediction.charge != prediction.captured:
        charge = "no charge" if prediction.charge is None else decimal_text(prediction.charge)
        return f"says {charge}, but {decimal_text(prediction.captured)} was captured"
    return f"is {prediction.status} but was charged {decimal_text(prediction.captured)}"


def _stuck_holds() -> Iterator[Breach]:
    settled = LedgerEntry.objects.filter(kind=LedgerEntry.Kind.SETTLE, reference=OuterRef("reference"))
    owner = Prediction.objects.filter(public_id=OuterRef("reference"))
    holds = LedgerEntry.objects.filter(kind=LedgerEntry.Kind.HOLD)
    stuck = holds.filter(~Exists(settled), ~Exists(owner))
    for entry in confirmed(stuck, lambda row: row.account_id):
        yield Breach("hold", entry.reference, f"holds {decimal_text(entry.held_delta)} for no prediction")


def _missing_webhooks() -> Iterator[Breach]:
    deliveries = Delivery.objects.filter(prediction=OuterRef("pk"), event=Delivery.Event.COMPLETED)
    ended = Prediction.objects.filter(status__in=ENDED, completed_at__gt=Now() - RECENT).exclude(webhook="")
    # No webhook is owed for a deactivated user, or for one who was banned when it ended.
    lifted_later = Q(lifted_at__isnull=True) | Q(lifted_at__gte=OuterRef("completed_at"))
    banned = Sanction.objects.filter(
        lifted_later, user=OuterRef("user"), kind=Sanction.Kind.BAN, created_at__lte=OuterRef("completed_at")
    )
    missing = ended.filter(~Exists(deliveries), ~Exists(banned)).exclude(user__is_active=False)
    missing = missing.only("public_id", "webhook_events")
    for prediction in in_batches(missing):
        if (
            Delivery.Event.COMPLETED in prediction.webhook_events
            and missing.filter(pk=prediction.pk).exists()
        ):
            yield Breach("webhook", prediction.public_id, "has ended, but its webhook was never owed")
