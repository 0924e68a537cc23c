"""Progress of running predictions: poll schedule (`look_at`), logs, partial output, stored results, lost jobs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from core.clock import Now, after
from core.jobs import wakeups
from predictions.execution import task_queue
from predictions.lifecycle import completion, incremental_outputs, messages, previews, updates
from predictions.lifecycle.leases import COLLECT_LIMIT, MAX_STARTS, POLL_LEASE
from predictions.lifecycle.start_wakeups import wake_waiting
from predictions.models import Phase, Prediction, Status
from predictions.models.prediction import LIVE
from predictions.providers.base import Job, OutputRef, Update
from predictions.providers.provider_names import is_upstream
from predictions.webhooks import outbox

MAX_LOGS = 1024 * 1024
_CUT = "\n[The log was cut here: it is longer than 1 MiB.]\n"


@dataclass(frozen=True, slots=True)
class DuePoll:
    """A running prediction that is due for a poll, with only what a poll needs."""

    pk: int
    public_id: str
    run: int
    revision: int
    provider: str
    job_id: str
    job_instance: str
    request_id: str


def due_polls(most: int, busy: Collection[str] = ()) -> list[DuePoll]:
    """Running predictions that are due for a poll, most overdue first; none of the `busy` providers.

    Claim them with `claim_polls` in the same transaction.
    """
    rows = Prediction.objects.filter(phase=Phase.RUNNING, look_at__lte=Now())
    if busy:
        rows = rows.exclude(provider__in=busy)
    # Row locks give each watcher different rows; on SQLite the transaction is exclusive anyway.
    rows = rows.order_by("look_at").select_for_update(skip_locked=True)
    fields = ("pk", "public_id", "run", "revision", "provider", "job_id", "job_instance", "request_id")
    return [DuePoll(*row) for row in rows.values_list(*fields)[:most]]


def claim_polls(
    most: int = 500,
    lease: Callable[[DuePoll], float | None] = lambda _: POLL_LEASE,
    busy: Collection[str] = (),
) -> list[DuePoll]:
    """Claim polls that are due. Moving `look_at` forward is the claim, so any number of watchers may run.

    `lease` returns the seconds until each is due again if nobody writes anything, or None to leave it unclaimed; it is
    called inside the transaction. A provider with a poll left unclaimed is not queried again in this call, so that its
    overdue rows cannot starve the others.
    """
    claimed: list[DuePoll] = []
    full = set(busy)
    with transaction.atomic():
        while len(claimed) < most:
            by_lease: dict[float, list[int]] = defaultdict(list)
            skipped: set[str] = set()
            wanted = most - len(claimed)
            polls = due_polls(wanted, full)
            for poll in polls:
                seconds = lease(poll)
                if seconds is None:
                    skipped.add(poll.provider)
                else:
                    by_lease[seconds].append(poll.pk)
                    claimed.append(poll)
            for seconds, pks in by_lease.items():
                Prediction.objects.filter(pk__in=pks, phase=Phase.RUNNING).update(look_at=after(seconds))
            full |= skipped
            if not skipped or len(polls) < wanted:
                break
    return claimed


def polled_rows(polls: Iterable[DuePoll]) -> dict[int, Prediction]:
    """The rows of these polls, by primary key: only those still in the same run."""
    runs = {poll.pk: poll.run for poll in polls}
    rows = Prediction.objects.filter(pk__in=runs, phase=Phase.RUNNING).select_related("model", "version")
    rows = rows.defer("version__input_schema", "version__example_input", "version__source")
    return {row.pk: row for row in rows if row.run == runs[row.pk]}


def poll_all_later(pks: Collection[int], seconds: float) -> None:
    """Schedule the next poll of unchanged predictions in `seconds`."""
    with transaction.atomic():
        Prediction.objects.filter(pk__in=pks, phase=Phase.RUNNING).update(look_at=after(seconds))


def poll_now(public_id: str, run: int, provider_names: Collection[str]) -> bool:
    """Schedule an immediate poll after a notification about this run. False where no such run is active there."""
    with transaction.atomic():
        changed = Prediction.objects.filter(
            public_id=public_id, run=run, phase=Phase.RUNNING, provider__in=provider_names
        ).update(look_at=Now())
        if changed:
            wakeups.send_on_commit(wakeups.POLLS)
    return changed == 1


def poll_later(prediction: Prediction, seconds: float, *, seen: bool) -> None:
    """Schedule the next poll of an unchanged prediction. `seen`: the provider answered and knows the job."""
    values: dict[str, Any] = {"look_at": after(seconds)}
    if seen:
        values["job_seen_at"] = Now()
    with transaction.atomic():
        _running(prediction).update(**values)


def note(prediction: Prediction, update: Update, seconds: float) -> bool:
    """T4: write what changed and schedule the next poll in `seconds`. False where the row changed in the meantime.

    Logs, progress and streamed strings only grow; only the newest preview is kept.
    """
    logs = _grown(prediction.logs, update.logs)
    progress = (
        max(prediction.progress or 0.0, update.progress)
        if update.progress is not None
        else prediction.progress
    )
    output = _partial_output(prediction, update.output)
    preview = previews.changed_preview(prediction.pk, update.preview)
    files = incremental_outputs.announced(prediction, update)
    result = {"files": [_ref_json(ref) for ref in files]} if files else None
    known = (prediction.logs, prediction.progress, prediction.output, prediction.result)
    if (logs, progress, output, result) == known and preview is None:
        poll_later(prediction, seconds, seen=True)
        return True
    with transaction.atomic():
        changed = (
            _running(prediction)
            .filter(revision=prediction.revision)
            .update(
                logs=logs,
                progress=progress,
                output=output,
                result=result,
                revision=F("revision") + 1,
                look_at=after(seconds),
                job_seen_at=Now(),
            )
        )
        if changed and files:
            task_queue.wake("collect")
        if changed and preview is not None:
            previews.keep(prediction.pk, preview)
        if changed and logs != prediction.logs:
            outbox.enqueue(prediction.pk, "logs")
        if changed and output != prediction.output:
            outbox.enqueue(prediction.pk, "output")
    return changed == 1


def store_result(prediction: Prediction, update: Update) -> bool:
    """Store a success: where its files are; free its slot, and wake the workers that fetch them.

    The time limit for work is replaced: an upstream's files may be fetched for as long as they exist there.
    """
    with transaction.atomic(savepoint=False):
        changed = _running(prediction).update(
            phase=Phase.RESULT,
            revision=F("revision") + 1,
            **_limit_of(prediction),
            **_result_of(prediction, update),
        )
        if changed:
            task_queue.wake("collect")
            wake_waiting()
    return changed == 1


def begin_finished(
    prediction: Prediction, claim: str, job: Job, update: Update, *, to_be_fetched: bool
) -> bool:
    """T3 for a provider that returns the result at once: store it; its files are fetched under the same claim.

    `to_be_fetched`: leave the fetch to other workers. False where the claim is lost. If the worker dies afterwards,
    others fetch the result once its lease ends. The time limit is that of the upstream's files.
    """
    known = _result_of(prediction, update)
    write = updates.BEGIN_LEFT if to_be_fetched else updates.BEGIN_FINISHED
    with transaction.atomic(savepoint=False):
        changed = write.run(
            pk=prediction.pk,
            claim=claim,
            job=job.id,
            instance=job.instance,
            result=known["result"],
            logs=known["logs"],
        )
        if changed:
            if prediction.started_at is None and prediction.webhook:
                outbox.enqueue(prediction.pk, "start")
            if to_be_fetched:
                task_queue.wake("collect")
            wake_waiting()
    # A retry after a lost database response matches no row, although the first write was ours.
    begun = (
        changed == 1
        or Prediction.objects.filter(pk=prediction.pk, phase=Phase.COLLECTING, claim=claim).exists()
    )
    if begun and not to_be_fetched:
        # As a fresh read of the row would give it.
        prediction.phase, prediction.status, prediction.claim = Phase.COLLECTING, Status.PROCESSING, claim
        prediction.job_id, prediction.job_instance, prediction.job_seen_at = (
            job.id,
            job.instance,
            timezone.now(),
        )
        prediction.result, prediction.logs = known["result"], known["logs"]
    return begun


def _limit_of(prediction: Prediction) -> dict[str, Any]:
    """The time limit for the fetch: that of the work, or longer for an upstream's files."""
    return {"must_end_by": after(COLLECT_LIMIT)} if is_upstream(prediction.provider) else {}


