"""Claims: who is handing over, fetching or calling off which prediction. A claim is written before anything is sent."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings
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
    )[:1],
    pk=int,
    phase=str,
)


@lru_cache(maxsize=8)
def _results(most: int) -> PreparedValues:
    """Results that wait to be fetched, oldest first."""
    due = Q(not_before__isnull=True) | Q(not_before__lte=Now())
    return PreparedValues(
        lambda: Prediction.objects.filter(due, phase=Phase.RESULT).order_by("id").values_list("pk")[:most]
    )


@dataclass(frozen=True)
class Claimed:
    """A prediction in this worker's hands until the lease ends, with the token that proves it."""

    prediction: Prediction
    claim: str


def claim_starts(most: int = 16, *, closed: Collection[str] = ()) -> list[Claimed]:
    """T2: choose who is next and claim it, in one transaction under the dispatch lock.

    `closed`: upstreams, by name, that get nothing from this caller.
    """
    claims: dict[int, str] = {}
    with _maybe_claimed(claims), transaction.atomic():
        for choice in fair_share.choose(most, closed=closed):
            claims[choice.prediction_id] = token = secrets.token_hex(16)
            updates.CLAIM_START.run(pk=choice.prediction_id, claim=token, provider=choice.provider)
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
        if changed:
            wakeups.send_on_commit(wakeups.LOOKS)
        if changed and prediction.started_at is None:
            outbox.enqueue(prediction.pk, "start")
    if changed == 1:
        prediction.phase = Phase.RUNNING
    return changed == 1


def release(prediction: Prediction, claim: str, seconds: float, *, new_key: bool = False) -> bool:
    """Refused for now, surely not started: back to waiting, and the try does not count against it.

    `new_key`: the next start is sent under another key, since some services repeat a refusal to the key that met it.
    False where the claim is no longer the row's.
    """
    return _back(prediction, claim, seconds, provider="", run=F("run") + 1 if new_key else F("run"))


def unclaim(prediction: Prediction, claim: str) -> bool:
    """Not in this round: back to waiting as it was, also to waiting for the very provider that was asked before."""
    known = is_upstream(prediction.provider) and strays.doubt(prediction) != strays.Doubt.NEVER_SENT
    return _back(prediction, claim, 0.0, **({} if known else {"provider": ""}))


def pin(prediction: Prediction, claim: str, seconds: float) -> bool:
    """The start's answer was lost: the same provider is asked again under the same key, in so many seconds.

    Does not count as a start that stopped its worker. False where the claim is no longer the row's.
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
    """The provider took what has ended meanwhile: keep which job it is, so that it is called off there.

    False where it has not ended, or its job is known.
    """
    with transaction.atomic():
        late = Prediction.objects.filter(
            pk=prediction.pk, phase=Phase.ENDED, run=prediction.run, provider=prediction.provider, job_id=""
        ).update(job_id=job.id, job_instance=job.instance, upstream_open=True, lease_until=None)
        if late:
            task_queue.wake("cancel")
    return late == 1


def renew_start(prediction: Prediction, claim: str, seconds: float = 0.0) -> bool:
    """So many seconds more for a worker that first fetches what the work needs. False where the claim is lost."""
    longer = updates.renewed(Phase.CLAIMED.value, START_LEASE + seconds)
    with transaction.atomic(savepoint=False):
        return longer.run(pk=prediction.pk, claim=claim) == 1


def claim_results(most: int = 1) -> list[Claimed]:
    """Claim results that wait to be fetched, oldest first; each has `FIRST_FETCH` seconds before it must be renewed."""
    due = _results(most * 4)
    if not due.all():
        # Without the lock that a transaction takes on SQLite.
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
    """So many seconds more for a worker that is still fetching. False where the claim is no longer the row's."""
    longer = updates.renewed(Phase.COLLECTING.value, COLLECT_LEASE + seconds)
    with transaction.atomic(savepoint=False):
        return longer.run(pk=prediction.pk, claim=claim) == 1


def collect_later(
    prediction: Prediction, claim: str, seconds: float, *, result: dict[str, Any], note: str = ""
) -> bool:
    """A file could not be had for now: look for the result again in so many seconds; the try does not count.

    `result`: as it is kept, with the failures so far; `note`: a line for the log that says so, written where it is not
    its last. False where the result has been there for `COLLECT_PATIENCE` already, or where the claim is no longer the
    row's.
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
    """Seconds for which its result has been there, by the database's clock."""
    since = Coalesce(F("job_seen_at"), F("started_at"), F("created_at"))
    age = ExpressionWrapper(Now() - since, output_field=DurationField())
    rows = Prediction.objects.filter(pk=prediction.pk).annotate(age=age).values_list("age", flat=True)
    return max(0.0, rows.get().total_seconds())


