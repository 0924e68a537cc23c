"""Calls off what ended here while its provider may still be working on it."""

from __future__ import annotations

import asyncio

import structlog
from django.db import transaction

from core.clock import after
from core.http import request_ids
from predictions import lifecycle
from predictions.dispatch import provider_lookup
from predictions.execution import final_states
from predictions.lifecycle import strays
from predictions.models import Prediction, UpstreamRun
from predictions.providers.base import Job, Provider, ProviderError, Update
from predictions.providers.registry import UnknownProvider

log = structlog.get_logger(__name__)

CALL_S = 20.0
"""Seconds for all of one round, which are asked side by side."""
ANSWER_S = 60.0
"""Seconds after a start was sent within which its answer, and with it the job's name, may still come."""
PATIENCE_S = 600.0
"""Seconds after the end for which an upstream is asked to stop; then it is a possible stray, for the operator."""


def call_off(ended: list[Prediction]) -> None:
    """Ask the providers of these ended predictions to stop, side by side; close those that surely have."""
    asked: list[tuple[Prediction, Provider]] = []
    for prediction in ended:
        provider = _provider_of(prediction)
        if provider is None:
            _close(prediction, None)
        elif not prediction.job_id and not provider.job_id_is_key:
            _wait_for_its_name(prediction)
        else:
            asked.append((prediction, provider))
    for (prediction, provider), (stopped, last) in zip(asked, asyncio.run(_ask_all(asked)), strict=True):
        if stopped:
            _close(prediction, last)
        elif provider.is_remote and _is_over(prediction):
            _give_up(prediction)


def job_of(prediction: Prediction, provider: Provider) -> Job:
    """The job as its provider knows it, by our own key where the provider does so and has not answered yet."""
    name = prediction.job_id
    if not name and provider.job_id_is_key:
        name = prediction.provider_key
    return Job(id=name, instance=prediction.job_instance)


async def _ask_all(asked: list[tuple[Prediction, Provider]]) -> list[tuple[bool, Update | None]]:
    return await asyncio.gather(*(_ask(prediction, provider) for prediction, provider in asked))


async def _ask(prediction: Prediction, provider: Provider) -> tuple[bool, Update | None]:
    """Whether it surely works on it no more, and, of an upstream, how it ended there."""
    with request_ids.bound(prediction.request_id):
        return await _ask_to_stop(prediction, provider)


async def _ask_to_stop(prediction: Prediction, provider: Provider) -> tuple[bool, Update | None]:
    job = job_of(prediction, provider)
    try:
        async with asyncio.timeout(CALL_S):
            if not await provider.cancel(job):
                return False, None
    except (ProviderError, TimeoutError) as error:
        log.info("cancel_failed", prediction=prediction.public_id, reason=str(error))
        return False, None
    last = await _last_state(provider, job) if provider.is_remote else None
    await release(provider, job)
    return True, last


async def _last_state(provider: Provider, job: Job) -> Update:
    """How it ended there; canceled, as it said, where it says no more."""
    try:
        async with asyncio.timeout(CALL_S):
            return await provider.check(job)
    except (ProviderError, TimeoutError):
        return Update("canceled")


async def release(provider: Provider, job: Job) -> None:
    """Tell a provider that its files are needed no more. What it says to that matters to nobody."""
    try:
        async with asyncio.timeout(CALL_S):
            await provider.release(job)
    except (ProviderError, TimeoutError) as error:
        log.info("release_failed", reason=str(error))


def _close(prediction: Prediction, last: Update | None) -> None:
    with transaction.atomic():
        lifecycle.stray_closed(prediction)
        run = strays.run_of(prediction)
        if run is None or last is None:
            return
        if last.kind == "lost" or not last.is_final:
            final_states.note(run, last, UpstreamRun.Outcome.CANCELED)
        else:
            final_states.drop(prediction, run, last)


def _wait_for_its_name(prediction: Prediction) -> None:
    """Canceled while it was being handed over: its worker notes the job when the answer comes."""
    run = strays.run_of(prediction)
    if run is not None and run.outcome in strays.UNANSWERED:
        if UpstreamRun.objects.filter(pk=run.pk, sent_at__gt=after(-ANSWER_S)).exists():
            return
        strays.note(prediction, "it ended here before the answer to its start came")
    _close(prediction, None)


def _is_over(prediction: Prediction) -> bool:
    return Prediction.objects.filter(pk=prediction.pk, completed_at__lt=after(-PATIENCE_S)).exists()


def _give_up(prediction: Prediction) -> None:
    strays.note(prediction, "it did not confirm that it stopped")
    _close(prediction, None)


def _provider_of(prediction: Prediction) -> Provider | None:
    try:
        return provider_lookup.provider(prediction.provider)
    except UnknownProvider:
        return None
