"""Whether the work that was taken has ended: what an operator waits for in maintenance before anything is touched."""

from __future__ import annotations

from dataclasses import dataclass

from predictions.models import Delivery, Phase, Prediction
from predictions.running.dispatch import IN_FLIGHT


@dataclass(frozen=True)
class State:
    """What is still to end. `strays`: ended here, though a provider may still be working on them; `told`: webhooks that
    are owed.
    """

    waiting: int
    running: int
    strays: int
    told: int

    @property
    def drained(self) -> bool:
        """Whether nothing is left that a restart could disturb; webhooks that are owed are kept and sent later."""
        return not (self.waiting or self.running or self.strays)


def state() -> State:
    """How it stands now: four counts over partial indexes."""
    return State(
        Prediction.objects.filter(phase=Phase.WAITING).count(),
        Prediction.objects.filter(phase__in=IN_FLIGHT).count(),
        Prediction.objects.ended().filter(upstream_open=True).count(),
        Delivery.objects.filter(state=Delivery.State.OWED).count(),
    )
