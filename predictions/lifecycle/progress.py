"""What the watcher learns while a provider works."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import F

from accounts.clock import Now
from predictions.clock import LOOK_LEASE, MAX_STARTS, after
from predictions.delivery import webhooks
from predictions.lifecycle import ending, previews
from predictions.lifecycle.claims import wake_waiting
from predictions.models import Phase, Prediction
from predictions.models.prediction import LIVE
from predictions.providers.base import OutputRef, Update
from predictions.running import queue

MAX_LOGS = 1024 * 1024
_CUT = "\n[The log was cut here: it is longer than 1 MiB.]\n"


def claim_looks(most: int = 500) -> list[Prediction]:
    """Running predictions that are due for a look. Moving `look_at` forward is the claim, so any number may watch."""
    with transaction.atomic():
        # A condition again, not the value read: SQLite keeps times as text, in more than one form.
        running = Prediction.objects.filter(phase=Phase.RUNNING, look_at__lte=Now())
        due = list(running.order_by("look_at").values_list("pk", flat=True)[:most])
        taken = [pk for pk in due if running.filter(pk=pk).update(look_at=after(LOOK_LEASE))]
    return list(
        Prediction.objects.filter(pk__in=taken, phase=Phase.RUNNING).select_related("model", "version")
    )


def look_again(prediction: Prediction, seconds: float, *, seen: bool) -> None:
    """Nothing new: look again in so many seconds. `seen`: the provider answered and knows the job."""
    values: dict[str, Any] = {"look_at": after(seconds)}
    if seen:
        values["job_seen_at"] = Now()
    with transaction.atomic():
        _running(prediction).update(**values)


def note(prediction: Prediction, update: Update, seconds: float) -> bool:
    """T4: write what changed and look again in so many seconds. True where something was written.

    Logs, progress and streamed strings only grow; of the previews the newest is kept.
    """
    logs = _grown(prediction.logs, update.logs)
    progress = (
        max(prediction.progress or 0.0, update.progress)
        if update.progress is not None
        else prediction.progress
    )
    output = _output_so_far(prediction, update.output)
    look = previews.news(prediction.pk, update.preview)
    known = (prediction.logs, prediction.progress, prediction.output)
    if (logs, progress, output) == known and look is None:
        look_again(prediction, seconds, seen=True)
        return False
    with transaction.atomic():
        changed = (
            _running(prediction)
            .filter(revision=prediction.revision)
            .update(
                logs=logs,
                progress=progress,
                output=output,
                revision=F("revision") + 1,
                look_at=after(seconds),
                job_seen_at=Now(),
            )
        )
        if changed and look is not None:
            previews.keep(prediction.pk, look)
        if changed and logs != prediction.logs:
            webhooks.owe(prediction.pk, "logs")
        if changed and output != prediction.output:
            webhooks.owe(prediction.pk, "output")
    return changed == 1


def store_result(prediction: Prediction, update: Update) -> bool:
    """The provider succeeded: keep where its files are, free its slot, and wake who fetches them."""
    files = (
        [ref for ref in update.output if isinstance(ref, OutputRef)]
        if isinstance(update.output, list)
        else []
    )
    result = {
        "files": [_ref_json(ref) for ref in files],
        "value": None if files else _without_nul(update.output),
        "metrics": update.metrics,
    }
    with transaction.atomic():
        changed = _running(prediction).update(
            phase=Phase.RESULT,
            result=result,
            logs=_grown(prediction.logs, update.logs),
            progress=1.0,
            look_at=None,
            upstream_open=False,
            revision=F("revision") + 1,
        )
        if changed:
            queue.wake("collect")
            wake_waiting()
    return changed == 1


def lost(prediction: Prediction, claim: str = "") -> None:
    """The provider knows nothing of the job, or lost its files: run it again under a new key, or give up.

    Only for providers whose starts are idempotent by key. From running (no claim), or from collecting (with the claim).
    """
    if prediction.start_attempts >= MAX_STARTS:
        # Only from where it was seen: meanwhile another watcher may have found its result.
        if claim:
            ending.fail(prediction.pk, ending.QUARANTINED, claim=claim)
        else:
            ending.fail_running(prediction, ending.QUARANTINED)
        return
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
            queue.wake("start")


def _running(prediction: Prediction) -> Any:
    return Prediction.objects.filter(
        pk=prediction.pk, phase=Phase.RUNNING, run=prediction.run, status__in=LIVE
    )


def _grown(before: str, now: str) -> str:
    """Logs only grow. A new run begins its own log; what an earlier run had printed is replaced by it."""
    text = now.replace("\x00", "")
    if len(text) > MAX_LOGS:
        text = text[:MAX_LOGS] + _CUT
    return text or before


def _output_so_far(prediction: Prediction, given: Any) -> Any:
    """What readers may see of a list of strings that still grows: it never shrinks and never changes its order.

    A new run that says something else is shown at its end only.
    """
    shown = prediction.output
    if not prediction.version.streams_text or not isinstance(given, list):
        return shown
    strings = [_without_nul(item) for item in given if isinstance(item, str)]
    before = shown or []
    return strings if len(strings) > len(before) and strings[: len(before)] == before else shown


def _without_nul(value: Any) -> Any:
    """JSON as PostgreSQL can keep it: it has no NUL characters."""
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, list):
        return [_without_nul(inner) for inner in value]
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(inner) for key, inner in value.items()}
    return value


def _ref_json(ref: OutputRef) -> dict[str, Any]:
    return {"name": ref.name, "content_type": ref.content_type, "address": ref.address, "size": ref.size}
