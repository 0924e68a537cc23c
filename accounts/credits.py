"""The only writer of balances and of what tokens have spent: grant, hold, settle, adjust; limit, recount.

Each is one conditional UPDATE of the account and one ledger row in the caller's transaction (or its own).
Units are integer micro-credits. Nobody goes below zero: the UPDATE asks, and a CHECK in the database forbids.

A token's limits and the rows that count its spending change only while its account's row is locked, which every
movement locks first. So a hold either sees a new limit, or is seen by the sum that the new limit begins with.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial

from django.db import connection, transaction
from django.db.models import F, Model
from django.db.models.functions import Length
from django.utils import timezone

from accounts import spending, statements
from accounts.models import MICRO, Account, ApiToken, LedgerEntry, TokenSpending, User
from accounts.prepared import Prepared
from accounts.statements import Batch, PreparedInsert, Rows, Statement

LARGEST = 1_000_000_000 * MICRO
"""The most that one movement by hand may carry: far below what a BIGINT holds, so that sums stay safe."""


class InsufficientCredits(Exception):
    """The account has less than what is asked; nothing was changed."""


class TokenLimitReached(InsufficientCredits):
    """A limit of the token leaves less than what is asked. The transaction must not be committed.

    `limit` is `day`, `month` or `total`; `most` what it allows, `left` what of it is left, in micro-credits.
    """

    def __init__(self, limit: str, most: int, left: int, asked: int, at: datetime) -> None:
        self.limit, self.most, self.left, self.asked = limit, most, left, asked
        self.ends_at = spending.ends_at(limit, at)
        super().__init__(limit)


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


def hold(account_id: int, amount: int, reference: str, *, token: ApiToken | None = None) -> None:
    """Set aside the most a prediction can cost. Call it inside the transaction that inserts the prediction.

    `token` is the one that asks: its limits as the database has them now are reserved from as the balance is.
    Raises InsufficientCredits, TokenLimitReached, or AccountClosed where the account is not active. A hold of 0 has
    its row too.
    """
    one = Hold(account_id, amount, reference, token)
    with statements.batch() as together:
        one.send(together)
    one.check()


class Hold:
    """A hold that is sent together with what it is for: `send` inside a batch, `check` after it."""

    def __init__(self, account_id: int, amount: int, reference: str, token: ApiToken | None = None) -> None:
        if amount < 0:
            raise ValueError("A hold is not negative.")
        self._account_id, self._amount, self._reference = account_id, amount, reference
        self._token_id = token.pk if token is not None else None
        self._at: datetime | None = None
        self._limited = False

    def send(self, batch: Batch) -> None:
        """Move the credits and write the ledger's row, or neither where a guard refuses it."""
        if batch.vendor == "postgresql":
            entry = (
                self._account_id,
                "hold",
                self._reference,
                -self._amount,
                self._amount,
                "",
                self._token_id,
            )
            batch.send(Statement(_hold_and_record(), [*self._moving(), *entry], self._was_recorded))
        else:
            batch.send(Statement(_hold(), self._moving(), partial(self._was_moved, batch)))

    def check(self) -> None:
        """Reserve from the token's limits, and raise what `hold` raises. Before the transaction ends."""
        if self._at is None:
            if Account.objects.filter(pk=self._account_id, status=Account.Status.ACTIVE).exists():
                raise InsufficientCredits
            raise AccountClosed
        if self._limited and self._token_id is not None and self._amount:
            _reserve(self._token_id, self._amount, self._at)

    def _moving(self) -> list[int]:
        return [self._amount, self._amount, self._account_id, self._amount]

    def _was_recorded(self, rows: Rows) -> None:
        for self._limited, self._at in rows:
            pass

    def _was_moved(self, batch: Batch, rows: Rows) -> None:
        for balance, held, limited in rows:
            entry = LedgerEntry(
                account_id=self._account_id,
                kind=LedgerEntry.Kind.HOLD,
                reference=self._reference,
                balance_delta=-self._amount,
                held_delta=self._amount,
                balance_after=balance,
                held_after=held,
                token_id=self._token_id,
            )
            batch.send(_ENTRY.statement(entry))
            self._limited, self._at = bool(limited), entry.created_at


_ENTRY = PreparedInsert(LedgerEntry)
_HELD = Prepared[LedgerEntry](
    lambda reference, account: LedgerEntry.objects.filter(
        reference=reference, kind=LedgerEntry.Kind.HOLD, account_id=account
    )[:1],
    reference=str,
    account=int,
)


@cache
def _hold() -> str:
    # RETURNING: what is there after the row was locked, without a second statement that could see another's change.
    return (
        f"UPDATE {_table(Account)} SET balance = balance - %s, held = held + %s "  # noqa: S608 (a table's own name)
        "WHERE id = %s AND balance >= %s AND status = 'active' RETURNING balance, held, limits_tokens"
    )


