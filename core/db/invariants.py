"""Breaches of invariants, as every app's audit reports them, and reading long tables in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import Model, QuerySet

Row = TypeVar("Row", bound=Model)
BATCH = 500


@dataclass(frozen=True)
class Breach:
    """One thing that is not as it must be.

    `repair` mends it and answers what it did; None where no repair is safe.
    """

    kind: str
    subject: str
    message: str
    repair: Callable[[], str] | None = None

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}: {self.message}"


def in_batches(rows: QuerySet[Row], size: int = BATCH) -> Iterator[Row]:
    """Every row of the queryset by growing primary key, read `size` at a time."""
    # Of suspects there are none as a rule, which is asked in fewer words than for their columns in order.
    if not rows.exists():
        return
    ordered: QuerySet[Any] = rows.order_by("pk")
    last: Any = None
    while True:
        found = list((ordered if last is None else ordered.filter(pk__gt=last))[:size])
        yield from found
        if len(found) < size:
            return
        last = found[-1].pk