def _result_of(prediction: Prediction, update: Update) -> dict[str, Any]:
    """Column values of a stored success, with the freed slot."""
    files = (
        [ref for ref in update.output if isinstance(ref, OutputRef)]
        if isinstance(update.output, list)
        else []
    )
    result = {
        "files": [_ref_json(ref) for ref in files],
        "value": _without_nul(update.value if files else update.output),
        "metrics": update.metrics,
    }
    return {
        "result": result,
        "logs": _grown(prediction.logs, update.logs),
        "progress": 1.0,
        "look_at": None,
        "job_seen_at": Now(),
        "upstream_open": False,
    }


def lost(prediction: Prediction, claim: str = "") -> bool:
    """Restart a prediction whose provider lost the job or its files, under a new key, or give up.

    Only for providers that honour idempotency keys. From running (no claim), or from collecting (with the claim).
    False where it is no longer in that phase.
    """
    if prediction.start_attempts >= MAX_STARTS:
        # Only from the phase where it was seen: another watcher may have found its result in the meantime.
        if claim:
            return completion.fail(prediction.pk, messages.QUARANTINED, claim=claim)
        return completion.fail_running(prediction, messages.QUARANTINED)
    where = _running(prediction) if not claim else Prediction.objects.filter(
        pk=prediction.pk, phase=Phase.COLLECTING, claim=claim, status__in=LIVE
    )  # fmt: skip
    with transaction.atomic():
        changed = where.update(
            phase=Phase.WAITING,
            run=F("run") + 1,
            claim="",
            lease_until=None,
            provider="",
            job_id="",
            job_instance="",
            look_at=None,
            result=None,
            upstream_open=False,
            revision=F("revision") + 1,
        )
        if changed:
            task_queue.wake("start")
    return bool(changed)


