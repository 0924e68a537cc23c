"""What a payment provider told, done once: the event's row, the purchase and the ledger in one transaction.

Events come twice, late and in any order. Of each purchase stands how much was paid back (`refunded`, which events let
only grow), what is disputed (`disputes`), and how much of its credits is to be taken back, which every event moves to
what follows from the others (`clawback`). So a refund that comes before the payment is remembered, and taken back when
the payment comes.

A payment back that fails is told without saying what is left of the others, and may be told before or after them: from
then on no sum is made of events; the provider is asked (`owing`), and what it answers counts.
"""

from __future__ import annotations

from datetime import datetime

import structlog
from django.db import IntegrityError, connection, transaction
from django.db.models import Q

from accounts import credits
from accounts.billing import clawback, disputes
from accounts.billing.provider_base import Event, What
from accounts.models import Account, PaymentEvent, Purchase
from accounts.notifications import notices
from accounts.staff import audit_log
from core.clock import Now

log = structlog.get_logger(__name__)
SEEN = "seen before"
_LATER = "later"
"""Begins the outcome of an event whose purchase is not known yet: it is looked for when the payment comes."""


_LOCK = 0x70617965
"""Of payments, among PostgreSQL's advisory locks of two numbers."""


def receive(provider: str, event: Event) -> str:
    """Do what an event says, once; in words for the desk what it did. All of it, its row too, is one transaction."""
    with transaction.atomic():
        try:
            with transaction.atomic():
                row = PaymentEvent.objects.create(provider=provider, event_id=event.id, kind=event.kind[:80])
        except IntegrityError:
            return SEEN
        _one_by_one(event)
        purchase = _find(provider, event)
        if purchase is not None and purchase.paid_at is None and event.what in _AFTER_PAYMENT:
            # Known by a refund that came before the payment, as this did: it is done when the payment comes.
            purchase = None
        outcome = _without(event) if purchase is None else _do(purchase, event)
        row.purchase, row.outcome = purchase, outcome[:200]
        row.save(update_fields=["purchase", "outcome"])
    log.info("payment_event", provider=provider, kind=event.kind, outcome=outcome)
    return outcome


def _one_by_one(event: Event) -> None:
    """Events of one payment wait for each other, also where its purchase is not known by it yet: else a dispute could
    look for the purchase, and the payment for what came before it, each before the other is committed.
    """
    if event.payment and connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCK, event.payment])


def _find(provider: str, event: Event) -> Purchase | None:
    """The purchase an event is about, locked until the transaction ends behind its account, as all lock them: events of
    one purchase wait for each other, and for whatever else moves on its account.
    """
    about = Q()
    if event.reference:
        about |= Q(reference=event.reference)
    if event.session:
        about |= Q(session=event.session)
    if event.payment:
        about |= Q(payment=event.payment)
    if not about or event.what == What.OTHER:
        return None
    found = Purchase.objects.filter(about, provider=provider).order_by("pk").first()
    return _locked(found) if found is not None else None


def _locked(purchase: Purchase) -> Purchase:
    Account.objects.select_for_update(no_key=True).get(pk=purchase.account_id)
    return Purchase.objects.select_for_update(no_key=True).get(pk=purchase.pk)


def _without(event: Event) -> str:
    if event.what == What.OTHER:
        return "not about a purchase"
    if event.payment and event.what in {*_AFTER_PAYMENT, What.REFUNDED}:
        return f"{_LATER} {event.payment} {event.what.name} {event.amount or 0} {event.dispute} {event.at}"
    return "no such purchase"


_AFTER_PAYMENT = {*disputes.STATES, What.REFUND_FAILED}


def _do(purchase: Purchase, event: Event) -> str:
    if event.what == What.PAID:
        return _paid(purchase, event)
    if event.what == What.WAITING:
        return "waiting for the bank"
    if event.what == What.NOT_PAID:
        return _not_paid(purchase, event)
    if event.currency and event.currency != purchase.currency:
        return _refuse(purchase, event, "another currency")
    if event.what == What.REFUNDED:
        return _refunded(purchase, event)
    if event.what == What.REFUND_FAILED:
        Purchase.objects.filter(pk=purchase.pk).update(refund_failed=True)
        return _ask(purchase)
    return disputes.note(purchase, event)


