"""Tells the people of an account, once, that its credits run low; once more after they were above that again.

Holds and settlements write nothing for it: a chore walks through the accounts, a portion of their numbers at a time.
An account that never spent anything is told nothing.
"""

from __future__ import annotations

import time
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce
from django.urls import reverse

from accounts.models import Account, LedgerEntry, Membership, User
from accounts.notifications import notices
from accounts.site import site_rules
from core.clock import Now
from core.db.due_rows import guarded

PORTION = 20_000
"""Numbers of accounts that one statement looks through."""
ROUND_S = 0.5
BOOKED = timedelta(seconds=60)
KIND = "credits.low"
_last = 0


def run_once() -> bool:
    """A chore: look through the next portion. Whether the round goes on.

    Where it was is known to this process alone: after a restart the round begins anew, and nobody is told twice.
    """
    global _last
    top = Account.objects.aggregate(top=Max("pk"))["top"] or 0
    low, _last = _last, _last + PORTION
    portion = Account.objects.filter(pk__gt=low, pk__lte=low + PORTION)
    _forget(portion)
    end = time.monotonic() + ROUND_S
    for key in _running_low(portion).order_by("pk").values_list("pk", flat=True).iterator(chunk_size=500):
        guarded("low balances", key, partial(notify_payers, key))
        if time.monotonic() > end:
            _last = key
            return True
    if _last >= top:
        _last = 0
        return False
    return True


def due() -> QuerySet[LedgerEntry]:
    """The newest row of the ledger, where it is young: then balances have changed. (Thresholds that are changed are
    seen in the rounds that are made unasked.)
    """
    newest = LedgerEntry.objects.order_by("-pk").values("pk")[:1]
    return LedgerEntry.objects.filter(pk__in=newest, created_at__gt=Now() - BOOKED)


def begin_anew() -> None:
    """Look through all of them from the first on: for tests and after a change of the house rules."""
    global _last
    _last = 0


def _below(rows: QuerySet[Account]) -> Any:
    return rows.annotate(low=Coalesce(F("low_at"), Value(site_rules.current().low_balance)))


def _forget(portion: QuerySet[Account]) -> None:
    again = _below(portion).filter(low_told=True, balance__gte=F("low")).values_list("pk", flat=True)
    keys = list(again)
    if keys:
        _below(Account.objects.filter(pk__in=keys)).filter(balance__gte=F("low")).update(low_told=False)


def _running_low(portion: QuerySet[Account]) -> Any:
    spent = LedgerEntry.objects.filter(account=OuterRef("pk"), kind=LedgerEntry.Kind.HOLD)
    low = _below(portion).filter(low_told=False, balance__lt=F("low"), status=Account.Status.ACTIVE)
    return low.filter(Exists(spent))


def notify_payers(account_id: int) -> bool:
    """Tell those who pay for an account, unless they were told. Whether this call did."""
    with transaction.atomic():
        mine = _below(Account.objects.filter(pk=account_id, low_told=False)).filter(balance__lt=F("low"))
        if not mine.update(low_told=True):
            return False
        account = Account.objects.get(pk=account_id)
        for user in _payers(account):
            notices.notify(
                user,
                KIND,
                link=reverse("account_overview"),
                account=account.name,
                balance_micro=account.balance,
            )
        return True


def _payers(account: Account) -> QuerySet[User]:
    roles = [Membership.Role.OWNER, Membership.Role.BILLING]
    return User.objects.filter(
        Q(memberships__account=account, memberships__role__in=roles), is_active=True
    ).distinct()
