"""Provider of a Replicate-compatible service, with one of its keys."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from predictions.providers.base import (
    FINAL,
    AnswerLost,
    FileError,
    Job,
    Kind,
    Order,
    OutputRef,
    ProviderError,
    Update,
)
from predictions.providers.http import connection_pool, downloads, error_classifier, output_references
from predictions.providers.http.api_client import Api, Broken, Unsent
from predictions.providers.http.response_reader import ApiResponse, ResultSlot
from predictions.providers.replicate import job_states, start_response
from predictions.providers.replicate.input_files import InputFiles
from predictions.providers.upstream import SAME, Route, UpstreamConfig, UpstreamProvider

GRACE_S = 30.0
"""Seconds during which an accepted job may still be unknown to the service's other machines."""
UNREADABLE_MOST = 5
"""Consecutive invalid responses about a job before it is given up."""
UNREADABLE = "The provider's answer could not be understood."
_START_PATIENCE_S = 1.0
_CALL_PATIENCE_S = 2.0
_INSTANCE_MOST = 64
_GONE = (404, 410)


class ReplicateProvider(UpstreamProvider):
    """One key of one Replicate-compatible service."""

    def __init__(self, config: UpstreamConfig) -> None:
        super().__init__(config)
        self._api = Api(config)
        self._files = InputFiles(config, self._api)

    def session(self) -> AbstractAsyncContextManager[None]:
        """Keep connections to the service open in the running loop inside the block."""
        return connection_pool.session(self.config)

    async def start(self, order: Order) -> Job | Update:
        """Create a prediction there, by version or by name. A finished one is returned as a final `Update`."""
        path, body = self._request(order)
        body["input"], uploaded = await self._files.into(order)
        if self.config.webhook_url:
            body["webhook"] = self.config.webhook_url.replace("{key}", order.key)
            body["webhook_events_filter"] = ["start", "output", "completed"]
        result_slot = ResultSlot()
        try:
            state = await self._create(order, path, body, result_slot)
            if state.update is None or not state.update.is_final or not _is_whole(state):
                return Job(id=state.id, instance=_instance(uploaded))
            update = replace(state.update, job_id=state.id)
            result_slot.keep(update)
        finally:
            result_slot.release()
        await self._delete_uploads(uploaded)
        return update

    async def check(self, job: Job) -> Update:
        """The job's state. A job unknown shortly after its acceptance counts as starting, later as lost."""
        answered = await self._call("GET", _path(job), lambda answer: self._state(job, answer))
        return answered

    async def cancel(self, job: Job) -> bool:
        """Cancel; True once the service reports that the job has ended, or does not know it."""
        state = await self._call("POST", f"{_path(job)}/cancel", lambda answer: self._canceled(job, answer))
        if state is None:
            # Requested, or not supported; only a check tells the state now.
            state = await self._call("GET", _path(job), lambda answer: self._canceled(job, answer))
        return state in FINAL

    async def fetch(self, job: Job, ref: OutputRef) -> AsyncIterator[bytes]:
        """The bytes of one output, by its URL or from the job's own response."""
        if ref.address.startswith(output_references.AGAIN):
            address = await self._inline(job, ref.address.removeprefix(output_references.AGAIN))
            chunks = downloads.of_data(address)
        elif output_references.is_data(ref.address):
            chunks = downloads.of_data(ref.address)
        else:
            chunks = downloads.of_address(self.config, ref.address, ref.size)
        async for chunk in chunks:
            yield chunk

    async def release(self, job: Job) -> None:
        """Delete the job's uploads, as far as its handle names them."""
        await self._delete_uploads(job.instance.split()[1:])

    def _request(self, order: Order) -> tuple[str, dict[str, Any]]:
        """Path and body, without the input. Raises ProviderError where no route leads there."""
        routes = self.config.routes
        route = Route(order.model, SAME) if routes is None else routes.get(order.model)
        if route is None:
            raise ProviderError(
                "The service serves no such model.", permanent=True, refused=True, kind="permanent"
            )
        version = order.version if route.version == SAME else route.version
        if version:
            return "/predictions", {"version": version}
        owner, _, name = (route.name or order.model).partition("/")
        return f"/models/{quote(owner, safe='')}/{quote(name, safe='')}/predictions", {}

    async def _create(
        self, order: Order, path: str, body: dict[str, Any], result_slot: ResultSlot
    ) -> job_states.JobState:
        headers = {
            "Idempotency-Key": order.key,
            # For operators who look for a lost job there.
            "X-Darkroom-Prediction": order.key.rpartition("-")[0] or order.key,
        }
        try:
            return await self._api.request_api(
                "POST",
                path,
                lambda answer: start_response.outcome(answer, self.config),
                patience=_START_PATIENCE_S,
                # ASCII, because a prompt may hold a lone surrogate, which UTF-8 cannot encode.
                content=json.dumps(body).encode(),
                headers=headers,
                starts=True,
                fresh=not self.config.idempotent,
                result_slot=result_slot,
            )
        except Broken as error:
            raise AnswerLost(str(error)) from None

    async def _call(self, method: str, path: str, use: Any) -> Any:
        return await self._api.request_api(method, path, use, patience=_CALL_PATIENCE_S)

    def _state(self, job: Job, answer: ApiResponse) -> Update:
        """The job's state from a response. Raises ProviderError where it cannot be determined now."""
        if answer.status in _GONE:
            return self._unknown(job, answer)
        if not answer.is_success:
            raise self._error_of(answer)
        state = None
        if not answer.unreadable:
            state = job_states.parse(
                answer.data, base=self.config.url, secret=self.config.secret, repeatable=True
            )
        if state is None or state.id not in ("", job.id):
            return self._invalid(job, answer)
        _invalid_responses.forget((self.name, job.id))
        return state.update or Update("processing")

    def _unknown(self, job: Job, answer: ApiResponse) -> Update:
        """Not visible yet, or lost; a 404 that is not the API's own counts only when repeated."""
        if answer.status == 404 and _is_new(job):
            return Update("starting")
        if (
            not isinstance(answer.data, dict)
            and _invalid_responses.count((self.name, job.id)) < UNREADABLE_MOST
        ):
            raise self._error_of(answer)
        _invalid_responses.forget((self.name, job.id))
        return Update("lost")

    def _invalid(self, job: Job, answer: ApiResponse) -> Update:
        """A response that is not a job's state: a proxy's temporary page, or a permanent one."""
        cause = self._error_of(answer)
        if cause.kind in ("key", "quota", "rate"):
            # Some gateways refuse with a 200: that concerns the key, not the job.
            raise cause
        excerpt = cause.answer
        reason = f": {answer.unreadable}" if answer.unreadable else ""
        if answer.hopeless or _invalid_responses.count((self.name, job.id)) >= UNREADABLE_MOST:
            _invalid_responses.forget((self.name, job.id))
            error = f"{UNREADABLE[:-1]}{reason}."
            return Update("failed", error=error, error_is_ours=True, error_kind="permanent", answer=excerpt)
        raise ProviderError(f"The service's answer makes no sense{reason}.", permanent=False, answer=excerpt)

    def _canceled(self, job: Job, answer: ApiResponse) -> Kind | None:
        """The state after a cancel: a final kind, `processing` while it goes on, None where unknown."""
        if answer.status == 404 and _is_new(job):
            return "processing"
        if answer.status in _GONE:
            return "lost"
        if answer.is_success:
            return job_states.status_of(answer.data)
        if answer.status in (400, 405, 409, 422, 501):
            return None
        raise self._error_of(answer)

    def _error_of(self, answer: ApiResponse) -> ProviderError:
        verdict = error_classifier.classify(answer.status, answer.headers, answer.body, self.config.secret)
        return ProviderError(
            verdict.summary,
            permanent=False,
            retry_after=verdict.retry_after,
            kind=verdict.kind,
            answer=verdict.answer,
        )

    async def _inline(self, job: Job, index: str) -> str:
        if not re.fullmatch(r"\d{1,3}", index):
            raise downloads.gone("The output has an address that nobody gave.")

        def find(answer: ApiResponse) -> str | None:
            if not answer.is_success and answer.status not in _GONE:
                raise self._error_of(answer)
            return job_states.inline_file(answer.data, int(index), self.config.url)

        try:
            address: str | None = await self._call("GET", _path(job), find)
        except Broken as error:
            raise FileError(str(error), "cut") from None
        except Unsent as error:
            raise FileError(str(error), "unreachable", retry_after=error.retry_after) from None
        if address is None:
            raise downloads.gone("The service no longer has this output.")
        return address

    async def _delete_uploads(self, uploaded: list[str]) -> None:
        """Delete uploads where the service is reachable and permits it; they also expire there."""
        try:
            await self._files.delete(uploaded)
        except ProviderError:
            return


