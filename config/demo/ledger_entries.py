"""Movements of made-up history, written in bulk with the times they are said to have. For `manage.py demo` alone.

They obey what every movement obeys: never below zero, each reference once of a kind, the running balance in every row,
and the account's balance is their sum; the audit finds nothing. It is no way for anything else: it asks no state of the
account and counts towards no limit, and it wants accounts on which nothing else happens meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from django.db import transaction

from accounts.credits.exceptions import InsufficientCredits
from accounts.models import Account, LedgerEntry

_TOGETHER = 1000


@dataclass(frozen=True)
class Movement:
    """One row of the ledger to be, without what stands after it."""

    at: datetime
    account_id: int
    kind: str
    reference: str
    balance_delta: int
    held_delta: int = 0
    captured: int | None = None
    released: int | None = None
    reason: str = ""
    member_id: int | None = None
    actor_id: int | None = None


def write(movements: Iterable[Movement]) -> int:
    """Write them in the order of their times; all or none: InsufficientCredits where one goes below zero."""
    ordered = sorted(movements, key=lambda one: one.at)
    with transaction.atomic():
        accounts = {
            row.pk: [row.balance, row.held]
            for row in Account.objects.select_for_update().filter(pk__in={one.account_id for one in ordered})
        }
        rows = _rows(ordered, accounts)
        while batch := list(islice(rows, _TOGETHER)):
            LedgerEntry.objects.bulk_create(batch)
        for pk, (balance, held) in accounts.items():
            Account.objects.filter(pk=pk).update(balance=balance, held=held)
    return len(ordered)


def _rows(ordered: list[Movement], accounts: dict[int, list[int]]) -> Iterator[LedgerEntry]:
    for one in ordered:
        after = accounts[one.account_id]
        after[0] += one.balance_delta
        after[1] += one.held_delta
        if min(after) < 0:
            raise InsufficientCredits
        yield LedgerEntry(
            account_id=one.account_id,
            kind=one.kind,
            reference=one.reference,
            balance_delta=one.balance_delta,
            held_delta=one.held_delta,
            captured=one.captured,
            released=one.released,
            balance_after=after[0],
            held_after=after[1],
            reason=one.reason,
            member_id=one.member_id,
            actor_id=one.actor_id,
            created_at=one.at,
        )