def _paid(purchase: Purchase, event: Event) -> str:
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
            reason=_bought(purchase),
        )
    except credits.AccountClosed:
        # The account was closed for good meanwhile: it bought nothing, so all of it goes back.
        log.warning("payment_for_closed_account", purchase=purchase.reference)
        Purchase.objects.filter(pk=purchase.pk).update(owed=purchase.price, look_at=Now(), looks=0)
        told = ["paid, but the account is closed: it is paid back"]
    else:
        notices.notify(
            purchase.user, "credits.purchase", link=f"/account/credits/{purchase.reference}/",
            amount_micro=purchase.credits,
        )  # fmt: skip
        told = ["credits added"]
    purchase.refresh_from_db()
    if purchase.refunded:
        told.append(clawback.level(purchase, "refund"))
    told += _remembered(purchase)
    return "; ".join(told)


def _bought(purchase: Purchase) -> str:
    return f"{purchase.provider}: {purchase.price} {purchase.currency}"


def _remembered(purchase: Purchase) -> list[str]:
    """Do what was said about the payment before it came."""
    if not purchase.payment:
        return []
    early = PaymentEvent.objects.filter(
        provider=purchase.provider, purchase__isnull=True, outcome__startswith=f"{_LATER} {purchase.payment} "
    )
    told = []
    for row in early.order_by("pk"):
        _, _, name, amount, dispute, *at = row.outcome.split(" ", 5)
        early_one = Event(
            row.event_id, row.kind, What[name], amount=int(amount) or None, dispute=dispute,
            at=int(at[0]) if at else 0,
        )  # fmt: skip
        told.append(_do(purchase, early_one))
        PaymentEvent.objects.filter(pk=row.pk).update(purchase=purchase, outcome=told[-1][:200])
        purchase.refresh_from_db()
    return told


def _not_paid(purchase: Purchase, event: Event) -> str:
    if purchase.session and event.session != purchase.session:
        return _refuse(purchase, event, "another checkout")
    changed = Purchase.objects.filter(pk=purchase.pk, status=Purchase.Status.OPEN).update(
        status=Purchase.Status.EXPIRED, session=event.session or purchase.session
    )
    return "not paid" if changed else f"nothing: it is {purchase.status}"


def _refunded(purchase: Purchase, event: Event) -> str:
    amount = event.amount or 0
    if amount > purchase.price:
        return _refuse(purchase, event, "more than was paid")
    if purchase.refund_failed or purchase.look_at is not None:
        return _ask(purchase)
    if amount <= purchase.refunded:
        return "nothing: known already"
    purchase.refunded = amount
    purchase.payment = purchase.payment or event.payment
    purchase.save(update_fields=["refunded", "payment"])
    return clawback.level(purchase, "refund")


def _ask(purchase: Purchase) -> str:
    """Have the provider asked what was paid back; whatever it is about to answer to an earlier question is void."""
    Purchase.objects.filter(pk=purchase.pk).update(look_at=Now(), looks=0)
    return "the provider is asked what was paid back"


def paid_back(purchase: Purchase, amount: int, *, asked: datetime | None, owed: int = 0) -> str:
    """Take it from the provider that so much was paid back in all, as it said when it was asked.

    Nothing where something was told meanwhile: `asked` is the purchase's `look_at` when it was. `owed`: what is still
    to be paid back to its buyer.
    """
    with transaction.atomic():
        now = _locked(purchase)
        if now.look_at != asked:
            return "told meanwhile"
        Purchase.objects.filter(pk=now.pk).update(look_at=None, looks=0)
        before = now.refunded
        now.refunded, now.owed = min(amount, now.price), owed
        Purchase.objects.filter(pk=now.pk).update(refunded=now.refunded, owed=owed)
        outcome = clawback.level(now, "refund")
        if now.refunded < before:
            detail = {"before": before, "after": now.refunded, "currency": now.currency, "outcome": outcome}
            audit_log.write(None, "purchase.refund_failed", now, account=now.account_id, detail=detail)
    log.info("payment_asked", purchase=purchase.reference, outcome=outcome)
    return outcome


def _refuse(purchase: Purchase, event: Event, why: str) -> str:
    log.warning("payment_event_refused", purchase=purchase.reference, kind=event.kind, why=why)
    return f"refused: {why}"
