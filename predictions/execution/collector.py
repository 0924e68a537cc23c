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
from predictions.execution.result_files import Found
from predictions.execution.retries import Retries
from predictions.image_safety import findings, safety_pipeline
from predictions.lifecycle import Claimed
from predictions.lifecycle.leases import FIRST_FETCH
from predictions.models import Prediction
from predictions.providers.base import OutputRef, Provider, ProviderError
from predictions.providers.registry import UnknownProvider

log = structlog.get_logger(__name__)

SIDE_BY_SIDE = 4
"""The most predictions whose files one worker fetches concurrently."""
FETCH_S = FIRST_FETCH
"""Seconds for one output, and for those that are fetched with it."""
ROUND_S = 40.0
"""Seconds for all files of a result in one round; the rest is retried later."""
AT_ONCE = 8
RENEW_S = 10.0
"""Seconds between renewals of the claims."""


@dataclass(eq=False)
class _Way:
    """One result that is being fetched."""

    one: Claimed
    provider: Provider | None = None
    refs: list[OutputRef] = field(default_factory=list)
    found: Found = field(default_factory=Found)
    until: float = field(default_factory=lambda: time.monotonic() + ROUND_S)
    asked: int = 0
    """How many of its files have been requested so far, or were stored before the end."""
    is_delivered: bool = False
    """Whether its prediction has ended with the stored files."""

    @property
    def prediction(self) -> Prediction:
        return self.one.prediction


class ResultCollector:
    """The results of one round. `until`: monotonic time after which no more are accepted."""

    def __init__(self, calls: Calls, until: float) -> None:
        self.calls = calls
        self._until = until
        self._ways: set[_Way] = set()
        self._broken: Exception | None = None

    def has_room(self) -> bool:
        """Whether this worker may fetch one more result; the rest is left to others."""
        return len(self._ways) < SIDE_BY_SIDE and time.monotonic() < self._until

    def bring(self, one: Claimed) -> None:
        """Begin the fetch of a claimed result, which must be renewed within `FIRST_FETCH` seconds."""
        way = _Way(one)
        self._ways.add(way)
        with request_ids.bound(one.prediction.request_id):
            self._guarded(way, self._begin)

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
            for way in self._ways:
                retry.run(partial(lifecycle.renew, way.prediction, way.one.claim, FETCH_S))

    def _guarded(self, way: _Way, step: Callable[[_Way], bool]) -> None:
        """Run a step, which returns whether more steps follow; its errors do not affect other results."""
        try:
            more = step(way)
        except Exception as error:
            more = False
            with self._noting():
                if not retry.run(partial(_give_up, way, error)):
                    raise
        if not more:
            self._ways.discard(way)
            if not way.is_delivered:
                with self._noting():
                    way.found.give_up_files()

    def _begin(self, way: _Way) -> bool:
        way.provider = retry.run(partial(_provider_of, way.prediction))
        way.refs, way.found = retry.run(partial(result_files.plan, way.prediction, way.provider))
        way.asked = len(way.found.outputs)
        return self._go_on(way)

    def _go_on(self, way: _Way) -> bool:
        """Request the next files, or end where there are none."""
        if way.provider is None or way.asked >= len(way.refs):
            self._end(way)
            return False
        renew = partial(lifecycle.renew, way.prediction, way.one.claim, FETCH_S)
        if way.asked and not retry.run(renew):
            raise ProviderError("The claim was taken over.", permanent=False)
        refs = way.refs[way.asked : way.asked + AT_ONCE]
        seconds = min(FETCH_S, way.until - time.monotonic())
        job, judges = cancellations.job_of(way.prediction, way.provider), retry.run(safety_pipeline.current)
        errand = result_downloads.FetchOrder(
            way.provider, job, refs, way.asked, seconds, judges, context_of(way.prediction)
        )
        way.asked += len(refs)
        self.calls.add(result_downloads.bring(errand, self.calls), partial(self._came, way), way.provider)
        return True

    def _came(self, way: _Way, basket: FetchedFiles) -> None:
        with basket:
            self._guarded(way, partial(self._take, basket))

    def _take(self, basket: FetchedFiles, way: _Way) -> bool:
        brought: list[FetchedFile] = []
        for index, one in sorted(basket.came.items()):
            if isinstance(one, FetchedFile):
                brought.append(one)
            else:
                result_files.note_trouble(way.prediction, way.found, index, way.refs[index], one)
        if brought:
            result_files.store(way.found, brought, way.prediction.account_id)
            retry.run(partial(findings.record_classifier_health, [one.judgement for one in brought]))
        return self._go_on(way)

    def _end(self, way: _Way) -> None:
        prediction, claim, found = way.prediction, way.one.claim, way.found
        again = (
            retry.run(partial(retries.for_prediction, prediction, found.awaited)) if found.awaited else None
        )
        if again is not None and way.provider is not None and not way.provider.repeats_exactly:
            result_files.give_up(found, again.given_up)
        if way.provider is not None and way.refs:
            result_files.judge(found, way.provider)
        if again is not None and found.is_waited_for and _asked_again(way, again):
            return
        if not found.is_enough and not found.judged:
            why = result_files.why_nothing(found)
            retry.run(partial(lifecycle.fail, prediction.pk, why, claim=claim))
            return
        way.is_delivered = retry.run(partial(_ended, prediction, claim, found))
        if way.is_delivered and way.provider is not None:
            log.info("result_stored", prediction=prediction.public_id, outputs=len(found.outputs))
            done = cancellations.release(way.provider, cancellations.job_of(prediction, way.provider))
            self.calls.add(done, _nothing, way.provider)


def _asked_again(way: _Way, again: Retries) -> bool:
    """Leave the rest to a later round. False where it has waited for too long already."""
    prediction = way.prediction
    result = {**(prediction.result or {}), retries.KEY: again.counted}
    later = partial(
        lifecycle.collect_later, prediction, way.one.claim, again.seconds, result=result, note=again.note
    )
    if not retry.run(later):
        return False
    log.info(
        "collect_later", prediction=prediction.public_id, reason=way.found.reason, again_in_s=again.seconds
    )
    return True


def _ended(prediction: Prediction, claim: str, found: Found) -> bool:
    """End the prediction with the files that passed the safety checks; as failed where none did."""
    hits = findings.for_outputs(prediction, found.judged.items())
    filtered = len(found.dropped)
    if not found.is_enough:
        words = result_files.all_dropped(found)
        return lifecycle.fail(prediction.pk, words, claim=claim, filtered=filtered, hits=hits)
    return lifecycle.succeed(
        prediction,
        claim,
        found.outputs,
        found.value,
        found.note,
        asked=found.asked,
        filtered=filtered,
        hits=hits,
    )


def context_of(prediction: Prediction) -> dict[str, Any]:
    """Context for classifiers about the origin of an image. Without the prompt, which they never get."""
    ref = f"{prediction.model.owner}/{prediction.model.name}"
    return {"kind": "output", "prediction": prediction.public_id, "model": ref}


def _give_up(way: _Way, error: Exception) -> bool:
    """Handle a failed fetch: end the prediction, or retry. False for an unexpected error."""
    prediction, claim, provider = way.prediction, way.one.claim, way.provider
    if isinstance(error, result_files.Gone):
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
