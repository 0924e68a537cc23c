"""Provider of the embedded engine: its client over the Unix socket."""

from __future__ import annotations

import base64
import contextlib
import json
import math
from collections.abc import AsyncIterator
from contextvars import ContextVar
from typing import Any

from core.http import request_ids
from core.net import http_client
from engine import fixtures, published_models
from predictions.providers.base import (
    AnswerLost,
    Job,
    Kind,
    Order,
    OutputRef,
    ProviderError,
    Update,
)

BOOT = "engine-boot"
CONNECT_S = 2.0
ANSWER_S = 15.0
# Idle connections are closed long before the engine closes them (30 s), so none is used while it closes.
_KEEP_S = 5.0
_CONNECTIONS = 100
_OWN_WORDS = ("The painter ", "The engine ", "The embedded engine ")
"""Prefixes of errors of the engine itself, as opposed to a model's about its input."""
_KINDS: dict[str, Kind] = {
    "starting": "starting",
    "processing": "processing",
    "succeeded": "succeeded",
    "failed": "failed",
    "canceled": "canceled",
}


class EmbeddedEngine:
    """One engine on this machine.

    Holds configuration only. Connections belong to an event loop, so they are opened per call, or kept for the
    length of an `async with provider.session():` block and used by the tasks started inside it. One instance may
    therefore serve any number of loops and threads, one after another or at once.
    """

    is_remote = False
    start_is_idempotent = True
    repeats_exactly = True
    job_id_is_key = True
    fetches_inputs = False
    reports_run_time = True
    group = ""
    group_limit = 0
    priority = 0
    weight = 1
    requests_per_second = math.inf
    keeps_its_models = False

    def __init__(
        self,
        *,
        name: str,
        socket_path: str,
        secret: str,
        limit: int,
        models: frozenset[str],
    ) -> None:
        """`limit` is the engine's number of slots; `models` what it serves, as `owner/name`."""
        self.name = name
        self.limit = limit
        self._socket_path = socket_path
        self._headers = {"authorization": f"Bearer {secret}"}
        self._models = models
        self._open: ContextVar[http_client.AsyncClient | None] = ContextVar(
            f"engine client {name}", default=None
        )

    def serves(self, model: str) -> bool:
        """Whether the engine knows `owner/name`."""
        return model in self._models

    def takes_pictures(self, model: str) -> bool:
        """Whether the engine knows it and some input of it is a picture."""
        takes = bool(published_models.picture_inputs(model)) or model == fixtures.BY_ROLE["file_input"]
        return takes and model in self._models

    def start_limit_s(self, order: Order) -> float:
        """Infinite: the engine answers as soon as it has stored the order."""
        return math.inf

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[None]:
        """Keep one client, and its connections, for every call made inside the block."""
        if self._open.get() is not None:
            yield
            return
        async with self._client() as client:
            token = self._open.set(client)
            try:
                yield
            finally:
                self._open.reset(token)

    async def start(self, order: Order) -> Job | Update:
        """Hand the order to the engine; a known key finds its job again."""
        body = {
            "model": order.model,
            "version": order.version,
            "input": order.input,
            "deadline_s": order.deadline_s,
        }
        try:
            async with self._lent() as client:
                # ASCII, because a prompt may hold a lone surrogate, which UTF-8 cannot encode.
                content = json.dumps(body).encode()
                answer = await client.put(
                    f"/predictions/{order.key}", content=content, headers=request_ids.header()
                )
        except (http_client.ConnectError, http_client.ConnectTimeout, http_client.PoolTimeout) as error:
            # Nothing was sent: the engine is being restarted, or is not running at all.
            raise ProviderError("The engine is not listening.", permanent=False, refused=True) from error
        except http_client.TransportError as error:
            raise AnswerLost(f"The engine's answer was lost: {type(error).__name__}.") from error
        if answer.status_code == 202:
            return Job(id=order.key, instance=answer.headers[BOOT])
        raise _refusal(answer, refused=answer.status_code < 500 or answer.status_code == 503)

    async def check(self, job: Job) -> Update:
        """The job's state; `lost` where the engine was restarted since, or has deleted it."""
        answer = await self._ask("GET", f"/predictions/{job.id}")
        if self._is_lost(job, answer):
            return Update("lost")
        return _update(job, answer.json())

    async def cancel(self, job: Job) -> bool:
        """Stop the job; the engine answers when its processes are gone, or after a second."""
        answer = await self._ask("POST", f"/predictions/{job.id}/cancel")
        return self._is_lost(job, answer) or answer.json()["status"] not in ("starting", "processing")

    async def fetch(self, job: Job, ref: OutputRef) -> AsyncIterator[bytes]:
        """The bytes of one finished file, in chunks."""
        size = 0
        try:
            async with self._lent() as client, client.stream("GET", ref.address) as answer:
                if answer.headers.get(BOOT) != job.instance or answer.status_code == 404:
                    raise ProviderError("The engine no longer has this file.", permanent=True)
                if answer.status_code != 200:
                    raise _refusal(answer)
                async for chunk in answer.aiter_raw():
                    size += len(chunk)
                    yield chunk
        except http_client.TransportError as error:
            raise _unreachable(error) from error
        if ref.size is not None and size != ref.size:
            raise ProviderError(f"The engine sent {size} of {ref.size} bytes.", permanent=False)

    async def release(self, job: Job) -> None:
        """Let the engine delete the job and its files."""
        answer = await self._ask("DELETE", f"/predictions/{job.id}", accept_conflict=True)
        if answer.status_code == 409:
            raise _refusal(answer)

    def _is_lost(self, job: Job, answer: http_client.Response) -> bool:
        # The boot id decides first: after a restart the engine may have received the same key again.
        return answer.headers.get(BOOT) != job.instance or answer.status_code == 404

    async def _ask(self, method: str, path: str, *, accept_conflict: bool = False) -> http_client.Response:
        """One request that returns 2xx or 404 (or 409 where expected); raises `ProviderError` otherwise."""
        try:
            async with self._lent() as client:
                answer = await client.request(method, path)
        except http_client.TransportError as error:
            raise _unreachable(error) from error
        expected = answer.is_success or answer.status_code == 404
        if not expected and not (accept_conflict and answer.status_code == 409):
            raise _refusal(answer)
        return answer

    @contextlib.asynccontextmanager
    async def _lent(self) -> AsyncIterator[http_client.AsyncClient]:
        """The session's client, or one for this call."""
        client = self._open.get()
        if client is not None:
            yield client
            return
        async with self._client() as client:
            yield client

    def _client(self) -> http_client.AsyncClient:
        return http_client.client(
            timeout_s=ANSWER_S,
            connect_s=CONNECT_S,
            socket_path=self._socket_path,
            base_url="http://engine",
            headers=self._headers,
            connections=_CONNECTIONS,
            keep_s=_KEEP_S,
        )


