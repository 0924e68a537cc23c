"""Debts of accounts: credits of refunded or disputed purchases that were already spent.

A purchase records how many credits are to be taken back and how many were; the difference is owed, and `Account.owed`
is the sum over the account's purchases. Incoming credits pay debts in the same transaction, oldest purchase first, so
an account that owes has nothing to spend. A closed account owes nothing, since nothing can be credited to it.

Lock order: the account's row, then its purchases.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F

from accounts.credits import balance_updates
from accounts.credits.balance_updates import Balance
from accounts.credits.exceptions import AccountClosed
from accounts.models import Account, LedgerEntry, Purchase
from accounts.models.ledger_kinds import OWED, TAKEN_BACK


@dataclass(frozen=True)
class TakeBackResult:
    """What `take_back` changed, in micro-credits: credits taken (or given again) and the change of the debt."""

    taken: int = 0
    owed: int = 0
    given_again: int = 0
    written_off: int = 0


def take_back(purchase: Purchase, target: int, *, reason: str) -> TakeBackResult:
    """Set the total to take back for a purchase to `target` micro-credits: from the balance, the rest becomes debt.

    Where `target` falls, debt is written off first, then credits are given again; AccountClosed where the account is
    closed. Works in every other status. Refreshes `purchase`.
    """
    if not 0 <= target <= purchase.credits:
        raise ValueError("Of a purchase no more is taken back than it gave.")
    with transaction.atomic():
        account = Account.objects.select_for_update(no_key=True).get(pk=purchase.account_id)
        purchase.refresh_from_db(fields=["to_take_back", "taken_back"])
        change = target - purchase.to_take_back
        if change > 0:
            result = _take(purchase, account, change, reason)
        elif change < 0:
            result = _give_again(purchase, account, -change, reason)
        else:
            return TakeBackResult()
        purchase.refresh_from_db(fields=["to_take_back", "taken_back"])
        return result


def _take(purchase: Purchase, account: Account, amount: int, reason: str) -> TakeBackResult:
    taken = min(amount, account.balance)
    owed = 0 if account.status == Account.Status.CLOSED else amount - taken
    after = balance_updates.move(account.pk, balance_delta=-taken, owed_delta=owed)
    assert after is not None, "The account was locked."
    # Also for an amount of 0: the statement shows that the payment was returned.
    _record(purchase, account.pk, taken, after, f"{TAKEN_BACK}{purchase.reference}-{_number()}", reason)
    Purchase.objects.filter(pk=purchase.pk).update(
        to_take_back=F("to_take_back") + amount, taken_back=F("taken_back") + taken
    )
    return TakeBackResult(taken=taken, owed=owed)


def _give_again(purchase: Purchase, account: Account, amount: int, reason: str) -> TakeBackResult:
    given_again = max(0, amount - purchase.credits_owed)
    written_off = 0 if account.status == Account.Status.CLOSED else amount - given_again
    if given_again and account.status == Account.Status.CLOSED:
        raise AccountClosed
    Purchase.objects.filter(pk=purchase.pk).update(
        to_take_back=F("to_take_back") - amount, taken_back=F("taken_back") - given_again
    )
    if written_off:
        balance_updates.move(account.pk, balance_delta=0, owed_delta=-written_off)
    if given_again:
        after = balance_updates.move_or_raise(account.pk, given_again)
        name = f"purchase-{purchase.reference}-{_number()}"
        balance_updates.record(
            account.pk, LedgerEntry.Kind.PURCHASE, name, given_again, 0, after, reason=reason
        )
        # Credits given again may pay debts of other purchases.
        pay(account.pk, after)
    return TakeBackResult(given_again=given_again, written_off=written_off)


def pay(account_id: int, after: Balance) -> Balance:
    """Pay an account's debts from its balance after a movement, in the same transaction; returns the new balance.

    Runs no query where nothing is owed.
    """
    while after.owed and after.balance:
        owing = Purchase.objects.filter(account=account_id, to_take_back__gt=F("taken_back"))
        purchase = owing.order_by("pk").first()
        if purchase is None:
            # Inconsistent: the audit reports it.
            return after
        amount = min(after.balance, after.owed, purchase.credits_owed)
        moved = balance_updates.move(account_id, balance_delta=-amount, owed_delta=-amount)
        assert moved is not None, "The account was locked."
        after = moved
        Purchase.objects.filter(pk=purchase.pk).update(taken_back=F("taken_back") + amount)
        _record(
            purchase, account_id, amount, after, f"{TAKEN_BACK}{purchase.reference}{OWED}{_number()}", "owed"
        )
    return after


def paid_by(account_id: int, entries: Collection[int]) -> int:
    """Micro-credits by which these incoming ledger rows paid debts on arrival.

    The rows of those payments follow each of them directly.
    """
    rows = LedgerEntry.objects.filter(account=account_id)
    payments = rows.filter(kind=LedgerEntry.Kind.REFUND, id__gt=min(entries), reference__contains=OWED)
    paid = 0
    for payment in payments.order_by("id"):
        before = rows.filter(id__lt=payment.pk).exclude(reference__contains=OWED).order_by("-id")
        if before.values_list("id", flat=True).first() in entries:
            paid -= payment.balance_delta
    return paid


def collect(account_id: int) -> int:
    """Audit repair: pay debts from the balance where that was missed; returns the micro-credits paid."""
    with transaction.atomic():
        account = Account.objects.select_for_update(no_key=True).get(pk=account_id)
        return account.owed - pay(account_id, Balance(account.balance, account.held, owed=account.owed)).owed


def _record(
    purchase: Purchase, account_id: int, amount: int, after: Balance, reference: str, reason: str
) -> None:
    balance_updates.record(account_id, LedgerEntry.Kind.REFUND, reference, -amount, 0, after, reason=reason)


def _number() -> str:
    return secrets.token_hex(4)
