"""Claims: who is handing over, fetching or calling off which prediction. A claim is written before anything is sent."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce

from accounts.clock import Now
from accounts.prepared import Prepared
from predictions.clock import COLLECT_LEASE, MAX_COLLECTS, MAX_STARTS, START_LEASE, after
from predictions.delivery import webhooks
from predictions.lifecycle import ending
from predictions.models import Phase, Prediction, Status
from predictions.models.prediction import LIVE
from predictions.providers.base import Job
from predictions.running import dispatch, queue

STRAY_LEASE = 10.0
_CLAIMED = Prepared[Prediction](
    lambda pk, phase: Prediction.objects.filter(pk=pk, phase=phase).select_related(
        "model", "version", "price"
    )[:1],
    pk=int,
    phase=str,
)


@dataclass(frozen=True)
class Claimed:
    """A prediction in this worker's hands until the lease ends, with the token that proves it."""

    prediction: Prediction
    claim: str


def claim_starts(most: int = 16) -> list[Claimed]:
    """T2: choose who is next and claim it, in one transaction under the dispatch lock."""
    with transaction.atomic():
        choices = dispatch.choose(most)
        claims = {choice.prediction_id: secrets.token_hex(16) for choice in choices}
        for choice in choices:
            Prediction.objects.filter(pk=choice.prediction_id, phase=Phase.WAITING).update(
                phase=Phase.CLAIMED,
                claim=claims[choice.prediction_id],
                lease_until=after(START_LEASE),
                start_attempts=F("start_attempts") + 1,
                provider=choice.provider,
                upstream_open=True,
                not_before=None,
            )
    return _read(claims, Phase.CLAIMED)


def begin(prediction: Prediction, claim: str, job: Job, provider_limit_s: float) -> bool:
    """T3: the provider took it. False where the claim is no longer the row's."""
    with transaction.atomic():
        changed = Prediction.objects.filter(
            pk=prediction.pk, phase=Phase.CLAIMED, claim=claim, status__in=LIVE
        ).update(
            status=Status.PROCESSING,
            phase=Phase.RUNNING,
            started_at=Coalesce(F("started_at"), Now()),
            must_end_by=after(provider_limit_s),
            claim="",
            lease_until=None,
            job_id=job.id,
            job_instance=job.instance,
            job_seen_at=Now(),
            look_at=Now(),
            revision=F("revision") + 1,
        )
        if changed and prediction.started_at is None:
            webhooks.owe(prediction.pk, "start")
    if changed == 1:
        prediction.phase = Phase.RUNNING
    return changed == 1


def release(prediction: Prediction, claim: str, seconds: float) -> None:
    """Refused for now, surely not started: back to waiting, and the try does not count against it."""
    with transaction.atomic():
        Prediction.objects.filter(pk=prediction.pk, phase=Phase.CLAIMED, claim=claim).update(
            phase=Phase.WAITING,
            claim="",
            lease_until=None,
            start_attempts=F("start_attempts") - 1,
            provider="",
            upstream_open=False,
            not_before=after(seconds),
        )


def renew_start(prediction: Prediction, claim: str, seconds: float = 0.0) -> bool:
    """So many seconds more for a worker that first fetches what the work needs. False where the claim is lost."""
    with transaction.atomic():
        return (
            Prediction.objects.filter(pk=prediction.pk, phase=Phase.CLAIMED, claim=claim).update(
                lease_until=after(START_LEASE + seconds)
            )
            == 1
        )


def claim_results(most: int = 1) -> list[Claimed]:
    """Claim results that wait to be fetched, oldest first."""
    with transaction.atomic():
        due = list(
            Prediction.objects.filter(phase=Phase.RESULT)
            .filter(Q(not_before__isnull=True) | Q(not_before__lte=Now()))
            .order_by("id")
            .values_list("pk", flat=True)[: most * 4]
        )
        claims: dict[int, str] = {}
        for pk in due:
            if len(claims) == most:
                break
            token = secrets.token_hex(16)
            if Prediction.objects.filter(pk=pk, phase=Phase.RESULT, status__in=LIVE).update(
                phase=Phase.COLLECTING,
                claim=token,
                lease_until=after(COLLECT_LEASE),
                collect_attempts=F("collect_attempts") + 1,
                not_before=None,
            ):
                claims[pk] = token
    return _read(claims, Phase.COLLECTING)


def renew(prediction: Prediction, claim: str) -> bool:
    """More time for a worker that is still fetching. False where the claim is no longer the row's."""
    with transaction.atomic():
        return (
            Prediction.objects.filter(pk=prediction.pk, phase=Phase.COLLECTING, claim=claim).update(
                lease_until=after(COLLECT_LEASE)
            )
            == 1
        )


def claim_strays(most: int = 16) -> list[Prediction]:
    """Ended predictions whose provider may still be working: due to be called off."""
    with transaction.atomic():
        open_rows = _strays()
        due = list(open_rows.values_list("pk", flat=True)[:most])
        taken = [pk for pk in due if open_rows.filter(pk=pk).update(lease_until=after(STRAY_LEASE))]
    return list(Prediction.objects.filter(pk__in=taken).select_related("model"))


def _strays() -> QuerySet[Prediction]:
    return Prediction.objects.filter(upstream_open=True, phase=Phase.ENDED).filter(
        Q(lease_until__isnull=True) | Q(lease_until__lte=Now())
    )


def stray_closed(prediction: Prediction) -> None:
    """The provider surely works on it no more: its slot is free."""
    with transaction.atomic():
        closed = Prediction.objects.filter(pk=prediction.pk, upstream_open=True, phase=Phase.ENDED).update(
            upstream_open=False, lease_until=None
        )
        if closed:
            wake_waiting()


def wake_waiting() -> None:
    """A slot may be free: wake the workers where anybody waits."""
    if Prediction.objects.filter(phase=Phase.WAITING).exists():
        queue.wake("start")


def take_back() -> int:
    """End the leases that ran out: their workers are gone. Returns how many predictions were taken back.

    A start that nobody answered for stays pinned to its provider, whose starts are idempotent by key. Too many of them,
    and the prediction itself is the likely cause: it is failed and its hold returned.
    """
    expired = list(
        Prediction.objects.filter(
            phase__in=[Phase.CLAIMED, Phase.COLLECTING], lease_until__lte=Now()
        ).values_list("pk", "claim", "phase", "start_attempts", "collect_attempts")[:200]
    )
    for pk, claim, phase, starts, collects in expired:
        spent = starts >= MAX_STARTS if phase == Phase.CLAIMED else collects >= MAX_COLLECTS
        if spent:
            ending.fail(pk, ending.QUARANTINED, claim=claim)
            continue
        with transaction.atomic():
            changed = Prediction.objects.filter(
                pk=pk, claim=claim, phase=phase, lease_until__lte=Now()
            ).update(
                phase=Case(
                    When(phase=Phase.CLAIMED, then=Value(Phase.WAITING.value)),
                    default=Value(Phase.RESULT.value),
                ),
                upstream_open=False,
                claim="",
                lease_until=None,
            )
            if changed:
                queue.wake("start" if phase == Phase.CLAIMED else "collect")
    return len(expired)


def _read(claims: dict[int, str], phase: Phase) -> list[Claimed]:
    rows = (_CLAIMED.first(pk=pk, phase=phase.value) for pk in sorted(claims))
    return [Claimed(row, claims[row.pk]) for row in rows if row is not None and row.claim == claims[row.pk]]


def work_limit(prediction: Prediction) -> float:
    """Seconds of work that its model may take."""
    return float(prediction.model.work_limit or settings.WORK_LIMIT)
