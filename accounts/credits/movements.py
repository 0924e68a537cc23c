"""Credit movements other than holds: grants, adjustments, codes, purchases, refunds, allowances, gifts.

Incoming credits first pay what the account owes, in ledger rows that follow the movement's own (`debts`).

References make movements idempotent: a second posting of the same kind and reference changes nothing and raises
AlreadyPosted with the first row, before any other refusal. Each runs in its own savepoint, so the caller's transaction
can go on.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Sum

from accounts.credits import allowance_ends, balance_updates, debts
from accounts.credits.exceptions import (
    AccountClosed,
    AlreadyPosted,
    GiftLimitReached,
    InsufficientCredits,
    TooMuch,
)
from accounts.models import KINDS, MICRO, Account, LedgerEntry, LedgerKind, User

Kind = LedgerKind
LARGEST = 1_000_000_000 * MICRO
"""The largest manual movement, in micro-credits: far below a BIGINT's range, so that sums stay safe."""


def grant(
    account: Account, amount: int, *, reason: str = "", actor: User | None = None, reference: str = ""
) -> LedgerEntry:
    """Add credits to any account that is not closed.

    `reference` makes it idempotent: a second grant with it raises AlreadyPosted, which is an IntegrityError.
    """
    if amount <= 0:
        raise ValueError("A grant is more than nothing; to take credits away, adjust.")
    return _post(Kind.GRANT, account, amount, reason, actor, reference, balance_updates.NOT_CLOSED)


def adjust(
    account: Account, delta: int, *, reason: str, actor: User | None, reference: str = ""
) -> LedgerEntry:
    """Correct a balance by a signed amount, with a reason. Never below zero: InsufficientCredits."""
    if delta == 0:
        raise ValueError("An adjustment changes something.")
    if not reason.strip():
        raise ValueError("An adjustment has a reason.")
    return _post(Kind.ADJUST, account, delta, reason, actor, reference, balance_updates.ANY)


def redeem(account: Account, amount: int, *, reference: str, reason: str = "") -> LedgerEntry:
    """Add a redeemed code's credits. AccountClosed where the account is not active."""
    return _post(Kind.REDEEM, account, _positive(amount), reason, None, reference, balance_updates.ACTIVE)


def purchase(account: Account, amount: int, *, reference: str, reason: str = "") -> LedgerEntry:
    """Add purchased credits, to suspended and closing accounts too. AccountClosed once it is closed."""
    return _post(
        Kind.PURCHASE, account, _positive(amount), reason, None, reference, balance_updates.NOT_CLOSED
    )


def refund(
    account: Account, amount: int, *, reference: str, reason: str = "", actor: User | None = None
) -> LedgerEntry:
    """Refund an ended prediction, once: `reference` is its public id.

    AccountClosed where the account is closed.
    """
    return _post(
        Kind.REFUND, account, _positive(amount), reason, actor, reference, balance_updates.NOT_CLOSED
    )


def allow(account: Account, amount: int, *, reference: str, reason: str = "") -> LedgerEntry:
    """Add an allowance. AccountClosed where the account is not active."""
    return _post(Kind.ALLOWANCE, account, _positive(amount), reason, None, reference, balance_updates.ACTIVE)


def end_allowance(account: Account, period: str, total: int, *, first: int) -> LedgerEntry | None:
    """Expire the unspent rest of an ended period's allowance; None where nothing is left.

    `total`: its micro-credits; `first`: its oldest ledger row. Credits on hold count as used; `settle` takes what is
    released later.
    """
    left = allowance_ends.begin(account.pk, period, total, first)
    if left <= 0:
        return None
    return _post(
        Kind.ALLOWANCE,
        account,
        -left,
        "",
        None,
        allowance_ends.reference(account.pk, period),
        balance_updates.ACTIVE,
    )


def clear(account: Account, *, reason: str) -> None:
    """Clear the balance and the debts of a closed account, which must have nothing on hold.

    Call it in the closing transaction, after the status changed: a concurrent payment either arrived before and is
    cleared too, or waits for the lock and finds the account closed.
    """
    with transaction.atomic():
        locked = Account.objects.select_for_update(no_key=True).get(pk=account.pk)
        if locked.status != Account.Status.CLOSED:
            raise ValueError("What is left is taken from an account that is closed.")
        Account.objects.filter(pk=account.pk).update(owed=0)
        if locked.balance:
            adjust(account, -locked.balance, reason=reason, actor=None)


