"""Checks of the ledger, and the words in which every app reports what is wrong.

Each check is one SQL statement that finds suspects, so it sees one moment and needs no memory. The house goes
on working meanwhile: a suspect is read again under its account's lock, which every movement of credits takes,
before it is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import F, Model, OuterRef, Q, QuerySet, Subquery, Sum, Value, Window
from django.db.models.functions import Coalesce, Lag
from django.db.models.lookups import Exact

from accounts import credits, spending
from accounts.amounts import decimal_text
from accounts.models import Account, ApiToken, LedgerEntry, TokenSpending

Row = TypeVar("Row", bound=Model)
BATCH = 500


@dataclass(frozen=True)
class Breach:
    """One thing that is not as it must be.

    `repair` mends it and answers what it did; None where no repair is safe.
    """

    kind: str
    subject: str
    message: str
    repair: Callable[[], str] | None = None

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}: {self.message}"


def in_batches(rows: QuerySet[Row], size: int = BATCH) -> Iterator[Row]:
    """Every row of the queryset by growing primary key, read `size` at a time."""
    ordered: QuerySet[Any] = rows.order_by("pk")
    last: Any = None
    while True:
        found = list((ordered if last is None else ordered.filter(pk__gt=last))[:size])
        yield from found
        if len(found) < size:
            return
        last = found[-1].pk


def confirmed(suspects: QuerySet[Row], account_of: Callable[[Row], int]) -> Iterator[Row]:
    """The suspects that are still suspect when nothing can move on their account."""
    for suspect in in_batches(suspects):
        with transaction.atomic():
            Account.objects.select_for_update().filter(pk=account_of(suspect)).first()
            again = suspects.filter(pk=suspect.pk).first()
        if again is not None:
            yield again


def breaches(*, quick: bool = False) -> Iterator[Breach]:
    """What is wrong with balances and ledger rows."""
    yield from _sums()
    yield from _running_balances()
    yield from _settles_without_their_hold()
    yield from _limits_that_nobody_asks()
    yield from _spending_of_tokens()


def checked() -> dict[str, int]:
    """How much there was to check."""
    return {"accounts": Account.objects.count(), "ledger rows": LedgerEntry.objects.count()}


def _sums() -> Iterator[Breach]:
    rows = LedgerEntry.objects.filter(account=OuterRef("pk")).order_by().values("account")
    accounts: QuerySet[Any] = Account.objects.annotate(
        balance_sum=Coalesce(Subquery(rows.annotate(s=Sum("balance_delta")).values("s")), Value(0)),
        held_sum=Coalesce(Subquery(rows.annotate(s=Sum("held_delta")).values("s")), Value(0)),
    )
    wrong = accounts.filter(~Q(balance=F("balance_sum")) | ~Q(held=F("held_sum")))
    for account in confirmed(wrong, lambda row: int(row.pk)):
        yield Breach(
            "balance",
            f"account {account.pk} ({account.name})",
            f"has {_pair(account.balance, account.held)},"
            f" but its ledger adds up to {_pair(account.balance_sum, account.held_sum)}",
        )


def _pair(balance: int, held: int) -> str:
    return f"{decimal_text(balance)} and {decimal_text(held)} on hold"


def _running_balances() -> Iterator[Breach]:
    def before(field: str) -> Window:
        return Window(Lag(field, default=Value(0)), partition_by=F("account"), order_by=F("id").asc())

    rows: QuerySet[Any] = LedgerEntry.objects.annotate(
        balance_before=before("balance_after"), held_before=before("held_after")
    )
    wrong = rows.exclude(
        balance_after=F("balance_before") + F("balance_delta"), held_after=F("held_before") + F("held_delta")
    )
    # A window looks at the rows that are left, so a single row cannot be read again by its key: read its
    # account.
    for entry in in_batches(wrong):
        with transaction.atomic():
            Account.objects.select_for_update().filter(pk=entry.account_id).first()
            still = any(row.pk == entry.pk for row in wrong.filter(account_id=entry.account_id))
        if still:
            yield Breach(
                "ledger",
                f"row {entry.pk} ({entry.kind} {entry.reference})",
                f"says {_pair(entry.balance_after, entry.held_after)},"
                " which does not follow from the row before",
            )


def _settles_without_their_hold() -> Iterator[Breach]:
    hold = LedgerEntry.objects.filter(
        kind=LedgerEntry.Kind.HOLD, reference=OuterRef("reference"), account=OuterRef("account")
    )
    settles: QuerySet[Any] = LedgerEntry.objects.filter(kind=LedgerEntry.Kind.SETTLE).annotate(
        hold=Subquery(hold.values("held_delta")[:1])
    )
    wrong = settles.filter(Q(hold__isnull=True) | ~Q(held_delta=-F("hold")))
    for entry in confirmed(wrong, lambda row: int(row.account_id)):
        held = "nothing" if entry.hold is None else decimal_text(entry.hold)
        yield Breach(
            "settle",
            entry.reference,
            f"released a hold of {decimal_text(-entry.held_delta)} where {held} was held",
        )


def _spending_of_tokens() -> Iterator[Breach]:
    holds: QuerySet[Any] = spending.net_holds().annotate(day=spending.UtcDay("created_at"))
    # A month is the beginning of its days, and `total` of them all.
    of_period = holds.filter(token=OuterRef("token")).filter(
        Q(day__startswith=OuterRef("period")) | Q(Exact(OuterRef("period"), spending.TOTAL))
    )
    counted = of_period.values("token").annotate(s=Sum("net")).values("s")
    meters: QuerySet[Any] = TokenSpending.objects.select_related("token").annotate(
        counted=Coalesce(Subquery(counted), Value(0))
    )
    for meter in confirmed(meters.exclude(spent=F("counted")), lambda row: int(row.token.account_id)):
        yield Breach(
            "token",
            f"{meter.token_id} ({meter.token.name}), {meter.period}",
            f"has {decimal_text(meter.spent)} spent and on hold,"
            f" but its ledger adds up to {decimal_text(meter.counted)}",
            partial(_recounted, meter.token),
        )


def _limits_that_nobody_asks() -> Iterator[Breach]:
    unasked = ApiToken.objects.filter(account__limits_tokens=False).filter(
        Q(day_limit__isnull=False) | Q(month_limit__isnull=False) | Q(total_limit__isnull=False)
    )
    for token in confirmed(unasked, lambda row: int(row.account_id)):
        yield Breach(
            "token",
            f"{token.pk} ({token.name})",
            "has a spending limit of which its account does not know",
            partial(_recounted, token),
        )


def _recounted(token: ApiToken) -> str:
    credits.recount(token)
    return "summed up from the ledger"
