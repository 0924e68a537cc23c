"""Holds of credits for predictions, and their settlement. The hot path of every prediction: few statements."""

from __future__ import annotations

from datetime import datetime
from functools import cache, partial
from typing import Any

from django.db import connection

from accounts.credits import allowance_ends, balance_updates, debts, spending_limits
from accounts.credits.balance_updates import table
from accounts.credits.exceptions import AccountClosed, InsufficientCredits
from accounts.models import Account, ApiToken, LedgerEntry, User
from core.clock import Now
from core.db import pipeline
from core.db.pipeline import Batch, Rows, Statement
from core.db.prepared import Prepared


def hold(
    account_id: int,
    amount: int,
    reference: str,
    *,
    token: ApiToken | None = None,
    member: User | None = None,
) -> None:
    """Hold the maximum cost of a prediction, in micro-credits, in the transaction that inserts the prediction.

    Reserves from the balance and from the current spending limits of the account, the `token` and the acting `member`.
    Raises InsufficientCredits, TokenLimitReached, AccountLimitReached, or AccountClosed where the account is not
    active. A hold of 0 gets a ledger row too.
    """
    new_hold = Hold(account_id, amount, reference, token, member)
    with pipeline.batch() as together:
        new_hold.send(together)
    new_hold.check()


class Hold:
    """A hold sent in one batch with the prediction's own statements: `send` inside the batch, `check` after it."""

    def __init__(
        self,
        account_id: int,
        amount: int,
        reference: str,
        token: ApiToken | None = None,
        member: User | None = None,
    ) -> None:
        if amount < 0:
            raise ValueError("A hold is not negative.")
        self._account_id, self._amount, self._reference = account_id, amount, reference
        self._token_id = token.pk if token is not None else None
        self._member_id = member.pk if member is not None else None
        self._limited: bool | None = None
        self._at: datetime | None = None

    def send(self, batch: Batch) -> None:
        """Move the credits and insert the ledger row, or neither where a condition refuses it."""
        if batch.vendor == "postgresql":
            params = [*self._moving(), *self._entry()]
            batch.send(Statement(_hold_and_record(), params, self._was_recorded))
        else:
            batch.send(Statement(_hold(), self._moving(), partial(self._was_moved, batch)))

    def check(self) -> None:
        """Reserve from the spending limits, raising what `hold` raises. Call it before the transaction ends."""
        if self._limited is None:
            if Account.objects.filter(pk=self._account_id, status=Account.Status.ACTIVE).exists():
                raise InsufficientCredits
            raise AccountClosed
        if self._at is not None and self._amount:
            spender = spending_limits.Spender(self._account_id, self._token_id, self._member_id)
            spending_limits.reserve(spender, self._amount, self._at)

    def _moving(self) -> list[int]:
        return [self._amount, self._amount, self._account_id, self._amount, self._amount, self._amount]

    def _entry(self) -> list[Any]:
        change = [-self._amount, self._amount]
        return [self._account_id, "hold", self._reference, *change, "", self._token_id, self._member_id]

    def _was_recorded(self, rows: Rows) -> None:
        for self._limited, self._at in rows:
            pass

    def _was_moved(self, batch: Batch, rows: Rows) -> None:
        for balance, held, limited in rows:
            self._limited = bool(limited)
            params = [*self._entry(), balance, held]
            read = self._was_written if self._limited else None
            batch.send(Statement(_record(timed=self._limited), params, read))

    def _was_written(self, rows: Rows) -> None:
        for (at,) in rows:
            self._at = connection.ops.convert_datetimefield_value(at, None, connection)  # type: ignore[attr-defined]


_HELD = Prepared[LedgerEntry](
    lambda reference, account: LedgerEntry.objects.filter(
        reference=reference, kind=LedgerEntry.Kind.HOLD, account_id=account
    )[:1]
)


_COLUMNS = (
    "(account_id, kind, reference, balance_delta, held_delta, reason, token_id, member_id, "
    "balance_after, held_after, created_at)"
)


def _now() -> str:
    sql, _params = LedgerEntry.objects.all().query.get_compiler(connection=connection).compile(Now())
    return sql


@cache
def _hold() -> str:
    # RETURNING gives the state under the row lock; a second statement could see another transaction's change.
    return (
        f"UPDATE {table(Account)} SET balance = balance - %s, held = held + %s "  # noqa: S608 (a table's own name)
        # An account that owes can only start free work.
        "WHERE id = %s AND balance >= %s AND (balance - owed >= %s OR %s = 0) AND status = 'active' "
        "RETURNING balance, held, limits_tokens"
    )


@cache
def _hold_and_record() -> str:
    """UPDATE and ledger row in one statement: the INSERT reads the UPDATE's result, so there are both or neither."""
    return (
        f"WITH moved AS ({_hold()}), entry AS (INSERT INTO {table(LedgerEntry)} {_COLUMNS} "  # noqa: S608
        "SELECT %s::bigint, %s, %s, %s::bigint, %s::bigint, %s, %s::bigint, %s::bigint, balance, held, "
        f"{_now()} FROM moved "
        "RETURNING created_at) "
        "SELECT limits_tokens, CASE WHEN limits_tokens THEN created_at END FROM moved, entry"
    )


@cache
def _record(*, timed: bool) -> str:
    """The INSERT of the ledger row; returns its time only where limits need it (`timed`)."""
    row = f"INSERT INTO {table(LedgerEntry)} {_COLUMNS} VALUES ({'%s, ' * 10}{_now()})"  # noqa: S608
    return f"{row} RETURNING created_at" if timed else row


def settle(account_id: int, reference: str, charge: int) -> LedgerEntry:
    """Settle a hold: capture at most the held amount, release the rest. A UNIQUE constraint makes it happen once.

    Call it last in the transaction that ends the prediction. A charge above the hold is the operator's loss. Released
    credits whose allowance has ended are taken at once; the rest first pays what is owed.
    """
    entry = _HELD.first(reference=reference, account=account_id)
    if entry is None:
        raise LedgerEntry.DoesNotExist(f"Nothing is held for {reference}.")
    held = entry.held_delta
    captured = max(0, min(charge, held))
    released = held - captured
    after = balance_updates.move(account_id, balance_delta=released, held_delta=-held)
    if after is None:
        raise InsufficientCredits("More is to be settled than the account holds; run the audit.")
    spender = spending_limits.Spender(account_id, entry.token_id, entry.member_id)
    if after.limited and released:
        spending_limits.give_back(spender, released, entry.created_at)
    settled = balance_updates.record(
        account_id,
        LedgerEntry.Kind.SETTLE,
        reference,
        released,
        -held,
        after,
        captured=captured,
        released=released,
        token_id=spender.token_id,
        member_id=spender.member_id,
    )
    if entry.pk <= after.ended_upto:
        after = allowance_ends.returned(entry, released, after)
    debts.pay(account_id, after)
    return settled
