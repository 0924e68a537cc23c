"""Claims (leases) of workers on predictions to start, fetch or cancel. A claim is written before anything is sent."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.db import connection, transaction
from django.db.models import DurationField, ExpressionWrapper, F, Q, QuerySet
from django.db.models.functions import Coalesce

from core.clock import Now, after
from core.db import retry
from core.db.due_rows import PART_S, DueRows
from core.db.prepared import Prepared, PreparedValues
from core.jobs import wakeups
from predictions.dispatch import fair_share
from predictions.execution import task_queue
from predictions.lifecycle import completion, messages, start_wakeups, strays, updates
from predictions.lifecycle.leases import (
    COLLECT_LEASE,
    COLLECT_PATIENCE,
    MAX_COLLECTS,
    MAX_STARTS,
    START_LEASE,
)
from predictions.models import Phase, Prediction, Status
from predictions.models.prediction import LIVE
from predictions.providers.base import Job
from predictions.providers.provider_names import is_upstream
from predictions.webhooks import outbox

STRAY_LEASE = 10.0
_CLAIMED = Prepared[Prediction](
    lambda pk, phase: Prediction.objects.filter(pk=pk, phase=phase).select_related(
        "model", "version", "price"
    )[:1]
)


@lru_cache(maxsize=8)
def _results(most: int) -> PreparedValues:
    """Results that wait for a fetch, oldest first."""
    due = Q(not_before__isnull=True) | Q(not_before__lte=Now())
    return PreparedValues(
        lambda: Prediction.objects.filter(due, phase=Phase.RESULT).order_by("id").values_list("pk")[:most]
    )


@dataclass(frozen=True)
class Claimed:
    """A prediction claimed by this worker until the lease ends, with the claim token."""

    prediction: Prediction
    claim: str


def claim_starts(most: int = 16, *, closed: Collection[str] = ()) -> list[Claimed]:
    """T2: choose the next predictions and claim them, in one transaction under the dispatch lock.

    `closed`: names of upstreams to which this caller sends nothing.
    """
    claims: dict[int, str] = {}
    with _maybe_claimed(claims), transaction.atomic():
        for choice in fair_share.choose(most, closed=closed):
            claims[choice.prediction_id] = token = secrets.token_hex(16)
            updates.CLAIM_START.run(pk=choice.prediction_id, claim=token, provider=choice.provider)
    return _read(claims, Phase.CLAIMED)


def claim(prediction_id: int, provider: str) -> Claimed | None:
    """Claim one waiting prediction for a provider without dispatch: for demo data. None where it does not wait."""
    token = secrets.token_hex(16)
    with transaction.atomic():
        updates.CLAIM_START.run(pk=prediction_id, claim=token, provider=provider)
    return next(iter(_read({prediction_id: token}, Phase.CLAIMED)), None)


def begin(prediction: Prediction, claim: str, job: Job, provider_limit_s: float) -> bool:
    """T3: the provider accepted the job. False where the claim is lost."""
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
        if changed:
            wakeups.send_on_commit(wakeups.POLLS)
        if changed and prediction.started_at is None:
            outbox.enqueue(prediction.pk, "start")
    if changed == 1:
        prediction.phase = Phase.RUNNING
    return changed == 1


def release(prediction: Prediction, claim: str, seconds: float, *, new_key: bool = False) -> bool:
    """Back to waiting after a temporary refusal, when it is certainly not started; the attempt does not count.

    `new_key`: send the next start under another idempotency key, since some services repeat a refusal for the same key.
    False where the claim is lost.
    """
    return _back(prediction, claim, seconds, provider="", run=F("run") + 1 if new_key else F("run"))


def unclaim(prediction: Prediction, claim: str) -> bool:
    """Undo the claim: back to waiting as before, still pinned to a provider where it was."""
    known = is_upstream(prediction.provider) and strays.doubt(prediction) != strays.Doubt.NEVER_SENT
    return _back(prediction, claim, 0.0, **({} if known else {"provider": ""}))


def pin(prediction: Prediction, claim: str, seconds: float) -> bool:
    """Retry a start whose response was lost, at the same provider under the same key, after `seconds`.

    Does not count as an attempt that killed its worker. False where the claim is lost.
    """
    return _back(prediction, claim, seconds)


def _back(prediction: Prediction, claim: str, seconds: float, **values: Any) -> bool:
    with transaction.atomic():
        changed = Prediction.objects.filter(pk=prediction.pk, phase=Phase.CLAIMED, claim=claim).update(
            phase=Phase.WAITING,
            claim="",
            lease_until=None,
            start_attempts=F("start_attempts") - 1,
            upstream_open=False,
            not_before=after(seconds),
            **values,
        )
        if changed and seconds <= 0:
            task_queue.wake("start")
    return changed == 1


def note_late_job(prediction: Prediction, job: Job) -> bool:
    """Store the job of a prediction that ended before its start was answered, so that it can be canceled there.

    False where it has not ended, or its job is known already.
    """
    with transaction.atomic():
        late = Prediction.objects.filter(
            pk=prediction.pk, phase=Phase.ENDED, run=prediction.run, provider=prediction.provider, job_id=""
        ).update(job_id=job.id, job_instance=job.instance, upstream_open=True, lease_until=None)
        if late:
            task_queue.wake("cancel")
    return late == 1


def renew_start(prediction: Prediction, claim: str, seconds: float = 0.0) -> bool:
    """Extend the lease of a worker that fetches input files first. False where the claim is lost."""
    return _renew(prediction, Phase.CLAIMED, claim, START_LEASE + seconds)


def claim_results(most: int = 1) -> list[Claimed]:
    """Claim results that wait for a fetch, oldest first; each must be renewed within `FIRST_FETCH` seconds."""
    due = _results(most * 4)
    if not due.all():
        # Avoids the lock that a transaction takes on SQLite.
        return []
    claims: dict[int, str] = {}
    with _maybe_claimed(claims), transaction.atomic():
        for (pk,) in due.all():
            if len(claims) == most:
                break
            token = secrets.token_hex(16)
            if updates.CLAIM_RESULT.run(pk=pk, claim=token):
                claims[pk] = token
    return _read(claims, Phase.COLLECTING)


def renew(prediction: Prediction, claim: str, seconds: float = 0.0) -> bool:
    """Extend the lease of a worker that is still fetching. False where the claim is lost."""
    return _renew(prediction, Phase.COLLECTING, claim, COLLECT_LEASE + seconds)


def _renew(prediction: Prediction, phase: Phase, claim: str, seconds: float) -> bool:
    rows = Prediction.objects.filter(pk=prediction.pk, phase=phase, claim=claim)
    with transaction.atomic(savepoint=False):
        return rows.update(lease_until=after(seconds)) == 1


def collect_later(
    prediction: Prediction, claim: str, seconds: float, *, result: dict[str, Any], note: str = ""
) -> bool:
    """Postpone the fetch of a result by `seconds` because a file is unavailable for now; the attempt does not count.

    `result`: the stored result with its failure counts; `note`: a line for the log, added unless it is the last line
    already. False where the result is older than `COLLECT_PATIENCE`, or where the claim is lost.
    """
    logs = messages.with_note(prediction.logs, note)
    says_more = bool(note) and not prediction.logs.endswith(messages.with_note("", note))
    values: dict[str, Any] = {"logs": logs, "revision": F("revision") + 1} if says_more else {}
    with transaction.atomic():
        changed = Prediction.objects.filter(
            pk=prediction.pk, phase=Phase.COLLECTING, claim=claim, job_seen_at__gt=after(-COLLECT_PATIENCE)
        ).update(
            phase=Phase.RESULT,
            claim="",
            lease_until=None,
            collect_attempts=F("collect_attempts") - 1,
            not_before=after(seconds),
            result=result,
            **values,
        )
        if changed and says_more:
            outbox.enqueue(prediction.pk, "logs")
    return changed == 1


def result_age(prediction: Prediction) -> float:
    """Age of its result in seconds, by the database's clock."""
    since = Coalesce(F("job_seen_at"), F("started_at"), F("created_at"))
    age = ExpressionWrapper(Now() - since, output_field=DurationField())
    rows = Prediction.objects.filter(pk=prediction.pk).annotate(age=age).values_list("age", flat=True)
    return max(0.0, rows.get().total_seconds())


