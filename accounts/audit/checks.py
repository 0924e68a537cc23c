"""Audit of credits: ledger, balances, debts, allowances and spending counters.

Each check is SQL that finds suspects, in batches where there may be many rows, so memory stays small. The server keeps
running meanwhile: before it is reported, a suspect is read again under its account's lock, which every movement of
credits takes. The helpers in `__all__` are re-exported for the audits of other apps.
"""

from __future__ import annotations

from collections.abc import Iterator

from accounts.audit import credit_sources, debt_sums, ledger_rows, limit_counts
from accounts.audit.account_lock import confirmed
from accounts.models import Account, LedgerEntry
from core.db.invariants import BATCH, Breach, in_batches

__all__ = ["BATCH", "Breach", "breaches", "checked", "confirmed", "in_batches"]


def breaches(*, quick: bool = False) -> Iterator[Breach]:
    """Breaches in balances, ledger rows, debts and limits.

    `quick` reads only the rows written since the last audit that found no breach up to there.
    """
    first = ledger_rows.verified_up_to() if quick else 0
    yield from ledger_rows.breaches(after=first)
    yield from credit_sources.breaches(after=first)
    yield from debt_sums.breaches()
    yield from limit_counts.breaches()


def checked() -> dict[str, int]:
    """Number of accounts and ledger rows, for the report."""
    return {"accounts": Account.objects.count(), "ledger rows": LedgerEntry.objects.count()}
