"""Account statement: the ledger of one account filtered, paginated, summed, or as CSV.

A page costs the same for an account with a million rows as for a small one: keyset pagination by id, no COUNT. No
single index serves every filter, so a filter becomes one or several disjoint *sources*, each read from an index in id
order, and merged here. A period is turned into a range of ids first (`_within`).
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from accounts.credits.amounts import decimal_text
from accounts.models import KINDS, Account, ApiToken, LedgerEntry, LedgerQuerySet
from accounts.models.ledger_kinds import OF_HOLDS, OTHERS, TAKEN_BACK
from core import pagination
from core.http.csv_rows import Cell, Number

__all__ = [
    "GROUPS",
    "PAGE",
    "Filters",
    "Line",
    "Sums",
    "as_rows",
    "cells",
    "entries",
    "line",
    "lines",
    "page",
    "sums",
]

PAGE = 50
_BATCH = 1000
_SUMMED = 20_000
"""Maximum rows of a source that a page sums; the CSV has all."""
_MOVED = ["change", "change on hold", "charged", "returned", "balance", "on hold"]
COLUMNS = ["when", "kind", "reference", *_MOVED, "reason"]
Kind = LedgerEntry.Kind
_GROUP_NAMES: dict[str, str | Promise] = {
    "spent": gettext_lazy("Spent"),
    "back": gettext_lazy("Came back"),
    "added": gettext_lazy("Added"),
}
GROUPS: dict[str, tuple[str | Promise, tuple[str, ...]]] = {
    group: (name, tuple(kind for kind, spec in KINDS.items() if spec.group == group))
    for group, name in _GROUP_NAMES.items()
}
"""Filter groups: the label of each, and the ledger kinds it finds."""
_BEGINNING = re.compile(r"[a-z0-9]{6,}")
"""A text that may be the prefix of a prediction's id."""
_NAMED = 200
"""Maximum rows read for one prefix."""
_SLACK = timedelta(hours=1)
"""Ids follow times except within the length of a transaction; an hour is a safe margin."""


@dataclass(frozen=True)
class Filters:
    """Filters of a statement. `since` is inclusive, `until` exclusive."""

    kind: str = ""
    group: str = ""
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""
    reference: str = ""
    token: int | None = None
    """Id of one API token of the account: only its holds and settlements."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds that the filters select; empty: all."""
        if self.kind in Kind.values:
            return (self.kind,)
        return GROUPS[self.group][1] if self.group in GROUPS else ()

    @property
    def any(self) -> bool:
        return self != Filters()


@dataclass(frozen=True)
class Line:
    """One line of a statement. Amounts are in micro-credits."""

    entry: LedgerEntry
    words: str
    change: int
    total: int
    waits: bool = False
    """A hold whose prediction has not ended yet."""
    token: str = ""
    """The name of the API token that was used."""

    @property
    def is_prediction(self) -> bool:
        """Whether the reference is a prediction's public id."""
        return KINDS[self.entry.kind].for_prediction and not self.entry.reference.startswith(TAKEN_BACK)

    @property
    def came_back(self) -> bool:
        return KINDS[self.entry.kind].group == "back" and self.change > 0


@dataclass(frozen=True)
class Sums:
    """Totals of a filtered part of the ledger, in micro-credits. Holds are not spending and are left out."""

    opening: int | None
    closing: int | None
    charged: int
    added: int
    rows: int
    whole: bool
    """Whether all rows were summed; if not, `charged` and `added` cover the newest rows only."""


def entries(account: Account, kind: str = "") -> QuerySet[LedgerEntry]:
    """The account's ledger, newest first; of one kind where `kind` is a known one."""
    found = LedgerEntry.objects.filter(account=account).order_by("-id")
    return found.of_kinds(kind) if kind in Kind.values else found