def claim_strays(most: int = 16) -> list[Prediction]:
    """Claim ended predictions that their provider may still be working on, to cancel them there; least recent first."""
    with transaction.atomic():
        longest_ago = F("lease_until").asc(nulls_first=True)
        due = list(_strays().order_by(longest_ago, "pk").values_list("pk", flat=True)[:most])
        # In primary key order, so that two workers cannot deadlock.
        claimed = [pk for pk in sorted(due) if _strays().filter(pk=pk).update(lease_until=after(STRAY_LEASE))]
    return list(Prediction.objects.filter(pk__in=claimed).select_related("model"))


def _strays() -> QuerySet[Prediction]:
    return Prediction.objects.ended().filter(
        Q(lease_until__isnull=True) | Q(lease_until__lte=Now()), upstream_open=True
    )


def stray_closed(prediction: Prediction) -> None:
    """Free the slot: the provider has certainly stopped working on it."""
    with transaction.atomic():
        closed = Prediction.objects.filter(pk=prediction.pk, upstream_open=True, phase=Phase.ENDED).update(
            upstream_open=False, lease_until=None
        )
        if closed:
            start_wakeups.wake_waiting()


def take_back(seconds: float = PART_S) -> int:
    """Take back predictions whose lease expired because their worker is gone. Returns the number examined.

    An unanswered start stays pinned to its provider where that honours idempotency keys; elsewhere nobody can know
    whether it runs, so the prediction is failed. One that was never sent may go to any provider. After too many lost
    leases the prediction itself is the likely cause: it is failed and its hold released. A lease that its worker
    renews at the last moment is left alone.
    """
    return _LEASES.work(seconds)