class _InvalidResponses:
    """Counts of consecutive invalid responses per job in this process; of the newest jobs only."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: OrderedDict[tuple[str, str], int] = OrderedDict()

    def count(self, job: tuple[str, str]) -> int:
        with self._lock:
            self._counts[job] = self._counts.pop(job, 0) + 1
            while len(self._counts) > 10_000:
                self._counts.popitem(last=False)
            return self._counts[job]

    def forget(self, job: tuple[str, str]) -> None:
        with self._lock:
            self._counts.pop(job, None)


_invalid_responses = _InvalidResponses()


def _is_whole(state: job_states.JobState) -> bool:
    """Whether a final response is complete: a success without output is checked once more."""
    update = state.update
    return (
        not state.id
        or update is None
        or update.kind != "succeeded"
        or update.output not in (None, "", [], {})
    )


def _path(job: Job) -> str:
    # The response's own `urls` are not used: a gateway copies those of the service behind it, where its key is invalid.
    return f"/predictions/{quote(job.id, safe='')}"


def _instance(uploaded: list[str]) -> str:
    """The time of acceptance, and as many ids of uploads as fit."""
    text = str(int(time.time()))
    for name in uploaded:
        if len(text) + 1 + len(name) <= _INSTANCE_MOST:
            text += f" {name}"
    return text


def _is_new(job: Job) -> bool:
    accepted = job.instance.partition(" ")[0]
    return accepted.isdigit() and time.time() - int(accepted) < GRACE_S