def page(
    account: Account, filters: Filters, cursor: str, size: int | None = None
) -> pagination.Page[LedgerEntry]:
    """The `size` newest matching rows older than the cursor. BadCursor for a forged one."""
    size = PAGE if size is None else size
    before = pagination.decode(cursor) if cursor else None
    found = list(islice(_merged(_sources(account, filters), before, size + 1), size + 1))
    more, found = len(found) > size, found[:size]
    return pagination.Page(found, pagination.encode(found[-1].pk) if more else "")


def _sources(account: Account, filters: Filters) -> list[LedgerQuerySet]:
    """Disjoint parts of the ledger that make up the filter's result, each in the order of an index."""
    rows = LedgerEntry.objects.filter(account=account).order_by("-id")
    kinds = filters.kinds
    if filters.token is not None:
        # Without a condition on the account (a token has just one): else the account's whole index might be read.
        rows = LedgerEntry.objects.filter(token=filters.token).order_by("-id")
        kinds = tuple(kind for kind in kinds or OF_HOLDS if kind in OF_HOLDS)
        if not kinds or not ApiToken.objects.filter(pk=filters.token, account=account).exists():
            return []
        kinds = () if len(kinds) == len(OF_HOLDS) else kinds
    if filters.since or filters.until:
        rows = _within(rows, account, filters)
    if filters.reference:
        rows = rows.filter(reference=filters.reference)
    text = filters.text.replace("\x00", "").strip()
    if not text:
        return [rows.of_kinds(kind) for kind in kinds] if kinds else [rows]
    # Only the few rows other than work have a reason; all others are found by the index of references.
    by_reason = [kind for kind in kinds or OTHERS if kind in OTHERS and filters.token is None]
    references = _named(account, text)
    found = [
        rows.of_kinds(kind).filter(reason__icontains=text).exclude(pk__in=references) for kind in by_reason
    ]
    return (
        [*found, rows.filter(pk__in=references, **({"kind__in": kinds} if kinds else {}))]
        if references
        else found
    )


def _named(account: Account, text: str) -> list[int]:
    """Ids of the account's rows whose reference is the text, or starts with it where it looks like a prediction's id.

    Queries a bounded number of rows of all accounts: with a condition on the account SQLite would read all its rows.
    """
    asked = [Q(reference=text)]
    if _BEGINNING.fullmatch(text):
        # A range of the unique index; in every collation `z` sorts after anything that an id may continue with.
        asked.append(Q(reference__gte=text, reference__lte=text + "z" * 30))
    named: dict[int, None] = {}
    for one in asked:
        rows = (
            LedgerEntry.objects.filter(one).order_by("reference").values_list("pk", "account_id", "reference")
        )
        for pk, account_id, reference in rows[:_NAMED]:
            if account_id == account.pk and reference.startswith(text):
                named[pk] = None
    return list(named)


def _merged(sources: Sequence[QuerySet[LedgerEntry]], before: int | None, size: int) -> Iterator[LedgerEntry]:
    """The newest rows of all sources, merged in descending order of ids."""
    found = []
    for source in sources:
        rows: QuerySet[Any] = source.filter(id__lt=before) if before is not None else source
        found.append(list(rows[:size]))
    yield from heapq.merge(*found, key=lambda row: -row.pk)


def _within(rows: LedgerQuerySet, account: Account, filters: Filters) -> LedgerQuerySet:
    """Rows of the period. Bounded by ids first, so that the account's index is entered at the period's end."""
    if filters.since:
        low = first_id(account, filters.since - _SLACK)
        rows = rows.filter(created_at__gte=filters.since, id__gte=low) if low is not None else rows.none()
    if filters.until:
        high = first_id(account, filters.until + _SLACK)
        rows = rows.filter(created_at__lt=filters.until)
        rows = rows.filter(id__lt=high) if high is not None else rows
    return rows


