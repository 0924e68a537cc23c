"""Handing work over: what is sent, and what is made of the answer.

A start at an upstream has a row of its own, written before anything is sent, so that whoever comes after a killed
worker knows whether anything may be running there. What was plainly refused goes on to the next provider; what may have
been taken is never sent anywhere else.
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
"""Seconds of one start, whatever is configured: a task has its own limit."""
REPEATS_S = 120.0
"""Seconds after the first sending within which a start whose answer was lost is sent again."""
FIRST_REPEAT_S = 3.0

NOT_ACCEPTED = "The provider did not accept this request."
UNKNOWN_THERE = "No service that this server may use knows this model."
NO_ROOM = "The services that run this model have no room for it at present; try again later."
NOBODY_S = 5.0
CHANNEL_TRIES = 3
"""How often one upstream may say of one prediction that it has nobody for its model, before that is believed."""

Outcome = Job | Update | BaseException


@dataclass(frozen=True)
class Ready:
    """A claimed prediction with the input that goes out, and the files that go beside it."""

    one: Claimed
    input: dict[str, Any] = field(repr=False)
    files: dict[str, InputFile] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class _Start:
    """One start under way."""

    one: Claimed
    provider: Provider
    order: Order = field(repr=False)
    limit_s: float
    run: UpstreamRun | None = None
    repeated: bool = False
    """Whether it was sent before and never answered: then a refusal proves nothing."""

    @property
    def prediction(self) -> Prediction:
        return self.one.prediction


def hand_over(ready: Iterable[Ready], home: ResultCollector) -> None:
    """Give work to its providers, all of it side by side; report each as soon as its answer is there.

    What had its result in its answer is brought home at once, as long as there is room. Wait with `home.until_done`.
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
        # The claim stays, and its lease ends: one that breaks its report stops no other.
        log.exception("start_report_broke", prediction=start.prediction.public_id)
        return
    if mine:
        home.bring(start.one)


def _report(start: _Start, outcome: Outcome, took_ms: int, room: bool) -> bool:
    """Write what came of it; whether its result is now this worker's to be brought home, which takes `room`.

    Done twice it changes nothing more: each write asks for the claim, or for the state of the run.
    """
    if start.run is None:
        return _report_engine(start, outcome, room)
    return _report_upstream(start, start.run, outcome, took_ms, room)


async def _send(start: _Start) -> tuple[Outcome, int]:
    """The answer and the milliseconds that it took. Never raises: what was raised is the answer."""
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
        # With its traceback, for the log. No name of this frame holds it, which would hold the order with its files.
        return error


# -- before it is sent ---------------------------------------------------------------------------------------


def _begun(ready: Ready) -> _Start | None:
    """What is about to be sent, with its row where it goes to an upstream; None where it cannot go now."""
    try:
        start = retry.run(partial(_prepared, ready))
        if start is None or not start.provider.is_remote:
            return start
        # Asked before the first try: a row that a try of ours left behind was never sent.
        known = retry.run(partial(strays.run_of, start.prediction))
        start = replace(start, repeated=known is not None and known.outcome in strays.UNANSWERED)
        anew = partial(_reserved, start, anew=known is None)
        return retry.run(anew, again=partial(_reserved, start, anew=False))
    except Exception:
        # The claim stays, and its lease ends: one that cannot begin stops no other, nor what is under way.
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
    # Longer than the answer may take; and what was canceled meanwhile is not sent at all.
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


# -- what came back ------------------------------------------------------------------------------------------


def report(one: Claimed, outcome: BaseException) -> None:
    """A start that came to nothing before anything was sent."""
    with request_ids.bound(one.prediction.request_id):
        if isinstance(outcome, ProviderError) and not outcome.permanent:
            lifecycle.release(one.prediction, one.claim, outcome.retry_after or BUSY_S)
        else:
            # The claim stays and counts: what breaks its worker three times is set aside.
            log.error("start_broke", prediction=one.prediction.public_id, exc_info=outcome)


def _report_engine(start: _Start, outcome: Outcome, room: bool) -> bool:
    prediction, claim = start.prediction, start.one.claim
    if isinstance(outcome, Job):
        if not lifecycle.begin(prediction, claim, outcome, work_limit(prediction)):
            log.info("start_came_late", prediction=prediction.public_id)
    elif isinstance(outcome, Update):
        return _begin_finished(start, outcome, room)
    elif isinstance(outcome, AnswerLost):
        # The claim stays: when its lease ends, the same key is sent again to the same provider.
        log.warning("start_answer_lost", prediction=prediction.public_id, provider=prediction.provider)
    elif isinstance(outcome, ProviderError) and outcome.permanent:
        log.warning("start_refused", prediction=prediction.public_id, reason=str(outcome))
        lifecycle.fail(prediction.pk, NOT_ACCEPTED, claim=claim)
    else:
        report(start.one, outcome)
    return False


def _begin_finished(start: _Start, update: Update, room: bool) -> bool:
    """A provider that works while it answers: begin, then what the watcher would have done."""
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
        # Where another worker has it by now, that one is answered about the same job and tells.
        if begun or lifecycle.note_late_job(prediction, job):
            run_records.accepted(run, job.id, took_ms)
    if not begun:
        log.info("start_came_late", prediction=prediction.public_id, job=job.id)


def _finished(start: _Start, run: UpstreamRun, update: Update, took_ms: int, room: bool) -> bool:
    """The answer was the result itself. Whether it is now this worker's to be brought home."""
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
    """Count it against the key in the transaction that moves the run: a report made again finds it moved."""
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
        # The first sending may be running all the same: nobody else may have it.
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
    """Sent, and whether it was taken nobody knows: the same again where that is harmless, else the end."""
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
    """Seconds until the same start is sent again: after 3, 9, 27 and 81 s; None where it was sent often enough."""
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
    """It will never take this here: the route rests, and the next upstream is asked, where there is one."""
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
    """A gateway with nobody behind it for this model: the route rests for a minute, the next upstream is asked."""
    prediction, name = start.prediction, start.provider.name
    log.warning("start_found_nobody", prediction=prediction.public_id, provider=name, reason=str(error))
    circuits.rest_route(name, prediction.model_id, str(error), error.retry_after or circuits.CHANNEL_REST_S)
    if _asked_in_vain(start, error.kind):
        _decline(start, run, error, NO_ROOM, took_ms)
    else:
        _release(start, run, error, took_ms, _pause(prediction, NOBODY_S))


def _asked_in_vain(start: _Start, kind: str = "permanent") -> bool:
    """Whether every provider that could have it has said that it never will, or often enough that it has nobody for it.

    The one that has just said so, with an error of that `kind`, included.
    """
    refused = UpstreamRun.objects.filter(prediction=start.prediction, outcome=UpstreamRun.Outcome.REFUSED)
    said = Counter([*refused.values_list("upstream__name", "error_kind"), (start.provider.group, kind)])

    def hopeless(name: str) -> bool:
        return said[name, "permanent"] > 0 or said[name, "channel"] >= CHANNEL_TRIES

    return all(hopeless(one.group) for one in _serving(start.prediction))


def _go_on(start: _Start, run: UpstreamRun, error: ProviderError, took_ms: int) -> None:
    """Its key, its quota, its pace or its trouble: each other provider is asked at once, then all with pauses."""
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
    """Seconds until it is asked for again: none while others have not been asked, then longer each time."""
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
