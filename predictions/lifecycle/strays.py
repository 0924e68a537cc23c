"""Starts of which nobody knows whether they run: what was sent to an upstream and never answered for.

Every start at an upstream has a row (`UpstreamRun`) that is written before anything is sent. So a worker that was
killed leaves behind whether it had sent anything.
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
"""Seconds: longer than a lost start is repeated, and than any lease of one."""
UNANSWERED = (UpstreamRun.Outcome.SENT, UpstreamRun.Outcome.LOST)


class Doubt(enum.Enum):
    """What is known of a start whose worker is gone."""

    SAME_KEY = "same key"
    """The provider honours our keys: the same start, sent again, finds the first."""
    NEVER_SENT = "never sent"
    STRAY = "stray"
    """It may be running there, and asking again might start a second."""


_NEWEST = Prepared[UpstreamRun](
    lambda prediction, key: UpstreamRun.objects.filter(prediction_id=prediction, key_id=key).order_by("-id")[
        :1
    ],
    prediction=int,
    key=int,
)


def run_of(prediction: Prediction) -> UpstreamRun | None:
    """The row of the prediction's present run at its upstream; None where nothing was sent, or it is at an engine."""
    key = key_pk(prediction.provider)
    if key is None:
        return None
    newest = _NEWEST.first(prediction=prediction.pk, key=key)
    return newest if newest is not None and newest.run == prediction.run else None


def doubt(prediction: Prediction) -> Doubt:
    """What is known of a claimed prediction whose lease has ended."""
    if not is_upstream(prediction.provider):
        return Doubt.SAME_KEY
    run = run_of(prediction)
    if run is None or run.outcome not in UNANSWERED:
        return Doubt.NEVER_SENT
    return Doubt.SAME_KEY if _repeats(prediction.provider) else Doubt.STRAY


def note(prediction: Prediction, why: str) -> None:
    """Its run at an upstream may be going on with nobody to follow it: for the operator. Nothing where it has ended."""
    run = run_of(prediction)
    if run is None or run.outcome not in (*UNANSWERED, UpstreamRun.Outcome.ACCEPTED):
        return
    run_records.lost(run, AnswerLost(f"Possibly still running: {why}."))
    log.error(
        "possible_stray",
        prediction=prediction.public_id,
        provider=prediction.provider,
        job=prediction.job_id,
        reason=why,
    )


def close_forgotten(seconds: float = PART_S) -> int:
    """What was sent and that nobody waits for any more, whatever became of its worker: for the operator. How many."""
    return _FORGOTTEN.work(seconds)


def forgotten() -> QuerySet[UpstreamRun]:
    """What `close_forgotten` deals with."""
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
    """Waiting predictions whose start's answer was lost, and that could not be sent again for too long."""
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
