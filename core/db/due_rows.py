"""Batches of due rows by key: a bounded part at a time, starting over after the last.

A row that cannot be handled, that breaks its handler, or that somebody else keeps locked hides no other: the next
part begins behind it, and it is tried again when all others have had their turn.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import structlog
from django.db import connection, transaction
from django.db.models import QuerySet

from core.db import retry

log = structlog.get_logger(__name__)
T = TypeVar("T")

AT_ONCE = 200
PART_S = 0.25
"""Seconds after which a part begins with no further row."""
LOCK_S = 2
"""Seconds for which one row's lock is waited for on PostgreSQL. On SQLite there is one lock, and all wait for it."""


class DueRows:
    """`rows` gives the rows that are due now, each beginning with its primary key; `handle` deals with one of them.

    `handle` runs in a transaction of its own (`in_transaction=False`: where it makes its own) and asks again, in its
    UPDATE, for what made the row due. Where this process stands is kept in memory alone: another process, or the next
    one, begins at the beginning.
    """

    def __init__(
        self,
        name: str,
        rows: Callable[[], QuerySet[Any, Any]],
        handle: Callable[[Any], object],
        *,
        in_transaction: bool = True,
    ) -> None:
        self._name = name
        self._rows = rows
        self._handle = handle
        self._in_transaction = in_transaction
        self._last = 0
        """The primary key of the row that was dealt with last."""
        self._did = False
        """Whether `handle` said of any row that it did something, since the beginning."""

    def work(self, seconds: float | None = None, most: int | None = None) -> int:
        """Deal with due rows, at most about so many seconds and rows (`PART_S`, `AT_ONCE`). How many were looked at.

        Raises what the database raises while it is away.
        """
        most = AT_ONCE if most is None else most
        rows = self._next(most)
        if len(rows) < most and self._last:
            rows += self._rows().filter(pk__lte=self._last).order_by("pk")[: most - len(rows)]
        looked = self._through(rows, seconds)
        if looked == len(rows) < most:
            self._last = 0
        return looked

    def step(self, seconds: float | None = None, most: int | None = None) -> bool:
        """The same as a periodic job: whether there may be more to do at once.

        That is so until the last row has had its turn, and after it where `handle` said of any that it did something.
        """
        if not self._last:
            self._did = False
        most = AT_ONCE if most is None else most
        rows = self._next(most)
        if self._through(rows, seconds) < len(rows) or len(rows) == most:
            return True
        self._last = 0
        return self._did

    def _next(self, most: int) -> list[Any]:
        return list(self._rows().filter(pk__gt=self._last).order_by("pk")[:most])

    def _through(self, rows: list[Any], seconds: float | None) -> int:
        """Deal with these one after the other; how many there was time for."""
        seconds = PART_S if seconds is None else seconds
        began = time.monotonic()
        for number, row in enumerate(rows):
            if number and time.monotonic() - began >= seconds:
                return number
            self._last = row[0]
            self._did = bool(self._one(row)) or self._did
        return len(rows)

    def _one(self, row: Any) -> object:
        def handle() -> object:
            if not self._in_transaction:
                return self._handle(row)
            with transaction.atomic():
                _limit_waiting()
                return self._handle(row)

        return guarded(self._name, row[0], handle)


def guarded(kind: str, row: int, handle: Callable[[], T]) -> T | None:
    """What `handle` gives; None where it broke, which is logged, so that those behind this row have their turn.

    Raises what the database raises while it is away.
    """
    try:
        return handle()
    except Exception as error:
        if connection.in_atomic_block or retry.is_away(error):
            raise
        log.exception("due_row_broke", kind=kind, row=row)
        return None


def _limit_waiting() -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{LOCK_S}s"])
