"""Sends claimed predictions to their providers, all of a round concurrently.

Each start at an upstream has its own row (`UpstreamRun`), written before anything is sent, so that after a worker is
killed it is known whether a job may be running there. `start_outcomes` handles the responses.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import structlog

from core.db import retry
from core.http import request_ids
from core.net import tracebacks
from predictions import availability, lifecycle
from predictions.dispatch import provider_lookup
from predictions.execution import start_outcomes
from predictions.execution.collector import ResultCollector
from predictions.execution.start_outcomes import BUSY_S, Outcome, PendingStart
from predictions.lifecycle import Claimed, strays
from predictions.lifecycle.claims import work_limit
from predictions.providers.base import AnswerLost, InputFile, Order, Provider, ProviderError
from predictions.providers.registry import UnknownProvider
from predictions.upstreams import budget, run_records

log = structlog.get_logger(__name__)

LONGEST_START_S = 40.0
"""The most seconds of one start, whatever is configured: a queue task has its own limit."""


@dataclass(frozen=True)
class StartRequest:
    """A claimed prediction with the input to send, and the files to send with it."""

    claimed: Claimed
    input: dict[str, Any] = field(repr=False)
    files: dict[str, InputFile] = field(default_factory=dict, repr=False)


def send(requests: Iterable[StartRequest], collector: ResultCollector) -> None:
    """Send starts to their providers concurrently; handle each response as it arrives.

    Results contained in a response are collected at once, while there is room. Wait with `collector.until_done`.
    """
    for request in requests:
        with request_ids.bound(request.claimed.prediction.request_id):
            start = _prepare(request)
            if start is not None:
                collector.calls.add(_send(start), partial(_handle_response, start, collector), start.provider)


def _handle_response(start: PendingStart, collector: ResultCollector, response: tuple[Outcome, int]) -> None:
    outcome, took_ms = response
    log.info(
        "start_answered",
        prediction=start.prediction.public_id,
        provider=start.provider.name,
        ms=took_ms,
        answer=type(outcome).__name__,
    )
    room = collector.has_room()
    try:
        must_collect = retry.run(partial(start_outcomes.record, start, outcome, took_ms, room))
    except Exception:
        # The claim stays until its lease expires: an error here must not stop the other starts.
        log.exception("start_report_broke", prediction=start.prediction.public_id)
        return
    if must_collect:
        collector.collect(start.claimed)


async def _send(start: PendingStart) -> tuple[Outcome, int]:
    """The outcome and the milliseconds that it took. Never raises: an exception is returned as the outcome."""
    began = time.monotonic()
    outcome = await _outcome(start)
    return outcome, int((time.monotonic() - began) * 1000)


async def _outcome(start: PendingStart) -> Outcome:
    try:
        async with asyncio.timeout(start.limit_s):
            return await start.provider.start(start.order)
    except TimeoutError:
        return AnswerLost(f"No answer within {start.limit_s:.0f} seconds.")
    except ProviderError as error:
        return tracebacks.drop(error)
    except Exception as error:
        # With its traceback, for the log. Not bound to a variable, which would keep the files alive.
        return error


def _prepare(request: StartRequest) -> PendingStart | None:
    """The start to send, with its row where it goes to an upstream; None where it cannot be sent now."""
    try:
        start = retry.run(partial(_pending, request))
        if start is None or not start.provider.is_remote:
            return start
        # Read before the first attempt: a row that an attempt of our own left behind was never sent.
        known = retry.run(partial(strays.run_of, start.prediction))
        start = replace(start, repeated=known is not None and known.outcome in strays.UNANSWERED)
        first = partial(_reserve, start, anew=known is None)
        return retry.run(first, again=partial(_reserve, start, anew=False))
    except Exception:
        # The claim stays until its lease expires: an error here must stop neither other nor pending starts.
        log.exception("start_broke", prediction=request.claimed.prediction.public_id)
        return None


def _pending(request: StartRequest) -> PendingStart | None:
    prediction, claim = request.claimed.prediction, request.claimed.claim
    try:
        provider = provider_lookup.provider(prediction.provider)
    except UnknownProvider:
        lifecycle.release(prediction, claim, BUSY_S)
        return None
    order = Order(
        key=prediction.provider_key,
        model=prediction.model.ref,
        version=prediction.version_id,
        input={name: value for name, value in request.input.items() if value is not None},
        deadline_s=work_limit(prediction),
        files=request.files,
    )
    return PendingStart(request.claimed, provider, order, _start_limit_s(provider, order))


def _start_limit_s(provider: Provider, order: Order) -> float:
    return min(provider.start_limit_s(order) + BUSY_S, LONGEST_START_S)


def _reserve(start: PendingStart, *, anew: bool) -> PendingStart | None:
    prediction, claim = start.prediction, start.claimed.claim
    # Longer than the response may take; a prediction canceled in the meantime is not sent at all.
    renew = partial(lifecycle.renew_start, prediction, claim, start.limit_s)
    try:
        run = run_records.reserve(prediction, start.provider.name, renew, anew=anew)
    except run_records.NotYours:
        return None
    except run_records.CapReached as error:
        log.info("cap_reached", prediction=prediction.public_id, reason=str(error))
        budget.drop_cache()
        if availability.is_capped(prediction.model):
            lifecycle.fail(prediction.pk, availability.CAP_REACHED, claim=claim, closed=True)
        else:
            lifecycle.release(prediction, claim, 0.0)
        return None
    except UnknownProvider:
        lifecycle.release(prediction, claim, BUSY_S)
        return None
    return replace(start, run=run)
