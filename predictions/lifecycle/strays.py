"""Strays: starts sent to an upstream and never answered, which may or may not be running there.

Every start at an upstream has a row (`UpstreamRun`) that is written before anything is sent, so a killed worker leaves
a record of whether it had sent anything.
"""

from __future__ import annotations

import enum

import structlog
from django.db.models import Exists, OuterRef, Q, QuerySet

from core.clock import Now, after
from core.db.due_rows import PART_S, DueRows
from core.db.prepared import Prepared
from predictions.models import Phase, Prediction, UpstreamRun
from predictions.providers.base import AnswerLost
from predictions.providers.provider_names import PREFIX, is_upstream, key_pk
from predictions.providers.registry import UnknownProvider
from predictions.upstreams import configuration, run_records

log = structlog.get_logger(__name__)

FORGOTTEN_S = 180.0
"""Seconds after which an unanswered start is closed: longer than its retries and than any lease of one."""
UNANSWERED = (UpstreamRun.Outcome.SENT, UpstreamRun.Outcome.LOST)


class Doubt(enum.Enum):
    """What is known about a start whose worker is gone."""

    SAME_KEY = "same key"
    """The provider honours idempotency keys: sending the same start again returns the first job."""
    NEVER_SENT = "never sent"
    STRAY = "stray"
    """It may be running there, and a retry might start a second job."""


_NEWEST = Prepared[UpstreamRun](
    lambda prediction, key: UpstreamRun.objects.filter(prediction_id=prediction, key_id=key).order_by("-id")[
        :1
    ]
)


def run_of(prediction: Prediction) -> UpstreamRun | None:
    """The row of the current run at its upstream; None where nothing was sent, or the provider is an engine."""
    key = key_pk(prediction.provider)
    if key is None:
        return None
    newest = _NEWEST.first(prediction=prediction.pk, key=key)
    return newest if newest is not None and newest.run == prediction.run else None


def doubt(prediction: Prediction) -> Doubt:
    """What is known about a claimed prediction whose lease has expired."""
    if not is_upstream(prediction.provider):
        return Doubt.SAME_KEY
    run = run_of(prediction)
    if run is None or run.outcome not in UNANSWERED:
        return Doubt.NEVER_SENT
    return Doubt.SAME_KEY if _repeats(prediction.provider) else Doubt.STRAY


def note(prediction: Prediction, reason: str) -> None:
    """Record for the operator that its run may continue unobserved at an upstream. No effect if the run has ended."""
    run = run_of(prediction)
    if run is None or run.outcome not in (*UNANSWERED, UpstreamRun.Outcome.ACCEPTED):
        return
    run_records.lost(run, AnswerLost(f"Possibly still running: {reason}."))
    log.error(
        "possible_stray",
        prediction=prediction.public_id,
        provider=prediction.provider,
        job=prediction.job_id,
        reason=reason,
    )


def close_forgotten(seconds: float = PART_S) -> int:
    """Record unanswered starts that no worker waits for any more as strays, for the operator. Returns how many."""
    return _FORGOTTEN.work(seconds)


def forgotten() -> QuerySet[UpstreamRun]:
    """Runs for `close_forgotten`."""
    sent = UpstreamRun.objects.filter(outcome=UpstreamRun.Outcome.SENT, sent_at__lt=after(-FORGOTTEN_S))
    return sent.exclude(prediction__phase=Phase.CLAIMED)


def _close_forgotten(row: tuple[int, str]) -> None:
    run = forgotten().filter(pk=row[0]).first()
    if run is not None:
        run_records.lost(run, AnswerLost("Possibly still running: nobody waits for its answer any more."))
        log.error("possible_stray", prediction=row[1], reason="nobody waits for its answer")


_FORGOTTEN = DueRows(
    "forgotten starts", lambda: forgotten().values_list("pk", "prediction__public_id"), _close_forgotten
)


def overdue() -> Q:
    """Filter for waiting predictions whose start was not answered and could not be retried for too long."""
    sent = UpstreamRun.objects.filter(
        prediction=OuterRef("pk"),
        run=OuterRef("run"),
        outcome__in=UNANSWERED,
        sent_at__lt=after(-FORGOTTEN_S),
    )
    late = ~Q(not_before__gt=Now())
    return Q(phase=Phase.WAITING, provider__startswith=PREFIX) & late & Q(Exists(sent))


def _repeats(provider: str) -> bool:
    try:
        return configuration.provider(provider).start_is_idempotent
    except UnknownProvider:
        return False
