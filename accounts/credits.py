"""The only writer of balances: grant, hold, settle, adjust.

Each is one conditional UPDATE of the account and one ledger row in the caller's transaction (or its own).
Units are integer micro-credits. Nobody goes below zero: the UPDATE asks, and a CHECK in the database forbids.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from django.db import connection, transaction

from accounts.models import MICRO, Account, LedgerEntry, User

LARGEST = 1_000_000_000 * MICRO
"""The most that one movement by hand may carry: far below what a BIGINT holds, so that sums stay safe."""


class InsufficientCredits(Exception):
    """The account has less than what is asked; nothing was changed."""


class AccountClosed(Exception):
    """The account takes no new work: it is suspended or being closed; nothing was changed."""


@dataclass(frozen=True)
class Balance:
    """What an account has after a movement, in micro-credits."""

    balance: int
    held: int


def grant(
    account: Account, amount: int, *, reason: str = "", actor: User | None = None, reference: str = ""
) -> LedgerEntry:
    """Add credits.

    `reference` makes it happen once: a second grant with the same one is an IntegrityError.
    """
    if amount <= 0:
        raise ValueError("A grant is more than nothing; to take credits away, adjust.")
    return _post_by_hand(LedgerEntry.Kind.GRANT, account, amount, reason, actor, reference)


def adjust(
    account: Account, delta: int, *, reason: str, actor: User | None, reference: str = ""
) -> LedgerEntry:
    """Correct a balance by a signed amount, with a reason. Never below zero: InsufficientCredits."""
    if delta == 0:
        raise ValueError("An adjustment changes something.")
    if not reason.strip():
        raise ValueError("An adjustment has a reason.")
    return _post_by_hand(LedgerEntry.Kind.ADJUST, account, delta, reason, actor, reference)


def hold(account_id: int, amount: int, reference: str) -> LedgerEntry:
    """Set aside the most a prediction can cost. Call it inside the transaction that inserts the prediction.

    Raises InsufficientCredits, or AccountClosed where the account is not active. A hold of 0 has its row too.
    """
    if amount < 0:
        raise ValueError("A hold is not negative.")
    after = _move(account_id, balance_delta=-amount, held_delta=amount, only_active=True)
    if after is None:
        if Account.objects.filter(pk=account_id, status=Account.Status.ACTIVE).exists():
            raise InsufficientCredits
        raise AccountClosed
    return _record(account_id, LedgerEntry.Kind.HOLD, reference, -amount, amount, after)


def settle(account_id: int, reference: str, charge: int) -> LedgerEntry:
    """End a hold: capture at most what was held, release the rest. Once for each reference, by the database's
    word.

    Call it last inside the transaction that ends the prediction. A charge above the hold is the operator's
    loss.
    """
    held = LedgerEntry.objects.values_list("held_delta", flat=True).get(
        reference=reference, kind=LedgerEntry.Kind.HOLD, account_id=account_id
    )
    captured = max(0, min(charge, held))
    released = held - captured
    after = _move(account_id, balance_delta=released, held_delta=-held)
    if after is None:
        raise InsufficientCredits("More is to be settled than the account holds; run the audit.")
    return _record(
        account_id,
        LedgerEntry.Kind.SETTLE,
        reference,
        released,
        -held,
        after,
        captured=captured,
        released=released,
    )


def _post_by_hand(
    kind: LedgerEntry.Kind, account: Account, delta: int, reason: str, actor: User | None, reference: str
) -> LedgerEntry:
    if abs(delta) > LARGEST:
        raise ValueError("The amount is too large.")
    with transaction.atomic():
        after = _move(account.pk, balance_delta=delta, held_delta=0)
        if after is None:
            raise InsufficientCredits
        reference = reference or f"{kind}-{secrets.token_hex(12)}"
        # PostgreSQL stores no NUL.
        reason = reason.replace("\x00", "").strip()[:300]
        return _record(account.pk, kind, reference, delta, 0, after, reason=reason, actor=actor)


def _move(
    account_id: int, *, balance_delta: int, held_delta: int, only_active: bool = False
) -> Balance | None:
    """One guarded UPDATE that answers what is there afterwards; None where a guard refused it."""
    table = connection.ops.quote_name(Account._meta.db_table)
    active = "AND status = 'active' " if only_active else ""
    # RETURNING: the balance after the row lock, without a second statement that could see another's change.
    statement = (
        f"UPDATE {table} SET balance = balance + %s, held = held + %s "  # noqa: S608 (a table's own name)
        f"WHERE id = %s AND balance + %s >= 0 AND held + %s >= 0 {active}RETURNING balance, held"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [balance_delta, held_delta, account_id, balance_delta, held_delta])
        row = cursor.fetchone()
    return Balance(*row) if row else None


def _record(
    account_id: int,
    kind: LedgerEntry.Kind,
    reference: str,
    balance_delta: int,
    held_delta: int,
    after: Balance,
    *,
    captured: int | None = None,
    released: int | None = None,
    reason: str = "",
    actor: User | None = None,
) -> LedgerEntry:
    return LedgerEntry.objects.create(
        account_id=account_id,
        kind=kind,
        reference=reference,
        balance_delta=balance_delta,
        held_delta=held_delta,
        captured=captured,
        released=released,
        balance_after=after.balance,
        held_after=after.held,
        reason=reason,
        actor=actor,
    )
