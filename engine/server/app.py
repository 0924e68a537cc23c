"""HTTP API of the engine: a small ASGI application in the shape of Cog's server.

    PUT    /predictions/{id}               start, or the present state of a known id; 202
    GET    /predictions/{id}               state
    POST   /predictions/{id}/cancel        cancel; responds when it has stopped, at the latest after a second
    GET    /predictions/{id}/preview       newest preview of unfinished work, image/jpeg
    GET    /predictions/{id}/files/{name}  a finished file
    DELETE /predictions/{id}               stop if need be, forget, remove the files; 204
    GET    /health                         boot id, slots, children

Every request carries `Authorization: Bearer SECRET`; every response the header `engine-boot`, which is different
for each start of the engine. Errors are `{"detail": "one sentence"}`.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.server.job_registry import Job, JobRegistry, RegistryFull
from engine.server.job_runner import Runner
from engine.server.worker_interface import WorkerInterface

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

MAX_BODY = 72 * 1024 * 1024
"""Bytes of a request body: two images of 25 MiB as data URIs, and the JSON around them."""
CHUNK = 256 * 1024
CANCEL_WAIT_S = 1.0
_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")


class HttpError(Exception):
    """An error response: status, one sentence, and additional headers."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = headers or {}


@dataclass(frozen=True)
class Response:
    """A complete response: body in memory, or a file to be streamed."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    file: Path | None = None
    headers: dict[str, str] = field(default_factory=dict)


class App:
    """The ASGI callable. One per engine process."""

    def __init__(
        self,
        secret: str,
        registry: JobRegistry,
        runner: Runner,
        pool: WorkerInterface,
        slots: int,
        models: frozenset[str],
        *,
        title: str = "embedded engine",
    ) -> None:
        """`models` are the names, `owner/name`, that it serves; `title` is the service's name in error messages."""
        if not secret:
            raise ValueError("the engine needs a secret")
        self.boot = secrets.token_hex(8)
        self._expected = f"Bearer {secret}".encode()
        self._registry = registry
        self._runner = runner
        self._pool = pool
        self._slots = slots
        self._models = models
        self._title = title

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"unexpected {scope['type']} connection")
        try:
            self._check_secret(scope)
            answer = await self._route(scope, receive)
        except HttpError as error:
            answer = _json(error.status, {"detail": str(error)}, error.headers)
        await self._send(answer, send)

    def _check_secret(self, scope: Scope) -> None:
        header = dict(scope["headers"]).get(b"authorization", b"")
        if not hmac.compare_digest(header, self._expected):
            raise HttpError(401, "The engine's secret is missing or wrong.", {"www-authenticate": "Bearer"})

    async def _route(self, scope: Scope, receive: Receive) -> Response:
        method = scope["method"]
        match scope["path"].strip("/").split("/"):
            case ["health"] if method == "GET":
                return self._health()
            case ["predictions", id] if method == "PUT":
                return await self._put(id, receive)
            case ["predictions", id] if method == "GET":
                return _json(200, self._state(self._job(id)))
            case ["predictions", id] if method == "DELETE":
                return await self._delete(self._job(id))
            case ["predictions", id, "cancel"] if method == "POST":
                return await self._cancel(self._job(id))
            case ["predictions", id, "preview"] if method == "GET":
                return self._preview(self._job(id))
            case ["predictions", id, "files", name] if method == "GET":
                return self._file(self._job(id), name)
        raise HttpError(404, "The engine has no such address.")

    def _job(self, id: str) -> Job:
        job = self._registry.get(id)
        if job is None:
            raise HttpError(404, "The engine does not know this prediction.")
        return job

    async def _put(self, id: str, receive: Receive) -> Response:
        if not _ID.fullmatch(id):
            raise HttpError(400, "A prediction's id is 1 to 100 letters, digits, hyphens and underscores.")
        order = _order(await _read(receive), self._models, self._title)
        try:
            job = self._registry.put(id, **order)
        except RegistryFull:
            raise HttpError(503, "Too many predictions wait for the engine.", {"retry-after": "5"}) from None
        return _json(202, self._state(job))

    async def _cancel(self, job: Job) -> Response:
        self._runner.cancel(job)
        await _ended(job, CANCEL_WAIT_S)
        return _json(200, self._state(job))

    async def _delete(self, job: Job) -> Response:
        self._runner.cancel(job)
        if not await _ended(job, 2 * CANCEL_WAIT_S):
            raise HttpError(409, "The prediction is still being stopped.", {"retry-after": "1"})
        self._registry.forget(job)
        return Response(204)

    def _preview(self, job: Job) -> Response:
        if job.preview is None:
            raise HttpError(404, "There is no preview of this prediction now.")
        return Response(200, job.preview, "image/jpeg")

    def _file(self, job: Job, name: str) -> Response:
        # Only announced names are served, so neither partial files nor paths are reachable.
        for output in job.outputs:
            if output["name"] == name and (job.folder / name).is_file():
                headers = {"content-length": str(output["size"])}
                return Response(200, b"", output["content_type"], job.folder / name, headers)
        raise HttpError(404, "This prediction has no such file.")

    def _health(self) -> Response:
        running = [{"id": id, "pid": pid} for id, pid in self._pool.pids.items()]
        state = {"boot": self.boot, "slots": self._slots, "running": running, "ready": self._pool.is_ready}
        return _json(200, {**state, "painter": self._pool.painter, **self._registry.counts()})

    def _state(self, job: Job) -> dict[str, Any]:
        return {
            "id": job.id,
            "model": job.model,
            "version": job.version,
            "boot": self.boot,
            "status": job.status,
            "logs": job.log_text(),
            "progress": job.progress,
            "output": list(job.outputs),
            "value": job.value,
            "error": job.error,
            "metrics": dict(job.metrics),
            "preview": base64.b64encode(job.preview).decode() if job.preview is not None else None,
        }

    async def _send(self, answer: Response, send: Send) -> None:
        headers = {"content-type": answer.content_type, "engine-boot": self.boot, **answer.headers}
        if answer.file is None:
            headers["content-length"] = str(len(answer.body))
        listed = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        chunks = _chunks(answer.file) if answer.file is not None else None
        first = await anext(chunks, b"") if chunks is not None else answer.body
        await send({"type": "http.response.start", "status": answer.status, "headers": listed})
        await send({"type": "http.response.body", "body": first, "more_body": chunks is not None})
        if chunks is not None:
            async for chunk in chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})


