"""Checks of the ledger and of all that must agree with it, and the words in which every app reports what is wrong.

Each check is SQL that finds suspects, in portions where there may be many rows, so it needs no memory. The house goes
on working meanwhile: a suspect is read again under its account's lock, which every movement of credits takes, before
it is reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from accounts.audit import credit_sources, debt_sums, ledger_rows, limit_counts
from accounts.audit.account_lock import confirmed
from accounts.models import Account, LedgerEntry
from core.db.invariants import BATCH, Breach, in_batches

__all__ = ["BATCH", "Breach", "breaches", "checked", "confirmed", "in_batches"]


def breaches(*, quick: bool = False) -> Iterator[Breach]:
    """What is wrong with balances and ledger rows.

    `quick` looks at the rows that were written since the last audit that was content with all before them.
    """
    first = ledger_rows.content_up_to() if quick else 0
    yield from ledger_rows.breaches(after=first)
    yield from credit_sources.breaches(after=first)
    yield from debt_sums.breaches()
    yield from limit_counts.breaches()


def checked() -> dict[str, int]:
    """How much there was to check."""
    return {"accounts": Account.objects.count(), "ledger rows": LedgerEntry.objects.count()}