def first_id(account: Account, at: datetime) -> int | None:
    """The id of the account's first row at or after a time; None where there is none.

    Binary search: times have no index, since every hold would have to write it.
    """
    rows = LedgerEntry.objects.filter(account=account).order_by("id")
    # Two queries: for MIN and MAX in one, SQLite reads everything between.
    low = rows.values_list("id", flat=True).first()
    high = rows.values_list("id", flat=True).last() or 0
    if low is None:
        return None
    found: int | None = None
    while low <= high:
        middle = (low + high) // 2
        row = rows.filter(id__gte=middle, id__lte=high).values_list("id", "created_at").first()
        if row is None:
            high = middle - 1
        elif row[1] >= at:
            found, high = row[0], middle - 1
        else:
            low = row[0] + 1
    return found


def lines(rows: list[LedgerEntry]) -> list[Line]:
    """The rows as lines, with two more queries: which holds are still open, and the names of tokens."""
    held = [row.reference for row in rows if row.kind == Kind.HOLD]
    ended: set[str] = set()
    if held:
        settled = LedgerEntry.objects.filter(kind=Kind.SETTLE, reference__in=held)
        ended = set(settled.values_list("reference", flat=True))
    token_ids = {row.token_id for row in rows if row.token_id is not None}
    names = dict(ApiToken.objects.filter(pk__in=token_ids).values_list("pk", "name")) if token_ids else {}
    return [
        replace(
            line(row),
            waits=row.kind == Kind.HOLD and row.reference not in ended and row.held_delta > 0,
            token=names.get(row.token_id or 0, ""),
        )
        for row in rows
    ]


def line(entry: LedgerEntry) -> Line:
    """The statement line of one ledger row.

    `change` is the change of the spendable balance; `total` is what the account had afterwards, holds included.
    """
    return Line(
        entry, KINDS[entry.kind].text(entry), entry.balance_delta, entry.balance_after + entry.held_after
    )


def sums(account: Account, filters: Filters) -> Sums:
    """Totals of the filtered rows: exact up to `_SUMMED` rows of a source, older ones are left out."""
    of_work = Q(kind__in=OF_HOLDS)
    charged = added = rows = 0
    for source in _sources(account, filters):
        found = source[: _SUMMED + 1].aggregate(
            rows=Count("id"),
            charged=Sum("captured", filter=Q(kind=Kind.SETTLE)),
            added=Sum("balance_delta", filter=~of_work),
        )
        rows += found["rows"]
        charged += found["charged"] or 0
        added += found["added"] or 0
    opening = closing = None
    if not filters.kinds and not filters.text and filters.token is None:
        opening, closing = _ends(account, filters)
    return Sums(opening, closing, charged, added, rows, rows <= _SUMMED)


def _ends(account: Account, filters: Filters) -> tuple[int, int]:
    """Opening and closing total of the period, holds included."""
    rows = _sources(account, filters)[0]
    first, last = rows.order_by("id").first(), rows.first()
    if first is None or last is None:
        before = LedgerEntry.objects.filter(account=account).order_by("-id")
        at = filters.since or filters.until
        if at is not None and (low := first_id(account, at)) is not None:
            before = before.filter(id__lt=low)
        found = before.first()
        has = found.balance_after + found.held_after if found else 0
        return has, has
    moved = first.balance_delta + first.held_delta
    return first.balance_after + first.held_after - moved, last.balance_after + last.held_after


def as_rows(account: Account, filters: Filters) -> Iterator[list[Cell]]:
    """The rows of the statement's CSV, newest first, in credits; read in batches to bound memory."""
    cursor = ""
    while True:
        found = page(account, filters, cursor, _BATCH)
        for entry in found.rows:
            yield cells(entry)
        cursor = found.next
        if not cursor:
            return


def cells(entry: LedgerEntry) -> list[Cell]:
    """One row of the CSV."""
    movements = (entry.balance_delta, entry.held_delta, entry.captured, entry.released)
    amounts = (*movements, entry.balance_after, entry.held_after)
    amount_cells = [Number("" if amount is None else decimal_text(amount)) for amount in amounts]
    time = entry.created_at.isoformat(timespec="seconds")
    return [time, entry.kind, entry.reference, *amount_cells, entry.reason]