def _update(job: Job, state: dict[str, Any]) -> Update:
    preview = state["preview"]
    return Update(
        kind=_KINDS[state["status"]],
        logs=state["logs"],
        progress=state["progress"],
        output=_output(job, state),
        error=state["error"],
        error_is_ours=(state["error"] or "").startswith(_OWN_WORDS),
        metrics=state["metrics"],
        preview=base64.b64decode(preview) if preview is not None else None,
    )


def _output(job: Job, state: dict[str, Any]) -> Any:
    """File references, or the text (or the strings so far) of a text model."""
    value = state.get("value")
    if value is not None:
        return value
    return [_reference(job, output) for output in state["output"]]


def _reference(job: Job, output: dict[str, Any]) -> OutputRef:
    return OutputRef(
        name=output["name"],
        content_type=output["content_type"],
        address=f"/predictions/{job.id}/files/{output['name']}",
        size=output["size"],
    )


def _refusal(answer: http_client.Response, *, refused: bool = False) -> ProviderError:
    """The engine's refusal as an error: permanent where the request is malformed or not allowed."""
    status = answer.status_code
    text = answer.headers.get("retry-after", "")
    return ProviderError(
        f"The engine answered {status}: {_detail(answer)}",
        permanent=400 <= status < 500 and status not in (409, 429),
        refused=refused,
        retry_after=float(text) if text.isdigit() else None,
    )


def _detail(answer: http_client.Response) -> str:
    try:
        return str(answer.json()["detail"])[:500]
    except (ValueError, KeyError, TypeError, http_client.ResponseNotRead):
        return answer.reason_phrase


def _unreachable(error: http_client.TransportError) -> ProviderError:
    return ProviderError(f"The engine cannot be reached: {type(error).__name__}.", permanent=False)
