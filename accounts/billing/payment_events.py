"""Payment events of providers, each applied once: the event's row, the purchase and the ledger in one transaction.

Events may be repeated, late and out of order. A purchase stores how much was refunded (`refunded`, which events only
raise), its disputes (`disputes`), and how many credits are to be taken back, which every event brings to what follows
from the others (`clawback`). So a refund that arrives before its payment is stored, and applied when the payment
arrives.

A failed refund is reported without the sum of the other refunds, before or after them: from then on events are not
summed up; the provider is asked instead (`refunds`), and its answer counts.
"""

from __future__ import annotations

from datetime import datetime

import structlog
from django.db import IntegrityError, connection, transaction
from django.db.models import Q

from accounts import credits
from accounts.billing import clawback, disputes
from accounts.billing.provider_base import Event, EventType
from accounts.models import Account, PaymentEvent, Purchase
from accounts.notifications import notices
from accounts.staff import audit_log
from core.clock import Now

log = structlog.get_logger(__name__)
SEEN = "seen before"
_LATER = "later"
"""Prefix of the outcome of events whose purchase is not known yet; they are applied when the payment arrives."""


_LOCK = 0x70617965
"""Class id of the PostgreSQL advisory locks (two-integer form) by payment."""


def receive(provider: str, event: Event) -> str:
    """Apply an event once, in one transaction with its row; returns the outcome in words for staff."""
    with transaction.atomic():
        try:
            with transaction.atomic():
                row = PaymentEvent.objects.create(provider=provider, event_id=event.id, kind=event.kind[:80])
        except IntegrityError:
            return SEEN
        _lock_payment(event)
        purchase = _find_locked(provider, event)
        if purchase is not None and purchase.paid_at is None and event.type in _AFTER_PAYMENT:
            # Found by an earlier refund, but not paid yet: apply this event when the payment arrives.
            purchase = None
        outcome = _without_purchase(event) if purchase is None else _apply(purchase, event)
        row.purchase, row.outcome = purchase, outcome[:200]
        row.save(update_fields=["purchase", "outcome"])
    log.info("payment_event", provider=provider, kind=event.kind, outcome=outcome)
    return outcome


def _lock_payment(event: Event) -> None:
    """Serialise the events of one payment, also before its purchase is known by it.

    Otherwise a dispute could look for the purchase while the payment looks for earlier events, each before the other
    commits.
    """
    if event.payment and connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCK, event.payment])


def _find_locked(provider: str, event: Event) -> Purchase | None:
    """The purchase of an event; its account and then its row are locked to the end of the transaction.

    So events of one purchase wait for each other, and for other movements on its account.
    """
    condition = Q()
    if event.reference:
        condition |= Q(reference=event.reference)
    if event.session:
        condition |= Q(session=event.session)
    if event.payment:
        condition |= Q(payment=event.payment)
    if not condition or event.type == EventType.OTHER:
        return None
    purchase = Purchase.objects.filter(condition, provider=provider).order_by("pk").first()
    return _locked(purchase) if purchase is not None else None


def _locked(purchase: Purchase) -> Purchase:
    Account.objects.select_for_update(no_key=True).get(pk=purchase.account_id)
    return Purchase.objects.select_for_update(no_key=True).get(pk=purchase.pk)


def _without_purchase(event: Event) -> str:
    if event.type == EventType.OTHER:
        return "not about a purchase"
    if event.payment and event.type in {*_AFTER_PAYMENT, EventType.REFUNDED}:
        return f"{_LATER} {event.payment} {event.type.name} {event.amount or 0} {event.dispute} {event.at}"
    return "no such purchase"


_AFTER_PAYMENT = {*disputes.STATES, EventType.REFUND_FAILED}


def _apply(purchase: Purchase, event: Event) -> str:
    if event.type == EventType.PAID:
        return _apply_payment(purchase, event)
    if event.type == EventType.WAITING:
        return "waiting for the bank"
    if event.type == EventType.NOT_PAID:
        return _apply_expiry(purchase, event)
    if event.currency and event.currency != purchase.currency:
        return _refuse(purchase, event, "another currency")
    if event.type == EventType.REFUNDED:
        return _apply_refund(purchase, event)
    if event.type == EventType.REFUND_FAILED:
        Purchase.objects.filter(pk=purchase.pk).update(refund_failed=True)
        return _schedule_refund_check(purchase)
    return disputes.apply(purchase, event)


