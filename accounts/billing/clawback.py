"""Clawback: bring the credits taken back for a purchase to what its refunds and disputes require."""

from __future__ import annotations

from accounts import credits
from accounts.credits.amounts import display_plain
from accounts.models import Dispute, LedgerEntry, Purchase
from accounts.notifications import notices

Status = Purchase.Status


def apply(purchase: Purchase, reason: str) -> str:
    """Update a paid purchase's status and the credits taken back of it; returns the outcome in words for staff.

    Call inside a transaction that has locked the account and then the purchase. `purchase` itself is updated.
    """
    if purchase.paid_at is None:
        return "remembered until it is paid"
    purchase.status = _status(purchase)
    Purchase.objects.filter(pk=purchase.pk).update(status=purchase.status)
    _reduce_owed(purchase)
    try:
        # A payment for a closed account credited nothing, so nothing is taken back.
        target = purchase.to_be_taken_back() if _was_credited(purchase) else 0
        taken_back = credits.take_back(purchase, target, reason=reason)
    except credits.AccountClosed:
        # An error would make the provider resend the event for days, and leave the dispute open for ever.
        return "nothing given again: the account is closed"
    _notify(purchase, taken_back)
    if taken_back.taken or taken_back.owed:
        taken, due, owed = map(
            display_plain, (taken_back.taken, taken_back.taken + taken_back.owed, taken_back.owed)
        )
        return f"{taken} of {due} credits taken back, {owed} owed"
    if taken_back.given_again or taken_back.written_off:
        again, written_off = map(display_plain, (taken_back.given_again, taken_back.written_off))
        return f"{again} credits given again, {written_off} no longer owed"
    return "nothing to take back"


def _status(purchase: Purchase) -> Purchase.Status:
    if purchase.disputed(Dispute.State.OPEN):
        return Status.DISPUTED
    return Status.REFUNDED if purchase.returned() >= purchase.price else Status.PAID


def _reduce_owed(purchase: Purchase) -> None:
    """Cap what the buyer of a closed account is owed at what neither we nor their bank have returned by now."""
    left = max(0, purchase.price - purchase.refunded - purchase.disputed(Dispute.State.LOST))
    if purchase.owed > left:
        purchase.owed = left
        Purchase.objects.filter(pk=purchase.pk).update(owed=left)


def _was_credited(purchase: Purchase) -> bool:
    rows = LedgerEntry.objects.filter(
        kind=LedgerEntry.Kind.PURCHASE, reference=f"purchase-{purchase.reference}"
    )
    return rows.exists()


def _notify(purchase: Purchase, change: credits.TakeBackResult) -> None:
    for kind, amount in (
        ("credits.taken_back", change.taken),
        ("credits.owed", change.owed),
        ("credits.given_again", change.given_again),
    ):
        if amount:
            link = f"/account/credits/{purchase.reference}/"
            notices.notify(purchase.user, kind, link=link, amount_micro=amount)
