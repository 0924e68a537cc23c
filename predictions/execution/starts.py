"""Starts claimed predictions at providers and handles the responses.

Each start at an upstream has its own row (`UpstreamRun`), written before anything is sent, so that after a worker is
killed it is known whether a job may be running there. A clearly refused start goes to the next provider; one that may
have been accepted is never sent to another.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import structlog
from django.db import transaction
from django.db.models import DurationField, ExpressionWrapper, F

from core.clock import Now
from core.db import retry
from core.http import request_ids
from core.net import tracebacks
from predictions import availability, lifecycle
from predictions.dispatch import provider_lookup, routing
from predictions.execution import final_states
from predictions.execution.collector import ResultCollector
from predictions.lifecycle import Claimed, messages, strays
from predictions.lifecycle.claims import work_limit
from predictions.models import Prediction, UpstreamRun
from predictions.providers.base import AnswerLost, InputFile, Job, Order, Provider, ProviderError, Update
from predictions.providers.registry import UnknownProvider
from predictions.upstreams import budget, circuits, run_records

log = structlog.get_logger(__name__)

BUSY_S = 1.0
LONGEST_REST_S = 20.0
LONGEST_START_S = 40.0
"""The most seconds of one start, whatever is configured: a queue task has its own limit."""
REPEATS_S = 120.0
"""Seconds after the first attempt during which a start whose response was lost is repeated."""
FIRST_REPEAT_S = 3.0

NOT_ACCEPTED = "The provider did not accept this request."
UNKNOWN_THERE = "No service that this server may use knows this model."
NO_ROOM = "The services that run this model have no room for it at present; try again later."
NOBODY_S = 5.0
CHANNEL_TRIES = 3
"""Refusals for lack of a channel by one upstream for one prediction, after which that counts as permanent."""

Outcome = Job | Update | BaseException


@dataclass(frozen=True)
class Ready:
    """A claimed prediction with the input to send, and the files to send with it."""

    one: Claimed
    input: dict[str, Any] = field(repr=False)
    files: dict[str, InputFile] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class _Start:
    """One pending start."""

    one: Claimed
    provider: Provider
    order: Order = field(repr=False)
    limit_s: float
    run: UpstreamRun | None = None
    repeated: bool = False
    """Whether it was sent before without a response: then a refusal does not prove that no job runs."""

    @property
    def prediction(self) -> Prediction:
        return self.one.prediction


def hand_over(ready: Iterable[Ready], home: ResultCollector) -> None:
    """Send starts to their providers concurrently; handle each response as it arrives.

    Results contained in a response are collected at once, while there is room. Wait with `home.until_done`.
    """
    for one in ready:
        with request_ids.bound(one.one.prediction.request_id):
            start = _begun(one)
            if start is not None:
                home.calls.add(_send(start), partial(_came_back, start, home), start.provider)


def _came_back(start: _Start, home: ResultCollector, answer: tuple[Outcome, int]) -> None:
    outcome, took_ms = answer
    log.info(
        "start_answered",
        prediction=start.prediction.public_id,
        provider=start.provider.name,
        ms=took_ms,
        answer=type(outcome).__name__,
    )
    room = home.has_room()
    try:
        mine = retry.run(partial(_report, start, outcome, took_ms, room))
    except Exception:
        # The claim stays until its lease expires: an error here must not stop the other starts.
        log.exception("start_report_broke", prediction=start.prediction.public_id)
        return
    if mine:
        home.bring(start.one)


def _report(start: _Start, outcome: Outcome, took_ms: int, room: bool) -> bool:
    """Store the outcome. Returns whether this worker now has to collect the result, which takes `room`.

    Idempotent: each write is conditional on the claim, or on the state of the run.
    """
    if start.run is None:
        return _report_engine(start, outcome, room)
    return _report_upstream(start, start.run, outcome, took_ms, room)


async def _send(start: _Start) -> tuple[Outcome, int]:
    """The outcome and the milliseconds that it took. Never raises: an exception is returned as the outcome."""
    began = time.monotonic()
    outcome = await _outcome(start)
    return outcome, int((time.monotonic() - began) * 1000)


async def _outcome(start: _Start) -> Outcome:
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


# -- before sending ------------------------------------------------------------------------------------------


def _begun(ready: Ready) -> _Start | None:
    """The start to send, with its row where it goes to an upstream; None where it cannot be sent now."""
    try:
        start = retry.run(partial(_prepared, ready))
        if start is None or not start.provider.is_remote:
            return start
        # Read before the first attempt: a row that an attempt of our own left behind was never sent.
        known = retry.run(partial(strays.run_of, start.prediction))
        start = replace(start, repeated=known is not None and known.outcome in strays.UNANSWERED)
        anew = partial(_reserved, start, anew=known is None)
        return retry.run(anew, again=partial(_reserved, start, anew=False))
    except Exception:
        # The claim stays until its lease expires: an error here must stop neither other nor pending starts.
        log.exception("start_broke", prediction=ready.one.prediction.public_id)
        return None


def _prepared(ready: Ready) -> _Start | None:
    prediction, claim = ready.one.prediction, ready.one.claim
    try:
        provider = provider_lookup.provider(prediction.provider)
    except UnknownProvider:
        lifecycle.release(prediction, claim, BUSY_S)
        return None
    order = Order(
        key=prediction.provider_key,
        model=prediction.model.ref,
        version=prediction.version_id,
        input={name: value for name, value in ready.input.items() if value is not None},
        deadline_s=work_limit(prediction),
        files=ready.files,
    )
    return _Start(ready.one, provider, order, _limit_of(provider, order))


def _limit_of(provider: Provider, order: Order) -> float:
    return min(provider.start_limit_s(order) + BUSY_S, LONGEST_START_S)


def _reserved(start: _Start, *, anew: bool) -> _Start | None:
    prediction, claim = start.prediction, start.one.claim
    # Longer than the response may take; a prediction canceled in the meantime is not sent at all.
    mine = partial(lifecycle.renew_start, prediction, claim, start.limit_s)
    try:
        run = run_records.reserve(prediction, start.provider.name, mine, anew=anew)
    except run_records.NotYours:
        return None
    except run_records.CapReached as error:
        log.info("cap_reached", prediction=prediction.public_id, reason=str(error))
        budget.forget()
        if availability.is_capped(prediction.model):
            lifecycle.fail(prediction.pk, availability.CAP_REACHED, claim=claim, closed=True)
        else:
            lifecycle.release(prediction, claim, 0.0)
        return None
    except UnknownProvider:
        lifecycle.release(prediction, claim, BUSY_S)
        return None
    return replace(start, run=run)


# -- responses -----------------------------------------------------------------------------------------------


def report(one: Claimed, outcome: BaseException) -> None:
    """Handle a start that failed before anything was sent."""
    with request_ids.bound(one.prediction.request_id):
        if isinstance(outcome, ProviderError) and not outcome.permanent:
            lifecycle.release(one.prediction, one.claim, outcome.retry_after or BUSY_S)
        else:
            # The claim stays and counts: after three such attempts the prediction is failed.
            log.error("start_broke", prediction=one.prediction.public_id, exc_info=outcome)


def _report_engine(start: _Start, outcome: Outcome, room: bool) -> bool:
    prediction, claim = start.prediction, start.one.claim
    if isinstance(outcome, Job):
        if not lifecycle.begin(prediction, claim, outcome, work_limit(prediction)):
            log.info("start_came_late", prediction=prediction.public_id)
    elif isinstance(outcome, Update):
        return _begin_finished(start, outcome, room)
    elif isinstance(outcome, AnswerLost):
        # The claim stays: when its lease expires, the start is repeated there with the same key.
        log.warning("start_answer_lost", prediction=prediction.public_id, provider=prediction.provider)
    elif isinstance(outcome, ProviderError) and outcome.permanent:
        log.warning("start_refused", prediction=prediction.public_id, reason=str(outcome))
        lifecycle.fail(prediction.pk, NOT_ACCEPTED, claim=claim)
    else:
        report(start.one, outcome)
    return False


def _begin_finished(start: _Start, update: Update, room: bool) -> bool:
    """Handle a provider whose response is already final: begin, then do what the watcher would have done."""
    prediction, job = start.prediction, Job(id=start.prediction.provider_key)
    if update.kind == "succeeded":
        update = final_states.for_members(final_states.with_files_kept(update))
        begun = lifecycle.begin_finished(prediction, start.one.claim, job, update, to_be_fetched=not room)
        return begun and room
    if lifecycle.begin(prediction, start.one.claim, job, work_limit(prediction)):
        final_states.finish(prediction, update)
    return False


def _report_upstream(start: _Start, run: UpstreamRun, outcome: Outcome, took_ms: int, room: bool) -> bool:
    if isinstance(outcome, Job):
        _accepted(start, run, outcome, took_ms)
        circuits.succeeded(start.provider.name)
    elif isinstance(outcome, Update) and outcome.is_final:
        mine = _finished(start, run, outcome, took_ms, room)
        circuits.succeeded(start.provider.name)
        return mine
    elif isinstance(outcome, ProviderError):
        _count_and_fail(start, run, outcome, took_ms)
    else:
        trouble = outcome if isinstance(outcome, BaseException) else None
        log.error("start_broke", prediction=start.prediction.public_id, exc_info=trouble)
        _answer_lost(start, run, AnswerLost("The answer could not be understood."))
    return False


def _accepted(start: _Start, run: UpstreamRun, job: Job, took_ms: int) -> None:
    prediction = start.prediction
    with transaction.atomic():
        begun = lifecycle.begin(prediction, start.one.claim, job, work_limit(prediction))
        # If another worker holds the claim by now, its start gets the same job, and it reports.
        if begun or lifecycle.note_late_job(prediction, job):
            run_records.accepted(run, job.id, took_ms)
    if not begun:
        log.info("start_came_late", prediction=prediction.public_id, job=job.id)


def _finished(start: _Start, run: UpstreamRun, update: Update, took_ms: int, room: bool) -> bool:
    """Handle a response that is the result itself. Returns whether this worker has to collect it."""
    prediction, claim, job = start.prediction, start.one.claim, Job(id=update.job_id)
    update = final_states.with_files_kept(update)
    if update.kind != "succeeded":
        with transaction.atomic():
            if not lifecycle.begin(prediction, claim, job, work_limit(prediction)):
                final_states.drop(prediction, run, update)
                return False
            run_records.accepted(run, "", took_ms)
            final_states.finish(prediction, update)
        return False
    shown = final_states.for_members(update)
    with transaction.atomic():
        begun = lifecycle.begin_finished(prediction, claim, job, shown, to_be_fetched=not room)
        if begun:
            final_states.note(run, update, UpstreamRun.Outcome.SUCCEEDED, took_ms)
        else:
            final_states.drop(prediction, run, update)
    return begun and room


def _count_and_fail(start: _Start, run: UpstreamRun, error: ProviderError, took_ms: int) -> None:
    """Count the error against the upstream's key in the transaction that updates the run, so only once."""
    told = None
    with transaction.atomic():
        if run_records.is_sent(run):
            told = circuits.count_failure(start.provider.name, error)
        _failed(start, run, error, took_ms)
    if told is not None:
        told()


