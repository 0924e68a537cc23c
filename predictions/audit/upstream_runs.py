"""Audit of runs at upstreams: predictions and runs agree, no start is left unanswered and no slot taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from core.clock import Now
from core.db.invariants import Breach
from predictions.models import Phase, Prediction, Status, UpstreamRun
from predictions.models.prediction import UNDER_WAY
from predictions.providers.provider_names import PREFIX

UNANSWERED_FOR = timedelta(minutes=5)
"""Longer than any lease of a start plus the time that the sweep takes to find it."""
OPEN_FOR = timedelta(minutes=30)
"""Longer than an upstream is asked to stop."""
_AT_UPSTREAM = Q(provider__startswith=PREFIX)
_MOST = 1000

Outcome = UpstreamRun.Outcome


def breaches() -> Iterator[Breach]:
    """Disagreements of predictions and their upstream runs."""
    yield from _forgotten()
    for message, wrong in _RULES.items():
        # Queried twice: between the first reads of two tables the state may have changed legitimately.
        for pk, public_id in list(wrong().order_by("pk").values_list("pk", "public_id")[:_MOST]):
            if wrong().filter(pk=pk).exists():
                yield Breach("upstream", public_id, message)


def _forgotten() -> Iterator[Breach]:
    old = UpstreamRun.objects.filter(outcome=Outcome.SENT, sent_at__lt=Now() - UNANSWERED_FOR)
    # A start that is repeated after its answer was lost keeps its row under a new lease.
    leased = Q(prediction__phase=Phase.CLAIMED, prediction__lease_until__gt=Now())
    for run in old.exclude(leased).select_related("prediction").order_by("pk")[:_MOST]:
        yield Breach(
            "upstream_run",
            f"{run.prediction.public_id}-{run.run}",
            "was sent, and nobody waits for its answer",
        )


def _runs(*outcomes: str) -> Exists:
    rows = UpstreamRun.objects.filter(prediction=OuterRef("pk"), run=OuterRef("run"), outcome__in=outcomes)
    return Exists(rows)


def _at_upstreams() -> QuerySet[Any]:
    return Prediction.objects.filter(_AT_UPSTREAM)


_RULES: dict[str, Callable[[], QuerySet[Any]]] = {
    "runs at an upstream that was never sent it": lambda: _at_upstreams().filter(
        ~_runs(Outcome.ACCEPTED), phase=Phase.RUNNING
    ),
    "works at an upstream, but its slot there is free": lambda: _at_upstreams().filter(
        phase=Phase.RUNNING, upstream_open=False
    ),
    "has its result, but its slot at the upstream is taken": lambda: _at_upstreams().filter(
        phase__in=[Phase.WAITING, Phase.RESULT, Phase.COLLECTING], upstream_open=True
    ),
    "has ended long ago, and its slot at the upstream is still taken": lambda: _at_upstreams().filter(
        ~Q(phase__in=UNDER_WAY), upstream_open=True, completed_at__lt=Now() - OPEN_FOR
    ),
    "succeeded at an upstream whose run did not": lambda: _at_upstreams().filter(
        ~_runs(Outcome.SUCCEEDED), status=Status.SUCCEEDED
    ),
}
