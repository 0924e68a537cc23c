"""Audit of the ledger: every row follows from the one before, and every balance equals its last row.

The ledger is read once in writing order, a range of row numbers at a time. Each range is two statements that return
suspects only, so memory does not grow with the ledger. `AuditMark` records up to which row all was in order; a quick
audit starts there.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import cache, partial
from typing import Any

from django.db import connection
from django.db.models import F, Max, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from accounts.audit.account_lock import under_lock
from accounts.credits.amounts import decimal_text
from accounts.models import Account, AuditMark, LedgerEntry
from core.clock import Now
from core.db.invariants import Breach, in_batches

PORTION = 50_000
"""Row numbers, of the ledger or of accounts, that one statement reads."""
SETTLED_AFTER = timedelta(minutes=10)
"""No row with a lower number can appear before a row of this age: no transaction stays open for so long."""
MARK = "ledger"


def verified_up_to() -> int:
    """The last row up to which an audit found no breach; 0 where none ran."""
    mark = AuditMark.objects.filter(name=MARK).first()
    return mark.upto if mark is not None else 0


def breaches(*, after: int = 0) -> Iterator[Breach]:
    """Rows that do not follow, settlements without their hold, and balances that the ledger does not explain.

    Reads rows numbered above `after`, and every account. Advances the mark where nothing was found.
    """
    last = LedgerEntry.objects.aggregate(last=Max("id"))["last"] or 0
    # Read before the checks: all rows numbered up to here are committed.
    settled = (
        LedgerEntry.objects.filter(created_at__lt=Now() - SETTLED_AFTER)
        .order_by("-id")
        .values_list("id", flat=True)
        .first()
    )
    doubtful: set[int] = set()
    found = 0
    for low, high in _portions(LedgerEntry.objects.filter(pk__gt=after), last):
        for breach, account_id in _broken_rows(low, high):
            doubtful.add(account_id)
            found += 1
            yield breach
        for breach in _settles(low, high):
            found += 1
            yield breach
    for breach in _balances(doubtful):
        found += 1
        yield breach
    if not found and settled is not None and settled > verified_up_to():
        AuditMark.objects.update_or_create(name=MARK, defaults={"upto": settled, "at": Now()})


def _portions(rows: QuerySet[Any], last: int) -> Iterator[tuple[int, int]]:
    """Ranges (above, up to and including) of primary keys, from the first of the rows to `last`."""
    first = rows.order_by("pk").values_list("pk", flat=True).first()
    if first is not None:
        for low in range(first - 1, last, PORTION):
            yield low, min(low + PORTION, last)


@cache
def _broken_rows_sql() -> str:
    ledger = connection.ops.quote_name(LedgerEntry._meta.db_table)
    before = (
        f"COALESCE(LAG(c.%s) OVER (PARTITION BY c.account_id ORDER BY c.id), (SELECT b.%s FROM {ledger} b "  # noqa: S608
        "WHERE b.account_id = c.account_id AND b.id < c.id ORDER BY b.id DESC LIMIT 1), 0)"
    )
    balance, held = (before % (column, column) for column in ("balance_after", "held_after"))
    return (
        "SELECT id, account_id FROM (SELECT c.id, c.account_id, "  # noqa: S608
        f"c.balance_after - c.balance_delta AS balance, {balance} AS balance_before, "
        f"c.held_after - c.held_delta AS held, {held} AS held_before "
        f"FROM {ledger} c WHERE c.id > %s AND c.id <= %s) AS rows_of_it "
        "WHERE balance <> balance_before OR held <> held_before ORDER BY id"
    )


def _broken_rows(low: int, high: int) -> Iterator[tuple[Breach, int]]:
    with connection.cursor() as cursor:
        cursor.execute(_broken_rows_sql(), [low, high])
        suspects = cursor.fetchall()
    for entry_id, account_id in suspects:
        entry = under_lock(account_id, partial(_does_not_follow, entry_id))
        if entry is not None:
            yield (
                Breach(
                    "ledger",
                    f"row {entry.pk} ({entry.kind} {entry.reference})",
                    f"says {_pair(entry.balance_after, entry.held_after)},"
                    " which does not follow from the row before",
                ),
                account_id,
            )


def _does_not_follow(entry_id: int) -> LedgerEntry | None:
    entry = LedgerEntry.objects.filter(pk=entry_id).first()
    if entry is None:
        return None
    before = LedgerEntry.objects.filter(account=entry.account_id, pk__lt=entry.pk).order_by("-pk").first()
    was = (before.balance_after, before.held_after) if before is not None else (0, 0)
    follows = (was[0] + entry.balance_delta, was[1] + entry.held_delta) == (
        entry.balance_after,
        entry.held_after,
    )
    return None if follows else entry


def _settles(low: int, high: int) -> Iterator[Breach]:
    hold = LedgerEntry.objects.filter(
        kind=LedgerEntry.Kind.HOLD, reference=OuterRef("reference"), account=OuterRef("account")
    )
    settles = LedgerEntry.objects.filter(kind=LedgerEntry.Kind.SETTLE, pk__gt=low, pk__lte=high)
    wrong: QuerySet[LedgerEntry] = settles.annotate(hold=Subquery(hold.values("held_delta")[:1])).filter(
        Q(hold__isnull=True) | ~Q(held_delta=-F("hold"))
    )
    for suspect in in_batches(wrong):
        entry = under_lock(suspect.account_id, wrong.filter(pk=suspect.pk).first)
        if entry is None:
            continue
        held_delta = getattr(entry, "hold", None)
        held = "nothing" if held_delta is None else decimal_text(held_delta)
        yield Breach(
            "settle",
            entry.reference,
            f"released a hold of {decimal_text(-entry.held_delta)} where {held} was held",
        )


def _balances(doubtful: set[int]) -> Iterator[Breach]:
    """Accounts whose balance differs from their last row; those with doubtful rows are summed up in full.

    Where every row follows from the one before, the last one is the sum of them all.
    """
    newest = LedgerEntry.objects.filter(account=OuterRef("pk")).order_by("-id")
    accounts = Account.objects.annotate(
        last_balance=Coalesce(Subquery(newest.values("balance_after")[:1]), Value(0)),
        last_held=Coalesce(Subquery(newest.values("held_after")[:1]), Value(0)),
    )
    wrong = accounts.filter(~Q(balance=F("last_balance")) | ~Q(held=F("last_held")))
    last = Account.objects.aggregate(last=Max("id"))["last"] or 0
    for low, high in _portions(Account.objects.all(), last):
        doubtful |= set(wrong.filter(pk__gt=low, pk__lte=high).values_list("pk", flat=True))
    for account_id in sorted(doubtful):
        breach = under_lock(account_id, partial(_check_sums, account_id))
        if breach is not None:
            yield breach


def _check_sums(account_id: int) -> Breach | None:
    account = Account.objects.get(pk=account_id)
    sums = LedgerEntry.objects.filter(account=account).aggregate(
        balance=Coalesce(Sum("balance_delta"), 0), held=Coalesce(Sum("held_delta"), 0)
    )
    if (sums["balance"], sums["held"]) == (account.balance, account.held):
        return None
    return Breach(
        "balance",
        f"account {account.pk} ({account.name})",
        f"has {_pair(account.balance, account.held)},"
        f" but its ledger adds up to {_pair(sums['balance'], sums['held'])}",
    )


def _pair(balance: int, held: int) -> str:
    return f"{decimal_text(balance)} and {decimal_text(held)} on hold"
