"""Collects results: fetches their files, stores them and ends the predictions, several concurrently.

A claim is renewed before each further fetch, and during it, so that no other worker takes it over. If this worker is
killed, the lease expires and another worker starts the fetch afresh.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog

from core.db import retry
from core.http import request_ids
from predictions import lifecycle
from predictions.dispatch import provider_lookup
from predictions.execution import cancellations, result_downloads, result_files, retries
from predictions.execution.provider_calls import Calls
from predictions.execution.result_downloads import FetchedFile, FetchedFiles
from predictions.execution.result_files import CollectedOutputs
from predictions.execution.retries import Retries
from predictions.image_safety import findings, safety_pipeline
from predictions.lifecycle import Claimed
from predictions.lifecycle.leases import FIRST_FETCH
from predictions.models import Prediction
from predictions.providers.base import OutputRef, Provider, ProviderError
from predictions.providers.registry import UnknownProvider

log = structlog.get_logger(__name__)

MAX_CONCURRENT = 4
"""The most predictions whose files one worker fetches concurrently."""
FETCH_S = FIRST_FETCH
"""Seconds for one output, and for those that are fetched with it."""
ROUND_S = 40.0
"""Seconds for all files of a result in one round; the rest is retried later."""
FILES_PER_CALL = 8
RENEW_S = 10.0
"""Seconds between renewals of the claims."""


@dataclass(eq=False)
class _ResultFetch:
    """One result that is being fetched."""

    claimed: Claimed
    provider: Provider | None = None
    refs: list[OutputRef] = field(default_factory=list)
    found: CollectedOutputs = field(default_factory=CollectedOutputs)
    until: float = field(default_factory=lambda: time.monotonic() + ROUND_S)
    requested: int = 0
    """How many of its files have been requested so far, or were stored before the end."""
    is_delivered: bool = False
    """Whether its prediction has ended with the stored files."""

    @property
    def prediction(self) -> Prediction:
        return self.claimed.prediction


class ResultCollector:
    """The results of one round. `until`: monotonic time after which no more are accepted."""

    def __init__(self, calls: Calls, until: float) -> None:
        self.calls = calls
        self._until = until
        self._fetches: set[_ResultFetch] = set()
        self._broken: Exception | None = None

    def has_room(self) -> bool:
        """Whether this worker may fetch one more result; the rest is left to others."""
        return len(self._fetches) < MAX_CONCURRENT and time.monotonic() < self._until

    def collect(self, claimed: Claimed) -> None:
        """Begin the fetch of a claimed result, which must be renewed within `FIRST_FETCH` seconds."""
        fetch = _ResultFetch(claimed)
        self._fetches.add(fetch)
        with request_ids.bound(claimed.prediction.request_id):
            self._guarded(fetch, self._begin)

    def until_done(self) -> None:
        """Wait until all calls are done, starts included: each result has ended, or is left to others.

        Errors while ending a prediction are raised at the end; its claim stays, and counts as an attempt.
        """
        self.calls.until_done(self._renew, RENEW_S)
        if self._broken is not None:
            raise self._broken

    @contextlib.contextmanager
    def _noting(self) -> Iterator[None]:
        """Defer exceptions of the block until all calls are done, so that they interrupt none."""
        try:
            yield
        except Exception as error:
            self._broken = self._broken or error

    def _renew(self) -> None:
        with self._noting():
            for fetch in self._fetches:
                retry.run(partial(lifecycle.renew, fetch.prediction, fetch.claimed.claim, FETCH_S))

    def _guarded(self, fetch: _ResultFetch, step: Callable[[_ResultFetch], bool]) -> None:
        """Run a step, which returns whether more steps follow; its errors do not affect other results."""
        try:
            more = step(fetch)
        except Exception as error:
            more = False
            with self._noting():
                if not retry.run(partial(_handle_error, fetch, error)):
                    raise
        if not more:
            self._fetches.discard(fetch)
            if not fetch.is_delivered:
                with self._noting():
                    fetch.found.give_up_files()

    def _begin(self, fetch: _ResultFetch) -> bool:
        fetch.provider = retry.run(partial(_provider_of, fetch.prediction))
        fetch.refs, fetch.found = retry.run(partial(result_files.plan, fetch.prediction, fetch.provider))
        fetch.requested = len(fetch.found.outputs)
        return self._request_next(fetch)

    def _request_next(self, fetch: _ResultFetch) -> bool:
        """Request the next files, or end where there are none."""
        if fetch.provider is None or fetch.requested >= len(fetch.refs):
            self._end(fetch)
            return False
        renew = partial(lifecycle.renew, fetch.prediction, fetch.claimed.claim, FETCH_S)
        if fetch.requested and not retry.run(renew):
            raise ProviderError("The claim was taken over.", permanent=False)
        refs = fetch.refs[fetch.requested : fetch.requested + FILES_PER_CALL]
        seconds = min(FETCH_S, fetch.until - time.monotonic())
        job = cancellations.job_of(fetch.prediction, fetch.provider)
        pipeline = retry.run(safety_pipeline.current)
        order = result_downloads.FetchOrder(
            fetch.provider, job, refs, fetch.requested, seconds, pipeline, context_of(fetch.prediction)
        )
        fetch.requested += len(refs)
        self.calls.add(
            result_downloads.fetch_files(order, self.calls),
            partial(self._files_arrived, fetch),
            fetch.provider,
        )
        return True

    def _files_arrived(self, fetch: _ResultFetch, fetched: FetchedFiles) -> None:
        with fetched:
            self._guarded(fetch, partial(self._store_files, fetched))

    def _store_files(self, fetched: FetchedFiles, fetch: _ResultFetch) -> bool:
        files: list[FetchedFile] = []
        for index, file in sorted(fetched.results.items()):
            if isinstance(file, FetchedFile):
                files.append(file)
            else:
                result_files.note_error(fetch.prediction, fetch.found, index, fetch.refs[index], file)
        if files:
            result_files.store(fetch.found, files, fetch.prediction.account_id)
            retry.run(partial(findings.record_classifier_health, [file.judgement for file in files]))
        return self._request_next(fetch)

    def _end(self, fetch: _ResultFetch) -> None:
        prediction, claim, found = fetch.prediction, fetch.claimed.claim, fetch.found
        retry_plan = (
            retry.run(partial(retries.for_prediction, prediction, found.awaited)) if found.awaited else None
        )
        if retry_plan is not None and fetch.provider is not None and not fetch.provider.repeats_exactly:
            result_files.give_up(found, retry_plan.given_up)
        if fetch.provider is not None and fetch.refs:
            result_files.raise_if_unusable(found, fetch.provider)
        if retry_plan is not None and found.is_waited_for and _postpone(fetch, retry_plan):
            return
        if not found.is_enough and not found.judgements:
            error = result_files.no_files_error(found)
            retry.run(partial(lifecycle.fail, prediction.pk, error, claim=claim))
            return
        fetch.is_delivered = retry.run(partial(_end_prediction, prediction, claim, found))
        if fetch.is_delivered and fetch.provider is not None:
            log.info("result_stored", prediction=prediction.public_id, outputs=len(found.outputs))
            done = cancellations.release(fetch.provider, cancellations.job_of(prediction, fetch.provider))
            self.calls.add(done, _nothing, fetch.provider)


def _postpone(fetch: _ResultFetch, retry_plan: Retries) -> bool:
    """Leave the rest to a later round. False where it has waited for too long already."""
    prediction = fetch.prediction
    result = {**(prediction.result or {}), retries.KEY: retry_plan.counted}
    later = partial(
        lifecycle.collect_later,
        prediction,
        fetch.claimed.claim,
        retry_plan.seconds,
        result=result,
        note=retry_plan.note,
    )
    if not retry.run(later):
        return False
    log.info(
        "collect_later",
        prediction=prediction.public_id,
        reason=fetch.found.reason,
        again_in_s=retry_plan.seconds,
    )
    return True


def _end_prediction(prediction: Prediction, claim: str, found: CollectedOutputs) -> bool:
    """End the prediction with the files that passed the safety checks; as failed where none did."""
    hits = findings.for_outputs(prediction, found.judgements.items())
    filtered = len(found.dropped)
    if not found.is_enough:
        error = result_files.all_dropped(found)
        return lifecycle.fail(prediction.pk, error, claim=claim, filtered=filtered, hits=hits)
    return lifecycle.succeed(
        prediction,
        claim,
        found.outputs,
        found.value,
        found.note,
        expected=found.expected,
        filtered=filtered,
        hits=hits,
    )


def context_of(prediction: Prediction) -> dict[str, Any]:
    """Context for classifiers about the origin of an image. Without the prompt, which they never get."""
    ref = f"{prediction.model.owner}/{prediction.model.name}"
    return {"kind": "output", "prediction": prediction.public_id, "model": ref}


def _handle_error(fetch: _ResultFetch, error: Exception) -> bool:
    """Handle a failed fetch: end the prediction, or retry. False for an unexpected error."""
    prediction, claim, provider = fetch.prediction, fetch.claimed.claim, fetch.provider
    if isinstance(error, result_files.FilesGone):
        if provider is not None and provider.repeats_exactly and provider.start_is_idempotent:
            lifecycle.lost(prediction, claim)
        else:
            lifecycle.fail(prediction.pk, retries.GONE, claim=claim)
    elif isinstance(error, result_downloads.Unusable):
        log.info("result_unusable", prediction=prediction.public_id, reason=error.detail or str(error))
        lifecycle.fail(prediction.pk, str(error), claim=claim)
    elif isinstance(error, ProviderError):
        # The lease expires soon and the result is fetched again; the third time, the prediction fails.
        log.warning("collect_interrupted", prediction=prediction.public_id, reason=str(error))
    else:
        log.error("collect_broke", prediction=prediction.public_id, exc_info=error)
        return False
    return True


def _nothing(_: Any) -> None:
    pass


def _provider_of(prediction: Prediction) -> Provider | None:
    try:
        return provider_lookup.provider(prediction.provider)
    except UnknownProvider:
        return None