def _running(prediction: Prediction) -> Any:
    return Prediction.objects.filter(
        pk=prediction.pk, phase=Phase.RUNNING, run=prediction.run, status__in=LIVE
    )


def _grown(before: str, now: str) -> str:
    """The log, which only grows within a run; a new run's log replaces that of the earlier run."""
    text = now.replace("\x00", "")
    if len(text) > MAX_LOGS:
        text = text[:MAX_LOGS] + _CUT
    return text or before


def _partial_output(prediction: Prediction, output: Any) -> Any:
    """The partial output of a streamed list of strings: it never shrinks or reorders.

    A new run with different strings is shown only once it has ended.
    """
    shown = prediction.output
    if not prediction.version.streams_text or not isinstance(output, list):
        return shown
    strings = [_without_nul(item) for item in output if isinstance(item, str)]
    before = shown or []
    return strings if len(strings) > len(before) and strings[: len(before)] == before else shown


def _without_nul(value: Any) -> Any:
    """JSON without NUL characters, which PostgreSQL cannot store."""
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, list):
        return [_without_nul(inner) for inner in value]
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(inner) for key, inner in value.items()}
    return value


def _ref_json(ref: OutputRef) -> dict[str, Any]:
    known = {"name": ref.name, "content_type": ref.content_type, "address": ref.address, "size": ref.size}
    return {**known, "sensitive": True} if ref.sensitive else known