def _apply_payment(purchase: Purchase, event: Event) -> str:
    if event.reference != purchase.reference and event.session != purchase.session:
        return _refuse(purchase, event, "another order")
    if purchase.session and event.session != purchase.session:
        return _refuse(purchase, event, "another checkout")
    if event.currency != purchase.currency:
        return _refuse(purchase, event, "another currency")
    if event.amount != purchase.price:
        return _refuse(purchase, event, "another amount")
    waiting = [Purchase.Status.OPEN, Purchase.Status.EXPIRED]
    changed = Purchase.objects.filter(pk=purchase.pk, status__in=waiting, paid_at__isnull=True).update(
        status=Purchase.Status.PAID, paid_at=Now(), session=event.session, payment=event.payment
    )
    if not changed:
        return "paid before"
    try:
        credits.purchase(
            purchase.account,
            purchase.credits,
            reference=f"purchase-{purchase.reference}",
            reason=_ledger_reason(purchase),
        )
    except credits.AccountClosed:
        # The account was closed meanwhile and gets no credits: refund the whole payment.
        log.warning("payment_for_closed_account", purchase=purchase.reference)
        Purchase.objects.filter(pk=purchase.pk).update(owed=purchase.price, look_at=Now(), looks=0)
        outcomes = ["paid, but the account is closed: it is paid back"]
    else:
        notices.notify(
            purchase.user, "credits.purchase", link=f"/account/credits/{purchase.reference}/",
            amount_micro=purchase.credits,
        )  # fmt: skip
        outcomes = ["credits added"]
    purchase.refresh_from_db()
    if purchase.refunded:
        outcomes.append(clawback.apply(purchase, "refund"))
    outcomes += _apply_early_events(purchase)
    return "; ".join(outcomes)


def _ledger_reason(purchase: Purchase) -> str:
    return f"{purchase.provider}: {purchase.price} {purchase.currency}"


def _apply_early_events(purchase: Purchase) -> list[str]:
    """Apply the events about the payment that arrived before it."""
    if not purchase.payment:
        return []
    rows = PaymentEvent.objects.filter(
        provider=purchase.provider, purchase__isnull=True, outcome__startswith=f"{_LATER} {purchase.payment} "
    )
    outcomes = []
    for row in rows.order_by("pk"):
        _, _, name, amount, dispute, *at = row.outcome.split(" ", 5)
        event = Event(
            row.event_id, row.kind, EventType[name], amount=int(amount) or None, dispute=dispute,
            at=int(at[0]) if at else 0,
        )  # fmt: skip
        outcomes.append(_apply(purchase, event))
        PaymentEvent.objects.filter(pk=row.pk).update(purchase=purchase, outcome=outcomes[-1][:200])
        purchase.refresh_from_db()
    return outcomes


def _apply_expiry(purchase: Purchase, event: Event) -> str:
    if purchase.session and event.session != purchase.session:
        return _refuse(purchase, event, "another checkout")
    changed = Purchase.objects.filter(pk=purchase.pk, status=Purchase.Status.OPEN).update(
        status=Purchase.Status.EXPIRED, session=event.session or purchase.session
    )
    return "not paid" if changed else f"nothing: it is {purchase.status}"


def _apply_refund(purchase: Purchase, event: Event) -> str:
    amount = event.amount or 0
    if amount > purchase.price:
        return _refuse(purchase, event, "more than was paid")
    if purchase.refund_failed or purchase.look_at is not None:
        return _schedule_refund_check(purchase)
    if amount <= purchase.refunded:
        return "nothing: known already"
    purchase.refunded = amount
    purchase.payment = purchase.payment or event.payment
    purchase.save(update_fields=["refunded", "payment"])
    return clawback.apply(purchase, "refund")


def _schedule_refund_check(purchase: Purchase) -> str:
    """Schedule asking the provider what was refunded; invalidates the answer to any earlier question."""
    Purchase.objects.filter(pk=purchase.pk).update(look_at=Now(), looks=0)
    return "the provider is asked what was paid back"


def set_refunded(purchase: Purchase, amount: int, *, asked_at: datetime | None, owed: int = 0) -> str:
    """Store the provider's answer of how much was refunded in all.

    Does nothing where an event arrived meanwhile: `asked_at` is the purchase's `look_at` at the time of the question.
    `owed`: what is still to be paid back to the buyer.
    """
    with transaction.atomic():
        locked = _locked(purchase)
        if locked.look_at != asked_at:
            return "told meanwhile"
        Purchase.objects.filter(pk=locked.pk).update(look_at=None, looks=0)
        before = locked.refunded
        locked.refunded, locked.owed = min(amount, locked.price), owed
        Purchase.objects.filter(pk=locked.pk).update(refunded=locked.refunded, owed=owed)
        outcome = clawback.apply(locked, "refund")
        if locked.refunded < before:
            detail = {
                "before": before,
                "after": locked.refunded,
                "currency": locked.currency,
                "outcome": outcome,
            }
            audit_log.write(None, "purchase.refund_failed", locked, account=locked.account_id, detail=detail)
    log.info("payment_asked", purchase=purchase.reference, outcome=outcome)
    return outcome


def _refuse(purchase: Purchase, event: Event, reason: str) -> str:
    log.warning("payment_event_refused", purchase=purchase.reference, kind=event.kind, why=reason)
    return f"refused: {reason}"
