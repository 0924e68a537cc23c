"""Audit of spending limits: counters equal the ledger, and every account with a limit has it checked by holds."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce
from django.db.models.lookups import Exact

from accounts import credits
from accounts.audit.account_lock import confirmed
from accounts.credits import spending_periods
from accounts.credits.amounts import decimal_text
from accounts.models import Account, AccountSpending, ApiToken, Membership, TokenSpending
from core.db.invariants import Breach


def breaches() -> Iterator[Breach]:
    """Wrong spending counters, and limits that no hold checks. Both can be repaired."""
    yield from _unchecked_token_limits()
    yield from _unchecked_account_limits()
    yield from _token_spending()
    yield from _account_spending()


def _unchecked_token_limits() -> Iterator[Breach]:
    unchecked = ApiToken.objects.filter(account__limits_tokens=False).filter(
        Q(day_limit__isnull=False) | Q(month_limit__isnull=False) | Q(total_limit__isnull=False)
    )
    for token in confirmed(unchecked, lambda row: int(row.account_id)):
        yield Breach(
            "token",
            f"{token.pk} ({token.name})",
            "has a spending limit of which its account does not know",
            partial(_recount_token, token),
        )


def _unchecked_account_limits() -> Iterator[Breach]:
    limited = Q()
    for name in ("day_limit", "month_limit", "plan__day_limit", "plan__month_limit"):
        limited |= Q(**{f"{name}__isnull": False})
    members = Membership.objects.filter(account=OuterRef("pk"), month_limit__isnull=False)
    unchecked = Account.objects.filter(limited | Q(Exists(members)), limits_tokens=False)
    for account in confirmed(unchecked, lambda row: int(row.pk)):
        yield Breach(
            "limit",
            f"account {account.pk} ({account.name})",
            "has a spending limit that no hold asks for",
            partial(_recount_account, account.pk),
        )


def _holds_of_period() -> QuerySet[Any]:
    holds: QuerySet[Any] = spending_periods.net_holds().annotate(day=spending_periods.UtcDay("created_at"))
    # A month's key is a prefix of its days'; `total` matches every day.
    return holds.filter(
        Q(day__startswith=OuterRef("period")) | Q(Exact(OuterRef("period"), spending_periods.TOTAL))
    )


def _token_spending() -> Iterator[Breach]:
    counted = _holds_of_period().filter(token=OuterRef("token")).values("token").annotate(s=Sum("net"))
    meters: QuerySet[Any] = TokenSpending.objects.select_related("token").annotate(
        counted=Coalesce(Subquery(counted.values("s")), Value(0))
    )
    for meter in confirmed(meters.exclude(spent=F("counted")), lambda row: int(row.token.account_id)):
        yield Breach(
            "token",
            f"{meter.token_id} ({meter.token.name}), {meter.period}",
            _differs(meter),
            partial(_recount_token, meter.token),
        )


def _account_spending() -> Iterator[Breach]:
    of_account = _holds_of_period().filter(account=OuterRef("account"))
    whole = of_account.values("account").annotate(s=Sum("net")).values("s")
    member = of_account.filter(member=OuterRef("member")).values("account").annotate(s=Sum("net")).values("s")
    for rows, counted in (
        (AccountSpending.objects.filter(member__isnull=True), whole),
        (AccountSpending.objects.filter(member__isnull=False), member),
    ):
        meters: QuerySet[Any] = rows.select_related("account", "member").annotate(
            counted=Coalesce(Subquery(counted), Value(0))
        )
        for meter in confirmed(meters.exclude(spent=F("counted")), lambda row: int(row.account_id)):
            whose = f" by {meter.member}" if meter.member is not None else ""
            yield Breach(
                "limit",
                f"account {meter.account_id} ({meter.account.name}){whose}, {meter.period}",
                _differs(meter),
                partial(_recount_account, meter.account_id),
            )


def _differs(meter: Any) -> str:
    return (
        f"has {decimal_text(meter.spent)} spent and on hold,"
        f" but its ledger adds up to {decimal_text(meter.counted)}"
    )


def _recount_token(token: ApiToken) -> str:
    credits.recount(token)
    return "summed up from the ledger"


def _recount_account(account_id: int) -> str:
    credits.recount_account(account_id)
    return "summed up from the ledger"
