"""Debts of accounts: credits of returned payments that were not there when they were to be taken back.

A purchase says how much of its credits is to be taken back and how much was; what is missing is owed, and
`Account.owed` is the sum over an account's purchases. Whatever comes to an account pays it in the same transaction,
oldest purchase first, so who owes something has nothing to spend. A closed account owes nothing: nothing comes to it.

The account's row is locked before its purchases', by everybody.
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
class Taken:
    """What `take_back` changed, in micro-credits: credits taken or given again, and what is owed more or less."""

    taken: int = 0
    owed: int = 0
    given_again: int = 0
    written_off: int = 0


def take_back(purchase: Purchase, wanted: int, *, reason: str) -> Taken:
    """Have `wanted` micro-credits of a purchase be taken back in all: the balance gives what it has, the rest is owed.

    Where less is wanted than before, what is owed is written off first, then credits are given again. AccountClosed
    where they cannot be. In whatever state the account is else; `purchase` itself is brought up to date.
    """
    if not 0 <= wanted <= purchase.credits:
        raise ValueError("Of a purchase no more is taken back than it gave.")
    with transaction.atomic():
        account = Account.objects.select_for_update(no_key=True).get(pk=purchase.account_id)
        purchase.refresh_from_db(fields=["to_take_back", "taken_back"])
        change = wanted - purchase.to_take_back
        if change > 0:
            done = _take(purchase, account, change, reason)
        elif change < 0:
            done = _leave(purchase, account, -change, reason)
        else:
            return Taken()
        purchase.refresh_from_db(fields=["to_take_back", "taken_back"])
        return done


def _take(purchase: Purchase, account: Account, more: int, reason: str) -> Taken:
    taken = min(more, account.balance)
    owed = 0 if account.status == Account.Status.CLOSED else more - taken
    after = balance_updates.move(account.pk, balance_delta=-taken, owed_delta=owed)
    assert after is not None, "The account was locked."
    # Also where nothing was there: the statement says that the payment was returned.
    _record(purchase, account.pk, taken, after, f"{TAKEN_BACK}{purchase.reference}-{_number()}", reason)
    Purchase.objects.filter(pk=purchase.pk).update(
        to_take_back=F("to_take_back") + more, taken_back=F("taken_back") + taken
    )
    return Taken(taken=taken, owed=owed)


def _leave(purchase: Purchase, account: Account, less: int, reason: str) -> Taken:
    again = max(0, less - purchase.credits_owed)
    written_off = 0 if account.status == Account.Status.CLOSED else less - again
    if again and account.status == Account.Status.CLOSED:
        raise AccountClosed
    Purchase.objects.filter(pk=purchase.pk).update(
        to_take_back=F("to_take_back") - less, taken_back=F("taken_back") - again
    )
    if written_off:
        balance_updates.move(account.pk, balance_delta=0, owed_delta=-written_off)
    if again:
        after = balance_updates.move_or_say_why(account.pk, again)
        name = f"purchase-{purchase.reference}-{_number()}"
        balance_updates.record(account.pk, LedgerEntry.Kind.PURCHASE, name, again, 0, after, reason=reason)
        # It may be owed for other purchases.
        pay(account.pk, after)
    return Taken(given_again=again, written_off=written_off)


def pay(account_id: int, after: Balance) -> Balance:
    """Pay of what an account has after a movement what it owes; what it has then. Inside the movement's transaction.

    Not a statement more where nothing is owed.
    """
    while after.owed and after.balance:
        owing = Purchase.objects.filter(account=account_id, to_take_back__gt=F("taken_back"))
        purchase = owing.order_by("pk").first()
        if purchase is None:
            # The audit says so.
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
    """What of rows of the ledger that brought credits paid debts the moment they came, in micro-credits: their payments
    stand right behind them.
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
    """Pay what an account owes of what it has, where that was not done when it came; how much. The audit's repair."""
    with transaction.atomic():
        account = Account.objects.select_for_update(no_key=True).get(pk=account_id)
        return account.owed - pay(account_id, Balance(account.balance, account.held, owed=account.owed)).owed


def _record(
    purchase: Purchase, account_id: int, amount: int, after: Balance, reference: str, reason: str
) -> None:
    balance_updates.record(account_id, LedgerEntry.Kind.REFUND, reference, -amount, 0, after, reason=reason)


def _number() -> str:
    return secrets.token_hex(4)