def _failed(start: _Start, run: UpstreamRun, error: ProviderError, took_ms: int) -> None:
    own_fault = error.kind in ("safety", "bad_input")
    if isinstance(error, AnswerLost) or not (error.refused or own_fault or error.permanent):
        _answer_lost(start, run, error)
    elif start.repeated and not (own_fault or error.kind == "permanent"):
        # The first attempt may be running after all: no other provider may get it.
        _answer_lost(start, run, error)
    elif own_fault:
        _decline(start, run, error, error.words or NOT_ACCEPTED, took_ms)
    elif error.kind == "permanent" or (error.permanent and error.kind == "transient"):
        _unknown_there(start, run, error, took_ms)
    elif error.kind == "channel":
        _nobody_there(start, run, error, took_ms)
    else:
        _go_on(start, run, error, took_ms)


def _answer_lost(start: _Start, run: UpstreamRun, error: ProviderError) -> None:
    """Handle a start that may or may not have been accepted: repeat it where that is safe, else fail."""
    prediction, claim = start.prediction, start.one.claim
    seconds = _next_repeat(run) if start.provider.start_is_idempotent else None
    fields = {"prediction": prediction.public_id, "provider": prediction.provider, "reason": str(error)}
    if seconds is not None:
        with transaction.atomic():
            run_records.lost(run, error)
            lifecycle.pin(prediction, claim, seconds)
        log.warning("start_answer_lost", again_in_s=round(seconds, 1), **fields)
        return
    with transaction.atomic():
        lifecycle.fail(prediction.pk, messages.ANSWER_LOST, claim=claim, closed=True)
        run_records.lost(run, error)
    log.error("possible_stray", **fields)


