"""Shows what running predictions have ready of a list that grows: fetched and stored by a worker, before the end."""

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
from predictions.execution.result_files import MAX_FILES, Found
from predictions.image_safety import findings, safety_pipeline
from predictions.models import Prediction
from predictions.providers.base import OutputRef, Provider
from predictions.providers.registry import UnknownProvider

log = structlog.get_logger(__name__)

SIDE_BY_SIDE = 4
"""Predictions whose growing lists are looked after in one round."""


def show_growing(calls: Calls) -> None:
    """Store what running predictions have announced of their lists, and show it.

    Two that do this at once waste some work: whoever comes second shows nothing, and the sweep takes its files.
    """
    mine = (one for one in lifecycle.due_to_show() if cache.add(_key(one), 1, FETCH_S))
    for prediction in islice(mine, SIDE_BY_SIDE):
        try:
            fetch_announced(prediction, provider_lookup.provider(prediction.provider), calls)
        except UnknownProvider:
            cache.delete(_key(prediction))
    calls.until_done(_nothing, RENEW_S)


def fetch_announced(prediction: Prediction, provider: Provider, calls: Calls) -> None:
    """Ask for the files that are announced and not shown; they are shown as they come."""
    first = len(prediction.output or [])
    files = (prediction.result or {}).get("files") or []
    refs = [OutputRef(**ref) for ref in files[first:MAX_FILES]]
    job = cancellations.job_of(prediction, provider)
    errand = result_downloads.FetchOrder(
        provider, job, refs, first, FETCH_S, safety_pipeline.current(), context_of(prediction)
    )
    calls.add(result_downloads.bring(errand, calls), partial(_came, prediction), provider)


def _came(prediction: Prediction, basket: FetchedFiles) -> None:
    try:
        with basket:
            _show(prediction, basket)
    except Exception:
        # Nothing is lost: what cannot be shown now comes with the whole result.
        log.exception("show_broke", prediction=prediction.public_id)
    finally:
        cache.delete(_key(prediction))


def _show(prediction: Prediction, basket: FetchedFiles) -> None:
    brought: list[FetchedFile] = []
    for _place, one in sorted(basket.came.items()):
        # Only without a gap: what is missing now comes with the whole result.
        if not isinstance(one, FetchedFile):
            log.info("show_later", prediction=prediction.public_id, reason=str(one) or type(one).__name__)
            break
        if one.judgement.dropped:
            break
        brought.append(one)
    if brought:
        found = Found()
        shown = False
        try:
            result_files.store(found, brought, prediction.account_id)
            findings.record_classifier_health(found.judged.values())
            shown = lifecycle.show(
                prediction, found.outputs, findings.for_outputs(prediction, found.judged.items())
            )
        finally:
            if not shown:
                found.give_up_files()


def _key(prediction: Prediction) -> str:
    return f"growing-{prediction.pk}"


def _nothing() -> None:
    pass
