"""Bodies of the queue's tasks. A task carries only its kind: it looks what is due, claims, does, reports.

Each is safe to run twice and ends far below the queue's own time limit, because every call inside has a smaller one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import structlog
from django.db import close_old_connections

from predictions import lifecycle
from predictions.lifecycle import Claimed
from predictions.lifecycle.claims import work_limit
from predictions.models import Prediction
from predictions.providers.base import AnswerLost, Job, Order, Provider, ProviderError, Update
from predictions.providers.registry import UnknownProvider
from predictions.running import collecting, inputs, providers

log = structlog.get_logger(__name__)

ROUND_S = 30.0
BATCH = 16
BUSY_S = 1.0
FETCHED_AT_ONCE = 4
"""Predictions whose inputs are fetched together: each may hold pictures of 25 MB in this worker."""


def start() -> None:
    """Hand waiting predictions to their providers until none is due or the round is over."""
    _rounds(_start_round)


def collect() -> None:
    """Fetch and store results until none is due or the round is over."""
    _rounds(_collect_round)


def cancel() -> None:
    """Call off what ended while its provider may still be working on it."""
    for prediction in lifecycle.claim_strays():
        if asyncio.run(_call_off(prediction)):
            lifecycle.stray_closed(prediction)


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
    far = [one for one in claimed if inputs.named(one.prediction.version, one.prediction.input)]
    near = [one for one in claimed if one not in far]
    if near:
        _hand_over([(one, one.prediction.input) for one in near])
    if far:
        # Last, and never in front of others: a stranger's server decides how long this takes.
        _start_far(far)
    return True


def _start_far(claimed: list[Claimed]) -> None:
    """Start those whose inputs name files elsewhere; more than a few at once go back to wait for the next round."""
    for one in claimed[FETCHED_AT_ONCE:]:
        lifecycle.release(one.prediction, one.claim, 0.0)
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
            _report_start(one, outcome)
        elif lifecycle.renew_start(one.prediction, one.claim):
            # One by one: as data URIs in JSON the files take several times their size.
            _hand_over([(one, outcome.into(one.prediction.input))])


def _hand_over(ready: list[tuple[Claimed, dict[str, Any]]]) -> None:
    """Give work to its providers, all of it side by side, with these inputs; report what became of each."""
    outcomes = asyncio.run(_start_all(ready))
    for (one, _given), outcome in zip(ready, outcomes, strict=True):
        _report_start(one, outcome)


async def _start_all(ready: list[tuple[Claimed, dict[str, Any]]]) -> list[Job | Update | BaseException]:
    starts = (_start_one(one.prediction, given) for one, given in ready)
    return await asyncio.gather(*starts, return_exceptions=True)


async def _start_one(prediction: Prediction, given: dict[str, Any]) -> Job | Update:
    provider = providers.provider(prediction.provider)
    order = Order(
        key=prediction.provider_key,
        model=prediction.model.ref,
        version=prediction.version_id,
        input={name: value for name, value in given.items() if value is not None},
        deadline_s=work_limit(prediction),
    )
    return await provider.start(order)


def _report_start(one: Claimed, outcome: Job | Update | BaseException) -> None:
    prediction, claim = one.prediction, one.claim
    if isinstance(outcome, Job):
        if not lifecycle.begin(prediction, claim, outcome, work_limit(prediction)):
            log.info("start_came_late", prediction=prediction.public_id)
    elif isinstance(outcome, Update):
        _report_finished_start(prediction, claim, outcome)
    elif isinstance(outcome, AnswerLost):
        # The claim stays: when its lease ends, the same key is sent again to the same provider.
        log.warning("start_answer_lost", prediction=prediction.public_id, provider=prediction.provider)
    elif isinstance(outcome, ProviderError) and not outcome.permanent:
        lifecycle.release(prediction, claim, outcome.retry_after or BUSY_S)
    elif isinstance(outcome, ProviderError):
        log.warning("start_refused", prediction=prediction.public_id, reason=str(outcome))
        lifecycle.fail(
            prediction.pk, "The provider did not accept this request. Nothing was charged.", claim=claim
        )
    elif isinstance(outcome, UnknownProvider):
        lifecycle.release(prediction, claim, BUSY_S)
    else:
        # The claim stays and counts: what breaks its worker three times is set aside.
        log.error("start_broke", prediction=prediction.public_id, exc_info=outcome)


def _report_finished_start(prediction: Prediction, claim: str, update: Update) -> None:
    """A provider that works while it answers: begin, then what the watcher would have done."""
    job = Job(id=prediction.provider_key)
    if lifecycle.begin(prediction, claim, job, work_limit(prediction)):
        finish(prediction, update)


def finish(prediction: Prediction, update: Update) -> None:
    """Report a final update of a running prediction."""
    if update.kind == "succeeded":
        lifecycle.store_result(prediction, update)
    elif update.kind == "lost":
        lifecycle.lost(prediction)
    elif update.kind == "failed":
        lifecycle.fail_running(prediction, update.error or "The run failed.", logs=update.logs)
    else:
        lifecycle.fail_running(
            prediction, "The provider canceled the run. Nothing was charged.", logs=update.logs
        )


# -- collect -------------------------------------------------------------------------------------------------


def _collect_round() -> bool:
    claimed = lifecycle.claim_results(1)
    for one in claimed:
        _collect_one(one)
    return bool(claimed)


def _collect_one(one: Claimed) -> None:
    prediction, claim = one.prediction, one.claim
    provider = _provider_of(prediction)
    try:
        prepared = collecting.prepare(prediction, claim, provider)
    except collecting.Gone:
        if provider is not None and provider.start_is_idempotent:
            lifecycle.lost(prediction, claim)
        else:
            lifecycle.fail(
                prediction.pk, "The finished files were gone before they could be stored.", claim=claim
            )
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
    value = (prediction.result or {}).get("value")
    if lifecycle.succeed(prediction, claim, prepared, value) and provider is not None:
        asyncio.run(_release(provider, _job(prediction)))


def _provider_of(prediction: Prediction) -> Provider | None:
    try:
        return providers.provider(prediction.provider)
    except UnknownProvider:
        return None


async def _release(provider: Provider, job: Job) -> None:
    try:
        await provider.release(job)
    except ProviderError as error:
        log.info("release_failed", reason=str(error))


# -- cancel --------------------------------------------------------------------------------------------------


async def _call_off(prediction: Prediction) -> bool:
    provider = _provider_of(prediction)
    if provider is None:
        return True
    try:
        stopped = await provider.cancel(_job(prediction))
        if stopped:
            await _release(provider, _job(prediction))
    except ProviderError as error:
        log.info("cancel_failed", prediction=prediction.public_id, reason=str(error))
        return False
    return stopped


def _job(prediction: Prediction) -> Any:
    return Job(id=prediction.job_id or prediction.provider_key, instance=prediction.job_instance)
