"""Bringing what was taken back of a purchase's credits to what follows from its refunds and disputes."""

from __future__ import annotations

from accounts import credits
from accounts.credits.amounts import display_plain
from accounts.models import Dispute, LedgerEntry, Purchase
from accounts.notifications import notices

Status = Purchase.Status


def level(purchase: Purchase, why: str) -> str:
    """Bring a paid purchase's status, and what is taken back of it, to what was returned; in words for the desk.

    Inside a transaction that has locked its account and then its row. `purchase` itself is brought up to date.
    """
    if purchase.paid_at is None:
        return "remembered until it is paid"
    purchase.status = _status(purchase)
    Purchase.objects.filter(pk=purchase.pk).update(status=purchase.status)
    _owe_no_more(purchase)
    try:
        # Paid for a closed account it gave nothing, so nothing is to be taken.
        wanted = purchase.to_be_taken_back() if _gave(purchase) else 0
        done = credits.take_back(purchase, wanted, reason=why)
    except credits.AccountClosed:
        # Else the provider would tell it for days, and the dispute stand open for ever.
        return "nothing given again: the account is closed"
    _tell(purchase, done)
    if done.taken or done.owed:
        taken, due, owed = map(display_plain, (done.taken, done.taken + done.owed, done.owed))
        return f"{taken} of {due} credits taken back, {owed} owed"
    if done.given_again or done.written_off:
        again, written_off = map(display_plain, (done.given_again, done.written_off))
        return f"{again} credits given again, {written_off} no longer owed"
    return "nothing to take back"


def _status(purchase: Purchase) -> Purchase.Status:
    if purchase.disputed(Dispute.State.OPEN):
        return Status.DISPUTED
    return Status.REFUNDED if purchase.returned() >= purchase.price else Status.PAID


def _owe_no_more(purchase: Purchase) -> None:
    """Owe the buyer of a closed account no more than they have not got back by now, by us or by their bank."""
    left = max(0, purchase.price - purchase.refunded - purchase.disputed(Dispute.State.LOST))
    if purchase.owed > left:
        purchase.owed = left
        Purchase.objects.filter(pk=purchase.pk).update(owed=left)


def _gave(purchase: Purchase) -> bool:
    rows = LedgerEntry.objects.filter(
        kind=LedgerEntry.Kind.PURCHASE, reference=f"purchase-{purchase.reference}"
    )
    return rows.exists()


def _tell(purchase: Purchase, done: credits.Taken) -> None:
    for kind, amount in (
        ("credits.taken_back", done.taken),
        ("credits.owed", done.owed),
        ("credits.given_again", done.given_again),
    ):
        if amount:
            link = f"/account/credits/{purchase.reference}/"
            notices.notify(purchase.user, kind, link=link, amount_micro=amount)
