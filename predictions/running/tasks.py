"""Bodies of the queue's tasks. A task carries only its kind: it looks what is due, claims, does, reports.

Each is safe to run twice and ends far below the queue's own time limit, because every call inside has a smaller one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog
from django.db import close_old_connections

from predictions import lifecycle
from predictions.lifecycle import Claimed, strays
from predictions.models import Prediction
from predictions.providers.base import Provider, ProviderError
from predictions.providers.registry import UnknownProvider
from predictions.running import calling_off, collecting, inputs, providers, starting

log = structlog.get_logger(__name__)

ROUND_S = 12.0
"""Seconds after which a round begins nothing more; with the longest call it stays below the queue's limit of a task."""
BATCH = 16
FETCHED_AT_ONCE = 4
"""Predictions whose inputs are fetched together: each may hold pictures of 25 MB in this worker."""


def start() -> None:
    """Hand waiting predictions to their providers until none is due or the round is over.

    What had its result in its answer is fetched here at once: waking another worker takes longer.
    """
    _rounds(_start_round)
    _rounds(_collect_round)


def collect() -> None:
    """Fetch and store results until none is due or the round is over; then what growing lists have got since."""
    _rounds(_collect_round)
    _rounds(_growing_round)


def cancel() -> None:
    """Call off what ended while its provider may still be working on it."""
    calling_off.call_off(lifecycle.claim_strays())


def beat() -> None:
    """Nothing: that it was taken, run and acknowledged is the sign of life."""


def _rounds(one: Callable[[], bool]) -> None:
    until = time.monotonic() + ROUND_S
    try:
        while time.monotonic() < until and one():
            pass
    finally:
        close_old_connections()


# -- start ---------------------------------------------------------------------------------------------------


def _start_round() -> bool:
    claimed = lifecycle.claim_starts(BATCH)
    if not claimed:
        return False
    far = [one for one in claimed if _needs_files(one.prediction)]
    near = [one for one in claimed if one not in far]
    if near:
        starting.hand_over(_ready(one, inputs.Fetched({})) for one in near)
    if far:
        # Last, and never in front of others: a stranger's server decides how long this takes.
        _start_far(far)
    return True


def _needs_files(prediction: Prediction) -> bool:
    """Whether files must be fetched or read first; an upstream fetches by itself what strangers' addresses name."""
    if strays.is_upstream(prediction.provider):
        return inputs.named_here(prediction)
    return bool(inputs.named(prediction.version, prediction.input))


def _ready(one: Claimed, found: inputs.Fetched) -> starting.Ready:
    prediction = one.prediction
    if strays.is_upstream(prediction.provider):
        given, files = found.apart(prediction.version, prediction.input)
        return starting.Ready(one, given, files)
    return starting.Ready(one, found.into(prediction.input))


def _start_far(claimed: list[Claimed]) -> None:
    """Start those whose inputs name files elsewhere; more than a few at once go back to wait for the next round."""
    for one in claimed[FETCHED_AT_ONCE:]:
        lifecycle.unclaim(one.prediction, one.claim)
    mine = [
        one
        for one in claimed[:FETCHED_AT_ONCE]
        if lifecycle.renew_start(one.prediction, one.claim, inputs.FETCH_S)
    ]
    found = inputs.bring([one.prediction for one in mine])
    for one, outcome in zip(mine, found, strict=True):
        if isinstance(outcome, inputs.NotFetched):
            lifecycle.fail(one.prediction.pk, str(outcome), claim=one.claim)
        elif isinstance(outcome, BaseException):
            starting.report(one, outcome)
        elif lifecycle.renew_start(one.prediction, one.claim):
            # One by one: as data URIs in JSON the files take several times their size.
            starting.hand_over([_ready(one, outcome)])


# -- collect -------------------------------------------------------------------------------------------------


def _collect_round() -> bool:
    claimed = lifecycle.claim_results(1)
    for one in claimed:
        _collect_one(one)
    return bool(claimed)


def _growing_round() -> bool:
    collecting.show_growing()
    return False


def _collect_one(one: Claimed) -> None:
    prediction, claim = one.prediction, one.claim
    provider = _provider_of(prediction)
    try:
        found = collecting.prepare(prediction, claim, provider)
    except collecting.Gone:
        if provider is not None and not strays.is_upstream(provider.name) and provider.start_is_idempotent:
            lifecycle.lost(prediction, claim)
        else:
            lifecycle.fail(prediction.pk, collecting.GONE, claim=claim)
        return
    except collecting.Unusable as error:
        lifecycle.fail(
            prediction.pk, f"The result could not be used: {error}. Nothing was charged.", claim=claim
        )
        return
    except ProviderError as error:
        # The lease ends soon and the result is fetched again; the third time it is failed.
        log.warning("collect_interrupted", prediction=prediction.public_id, reason=str(error))
        return
    if found.is_waited_for and lifecycle.collect_later(prediction, claim, *collecting.pause(prediction)):
        log.info("collect_later", prediction=prediction.public_id, reason=found.reason)
        return
    if not found.is_enough:
        lifecycle.fail(prediction.pk, collecting.GONE, claim=claim)
        return
    if lifecycle.succeed(prediction, claim, found.outputs, found.value, found.note) and provider is not None:
        asyncio.run(calling_off.release(provider, calling_off.job_of(prediction)))


def _provider_of(prediction: Prediction) -> Provider | None:
    try:
        return providers.provider(prediction.provider)
    except UnknownProvider:
        return None
