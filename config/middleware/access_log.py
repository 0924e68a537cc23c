"""Outermost ASGI layer: a request id for everything, and a log line for every request.

The line has method, path, status, seconds, bytes and user. What stands in a path and grants access is cut short
(`core.redaction`), queries are left out, and probes that find all well are not logged.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

import structlog

from config.health.probes import PATHS
from core.net.client_ip import scope_address
from core.redaction import scrub_path

log = structlog.get_logger("darkroom.access")
Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
REQUEST_ID = "darkroom.request_id"
WHO = "darkroom.who"
"""Where in a request's scope the id stands, and what Django found out of who asks."""
_SANE = re.compile(r"[A-Za-z0-9._-]{8,64}")
# Characters of a path that a line shows.
_LONGEST_PATH = 300
_LIVEZ = b'{"status": "ok"}'


def sane_request_id(given: str) -> str:
    """The id that a proxy or a client gave, or a new one where it gave none that may stand in a log."""
    return given if _SANE.fullmatch(given) else secrets.token_hex(8)


class AccessLog:
    """An ASGI application around another one. It answers `/livez` itself: on the event loop, without a thread."""

    def __init__(self, app: App, *, logs: bool = True) -> None:
        self.app = app
        self._logs = logs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if scope["path"] == "/livez" and scope["method"] in {"GET", "HEAD"}:
            await _alive(scope, send)
            return
        scope[REQUEST_ID] = sane_request_id(_header(scope, b"x-request-id"))
        line = _Line(scope)
        try:
            await self.app(scope, receive, line.sending(send))
        finally:
            if self._logs:
                line.write()


class _Line:
    """What is to be said of one request."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._began = perf_counter()
        self._status = 0
        self._bytes = 0

    def sending(self, send: Send) -> Send:
        """`send`, with a look at what goes out; every answer bears the id."""

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._status = message["status"]
                headers = message["headers"]
                if not any(name.lower() == b"x-request-id" for name, _value in headers):
                    own = (b"X-Request-Id", self._scope[REQUEST_ID].encode())
                    message = {**message, "headers": [*headers, own]}
            else:
                self._bytes += len(message.get("body", b""))
            await send(message)

        return counted

    def write(self) -> None:
        path, address = self._scope["path"], scope_address(self._scope)
        if path in PATHS and self._status == 200:
            return
        log.info(
            "request",
            request_id=self._scope[REQUEST_ID],
            method=self._scope["method"],
            path=_cut(scrub_path(path)),
            # 499, as other servers say it: the caller left before there was an answer.
            status=self._status or 499,
            ms=round((perf_counter() - self._began) * 1000, 1),
            bytes=self._bytes,
            address=str(address) if address is not None else None,
            **self._scope.get(WHO, {}),
        )


def _cut(path: str) -> str:
    return path if len(path) <= _LONGEST_PATH else f"{path[:_LONGEST_PATH]}…"


async def _alive(scope: Scope, send: Send) -> None:
    headers = [(b"Content-Type", b"application/json"), (b"Cache-Control", b"no-store")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else _LIVEZ})


def _header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin1") for key, value in scope["headers"] if key == name), "")