@cache
def _hold_and_record() -> str:
    """Both in one statement: the ledger's row is made of what the UPDATE answers, so there is one or neither."""
    return (
        f"WITH moved AS ({_hold()}), entry AS (INSERT INTO {_table(LedgerEntry)} "  # noqa: S608
        "(account_id, kind, reference, balance_delta, held_delta, reason, token_id, balance_after, held_after) "
        "SELECT %s::bigint, %s, %s, %s::bigint, %s::bigint, %s, %s::bigint, balance, held FROM moved "
        "RETURNING created_at) SELECT limits_tokens, created_at FROM moved, entry"
    )


def _table(model: type[Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)


def settle(account_id: int, reference: str, charge: int) -> LedgerEntry:
    """End a hold: capture at most what was held, release the rest. Once for each reference, by the database's
    word.

    Call it last inside the transaction that ends the prediction. A charge above the hold is the operator's
    loss.
    """
    entry = _HELD.first(reference=reference, account=account_id)
    if entry is None:
        raise LedgerEntry.DoesNotExist(f"Nothing is held for {reference}.")
    held, token_id, held_at = entry.held_delta, entry.token_id, entry.created_at
    captured = max(0, min(charge, held))
    released = held - captured
    after = _move(account_id, balance_delta=released, held_delta=-held)
    if after is None:
        raise InsufficientCredits("More is to be settled than the account holds; run the audit.")
    if token_id is not None and released:
        _give_back(token_id, released, held_at)
    return _record(
        account_id,
        LedgerEntry.Kind.SETTLE,
        reference,
        released,
        -held,
        after,
        captured=captured,
        released=released,
        token_id=token_id,
    )


def limit(token: ApiToken, *, day: int | None, month: int | None, total: int | None) -> None:
    """Set what a token may spend each day, each month and in all, in micro-credits; None: as much as there is.

    What it has spent and on hold already is summed up from the ledger; `token` itself is brought up to date.
    """
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=token.account_id)
        token.day_limit, token.month_limit, token.total_limit = day, month, total
        token.save(update_fields=["day_limit", "month_limit", "total_limit"])
        _sum_up(token)


def recount(token: ApiToken) -> None:
    """Sum a token's spending up from the ledger anew."""
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=token.account_id)
        token.refresh_from_db(fields=["day_limit", "month_limit", "total_limit"])
        _sum_up(token)


_LIMITS = Prepared[ApiToken](
    lambda token: ApiToken.objects.filter(pk=token).only("day_limit", "month_limit", "total_limit")[:1],
    token=int,
)


def _reserve(token_id: int, amount: int, at: datetime) -> None:
    """Count a hold that was written at `at` towards its token's limits. Raises TokenLimitReached.

    The limits are read here, after the account's row was locked, and not taken from the request: they may have been
    set since it came.
    """
    token = _LIMITS.first(token=token_id)
    for name, most in _limits_of(token) if token is not None else []:
        rows = TokenSpending.objects.filter(token_id=token_id, period=spending.period(name, at))
        if rows.filter(spent__lte=most - amount).update(spent=F("spent") + amount):
            continue
        spent = rows.values_list("spent", flat=True).first()
        if spent is None:
            # The first hold of a period. The ledger has this hold's row already.
            spent = _begin(token_id, spending.period(name, at)) - amount
        if spent + amount > most:
            raise TokenLimitReached(name, most, max(0, most - spent), amount, at)


def _give_back(token_id: int, released: int, held_at: datetime) -> None:
    rows = TokenSpending.objects.filter(token_id=token_id, period__in=spending.periods(held_at))
    # Asked rather than left to the CHECK: a meter that is wrong must not keep a prediction from ending.
    rows.filter(spent__gte=released).update(spent=F("spent") - released)


def _sum_up(token: ApiToken) -> None:
    TokenSpending.objects.filter(token=token).delete()
    if _limits_of(token):
        # On the row that a hold locks, and reads: only where it is set must a hold look at its token's limits.
        Account.objects.filter(pk=token.account_id).update(limits_tokens=True)
    now = timezone.now()
    for name, _most in _limits_of(token):
        _begin(token.pk, spending.period(name, now))


def _begin(token_id: int, period: str) -> int:
    """Begin to count a period with what the ledger says of it; the days or months before it are over."""
    alike = TokenSpending.objects.filter(token_id=token_id).annotate(length=Length("period"))
    alike.filter(length=len(period), period__lt=period).delete()
    spent = spending.counted(token_id, period)
    TokenSpending.objects.create(token_id=token_id, period=period, spent=spent)
    return spent


def _limits_of(token: ApiToken) -> list[tuple[str, int]]:
    limits = zip(spending.LIMITS, (token.day_limit, token.month_limit, token.total_limit), strict=True)
    return [(name, most) for name, most in limits if most is not None]


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


def _move(account_id: int, *, balance_delta: int, held_delta: int) -> Balance | None:
    """One guarded UPDATE that answers what is there afterwards; None where a guard refused it."""
    statement = (
        f"UPDATE {_table(Account)} SET balance = balance + %s, held = held + %s "  # noqa: S608 (a table's own name)
        "WHERE id = %s AND balance + %s >= 0 AND held + %s >= 0 RETURNING balance, held"
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
    token_id: int | None = None,
) -> LedgerEntry:
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
    )
    with statements.batch() as alone:
        alone.send(_ENTRY.statement(entry))
    return entry
