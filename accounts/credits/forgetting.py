"""The one thing in the ledger that is ever taken back: what a member wrote to a gift, once one of the two is erased.

What moved, when, between whom and why in the house's own words stays as it was posted.
"""

from __future__ import annotations

from collections.abc import Iterable

from accounts.models import LedgerEntry


def forget_words(gifts: Iterable[str]) -> int:
    """Empty the reasons of both rows of these gifts, by their references; how many rows."""
    references = [f"gift-{one}-{way}" for one in gifts for way in ("out", "in")]
    changed = 0
    for start in range(0, len(references), 500):
        # Past the rows' own guard, which knows no exception.
        rows = LedgerEntry._base_manager.filter(
            kind=LedgerEntry.Kind.GIFT, reference__in=references[start : start + 500]
        )
        changed += rows.exclude(reason="").update(reason="")
    return changed