def give(
    giver: Account,
    receiver: Account,
    amount: int,
    *,
    reference: str,
    reason: str = "",
    actor: User | None = None,
    most: int | None = None,
    since: datetime | None = None,
) -> tuple[LedgerEntry, LedgerEntry]:
    """Move credits between accounts: ledger rows `gift-REFERENCE-out` and `gift-REFERENCE-in`, or neither.

    Raises AccountClosed unless both are active, and GiftLimitReached where the giver's gifts since `since`, this one
    included, exceed `most`; that is checked while both accounts are locked.
    """
    _positive(amount)
    _named(reference)
    if giver.pk == receiver.pk:
        raise ValueError("A gift goes to somebody else.")
    outward, inward = f"gift-{reference}-out", f"gift-{reference}-in"
    try:
        with transaction.atomic():
            # Lower id first, whoever gives: two accounts that give to each other cannot deadlock.
            after = {
                pk: balance_updates.move_or_raise(
                    pk, -amount if pk == giver.pk else amount, balance_updates.ACTIVE, spends=pk == giver.pk
                )
                for pk in sorted((giver.pk, receiver.pk))
            }
            _check_gift_limit(giver.pk, amount, most, since)
            clean_reason = _clean(reason)
            sent = balance_updates.record(
                giver.pk, Kind.GIFT, outward, -amount, 0, after[giver.pk], reason=clean_reason, actor=actor
            )
            received = balance_updates.record(
                receiver.pk,
                Kind.GIFT,
                inward,
                amount,
                0,
                after[receiver.pk],
                reason=clean_reason,
                actor=actor,
            )
            debts.pay(receiver.pk, after[receiver.pk])
            return sent, received
    except (IntegrityError, InsufficientCredits, AccountClosed, TooMuch):
        _raise_if_posted(Kind.GIFT, outward)
        raise


def _check_gift_limit(giver_id: int, amount: int, most: int | None, since: datetime | None) -> None:
    if most is None:
        return
    rows = LedgerEntry.objects.of_kinds(Kind.GIFT).filter(account=giver_id, balance_delta__lt=0)
    if since is not None:
        rows = rows.filter(created_at__gte=since)
    total = -(rows.aggregate(s=Sum("balance_delta"))["s"] or 0)
    if total + amount > most:
        raise GiftLimitReached(most, max(0, most - total))


def _post(
    kind: LedgerKind,
    account: Account,
    delta: int,
    reason: str,
    actor: User | None,
    reference: str,
    allowed: tuple[str, ...],
) -> LedgerEntry:
    if not _is_whole(delta):
        raise ValueError("An amount is a whole number of micro-credits.")
    if abs(delta) > LARGEST:
        raise ValueError("The amount is too large.")
    reference = reference or (f"{kind}-{secrets.token_hex(12)}" if KINDS[kind].by_hand else "")
    _named(reference)
    try:
        with transaction.atomic():
            after = balance_updates.move_or_raise(account.pk, delta, allowed)
            entry = balance_updates.record(
                account.pk, kind, reference, delta, 0, after, reason=_clean(reason), actor=actor
            )
            debts.pay(account.pk, after)
            return entry
    except (IntegrityError, InsufficientCredits, AccountClosed, TooMuch):
        _raise_if_posted(kind, reference)
        raise


def _raise_if_posted(kind: LedgerKind, reference: str) -> None:
    first = LedgerEntry.objects.filter(kind=kind, reference=reference).first()
    if first is not None:
        raise AlreadyPosted(first) from None


def _positive(amount: int) -> int:
    if not _is_whole(amount) or amount <= 0:
        raise ValueError("An amount is a whole number of micro-credits, and more than nothing.")
    if amount > LARGEST:
        raise ValueError("The amount is too large.")
    return amount


def _is_whole(amount: object) -> bool:
    return isinstance(amount, int) and not isinstance(amount, bool)


def _named(reference: str) -> None:
    if not reference or len(reference) > 55 or "\x00" in reference:
        # 64 with prefix and suffix.
        raise ValueError("A movement has a reference of at most 55 characters.")


def _clean(reason: str) -> str:
    # PostgreSQL stores no NUL.
    return reason.replace("\x00", "").strip()[:300]


def erase_gift_reasons(gifts: Iterable[str]) -> int:
    """Erase the reasons in both ledger rows of these gifts, by reference; returns the number of rows."""
    references = [f"gift-{gift}-{way}" for gift in gifts for way in ("out", "in")]
    changed = 0
    for start in range(0, len(references), 500):
        # The base manager bypasses the append-only guard.
        rows = LedgerEntry._base_manager.filter(kind=Kind.GIFT, reference__in=references[start : start + 500])
        changed += rows.exclude(reason="").update(reason="")
    return changed
