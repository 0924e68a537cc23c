"""The conditional UPDATE of an account's balance and the ledger row that goes with it. Private to this package."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from django.db import connection
from django.db.models import Model

from accounts.credits.exceptions import AccountClosed, InsufficientCredits, TooMuch
from accounts.models import Account, LedgerEntry, LedgerKind, User
from core.db import pipeline
from core.db.pipeline import PreparedInsert

CEILING = 2**62
"""The most that an account can have, holds included, so that BIGINT sums stay exact, in SQLite too."""
ENTRY = PreparedInsert(LedgerEntry)
ANY = tuple(Account.Status.values)
ACTIVE = (Account.Status.ACTIVE.value,)
NOT_CLOSED = tuple(status for status in ANY if status != Account.Status.CLOSED)


@dataclass(frozen=True)
class Balance:
    """An account's balance, held and owed micro-credits after a movement, and whether holds check limits.

    `ended_upto`: holds up to this ledger id may belong to an allowance that has ended.
    """

    balance: int
    held: int
    limited: bool = False
    owed: int = 0
    ended_upto: int = 0


def table(model: type[Model]) -> str:
    """The table's name, quoted."""
    return connection.ops.quote_name(model._meta.db_table)


@cache
def _moving() -> str:
    return (
        f"UPDATE {table(Account)} "  # noqa: S608 (a table's own name)
        "SET balance = balance + %s, held = held + %s, owed = owed + %s "
        "WHERE id = %s AND balance + %s >= owed * %s AND held + %s >= 0 AND owed + %s >= 0 "
        "AND balance + held + %s <= %s AND status IN (%s, %s, %s, %s) "
        "RETURNING balance, held, limits_tokens, owed, allowance_ended_upto"
    )


def move(
    account_id: int,
    *,
    balance_delta: int,
    held_delta: int = 0,
    owed_delta: int = 0,
    allowed: tuple[str, ...] = ANY,
    spends: bool = False,
) -> Balance | None:
    """One conditional UPDATE that returns the new balance; None where a condition refused it.

    `allowed`: account statuses in which it may happen. With `spends` the balance must stay at or above what is owed.
    """
    # Padded to a fixed number, so that the database sees one statement.
    states = [*allowed, *[allowed[-1]] * (len(ANY) - len(allowed))]
    params: list[int | str] = [
        balance_delta,
        held_delta,
        owed_delta,
        account_id,
        balance_delta,
        int(spends),
        held_delta,
        owed_delta,
        max(0, balance_delta + held_delta),
        CEILING,
        *states,
    ]
    with connection.cursor() as cursor:
        cursor.execute(_moving(), params)
        row = cursor.fetchone()
    return Balance(row[0], row[1], bool(row[2]), row[3], row[4]) if row else None


def move_or_raise(
    account_id: int, balance_delta: int, allowed: tuple[str, ...] = ANY, *, spends: bool = False
) -> Balance:
    """`move` that raises InsufficientCredits, AccountClosed or TooMuch where the UPDATE was refused."""
    after = move(account_id, balance_delta=balance_delta, allowed=allowed, spends=spends)
    if after is not None:
        return after
    if not Account.objects.filter(pk=account_id, status__in=allowed).exists():
        raise AccountClosed
    if balance_delta > 0:
        raise TooMuch("The balance would be too large.")
    raise InsufficientCredits


def record(
    account_id: int,
    kind: LedgerKind,
    reference: str,
    balance_delta: int,
    held_delta: int,
    after: Balance,
    *,
    captured: int | None = None,
    released: int | None = None,
    reason: str = "",
    actor: User | None = None,
    token_id: int | None = None,
    member_id: int | None = None,
) -> LedgerEntry:
    """Insert the ledger row of the movement that `move` has just made."""
    entry = LedgerEntry(
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
        token_id=token_id,
        member_id=member_id,
    )
    with pipeline.batch() as alone:
        alone.send(ENTRY.statement(entry))
    return entry
