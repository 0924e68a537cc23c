"""Rate limits of attempts (passwords, codes) in the database: an attempt is counted first and only then examined.

A row per subject, not a cache entry: no other use of a cache evicts it, a restart forgets nothing, all web processes
count together, and concurrent attempts cannot exceed the limit. An attempt that proves right is given back. A window
starts with its first attempt and runs by the database's clock. Rows that strangers could create at will are bounded by
the callers: an unknown name is counted together with its network, and a network has a limit of its own.

The library `limits`, which counts API requests, does not replace this: it has no storage in this database, gives no hit
back, and cannot count one against several limits or none; in its memory or Redis a restart would allow more guesses.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.utils.crypto import salted_hmac

from accounts.models import Throttle
from core.clock import Now

_BATCH = 1000
_SALT = "accounts.throttle"


@dataclass(frozen=True)
class Limit:
    """`most` attempts in `window_s` seconds by `subject`: any text that identifies it, such as `user 7`."""

    subject: str
    most: int
    window_s: int


class TooMany(Exception):
    """A limit is reached; nothing was examined. `wait_s`: seconds until the next attempt is allowed."""

    def __init__(self, wait_s: int) -> None:
        self.wait_s = wait_s
        super().__init__(wait_s)


@dataclass(frozen=True)
class CountedAttempt:
    """A counted attempt. `counts`: attempts in the current window, by subject."""

    counts: dict[str, int]
    _windows: Sequence[tuple[int, datetime]]

    def __add__(self, other: CountedAttempt) -> CountedAttempt:
        return CountedAttempt({**self.counts, **other.counts}, [*self._windows, *other._windows])

    def give_back(self) -> None:
        """Undo the count where its window still runs: the attempt was right, or was not examined."""
        for pk, ends_at in self._windows:
            Throttle.objects.filter(pk=pk, ends_at=ends_at, count__gt=0).update(count=F("count") - 1)


def count_attempt(kind: str, limits: Sequence[Limit]) -> CountedAttempt:
    """Count one attempt against every limit, or raise TooMany and count it against none."""
    # Sorted, so that concurrent attempts lock the rows in one order and cannot deadlock.
    keyed = dict(sorted((_key(kind, limit.subject), limit) for limit in limits))
    if wait_s := _wait_s(kind, keyed):
        raise TooMany(wait_s)
    with transaction.atomic():
        # The upsert also locks existing rows, so that none is pruned before it is counted.
        Throttle.objects.bulk_create(
            [Throttle(what=kind, who=key) for key in keyed],
            update_conflicts=True,
            unique_fields=["what", "who"],
            update_fields=["who"],
        )
        for key, limit in keyed.items():
            if not _count(Throttle.objects.filter(what=kind, who=key), limit):
                # A concurrent attempt took the last place: the transaction rolls all counts back.
                raise TooMany(_wait_s(kind, keyed) or 1)
        rows = {row.who: row for row in Throttle.objects.filter(what=kind, who__in=keyed)}
    counts = {limit.subject: rows[key].count for key, limit in keyed.items()}
    return CountedAttempt(counts, [(row.pk, row.ends_at) for row in rows.values()])


def _count(rows: QuerySet[Throttle], limit: Limit) -> int:
    runs = Q(ends_at__gt=Now())
    ends_at = Now() + timedelta(seconds=limit.window_s)
    return rows.exclude(runs, count__gte=limit.most).update(
        count=Case(When(runs, then=F("count") + 1), default=Value(1)),
        ends_at=Case(When(runs, then=F("ends_at")), default=ends_at),
    )


def _wait_s(kind: str, keyed: dict[str, Limit]) -> int:
    """Seconds until all limits allow an attempt; 0: now."""
    rows = Throttle.objects.filter(what=kind, who__in=keyed, ends_at__gt=Now()).annotate(now=Now())
    waits = [(row.ends_at - row.now).total_seconds() for row in rows if row.count >= keyed[row.who].most]
    return math.ceil(max(waits, default=0))


def _key(kind: str, subject: str) -> str:
    return salted_hmac(_SALT, f"{kind} {subject}", algorithm="sha256").hexdigest()


def expired() -> QuerySet[Throttle]:
    """Rows whose window has ended."""
    return Throttle.objects.filter(ends_at__lt=Now())


def prune() -> bool:
    """Periodic job: delete ended windows, at most 1,000 rows; returns whether there may be more."""
    ended = expired().order_by("ends_at").values_list("pk", flat=True)
    removed, _each = Throttle.objects.filter(pk__in=list(ended[:_BATCH]), ends_at__lt=Now()).delete()
    return removed >= _BATCH
