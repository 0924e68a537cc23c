"""Which accounts go before others: the priority of a plan, and how it wears off."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Sequence
from datetime import timedelta

from core.clock import Now
from core.db.prepared import PreparedIds
from predictions.models import Prediction

AGED_AFTER = timedelta(minutes=10)
"""After so long a wait an account that has nothing in flight goes as one of the best plan would."""
EXACTLY = 16
"""Of so many, the oldest, it is asked how long each has waited; of later ones of as many among them."""
_TIMES = PreparedIds(
    lambda ids: (
        Prediction.objects.filter(pk__in=ids)
        .annotate(now=Now())
        .order_by("pk")
        .values_list("pk", "created_at", "now")
    ),
    2 * EXACTLY,
)


class Priorities:
    """By so many in flight an account goes before others: its plan's priority, which wears off.

    An account that has nothing in flight comes nearer to the best plan of all that wait the longer its oldest has
    waited, and is level with it after `AGED_AFTER`: an endless stream of work of better plans never keeps it from
    having one at a time. Having one, it goes by its plan again. So ageing never changes the order among accounts of
    one plan: of those with nothing in flight the oldest goes first anyhow.
    """

    def __init__(self, of_plans: dict[int, int], accounts: Collection[int] = ()) -> None:
        self._of_plans = of_plans
        self._top = max((of_plans.get(pk, 0) for pk in accounts), default=0) if of_plans else 0
        self._heads: list[int] = []
        self._waited: list[float] = []

    def ages(self, account_id: int, in_flight: int) -> bool:
        """Whether it matters how long what this account has waiting has waited."""
        return bool(self._of_plans) and not in_flight and self._of_plans.get(account_id, 0) < self._top

    def look(self, heads: Collection[int]) -> None:
        """Learn how long these have waited: the oldest exactly, later ones by the next younger that was looked at."""
        ordered = sorted(heads)
        step = max(1, -(-(len(ordered) - EXACTLY) // EXACTLY))
        asked = ordered[:EXACTLY] + ordered[EXACTLY::step]
        found = waited(asked) if asked else []
        self._heads = [pk for pk, _wait in found]
        self._waited = [wait / AGED_AFTER for _pk, wait in found]

    def of(self, account_id: int, in_flight: int, head: int) -> int:
        """The boost of an account with so many in flight, whose oldest is `head`."""
        own = self._of_plans.get(account_id, 0)
        if not self.ages(account_id, in_flight):
            return own
        place = bisect_left(self._heads, head)
        share = self._waited[place] if place < len(self._waited) else 0.0
        return own + int((self._top - own) * max(0.0, min(1.0, share)))


def waited(predictions: Sequence[int]) -> list[tuple[int, timedelta]]:
    """How long each has waited by the database's clock, oldest first."""
    return [(pk, now - since) for pk, since, now in _TIMES.of(predictions)]
