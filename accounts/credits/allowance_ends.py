"""Allowances that end while work is on hold: what of it comes back later has ended too, and is taken when it comes.

What is on hold counts as used, as it may be charged. So with the end of a period stands which holds it was
(`EndedAllowance`); each of them that is settled raises what is left of that allowance by what it returned, and what is
then left is taken in the same transaction. It never can be spent, nor carried over.
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
    """The ledger's reference of an end, or of what a hold returned after it."""
    name = f"allowance-{account_id}-{period}{ENDED}"
    return name if hold is None else f"{name}-{hold}"


def begin(account_id: int, period: str, given: int, first: int) -> int:
    """End an allowance that was `given` by the ledger's row `first` or after: what of it is there to be taken now.

    Inside a transaction that has locked the account.
    """
    account = Account.objects.get(pk=account_id)
    used, on_hold = used_and_on_hold(account_id, first)
    if on_hold:
        last = LedgerEntry.objects.filter(account=account_id).order_by("-id").values_list("id", flat=True)[0]
        EndedAllowance.objects.create(
            account_id=account_id, period=period, first=first, last=last, given=given, left=given - used,
            on_hold=on_hold,
        )  # fmt: skip
        Account.objects.filter(pk=account_id).update(allowance_ended_upto=last)
    return max(0, min(given - used, account.balance))


def used_and_on_hold(account_id: int, first: int, last: int | None = None) -> tuple[int, int]:
    """What the holds of an account behind row `first`, and up to `last`, set aside and did not return; and what of it
    is on hold still.
    """
    settled = LedgerEntry.objects.filter(kind=LedgerEntry.Kind.SETTLE, reference=OuterRef("reference"))
    holds: Any = spending_periods.net_holds().filter(account=account_id, id__gt=first)
    if last is not None:
        holds = holds.filter(id__lte=last)
    used = holds.aggregate(s=Coalesce(Sum("net"), 0))["s"]
    on_hold = holds.filter(~Exists(settled)).aggregate(s=Coalesce(Sum("held_delta"), 0))["s"]
    return int(used), int(on_hold)


def returned(hold: LedgerEntry, released: int, after: Balance) -> Balance:
    """Take of what a hold returned what belongs to an allowance that has ended; what the account has then."""
    # An allowance of a month, and of a day within it, may both count it: each notes all of it, and it is taken once.
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
    """Which periods, `within` a day or month, ended with something on hold that is so still or was taken since. Of what
    stands in the ledger behind its row `first`.
    """
    waiting = EndedAllowance.objects.filter(account=account_id).values_list("period", flat=True)
    rows = LedgerEntry.objects.of_kinds(LedgerEntry.Kind.ALLOWANCE).filter(account=account_id, id__gt=first)
    prefix = f"allowance-{account_id}-"
    taken = rows.filter(reference__startswith=prefix + within, reference__contains=f"{ENDED}-")
    names = taken.values_list("reference", flat=True)
    return {*waiting, *(name.removeprefix(prefix).partition(ENDED)[0] for name in names)}


def still_to_end(account_id: int) -> int:
    """At most how much of what is on hold has ended, and is taken should it come back. In micro-credits."""
    rows = EndedAllowance.objects.filter(account=account_id).values_list("left", "on_hold")
    return sum(max(0, left + on_hold) - max(0, left) for left, on_hold in rows)