def _next_repeat(run: UpstreamRun) -> float | None:
    """Seconds until the same start is repeated: 3, 9, 27 and 81 s; None after the last attempt."""
    age = ExpressionWrapper(Now() - F("sent_at"), output_field=DurationField())
    gone = UpstreamRun.objects.filter(pk=run.pk).annotate(age=age).values_list("age", flat=True).get()
    passed = max(0.0, gone.total_seconds())
    pause = max(FIRST_REPEAT_S, 2 * passed)
    return pause if passed + pause <= REPEATS_S else None


def _decline(start: _Start, run: UpstreamRun, error: ProviderError, words: str, took_ms: int) -> None:
    log.info(
        "start_refused", prediction=start.prediction.public_id, provider=start.provider.name, kind=error.kind
    )
    with transaction.atomic():
        lifecycle.fail(start.prediction.pk, words, claim=start.one.claim, closed=True)
        run_records.refused(run, error, took_ms)


def _unknown_there(start: _Start, run: UpstreamRun, error: ProviderError, took_ms: int) -> None:
    """Permanent refusal by this upstream: rest the route and try the next upstream, if any."""
    prediction = start.prediction
    log.warning(
        "start_refused", prediction=prediction.public_id, provider=start.provider.name, reason=str(error)
    )
    circuits.rest_route(start.provider.name, prediction.model_id, str(error))
    if _asked_in_vain(start):
        _decline(start, run, error, UNKNOWN_THERE, took_ms)
    else:
        _release(start, run, error, took_ms, 0.0)


