"""Records the outcomes of starts: accepted, finished at once, refused, or without a response.

A clearly refused start goes to the next provider; one that may have been accepted is never sent to another.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import structlog
from django.db import transaction
from django.db.models import DurationField, ExpressionWrapper, F

from core.clock import Now
from core.http import request_ids
from predictions import lifecycle
from predictions.dispatch import provider_lookup, routing
from predictions.execution import final_states
from predictions.lifecycle import Claimed, messages
from predictions.lifecycle.claims import work_limit
from predictions.models import Prediction, UpstreamRun
from predictions.providers.base import AnswerLost, Job, Order, Provider, ProviderError, Update
from predictions.upstreams import circuits, run_records

log = structlog.get_logger(__name__)

BUSY_S = 1.0
LONGEST_REST_S = 20.0
REPEATS_S = 120.0
"""Seconds after the first attempt during which a start whose response was lost is repeated."""
FIRST_REPEAT_S = 3.0

NOT_ACCEPTED = "The provider did not accept this request."
UNKNOWN_THERE = "No service that this server may use knows this model."
NO_ROOM = "The services that run this model have no room for it at present; try again later."
NO_CHANNEL_PAUSE_S = 5.0
CHANNEL_TRIES = 3
"""Refusals for lack of a channel by one upstream for one prediction, after which that counts as permanent."""

Outcome = Job | Update | BaseException


@dataclass(frozen=True)
class PendingStart:
    """One pending start."""

    claimed: Claimed
    provider: Provider
    order: Order = field(repr=False)
    limit_s: float
    run: UpstreamRun | None = None
    repeated: bool = False
    """Whether it was sent before without a response: then a refusal does not prove that no job runs."""

    @property
    def prediction(self) -> Prediction:
        return self.claimed.prediction


def record(start: PendingStart, outcome: Outcome, took_ms: int, room: bool) -> bool:
    """Store the outcome. Returns whether this worker now has to collect the result, which takes `room`.

    Idempotent: each write is conditional on the claim, or on the state of the run.
    """
    if start.run is None:
        return _record_engine_start(start, outcome, room)
    return _record_upstream_start(start, start.run, outcome, took_ms, room)


def record_unsent(claimed: Claimed, outcome: BaseException) -> None:
    """Handle a start that failed before anything was sent."""
    with request_ids.bound(claimed.prediction.request_id):
        if isinstance(outcome, ProviderError) and not outcome.permanent:
            lifecycle.release(claimed.prediction, claimed.claim, outcome.retry_after or BUSY_S)
        else:
            # The claim stays and counts: after three such attempts the prediction is failed.
            log.error("start_broke", prediction=claimed.prediction.public_id, exc_info=outcome)


def _record_engine_start(start: PendingStart, outcome: Outcome, room: bool) -> bool:
    prediction, claim = start.prediction, start.claimed.claim
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
        record_unsent(start.claimed, outcome)
    return False


def _begin_finished(start: PendingStart, update: Update, room: bool) -> bool:
    """Handle a provider whose response is already final: begin, then do what the watcher would have done."""
    prediction, job = start.prediction, Job(id=start.prediction.provider_key)
    if update.kind == "succeeded":
        update = final_states.for_members(final_states.with_inline_files_stored(update))
        begun = lifecycle.begin_finished(prediction, start.claimed.claim, job, update, to_be_fetched=not room)
        return begun and room
    if lifecycle.begin(prediction, start.claimed.claim, job, work_limit(prediction)):
        final_states.finish(prediction, update)
    return False


def _record_upstream_start(
    start: PendingStart, run: UpstreamRun, outcome: Outcome, took_ms: int, room: bool
) -> bool:
    if isinstance(outcome, Job):
        _accepted(start, run, outcome, took_ms)
        circuits.succeeded(start.provider.name)
    elif isinstance(outcome, Update) and outcome.is_final:
        must_collect = _finished(start, run, outcome, took_ms, room)
        circuits.succeeded(start.provider.name)
        return must_collect
    elif isinstance(outcome, ProviderError):
        _count_and_fail(start, run, outcome, took_ms)
    else:
        error = outcome if isinstance(outcome, BaseException) else None
        log.error("start_broke", prediction=start.prediction.public_id, exc_info=error)
        _answer_lost(start, run, AnswerLost("The answer could not be understood."))
    return False


def _accepted(start: PendingStart, run: UpstreamRun, job: Job, took_ms: int) -> None:
    prediction = start.prediction
    with transaction.atomic():
        begun = lifecycle.begin(prediction, start.claimed.claim, job, work_limit(prediction))
        # If another worker holds the claim by now, its start gets the same job, and it reports.
        if begun or lifecycle.note_late_job(prediction, job):
            run_records.accepted(run, job.id, took_ms)
    if not begun:
        log.info("start_came_late", prediction=prediction.public_id, job=job.id)


def _finished(start: PendingStart, run: UpstreamRun, update: Update, took_ms: int, room: bool) -> bool:
    """Handle a response that is the result itself. Returns whether this worker has to collect it."""
    prediction, claim, job = start.prediction, start.claimed.claim, Job(id=update.job_id)
    update = final_states.with_inline_files_stored(update)
    if update.kind != "succeeded":
        with transaction.atomic():
            if not lifecycle.begin(prediction, claim, job, work_limit(prediction)):
                final_states.drop(prediction, run, update)
                return False
            run_records.accepted(run, "", took_ms)
            final_states.finish(prediction, update)
        return False
    public = final_states.for_members(update)
    with transaction.atomic():
        begun = lifecycle.begin_finished(prediction, claim, job, public, to_be_fetched=not room)
        if begun:
            final_states.note(run, update, UpstreamRun.Outcome.SUCCEEDED, took_ms)
        else:
            final_states.drop(prediction, run, update)
    return begun and room


def _count_and_fail(start: PendingStart, run: UpstreamRun, error: ProviderError, took_ms: int) -> None:
    """Count the error against the upstream's key in the transaction that updates the run, so only once."""
    after_commit = None
    with transaction.atomic():
        if run_records.is_sent(run):
            after_commit = circuits.count_failure(start.provider.name, error)
        _failed(start, run, error, took_ms)
    if after_commit is not None:
        after_commit()


