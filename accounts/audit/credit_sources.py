"""Audit of credit sources: codes, gifts, purchases and allowances against the ledger, in both directions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.db.models import CharField, Exists, F, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Cast, Coalesce, Concat, Replace, Substr

from accounts.audit.account_lock import confirmed
from accounts.credits.amounts import decimal_text
from accounts.models import Account, Gift, LedgerEntry, Purchase, Redemption
from accounts.models.ledger_kinds import TAKEN_BACK
from core.db.invariants import Breach

Kind = LedgerEntry.Kind
_OUT, _IN = "-out", "-in"


def breaches(*, after: int = 0) -> Iterator[Breach]:
    """Gifts, codes, purchases and allowances that are missing in the ledger or vice versa, or differ in amount.

    Checks ledger rows with ids above `after`.
    """
    rows = LedgerEntry.objects.not_work().filter(pk__gt=after)
    for check in CHECKS.values():
        yield from check(rows)


def _account(row: Any) -> int:
    return int(row.account_id)


def _text(pattern: str, column: str) -> Concat:
    """`pattern` with `*` replaced by a column of the outer query."""
    before, _, after = pattern.partition("*")
    return Concat(Value(before), Cast(OuterRef(column), CharField()), Value(after), output_field=CharField())


def _row(kind: str, pattern: str, column: str) -> QuerySet[LedgerEntry]:
    return LedgerEntry.objects.filter(kind=kind, reference=_text(pattern, column))


def _gifts(entries: QuerySet[LedgerEntry]) -> Iterator[Breach]:
    gifts = Gift.objects.filter(
        ~Exists(_gift_row("out", "giver", -1)) | ~Exists(_gift_row("in", "receiver", 1))
    )
    for gift in confirmed(gifts, lambda row: row.giver_id):
        yield Breach(
            "gift", gift.reference, f"of {decimal_text(gift.amount)} does not stand in both accounts"
        )
    rows = entries.filter(kind=Kind.GIFT)
    yield from _unpaired(rows.filter(balance_delta__lt=0), _OUT, _IN)
    yield from _unpaired(rows.filter(balance_delta__gte=0), _IN, _OUT)


def _gift_row(end: str, whose: str, sign: int) -> QuerySet[LedgerEntry]:
    amount = OuterRef("amount") if sign > 0 else Value(0) - OuterRef("amount")
    return _row(Kind.GIFT, f"gift-*-{end}", "reference").filter(account=OuterRef(whose), balance_delta=amount)


def _unpaired(rows: QuerySet[Any], prefix: str, other_prefix: str) -> Iterator[Breach]:
    counterpart = Replace(OuterRef("reference"), Value(prefix), Value(other_prefix))
    pair = LedgerEntry.objects.filter(
        kind=Kind.GIFT, reference=counterpart, balance_delta=Value(0) - OuterRef("balance_delta")
    )
    wrong = rows.filter(~Q(reference__endswith=prefix) | ~Exists(pair))
    for entry in confirmed(wrong, _account):
        yield Breach(
            "gift",
            entry.reference,
            f"moved {decimal_text(entry.balance_delta)}, and the other side of it is not there",
        )


def _redemptions(entries: QuerySet[LedgerEntry]) -> Iterator[Breach]:
    row = _row(Kind.REDEEM, "redeem-*", "pk").filter(account=OuterRef("account"))
    for redemption in confirmed(Redemption.objects.filter(~Exists(row)), _account):
        yield Breach("redeem", f"redemption {redemption.pk}", "gave no credits")
    yield from _unknown(entries, Kind.REDEEM, _pk_of(Redemption, "redeem-"), "no code was redeemed for it")


def _pk_of(model: Any, prefix: str) -> Exists:
    return Exists(
        model.objects.annotate(
            name=Concat(Value(prefix), Cast("pk", CharField()), output_field=CharField())
        ).filter(account=OuterRef("account"), name=OuterRef("reference"))
    )


def _unknown(entries: QuerySet[LedgerEntry], kind: str, source: Exists, problem: str) -> Iterator[Breach]:
    for entry in confirmed(entries.filter(~source, kind=kind), _account):
        yield Breach(kind, entry.reference, f"added {decimal_text(entry.balance_delta)}, but {problem}")


def _purchases(entries: QuerySet[LedgerEntry]) -> Iterator[Breach]:
    row = _row(Kind.PURCHASE, "purchase-*", "reference").filter(
        account=OuterRef("account"), balance_delta=OuterRef("credits")
    )
    # Payments for an account closed in the meantime are refunded by hand.
    paid = Purchase.objects.filter(paid_at__isnull=False).exclude(account__status=Account.Status.CLOSED)
    for purchase in confirmed(paid.filter(~Exists(row)), _account):
        yield Breach("purchase", purchase.reference, "was paid, but gave no credits or others than it says")
    # Credits given again after a dispute have a number after the purchase's own reference.
    own = Substr(OuterRef("reference"), len("purchase-") + 1, 20)
    purchases = Purchase.objects.filter(account=OuterRef("account"), reference=own, paid_at__isnull=False)
    yield from _unknown(entries, Kind.PURCHASE, Exists(purchases), "nothing was paid for it")


def _taken_back(_entries: QuerySet[LedgerEntry]) -> Iterator[Breach]:
    """Purchases whose credits taken back differ from the sum of their ledger rows; checks all rows."""
    of_account = LedgerEntry.objects.not_work().filter(account=OuterRef("account")).order_by()
    moved = of_account.filter(
        Q(kind=Kind.REFUND, reference__startswith=_text(f"{TAKEN_BACK}*-", "reference"))
        | Q(kind=Kind.PURCHASE, reference__startswith=_text("purchase-*-", "reference"))
    )
    total = moved.values("account").annotate(s=Sum("balance_delta")).values("s")
    purchases: QuerySet[Any] = Purchase.objects.filter(paid_at__isnull=False).annotate(
        taken=Value(0) - Coalesce(Subquery(total), Value(0))
    )
    for purchase in confirmed(purchases.exclude(taken_back=F("taken")), _account):
        yield Breach(
            "purchase",
            purchase.reference,
            f"says that {decimal_text(purchase.taken_back)} was taken back, the ledger {decimal_text(purchase.taken)}",
        )


def _allowances(entries: QuerySet[LedgerEntry]) -> Iterator[Breach]:
    own = Concat(Value("allowance-"), Cast("account_id", CharField()), Value("-"), output_field=CharField())
    rows = entries.filter(kind=Kind.ALLOWANCE).annotate(own=own)
    for entry in confirmed(rows.exclude(reference__startswith=F("own")), _account):
        yield Breach("allowance", entry.reference, "is not named after its account")


CHECKS: dict[str, Callable[[QuerySet[LedgerEntry]], Iterator[Breach]]] = {
    Kind.GIFT: _gifts,
    Kind.REDEEM: _redemptions,
    Kind.PURCHASE: _purchases,
    Kind.REFUND: _taken_back,
    Kind.ALLOWANCE: _allowances,
}
"""The check of each ledger kind whose rows have a source. Manual movements have none; holds and settlements are
checked by the audit of predictions."""