def give_up(seconds: float = PART_S) -> int:
    """Fail predictions that are pinned to one upstream and could not be sent again for too long. Returns how many."""
    return _OVERDUE.work(seconds)


def _take_back_row(row: tuple[int]) -> None:
    prediction = Prediction.objects.filter(_EXPIRED, pk=row[0]).select_related("model").first()
    if prediction is None:
        return
    if prediction.phase == Phase.CLAIMED:
        _take_back_start(prediction)
    else:
        _take_back_result(prediction)


def _take_back_start(prediction: Prediction) -> None:
    doubt = strays.doubt(prediction)
    hopeless = doubt == strays.Doubt.STRAY
    if hopeless or prediction.start_attempts >= MAX_STARTS:
        error = messages.ANSWER_LOST if hopeless else messages.QUARANTINED
        if completion.fail(prediction.pk, error, claim=prediction.claim, where=_EXPIRED, closed=hopeless):
            strays.note(prediction, "its worker was gone before the answer came")
        return
    unsent: dict[str, Any] = {"provider": ""} if doubt == strays.Doubt.NEVER_SENT else {}
    _take_back(prediction, Phase.WAITING, **unsent)


def _take_back_result(prediction: Prediction) -> None:
    if prediction.collect_attempts >= MAX_COLLECTS:
        completion.fail(prediction.pk, messages.QUARANTINED, claim=prediction.claim, where=_EXPIRED)
    else:
        _take_back(prediction, Phase.RESULT)


def _take_back(prediction: Prediction, to: Phase, **values: Any) -> None:
    with transaction.atomic():
        changed = Prediction.objects.filter(
            _EXPIRED, pk=prediction.pk, claim=prediction.claim, phase=prediction.phase
        ).update(phase=to, upstream_open=False, claim="", lease_until=None, **values)
        if changed:
            task_queue.wake("start" if to == Phase.WAITING else "collect")


def _give_up_row(row: tuple[int]) -> None:
    prediction = Prediction.objects.get(pk=row[0])
    same = strays.overdue() & Q(provider=prediction.provider, run=prediction.run)
    if completion.fail(prediction.pk, messages.ANSWER_LOST, where=same, closed=True):
        strays.note(prediction, "it could not be asked for again")


_EXPIRED = Q(phase__in=[Phase.CLAIMED, Phase.COLLECTING], lease_until__lte=Now())


def leases_over() -> QuerySet[Prediction]:
    """Predictions for `take_back`."""
    return Prediction.objects.filter(_EXPIRED)


def overdue_starts() -> QuerySet[Prediction]:
    """Predictions for `give_up`."""
    return Prediction.objects.filter(strays.overdue())


_LEASES = DueRows("leases", lambda: leases_over().values_list("pk"), _take_back_row)
_OVERDUE = DueRows("overdue starts", lambda: overdue_starts().values_list("pk"), _give_up_row)


@contextmanager
def _maybe_claimed(claims: dict[int, str]) -> Iterator[None]:
    """If the connection breaks at commit, these claims may or may not be written: read them back to find out."""
    try:
        yield
    except retry.AWAY as error:
        if not claims or not retry.is_away(error):
            raise
        connection.close()


def _read(claims: dict[int, str], phase: Phase) -> list[Claimed]:
    def read() -> list[Prediction | None]:
        return [_CLAIMED.first(pk=pk, phase=phase.value) for pk in sorted(claims)]

    rows = retry.run(read)
    return [Claimed(row, claims[row.pk]) for row in rows if row is not None and row.claim == claims[row.pk]]


def work_limit(prediction: Prediction) -> float:
    """The time limit of its model, in seconds."""
    return prediction.model.work_limit_s
