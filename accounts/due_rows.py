"""Due rows, worked off in batches by key: a bounded part at a time, from the beginning again after the last.

A row that cannot be dealt with, that breaks whoever tries, or that somebody else keeps locked hides no other: the next
part begins behind it, and it is tried again when all others have had their turn.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import structlog
from django.db import connection, transaction
from django.db.models import QuerySet

from accounts import database_retry

log = structlog.get_logger(__name__)

AT_ONCE = 200
PART_S = 0.25
"""Seconds after which a part begins with no further row."""
LOCK_S = 2
"""Seconds for which one row's lock is waited for on PostgreSQL. On SQLite there is one lock, and all wait for it."""


class DueRows:
    """`rows` gives the rows that are due now, each beginning with its primary key; `handle` deals with one of them.

    `handle` runs in a transaction of its own and asks again, in its UPDATE, for what made the row due. Where this
    process stands is kept in memory alone: another process, or the next one, begins at the beginning.
    """

    def __init__(
        self, name: str, rows: Callable[[], QuerySet[Any, Any]], handle: Callable[[Any], object]
    ) -> None:
        self._name = name
        self._rows = rows
        self._handle = handle
        self._last = 0
        """The primary key of the row that was dealt with last."""

    def work(self, seconds: float = PART_S, most: int = AT_ONCE) -> int:
        """Deal with due rows for at most about so many seconds. Returns how many were looked at.

        Raises what the database raises while it is away.
        """
        began, looked = time.monotonic(), 0
        rows = list(self._rows().filter(pk__gt=self._last).order_by("pk")[:most])
        if len(rows) < most and self._last:
            rows += self._rows().filter(pk__lte=self._last).order_by("pk")[: most - len(rows)]
        for row in rows:
            if looked and time.monotonic() - began >= seconds:
                return looked
            self._last = row[0]
            looked += 1
            self._one(row)
        if len(rows) < most:
            self._last = 0
        return looked

    def _one(self, row: Any) -> None:
        try:
            with transaction.atomic():
                _limit_waiting()
                self._handle(row)
        except Exception as error:
            if connection.in_atomic_block or database_retry.is_away(error):
                raise
            log.exception("due_row_broke", kind=self._name, row=row[0])


def _limit_waiting() -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{LOCK_S}s"])
