"""Audit of debts: clawbacks follow from refunds and disputes, debts equal what is still due, allowances add up."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from django.db.models import Case, F, OuterRef, Q, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce

from accounts import credits
from accounts.audit.account_lock import confirmed, under_lock
from accounts.credits.amounts import decimal_text
from accounts.models import Account, Dispute, EndedAllowance, Purchase
from core.db.invariants import Breach, in_batches

_CLOSED = Account.Status.CLOSED


def breaches() -> Iterator[Breach]:
    """Purchases, debts and ended allowances that do not add up, and debts left unpaid despite a balance."""
    yield from _purchases()
    yield from _sums()
    yield from _unpaid()
    yield from _ended_allowances()


def _purchases() -> Iterator[Breach]:
    disputes = Dispute.objects.filter(purchase=OuterRef("pk"), state__in=Dispute.COUNTED).order_by()
    amounts = disputes.values("purchase").annotate(s=Sum("amount")).values("s")
    paid = Purchase.objects.filter(paid_at__isnull=False).exclude(account__status=_CLOSED)
    rows = paid.annotate(disputed_now=Coalesce(Subquery(amounts), Value(0)))
    for row in in_batches(rows.filter(Q(refunded__gt=0) | Q(disputed_now__gt=0) | Q(to_take_back__gt=0))):
        if _adds_up(row):
            continue
        current = under_lock(row.account_id, rows.filter(pk=row.pk).first)
        if current is not None and not _adds_up(current):
            yield Breach(
                "purchase",
                current.reference,
                f"has {decimal_text(current.to_take_back)} to be taken back where "
                f"{decimal_text(current.to_be_taken_back())} follows from what was paid back and disputed",
            )


def _adds_up(row: Any) -> bool:
    return bool(row.to_take_back == row.to_be_taken_back(row.refunded + row.disputed_now))


def _sums() -> Iterator[Breach]:
    """A closed account owes nothing, whatever its purchases say: no credits can arrive to pay with."""
    of_account = Purchase.objects.filter(account=OuterRef("pk"), to_take_back__gt=F("taken_back")).order_by()
    sums = of_account.values("account").annotate(s=Sum(F("to_take_back") - F("taken_back"))).values("s")
    explained = Case(When(status=_CLOSED, then=Value(0)), default=Coalesce(Subquery(sums), Value(0)))
    rows: Any = Account.objects.annotate(explained=explained).exclude(owed=F("explained"))
    for account in confirmed(rows, lambda row: row.pk):
        yield Breach(
            "debt",
            f"account {account.pk} ({account.name})",
            f"owes {decimal_text(account.owed)}, but its purchases come to {decimal_text(account.explained)}",
        )


def _unpaid() -> Iterator[Breach]:
    for account in confirmed(Account.objects.filter(owed__gt=0, balance__gt=0), lambda row: row.pk):
        yield Breach(
            "debt",
            f"account {account.pk} ({account.name})",
            f"owes {decimal_text(account.owed)} and has {decimal_text(account.balance)} that were not taken for it",
            repair=partial(_collect, account.pk),
        )


def _collect(account_id: int) -> str:
    return f"{decimal_text(credits.collect(account_id))} taken for what was owed"


def _ended_allowances() -> Iterator[Breach]:
    for row in in_batches(EndedAllowance.objects.all()):
        wrong = under_lock(row.account_id, partial(_wrong_allowance, row.pk))
        if wrong is not None:
            yield Breach(
                "allowance",
                f"account {wrong.account_id}, {wrong.period}",
                f"has {decimal_text(wrong.left)} left and {decimal_text(wrong.on_hold)} on hold, "
                "which its holds do not explain",
            )


def _wrong_allowance(pk: int) -> EndedAllowance | None:
    row = EndedAllowance.objects.filter(pk=pk).first()
    if row is None:
        return None
    used, on_hold = credits.used_and_on_hold(row.account_id, row.first, row.last)
    return row if (row.left, row.on_hold) != (row.given - used, on_hold) or not on_hold else None
