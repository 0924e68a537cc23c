"""Cancels jobs at their provider after their prediction has ended here."""

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
"""Seconds for one round of concurrent requests."""
RESPONSE_S = 60.0
"""Seconds after a start during which its response, with the job's id, may still arrive."""
PATIENCE_S = 600.0
"""Seconds after the end during which the cancel is retried; then it is a possible stray, for the operator."""


def cancel_jobs(ended: list[Prediction]) -> None:
    """Cancel these ended predictions at their providers concurrently; close those that have certainly stopped."""
    jobs: list[tuple[Prediction, Provider]] = []
    for prediction in ended:
        provider = _provider_of(prediction)
        if provider is None:
            _close(prediction, None)
        elif not prediction.job_id and not provider.job_id_is_key:
            _await_job_id(prediction)
        else:
            jobs.append((prediction, provider))
    for (prediction, provider), (stopped, last) in zip(jobs, asyncio.run(_cancel_all(jobs)), strict=True):
        if stopped:
            _close(prediction, last)
        elif provider.is_remote and _is_over(prediction):
            _give_up(prediction)


def job_of(prediction: Prediction, provider: Provider) -> Job:
    """The provider's job; by our idempotency key where the provider supports that and has not answered."""
    name = prediction.job_id
    if not name and provider.job_id_is_key:
        name = prediction.provider_key
    return Job(id=name, instance=prediction.job_instance)


async def _cancel_all(jobs: list[tuple[Prediction, Provider]]) -> list[tuple[bool, Update | None]]:
    return await asyncio.gather(*(_cancel(prediction, provider) for prediction, provider in jobs))


async def _cancel(prediction: Prediction, provider: Provider) -> tuple[bool, Update | None]:
    """Whether the provider has certainly stopped, and for an upstream the final state there."""
    with request_ids.bound(prediction.request_id):
        return await _request_cancel(prediction, provider)


async def _request_cancel(prediction: Prediction, provider: Provider) -> tuple[bool, Update | None]:
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
    """The final state there; canceled where a further request for it fails."""
    try:
        async with asyncio.timeout(CALL_S):
            return await provider.check(job)
    except (ProviderError, TimeoutError):
        return Update("canceled")


async def release(provider: Provider, job: Job) -> None:
    """Tell a provider that its files may be deleted. Its response is ignored."""
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


def _await_job_id(prediction: Prediction) -> None:
    """Canceled during its start: the worker stores the job once the response arrives."""
    run = strays.run_of(prediction)
    if run is not None and run.outcome in strays.UNANSWERED:
        if UpstreamRun.objects.filter(pk=run.pk, sent_at__gt=after(-RESPONSE_S)).exists():
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
