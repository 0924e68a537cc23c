"""Queue tasks start, collect and cancel: they claim due predictions, call the providers and report to lifecycle.

A task carries no payload but its kind. Each is safe to run twice and ends far below the queue's time limit, because
every call inside has a smaller one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import structlog
from django.db import close_old_connections

from core.db import retry
from predictions import lifecycle
from predictions.dispatch import provider_lookup
from predictions.execution import cancellations, partial_outputs, start_outcomes, starts
from predictions.execution.collector import MAX_CONCURRENT, ResultCollector
from predictions.execution.concurrency import turns
from predictions.execution.provider_calls import Calls, calls
from predictions.inputs import fetch
from predictions.inputs.fetch import Fetched, FetchJob, NotFetched
from predictions.lifecycle import Claimed
from predictions.models import Prediction

log = structlog.get_logger(__name__)

ROUND_S = 12.0
"""Seconds after which a round begins nothing new; with its longest call it stays below the queue's task timeout."""
BATCH = 16
INPUT_FETCH_LIMIT = 4
"""How many predictions have input files fetched together: each may hold images of 25 MB in memory."""


def start() -> None:
    """Task `start`: send waiting predictions to their providers until none is due or the round's time is over.

    A result that came with the response is fetched here at once: waking another worker would take longer.
    """
    with calls() as connections:
        _rounds(connections, _start_round, _collect_round)


def collect() -> None:
    """Task `collect`: fetch and store results until none is due or the round's time is over, then growing outputs."""
    with calls() as connections:
        _rounds(connections, _collect_round, _partial_round)


def cancel() -> None:
    """Task `cancel`: cancel provider jobs of predictions that have ended while the job may still be running."""
    cancellations.cancel_jobs(lifecycle.claim_strays())


def _rounds(connections: Calls, *kinds: Callable[[Calls, float], bool]) -> None:
    """Run each kind of round in turn until nothing of it is due, all of them within `ROUND_S`."""
    until = time.monotonic() + ROUND_S
    try:
        for run_round in kinds:
            while time.monotonic() < until and run_round(connections, until):
                pass
    finally:
        close_old_connections()


# -- start ---------------------------------------------------------------------------------------------------


def _start_round(connections: Calls, until: float) -> bool:
    # Most wake-ups find that another worker was first: those must not take the lock that others wait for.
    if not lifecycle.anybody_waits():
        return False
    with turns(provider_lookup.upstream_names()) as held:
        claimed = lifecycle.claim_starts(BATCH, closed=held.none_left)
        # An exception from here on would leave all of them claimed until their leases end: hence the
        # retries below.
        held.keep({_shown_name(item.prediction) for item in claimed})
        _start_claimed(claimed, ResultCollector(connections, until))
    return bool(claimed)


def _shown_name(prediction: Prediction) -> str:
    return retry.run(partial(provider_lookup.shown_name, prediction.provider)) or ""


def _start_claimed(claimed: list[Claimed], collector: ResultCollector) -> None:
    jobs = [(item, retry.run(partial(FetchJob.of, item.prediction))) for item in claimed]
    with_files = [pair for pair in jobs if retry.run(pair[1].is_needed)]
    without_files = [pair for pair in jobs if pair not in with_files]
    if without_files:
        starts.send((_start_request(item, job, Fetched({})) for item, job in without_files), collector)
        collector.until_done()
    if with_files:
        # Last, so that it delays no other prediction: a third party's server decides how long fetching
        # takes.
        _start_with_files(with_files, collector)


def _start_request(claimed: Claimed, job: FetchJob, fetched: Fetched) -> starts.StartRequest:
    if job.provider_fetches:
        urls, files = fetched.apart(job.files)
        return starts.StartRequest(claimed, urls, files)
    return starts.StartRequest(claimed, fetched.into(claimed.prediction.input))


def _start_with_files(claimed: list[tuple[Claimed, FetchJob]], collector: ResultCollector) -> None:
    """Fetch input files and start; what exceeds `INPUT_FETCH_LIMIT` is unclaimed and waits for the next round."""
    for item, _job in claimed[INPUT_FETCH_LIMIT:]:
        retry.run(partial(lifecycle.unclaim, item.prediction, item.claim))
    renewed = [pair for pair in claimed[:INPUT_FETCH_LIMIT] if _renewed(pair[0], fetch.FETCH_S)]
    outcomes = fetch.fetch_all([job for _item, job in renewed])
    for (item, job), outcome in zip(renewed, outcomes, strict=True):
        error = outcome.refused() if isinstance(outcome, Fetched) else ""
        if isinstance(outcome, NotFetched):
            error = str(outcome)
        if error:
            retry.run(partial(lifecycle.fail, item.prediction.pk, error, claim=item.claim))
        elif isinstance(outcome, BaseException):
            retry.run(partial(start_outcomes.record_unsent, item, outcome))
        elif _renewed(item):
            # One by one: as data URIs in JSON the files take several times their size.
            starts.send([_start_request(item, job, outcome)], collector)
            collector.until_done()


def _renewed(item: Claimed, seconds: float = 0.0) -> bool:
    return retry.run(partial(lifecycle.renew_start, item.prediction, item.claim, seconds))


# -- collect -------------------------------------------------------------------------------------------------


def _collect_round(connections: Calls, until: float) -> bool:
    claimed, collector = lifecycle.claim_results(MAX_CONCURRENT), ResultCollector(connections, until)
    for item in claimed:
        collector.collect(item)
    collector.until_done()
    # Fewer than the limit: nothing more was due, and whatever becomes due sends a wake-up.
    return len(claimed) == MAX_CONCURRENT


def _partial_round(connections: Calls, until: float) -> bool:
    partial_outputs.show_announced(connections)
    return False
