"""Bodies of the queue's tasks. A task carries only its kind: it looks what is due, claims, does, reports.

Each is safe to run twice and ends far below the queue's own time limit, because every call inside has a smaller one.
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
from predictions.execution import cancellations, partial_outputs, starts
from predictions.execution.collector import SIDE_BY_SIDE, ResultCollector
from predictions.execution.concurrency import turns
from predictions.execution.provider_calls import Calls, calls
from predictions.inputs import file_references
from predictions.lifecycle import Claimed, strays
from predictions.models import Prediction

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
    with calls() as mine:
        _rounds(mine, _start_round, _collect_round)


def collect() -> None:
    """Fetch and store results until none is due or the round is over; then what growing lists have got since."""
    with calls() as mine:
        _rounds(mine, _collect_round, _growing_round)


def cancel() -> None:
    """Call off what ended while its provider may still be working on it."""
    cancellations.call_off(lifecycle.claim_strays())


def _rounds(mine: Calls, *kinds: Callable[[Calls, float], bool]) -> None:
    """Each kind until nothing of it is due, all of them within the time of a round."""
    until = time.monotonic() + ROUND_S
    try:
        for one in kinds:
            while time.monotonic() < until and one(mine, until):
                pass
    finally:
        close_old_connections()


# -- start ---------------------------------------------------------------------------------------------------


def _start_round(mine: Calls, until: float) -> bool:
    # Most wake-ups find that another worker was first: they take no lock that others wait for.
    if not lifecycle.anybody_waits():
        return False
    with turns(provider_lookup.upstream_names()) as held:
        claimed = lifecycle.claim_starts(BATCH, closed=held.none_left)
        # Whatever is asked from here on would, where it broke off, leave all of them to the end of their leases.
        held.keep({_shown_name(one.prediction) for one in claimed})
        _start_claimed(claimed, ResultCollector(mine, until))
    return bool(claimed)


def _shown_name(prediction: Prediction) -> str:
    return retry.run(partial(provider_lookup.shown_name, prediction.provider)) or ""


def _start_claimed(claimed: list[Claimed], home: ResultCollector) -> None:
    far = [one for one in claimed if retry.run(partial(_needs_files, one.prediction))]
    near = [one for one in claimed if one not in far]
    if near:
        starts.hand_over((_ready(one, file_references.Fetched({})) for one in near), home)
        home.until_done()
    if far:
        # Last, and never in front of others: a stranger's server decides how long this takes.
        _start_far(far, home)


def _needs_files(prediction: Prediction) -> bool:
    """Whether files must be fetched or read first.

    An upstream fetches by itself what strangers' addresses name, where nothing is to be looked at before.
    """
    if strays.is_upstream(prediction.provider):
        return file_references.named_here(prediction) or file_references.looked_at_first(prediction)
    return bool(file_references.named(prediction.version, prediction.input))


def _ready(one: Claimed, found: file_references.Fetched) -> starts.Ready:
    prediction = one.prediction
    if strays.is_upstream(prediction.provider):
        given, files = found.apart(prediction.version, prediction.input)
        return starts.Ready(one, given, files)
    return starts.Ready(one, found.into(prediction.input))


def _start_far(claimed: list[Claimed], home: ResultCollector) -> None:
    """Start those whose inputs name files elsewhere; more than a few at once go back to wait for the next round."""
    for one in claimed[FETCHED_AT_ONCE:]:
        retry.run(partial(lifecycle.unclaim, one.prediction, one.claim))
    kept = [one for one in claimed[:FETCHED_AT_ONCE] if _renewed(one, file_references.FETCH_S)]
    found = file_references.bring([one.prediction for one in kept])
    for one, outcome in zip(kept, found, strict=True):
        refused = outcome.refused() if isinstance(outcome, file_references.Fetched) else ""
        if isinstance(outcome, file_references.NotFetched):
            refused = str(outcome)
        if refused:
            retry.run(partial(lifecycle.fail, one.prediction.pk, refused, claim=one.claim))
        elif isinstance(outcome, BaseException):
            retry.run(partial(starts.report, one, outcome))
        elif _renewed(one):
            # One by one: as data URIs in JSON the files take several times their size.
            starts.hand_over([_ready(one, outcome)], home)
            home.until_done()


def _renewed(one: Claimed, seconds: float = 0.0) -> bool:
    return retry.run(partial(lifecycle.renew_start, one.prediction, one.claim, seconds))


# -- collect -------------------------------------------------------------------------------------------------


def _collect_round(mine: Calls, until: float) -> bool:
    claimed, home = lifecycle.claim_results(SIDE_BY_SIDE), ResultCollector(mine, until)
    for one in claimed:
        home.bring(one)
    home.until_done()
    # Fewer than asked for: nothing more was due, and what becomes due wakes somebody.
    return len(claimed) == SIDE_BY_SIDE


def _growing_round(mine: Calls, until: float) -> bool:
    partial_outputs.show_growing(mine)
    return False
