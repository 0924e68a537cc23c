"""Handles final states reported by providers: ends the prediction and records the run's costs in one transaction."""

from __future__ import annotations

import dataclasses

import structlog
from django.db import transaction

from core import data_uri
from predictions import lifecycle
from predictions.dispatch import provider_lookup
from predictions.files import media
from predictions.lifecycle import strays
from predictions.models import Prediction, UpstreamRun
from predictions.providers.base import OutputRef, Update
from predictions.providers.registry import UnknownProvider
from predictions.upstreams import run_records

log = structlog.get_logger(__name__)

Outcome = UpstreamRun.Outcome
LOST = "The service that ran this does not know it any more."
CANCELED = "The provider canceled the run."
STORED_SCHEME = "kept:"
"""Scheme of an output that is in our own storage already: `kept:KEY`."""
INLINE_BYTES = 32 * 1024
"""Data URIs with more characters than this are stored as files at once, to keep rows small."""
_OPERATOR_METRICS = ("upstream_cost", "upstream_status")


def finish(prediction: Prediction, update: Update) -> None:
    """Apply a final update to a running prediction. If it has ended in the meantime, only the run is recorded."""
    update = with_inline_files_stored(update)
    restart = update.kind == "lost" and _honours_keys(prediction)
    with transaction.atomic():
        run = strays.run_of(prediction)
        if update.kind == "succeeded":
            ended = lifecycle.store_result(prediction, for_members(update))
        elif update.kind == "lost":
            # Restarted where idempotency keys are honoured, so that nothing can run twice; else failed.
            ended = lifecycle.lost(prediction) if restart else lifecycle.fail_running(prediction, LOST)
        else:
            error = CANCELED if update.kind == "canceled" else update.error
            is_models_text = error == update.error and not update.error_is_ours
            ended = lifecycle.fail_running(
                prediction,
                error or "The run failed.",
                logs=update.logs,
                verbatim=bool(error) and is_models_text,
            )
        if run is not None and ended:
            note(run, update, Outcome.FAILED if update.kind == "lost" else update.kind)
        elif run is not None:
            drop(prediction, run, update)


def drop(prediction: Prediction, run: UpstreamRun, update: Update) -> None:
    """Record a run that ended after its prediction: only its costs are kept."""
    # Read again: the other writer may be another watcher that recorded the same final state.
    present = Prediction.objects.filter(pk=prediction.pk).values_list("status", "run").get()
    if present[0] in ("succeeded", "starting", "processing"):
        return
    outcome = {"succeeded": Outcome.DROPPED, "canceled": Outcome.CANCELED}.get(update.kind, Outcome.FAILED)
    note(run, update, outcome)
    if outcome == Outcome.DROPPED:
        log.warning("success_dropped", prediction=prediction.public_id, job=run.job_id)


def note(run: UpstreamRun, update: Update, outcome: str, answered_ms: int | None = None) -> None:
    """Record the run's outcome and costs; `answered_ms` where the start's response was the result."""
    files = update.output if isinstance(update.output, list) else []
    delivered = sum(isinstance(ref, OutputRef) for ref in files)
    error = "\n".join(part for part in (update.error, update.answer) if part)
    run_records.ended(
        run, outcome, metrics=update.metrics, delivered=delivered, error=error, answered_ms=answered_ms
    )


def with_inline_files_stored(update: Update) -> Update:
    """The update with outputs sent as data URIs moved to storage, as files without an owner yet. No transaction."""
    if not isinstance(update.output, list) or not any(map(_is_inline, update.output)):
        return update
    return dataclasses.replace(
        update, output=[_stored(ref) if _is_inline(ref) else ref for ref in update.output]
    )


def _is_inline(ref: object) -> bool:
    return isinstance(ref, OutputRef) and ref.address.startswith("data:") and len(ref.address) > INLINE_BYTES


def _stored(ref: OutputRef) -> OutputRef:
    try:
        kind, data = data_uri.parse(ref.address)
    except data_uri.NotADataUri:
        # Shortened to an empty data URI: the collector reports that it cannot be read.
        return dataclasses.replace(ref, address="data:,")
    with media.Writing(len(data)) as writing:
        writing.write(data)
        sha256 = writing.finished()
        file = media.store(media.reserve("bin"), writing.path, sha256=sha256, content_type=kind)
    return dataclasses.replace(ref, address=f"{STORED_SCHEME}{file.key}", size=len(data))


def for_members(update: Update) -> Update:
    """The update without metrics reserved for operators."""
    metrics = {name: value for name, value in update.metrics.items() if name not in _OPERATOR_METRICS}
    return dataclasses.replace(update, metrics=metrics)


def _honours_keys(prediction: Prediction) -> bool:
    try:
        return provider_lookup.provider(prediction.provider).start_is_idempotent
    except UnknownProvider:
        return False