def _failed(start: PendingStart, run: UpstreamRun, error: ProviderError, took_ms: int) -> None:
    callers_fault = error.kind in ("safety", "bad_input")
    if isinstance(error, AnswerLost) or not (error.refused or callers_fault or error.permanent):
        _answer_lost(start, run, error)
    elif start.repeated and not (callers_fault or error.kind == "permanent"):
        # The first attempt may be running after all: no other provider may get it.
        _answer_lost(start, run, error)
    elif callers_fault:
        _decline(start, run, error, error.words or NOT_ACCEPTED, took_ms)
    elif error.kind == "permanent" or (error.permanent and error.kind == "transient"):
        _unknown_model(start, run, error, took_ms)
    elif error.kind == "channel":
        _no_channel(start, run, error, took_ms)
    else:
        _try_next(start, run, error, took_ms)


def _answer_lost(start: PendingStart, run: UpstreamRun, error: ProviderError) -> None:
    """Handle a start that may or may not have been accepted: repeat it where that is safe, else fail."""
    prediction, claim = start.prediction, start.claimed.claim
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
    elapsed = UpstreamRun.objects.filter(pk=run.pk).annotate(age=age).values_list("age", flat=True).get()
    passed = max(0.0, elapsed.total_seconds())
    pause = max(FIRST_REPEAT_S, 2 * passed)
    return pause if passed + pause <= REPEATS_S else None


def _decline(start: PendingStart, run: UpstreamRun, error: ProviderError, message: str, took_ms: int) -> None:
    log.info(
        "start_refused", prediction=start.prediction.public_id, provider=start.provider.name, kind=error.kind
    )
    with transaction.atomic():
        lifecycle.fail(start.prediction.pk, message, claim=start.claimed.claim, closed=True)
        run_records.refused(run, error, took_ms)


def _unknown_model(start: PendingStart, run: UpstreamRun, error: ProviderError, took_ms: int) -> None:
    """Permanent refusal by this upstream: rest the route and try the next upstream, if any."""
    prediction = start.prediction
    log.warning(
        "start_refused", prediction=prediction.public_id, provider=start.provider.name, reason=str(error)
    )
    circuits.rest_route(start.provider.name, prediction.model_id, str(error))
    if _all_refused(start):
        _decline(start, run, error, UNKNOWN_THERE, took_ms)
    else:
        _release(start, run, error, took_ms, 0.0)


def _no_channel(start: PendingStart, run: UpstreamRun, error: ProviderError, took_ms: int) -> None:
    """A gateway without a channel for this model: rest the route for a minute and try the next upstream."""
    prediction, name = start.prediction, start.provider.name
    log.warning("start_found_nobody", prediction=prediction.public_id, provider=name, reason=str(error))
    circuits.rest_route(name, prediction.model_id, str(error), error.retry_after or circuits.CHANNEL_REST_S)
    if _all_refused(start, error.kind):
        _decline(start, run, error, NO_ROOM, took_ms)
    else:
        _release(start, run, error, took_ms, _pause(prediction, NO_CHANNEL_PAUSE_S))


def _all_refused(start: PendingStart, kind: str = "permanent") -> bool:
    """Whether every eligible provider refused permanently, or too often for lack of a channel.

    Includes the one that has just refused, with an error of that `kind`.
    """
    refused = UpstreamRun.objects.filter(prediction=start.prediction, outcome=UpstreamRun.Outcome.REFUSED)
    counts = Counter([*refused.values_list("upstream__name", "error_kind"), (start.provider.group, kind)])

    def is_exhausted(name: str) -> bool:
        return counts[name, "permanent"] > 0 or counts[name, "channel"] >= CHANNEL_TRIES

    return all(is_exhausted(provider.group) for provider in _eligible_providers(start.prediction))


def _try_next(start: PendingStart, run: UpstreamRun, error: ProviderError, took_ms: int) -> None:
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
    beyond = refusals - len(_eligible_providers(prediction))
    return 0.0 if beyond < 0 else min(first_s * 2.0 ** min(beyond, 10), LONGEST_REST_S)


def _release(
    start: PendingStart, run: UpstreamRun, error: ProviderError, took_ms: int, seconds: float
) -> None:
    with transaction.atomic():
        lifecycle.release(start.prediction, start.claimed.claim, seconds, new_key=True)
        run_records.refused(run, error, took_ms)


def _eligible_providers(prediction: Prediction) -> list[Provider]:
    model = prediction.model
    wanted = routing.Wanted(model.ref, model.engine_last_resort)
    return routing.eligible_providers(provider_lookup.all_providers(), wanted)