def claim_strays(most: int = 16) -> list[Prediction]:
    """Ended predictions whose provider may still be working: due to be called off, those asked longest ago first."""
    with transaction.atomic():
        longest_ago = F("lease_until").asc(nulls_first=True)
        due = list(_strays().order_by(longest_ago, "pk").values_list("pk", flat=True)[:most])
        # One after the other by key, so that two workers never wait for each other.
        taken = [pk for pk in sorted(due) if _strays().filter(pk=pk).update(lease_until=after(STRAY_LEASE))]
    return list(Prediction.objects.filter(pk__in=taken).select_related("model"))


def _strays() -> QuerySet[Prediction]:
    return Prediction.objects.ended().filter(
        Q(lease_until__isnull=True) | Q(lease_until__lte=Now()), upstream_open=True
    )


def stray_closed(prediction: Prediction) -> None:
    """The provider surely works on it no more: its slot is free."""
    with transaction.atomic():
        closed = Prediction.objects.filter(pk=prediction.pk, upstream_open=True, phase=Phase.ENDED).update(
            upstream_open=False, lease_until=None
        )
        if closed:
            start_wakeups.wake_waiting()


def take_back(seconds: float = PART_S) -> int:
    """End the leases that ran out: their workers are gone. Returns how many predictions were looked at.

    A start that nobody answered for stays pinned to its provider where that honours our keys; where it does not, nobody
    may know whether it runs, and it is failed. One that was never sent may go to anybody. Too many of them, and the
    prediction itself is the likely cause: it is failed and its hold returned. A lease that its worker renews at the
    last moment is left alone.
    """
    return _LEASES.work(seconds)


def give_up(seconds: float = PART_S) -> int:
    """End what waits to be sent again to the one upstream that may have it, and could not be for too long. How many."""
    return _OVERDUE.work(seconds)


def _take_one_back(row: tuple[int]) -> None:
    prediction = Prediction.objects.filter(_EXPIRED, pk=row[0]).select_related("model").first()
    if prediction is None:
        return
    if prediction.phase == Phase.CLAIMED:
        _take_start_back(prediction)
    else:
        _take_result_back(prediction)


def _take_start_back(prediction: Prediction) -> None:
    doubt = strays.doubt(prediction)
    hopeless = doubt == strays.Doubt.STRAY
    if hopeless or prediction.start_attempts >= MAX_STARTS:
        error = messages.ANSWER_LOST if hopeless else messages.QUARANTINED
        if completion.fail(prediction.pk, error, claim=prediction.claim, where=_EXPIRED, closed=hopeless):
            strays.note(prediction, "its worker was gone before the answer came")
        return
    unsent: dict[str, Any] = {"provider": ""} if doubt == strays.Doubt.NEVER_SENT else {}
    _take_back(prediction, Phase.WAITING, **unsent)


def _take_result_back(prediction: Prediction) -> None:
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


def _give_one_up(row: tuple[int]) -> None:
    prediction = Prediction.objects.get(pk=row[0])
    same = strays.overdue() & Q(provider=prediction.provider, run=prediction.run)
    if completion.fail(prediction.pk, messages.ANSWER_LOST, where=same, closed=True):
        strays.note(prediction, "it could not be asked for again")


_EXPIRED = Q(phase__in=[Phase.CLAIMED, Phase.COLLECTING], lease_until__lte=Now())


def leases_over() -> QuerySet[Prediction]:
    """What `take_back` deals with."""
    return Prediction.objects.filter(_EXPIRED)


def overdue_starts() -> QuerySet[Prediction]:
    """What `give_up` deals with."""
    return Prediction.objects.filter(strays.overdue())


_LEASES = DueRows("leases", lambda: leases_over().values_list("pk"), _take_one_back)
_OVERDUE = DueRows("overdue starts", lambda: overdue_starts().values_list("pk"), _give_one_up)


@contextmanager
def _maybe_claimed(claims: dict[int, str]) -> Iterator[None]:
    """A connection that breaks at the commit leaves open whether these claims stand: reading them afterwards tells."""
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
    """Seconds of work that its model may take."""
    return float(prediction.model.work_limit or settings.WORK_LIMIT)