def _json(status: int, value: Any, headers: dict[str, str] | None = None) -> Response:
    return Response(status, json.dumps(value).encode(), headers=headers or {})


async def _ended(job: Job, seconds: float) -> bool:
    try:
        await asyncio.wait_for(job.ended.wait(), seconds)
    except TimeoutError:
        return False
    return True


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    # Local files of a few megabytes: a read takes microseconds from the page cache, a thread hop more.
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


async def _read(receive: Receive) -> bytes:
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise HttpError(400, "The request ended early.")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY:
            raise HttpError(413, f"An order may hold {MAX_BODY // 1024**2} MiB.")
        more = message.get("more_body", False)
    return b"".join(parts)


def _order(body: bytes, models: frozenset[str], title: str) -> dict[str, Any]:
    """The validated fields of a PUT body. Raises `HttpError`."""
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        raise HttpError(400, "The order is not JSON.") from None
    if not isinstance(values, dict) or not isinstance(values.get("input"), dict):
        raise HttpError(422, "The order needs an object called input.")
    model, version, deadline = (
        values.get("model"),
        values.get("version", ""),
        values.get("deadline_s"),
    )
    if not isinstance(model, str) or model not in models:
        raise HttpError(422, f"The {title} does not serve {str(model)[:200]}.")
    if not isinstance(version, str) or len(version) > 64:
        raise HttpError(422, "The order's version must be a text of at most 64 characters.")
    if isinstance(deadline, bool) or not isinstance(deadline, int | float) or not 0 < deadline < 1e6:
        raise HttpError(422, "The order needs a deadline_s above 0, in seconds.")
    return {"model": model, "version": version, "input": values["input"], "deadline_s": float(deadline)}
