"""Low-balance notifications: once per account when it falls below its threshold, again after it was above.

Holds and settlements write nothing for it: a periodic job scans the accounts, a range of primary keys at a time.
Accounts that never spent anything get none.
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
"""Primary keys of accounts that one statement scans."""
ROUND_S = 0.5
RECENT = timedelta(seconds=60)
KIND = "credits.low"
_last = 0


def run_once() -> bool:
    """Periodic job: scan the next range; returns whether the scan goes on.

    The position is kept in this process: after a restart the scan begins anew, and nobody is notified twice.
    """
    global _last
    top = Account.objects.aggregate(top=Max("pk"))["top"] or 0
    low, _last = _last, _last + PORTION
    portion = Account.objects.filter(pk__gt=low, pk__lte=low + PORTION)
    _reset_recovered(portion)
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
    """The newest ledger row where it is recent: balances have changed.

    Changed thresholds are noticed by the scans that run unconditionally.
    """
    newest = LedgerEntry.objects.order_by("-pk").values("pk")[:1]
    return LedgerEntry.objects.filter(pk__in=newest, created_at__gt=Now() - RECENT)


def restart_scan() -> None:
    """Restart the scan: for tests, and after a change of the site rules."""
    global _last
    _last = 0


def _with_threshold(rows: QuerySet[Account]) -> Any:
    return rows.annotate(low=Coalesce(F("low_at"), Value(site_rules.current().low_balance)))


def _reset_recovered(portion: QuerySet[Account]) -> None:
    recovered = (
        _with_threshold(portion).filter(low_told=True, balance__gte=F("low")).values_list("pk", flat=True)
    )
    keys = list(recovered)
    if keys:
        _with_threshold(Account.objects.filter(pk__in=keys)).filter(balance__gte=F("low")).update(
            low_told=False
        )


def _running_low(portion: QuerySet[Account]) -> Any:
    spent = LedgerEntry.objects.filter(account=OuterRef("pk"), kind=LedgerEntry.Kind.HOLD)
    low = _with_threshold(portion).filter(low_told=False, balance__lt=F("low"), status=Account.Status.ACTIVE)
    return low.filter(Exists(spent))


def notify_payers(account_id: int) -> bool:
    """Notify the owners and billing members of an account, unless they were; returns whether this call did."""
    with transaction.atomic():
        claim = _with_threshold(Account.objects.filter(pk=account_id, low_told=False)).filter(
            balance__lt=F("low")
        )
        if not claim.update(low_told=True):
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
