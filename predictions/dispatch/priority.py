"""Dispatch priority of accounts: the boost of a plan, and ageing that keeps low priorities from starving."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Sequence
from datetime import timedelta

from core.clock import Now
from predictions.models import Prediction

FULL_AGE = timedelta(minutes=10)
"""Wait after which an account with nothing in flight ranks as if it had the best plan."""
EXACT_SAMPLES = 16
"""How many of the oldest have their exact waiting time read; of all later ones as many again are sampled."""


class Priorities:
    """An account's boost: by how many in-flight predictions it goes before others. From its plan, and ageing.

    An account with nothing in flight approaches the best plan among those waiting the longer its oldest prediction
    has waited, and equals it after `FULL_AGE`: an endless stream of better plans' work never keeps it from running
    one at a time. With one in flight it ranks by its own plan again. So ageing never reorders accounts of one plan:
    among those with nothing in flight the oldest goes first anyway.
    """

    def __init__(self, of_plans: dict[int, int], accounts: Collection[int] = ()) -> None:
        self._of_plans = of_plans
        self._top = max((of_plans.get(pk, 0) for pk in accounts), default=0) if of_plans else 0
        self._heads: list[int] = []
        self._ages: list[float] = []

    def ages(self, account_id: int, in_flight: int) -> bool:
        """Whether this account's waiting time affects its boost."""
        return bool(self._of_plans) and not in_flight and self._of_plans.get(account_id, 0) < self._top

    def read_waiting_times(self, heads: Collection[int]) -> None:
        """Read the waiting times of these predictions.

        Exactly for the oldest; a later one gets that of the next younger sample.
        """
        ordered = sorted(heads)
        step = max(1, -(-(len(ordered) - EXACT_SAMPLES) // EXACT_SAMPLES))
        sampled = ordered[:EXACT_SAMPLES] + ordered[EXACT_SAMPLES::step]
        times = waiting_times(sampled) if sampled else []
        self._heads = [pk for pk, _wait in times]
        self._ages = [wait / FULL_AGE for _pk, wait in times]

    def of(self, account_id: int, in_flight: int, head: int) -> int:
        """The boost of an account with so many in flight whose oldest waiting prediction is `head`."""
        plan_boost = self._of_plans.get(account_id, 0)
        if not self.ages(account_id, in_flight):
            return plan_boost
        index = bisect_left(self._heads, head)
        share = self._ages[index] if index < len(self._ages) else 0.0
        return plan_boost + int((self._top - plan_boost) * max(0.0, min(1.0, share)))


def waiting_times(predictions: Sequence[int]) -> list[tuple[int, timedelta]]:
    """How long each has waited by the database's clock, oldest first."""
    rows = Prediction.objects.filter(pk__in=predictions).annotate(now=Now()).order_by("pk")
    return [(pk, now - since) for pk, since, now in rows.values_list("pk", "created_at", "now")]
