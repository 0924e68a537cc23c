"""An account's ledger as its owner reads it: filtered, in pages, or whole as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts import paging
from accounts.amounts import decimal_text
from accounts.models import Account, LedgerEntry

PAGE = 50
_BATCH = 1000
_MOVED = ["change", "change on hold", "charged", "returned", "balance", "on hold"]
_COLUMNS = ["when", "kind", "reference", *_MOVED, "reason"]
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Line:
    """One line of a statement. Amounts are micro-credits."""

    entry: LedgerEntry
    words: str
    change: int
    total: int

    @property
    def is_prediction(self) -> bool:
        """Whether the reference is a prediction's public id."""
        return self.entry.kind in {LedgerEntry.Kind.HOLD, LedgerEntry.Kind.SETTLE, LedgerEntry.Kind.REFUND}


def entries(account: Account, kind: str = "") -> QuerySet[LedgerEntry]:
    """The account's ledger, newest first, of one kind where a known one is named."""
    found = LedgerEntry.objects.filter(account=account).order_by("-id")
    return found.filter(kind=kind) if kind in LedgerEntry.Kind.values else found


def line(entry: LedgerEntry) -> Line:
    """The words of a statement for one row of the ledger.

    `change` is what the row did to what can be spent; `total` is everything the account had after it, holds
    included.
    """
    return Line(entry, _words(entry), entry.balance_delta, entry.balance_after + entry.held_after)


def _words(entry: LedgerEntry) -> str:
    if entry.kind == LedgerEntry.Kind.GRANT:
        return entry.reason or _("Credits added")
    if entry.kind == LedgerEntry.Kind.HOLD:
        return _("Set aside for a prediction")
    if entry.kind == LedgerEntry.Kind.SETTLE:
        return _settled(entry)
    if entry.kind == LedgerEntry.Kind.REFUND:
        return entry.reason or _("Refund")
    return _("Adjustment: %(reason)s") % {"reason": entry.reason}


def _settled(entry: LedgerEntry) -> str:
    if not entry.captured:
        return _("Prediction not charged, all returned")
    if entry.released:
        return _("Prediction charged, the rest returned")
    return _("Prediction charged")


def as_csv(account: Account, kind: str = "") -> Iterator[str]:
    """The statement as CSV text, newest first, read in batches so that memory stays flat.

    Amounts are credits.
    """
    yield _row(_COLUMNS)
    cursor = ""
    while True:
        page = paging.page(entries(account, kind), cursor, _BATCH)
        yield "".join(_row(_cells(entry)) for entry in page.rows)
        cursor = page.next
        if not cursor:
            return


def _cells(entry: LedgerEntry) -> list[str]:
    movements = (entry.balance_delta, entry.held_delta, entry.captured, entry.released)
    amounts = (*movements, entry.balance_after, entry.held_after)
    shown = ["" if amount is None else decimal_text(amount) for amount in amounts]
    when = entry.created_at.isoformat(timespec="seconds")
    return [when, entry.kind, safe_cell(entry.reference), *shown, safe_cell(entry.reason)]


def safe_cell(text: str) -> str:
    """The text, with an apostrophe before what a spreadsheet would run as a formula."""
    return f"'{text}" if text.startswith(_DANGEROUS) else text


def _row(cells: list[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerow(cells)
    return buffer.getvalue()
