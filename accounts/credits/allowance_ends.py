"""Allowances that expire while credits are on hold: what such a hold releases later is taken as expired too.

Credits on hold count as used, because they may be charged. When a period ends with open holds, an `EndedAllowance`
records which they are. Settling one of them adds what it released to what is left of that allowance, and takes the
remainder in the same transaction, so expired credits can be neither spent nor carried over.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, F, OuterRef, Sum
from django.db.models.functions import Coalesce

from accounts.credits import balance_updates, spending_periods
from accounts.credits.balance_updates import Balance
from accounts.models import Account, EndedAllowance, LedgerEntry
from accounts.models.ledger_kinds import ENDED


def reference(account_id: int, period: str, hold: int | None = None) -> str:
    """The reference of the ledger row that ends an allowance, or that takes what a hold released after the end."""
    name = f"allowance-{account_id}-{period}{ENDED}"
    return name if hold is None else f"{name}-{hold}"


def begin(account_id: int, period: str, total: int, first: int) -> int:
    """Begin the end of an allowance; returns the micro-credits to take now.

    `total` is its amount, `first` the id of its oldest ledger row. The caller's transaction has locked the account.
    """
    account = Account.objects.get(pk=account_id)
    used, on_hold = used_and_on_hold(account_id, first)
    if on_hold:
        last = LedgerEntry.objects.filter(account=account_id).order_by("-id").values_list("id", flat=True)[0]
        EndedAllowance.objects.create(
            account_id=account_id, period=period, first=first, last=last, given=total, left=total - used,
            on_hold=on_hold,
        )  # fmt: skip
        Account.objects.filter(pk=account_id).update(allowance_ended_upto=last)
    return max(0, min(total - used, account.balance))


def used_and_on_hold(account_id: int, first: int, last: int | None = None) -> tuple[int, int]:
    """Micro-credits (used, still on hold) of an account's holds with ledger ids above `first` and up to `last`.

    Used is what they set aside less what their settlements released, open holds included.
    """
    settled = LedgerEntry.objects.filter(kind=LedgerEntry.Kind.SETTLE, reference=OuterRef("reference"))
    holds: Any = spending_periods.net_holds().filter(account=account_id, id__gt=first)
    if last is not None:
        holds = holds.filter(id__lte=last)
    used = holds.aggregate(s=Coalesce(Sum("net"), 0))["s"]
    on_hold = holds.filter(~Exists(settled)).aggregate(s=Coalesce(Sum("held_delta"), 0))["s"]
    return int(used), int(on_hold)


def returned(hold: LedgerEntry, released: int, after: Balance) -> Balance:
    """Take the part of a hold's release that belongs to ended allowances; returns the balance afterwards."""
    # A month's allowance and a day's within it may both count the hold: each notes all of it, but it is taken once.
    to_take = released
    for ended in EndedAllowance.objects.filter(
        account=hold.account_id, first__lt=hold.pk, last__gte=hold.pk
    ).order_by("pk"):
        rest = ended.on_hold - hold.held_delta
        if rest > 0:
            EndedAllowance.objects.filter(pk=ended.pk).update(left=F("left") + released, on_hold=rest)
        else:
            EndedAllowance.objects.filter(pk=ended.pk).delete()
        over = min(to_take, max(0, ended.left + released) - max(0, ended.left), after.balance)
        if over <= 0:
            continue
        moved = balance_updates.move(hold.account_id, balance_delta=-over)
        assert moved is not None, "The account was locked."
        after, to_take = moved, to_take - over
        name = reference(hold.account_id, ended.period, hold.pk)
        balance_updates.record(hold.account_id, LedgerEntry.Kind.ALLOWANCE, name, -over, 0, after)
    return after


def ended_with_holds(account_id: int, within: str, first: int) -> set[str]:
    """The periods that ended with credits on hold, still open or taken since.

    Of the credits taken, only ledger rows with ids above `first` and periods that begin with `within` count.
    """
    waiting = EndedAllowance.objects.filter(account=account_id).values_list("period", flat=True)
    rows = LedgerEntry.objects.of_kinds(LedgerEntry.Kind.ALLOWANCE).filter(account=account_id, id__gt=first)
    prefix = f"allowance-{account_id}-"
    taken = rows.filter(reference__startswith=prefix + within, reference__contains=f"{ENDED}-")
    names = taken.values_list("reference", flat=True)
    return {*waiting, *(name.removeprefix(prefix).partition(ENDED)[0] for name in names)}


def still_to_end(account_id: int) -> int:
    """Micro-credits on hold that at most would be taken as expired if all of it were released."""
    rows = EndedAllowance.objects.filter(account=account_id).values_list("left", "on_hold")
    return sum(max(0, left + on_hold) - max(0, left) for left, on_hold in rows)
