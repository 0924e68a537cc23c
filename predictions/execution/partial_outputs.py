"""Incremental outputs in workers: fetches, stores and shows announced files of running predictions before the end."""

from __future__ import annotations

from functools import partial
from itertools import islice

import structlog
from django.core.cache import cache

from predictions import lifecycle
from predictions.dispatch import provider_lookup
from predictions.execution import cancellations, result_downloads, result_files
from predictions.execution.collector import FETCH_S, RENEW_S, context_of
from predictions.execution.provider_calls import Calls
from predictions.execution.result_downloads import FetchedFile, FetchedFiles
from predictions.execution.result_files import MAX_FILES, CollectedOutputs
from predictions.image_safety import findings, safety_pipeline
from predictions.models import Prediction
from predictions.providers.base import OutputRef, Provider
from predictions.providers.registry import UnknownProvider

log = structlog.get_logger(__name__)

MAX_CONCURRENT = 4
"""The most predictions whose files are fetched in one round."""


def show_announced(calls: Calls) -> None:
    """Store and show the files that running predictions have announced.

    If two workers do so at once, the second shows nothing and the sweep removes its files.
    """
    due = (row for row in lifecycle.due_to_show() if cache.add(_key(row), 1, FETCH_S))
    for prediction in islice(due, MAX_CONCURRENT):
        try:
            fetch_announced(prediction, provider_lookup.provider(prediction.provider), calls)
        except UnknownProvider:
            cache.delete(_key(prediction))
    calls.until_done(_nothing, RENEW_S)


def fetch_announced(prediction: Prediction, provider: Provider, calls: Calls) -> None:
    """Request the announced files that are not shown yet; each is shown as it arrives."""
    first = len(prediction.output or [])
    announced = (prediction.result or {}).get("files") or []
    refs = [OutputRef(**ref) for ref in announced[first:MAX_FILES]]
    job = cancellations.job_of(prediction, provider)
    order = result_downloads.FetchOrder(
        provider, job, refs, first, FETCH_S, safety_pipeline.current(), context_of(prediction)
    )
    calls.add(result_downloads.fetch_files(order, calls), partial(_files_arrived, prediction), provider)


def _files_arrived(prediction: Prediction, fetched: FetchedFiles) -> None:
    try:
        with fetched:
            _show(prediction, fetched)
    except Exception:
        # Nothing is lost: files that cannot be shown now come with the final result.
        log.exception("show_broke", prediction=prediction.public_id)
    finally:
        cache.delete(_key(prediction))


def _show(prediction: Prediction, fetched: FetchedFiles) -> None:
    files: list[FetchedFile] = []
    for _index, file in sorted(fetched.results.items()):
        # Only up to the first gap: later files come with the final result.
        if not isinstance(file, FetchedFile):
            log.info("show_later", prediction=prediction.public_id, reason=str(file) or type(file).__name__)
            break
        if file.judgement.dropped:
            break
        files.append(file)
    if files:
        found = CollectedOutputs()
        shown = False
        try:
            result_files.store(found, files, prediction.account_id)
            findings.record_classifier_health(found.judgements.values())
            shown = lifecycle.show(
                prediction, found.outputs, findings.for_outputs(prediction, found.judgements.items())
            )
        finally:
            if not shown:
                found.give_up_files()


def _key(prediction: Prediction) -> str:
    return f"growing-{prediction.pk}"


def _nothing() -> None:
    pass