def _nobody_there(start: _Start, run: UpstreamRun, error: ProviderError, took_ms: int) -> None:
    """A gateway without a channel for this model: rest the route for a minute and try the next upstream."""
    prediction, name = start.prediction, start.provider.name
    log.warning("start_found_nobody", prediction=prediction.public_id, provider=name, reason=str(error))
    circuits.rest_route(name, prediction.model_id, str(error), error.retry_after or circuits.CHANNEL_REST_S)
    if _asked_in_vain(start, error.kind):
        _decline(start, run, error, NO_ROOM, took_ms)
    else:
        _release(start, run, error, took_ms, _pause(prediction, NOBODY_S))


def _asked_in_vain(start: _Start, kind: str = "permanent") -> bool:
    """Whether every eligible provider refused permanently, or too often for lack of a channel.

    Includes the one that has just refused, with an error of that `kind`.
    """
    refused = UpstreamRun.objects.filter(prediction=start.prediction, outcome=UpstreamRun.Outcome.REFUSED)
    said = Counter([*refused.values_list("upstream__name", "error_kind"), (start.provider.group, kind)])

    def hopeless(name: str) -> bool:
        return said[name, "permanent"] > 0 or said[name, "channel"] >= CHANNEL_TRIES

    return all(hopeless(one.group) for one in _serving(start.prediction))


def _go_on(start: _Start, run: UpstreamRun, error: ProviderError, took_ms: int) -> None:
    """Temporary refusal (key, quota, rate limit, outage): try each other provider at once, then all with pauses."""
    prediction = start.prediction
    pause = _pause(prediction, 0.5)
    log.info(
        "start_goes_on",
        prediction=prediction.public_id,
        provider=start.provider.name,
        kind=error.kind,
        reason=str(error),
        again_in_s=pause,
    )
    _release(start, run, error, took_ms, pause)


def _pause(prediction: Prediction, first_s: float) -> float:
    """Seconds until the next attempt: 0 while other providers are untried, then longer each time."""
    refusals = prediction.upstream_runs.filter(outcome=UpstreamRun.Outcome.REFUSED).count() + 1
    beyond = refusals - len(_serving(prediction))
    return 0.0 if beyond < 0 else min(first_s * 2.0 ** min(beyond, 10), LONGEST_REST_S)


def _release(start: _Start, run: UpstreamRun, error: ProviderError, took_ms: int, seconds: float) -> None:
    with transaction.atomic():
        lifecycle.release(start.prediction, start.one.claim, seconds, new_key=True)
        run_records.refused(run, error, took_ms)


def _serving(prediction: Prediction) -> list[Provider]:
    model = prediction.model
    wanted = routing.Wanted(model.ref, model.engine_last_resort)
    return routing.eligible_providers(provider_lookup.all_providers(), wanted)
