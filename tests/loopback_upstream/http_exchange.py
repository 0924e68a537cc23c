"""One request and its answer, down to the connection where a fault needs that."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
MAX_BODY = 256 * 1024 * 1024
LONGEST_S = 600.0


class Wire(HttpToolsProtocol):
    """Uvicorn's protocol that also hands the connection itself to the application."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {"wire": {"transport": self.transport}}  # type: ignore[typeddict-item]


class TooLarge(Exception):
    """The request's body is larger than MAX_BODY."""


class Exchange:
    """Reads one request, gives one answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        self.query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        self._transport = scope.get("extensions", {}).get("wire", {}).get("transport")
        self._receive, self._send = receive, send

    @property
    def origin(self) -> str:
        """Scheme and host as the caller wrote them."""
        return f"http://{self.headers.get('host', '127.0.0.1')}"

    @property
    def authorization(self) -> str:
        """The header as it came."""
        return self.headers.get("authorization", "")

    @property
    def token(self) -> str:
        """The API token that came with it."""
        return self.authorization.partition(" ")[2].strip()

    async def body(self) -> bytes:
        """The whole body. Raises TooLarge."""
        chunks, size = [], 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                return b"".join(chunks)
            size += len(message.get("body", b""))
            if size > MAX_BODY:
                raise TooLarge
            chunks.append(message.get("body", b""))
            if not message.get("more_body"):
                return b"".join(chunks)

    # -- proper answers --------------------------------------------------------------------------------------
    async def json(self, status: int, value: Any, **headers: str) -> None:
        """An answer in JSON; underscores in names of headers stand for hyphens."""
        sent = {"content-type": "application/json", **_names(headers)}
        await self.whole(status, sent, json.dumps(value).encode())

    async def whole(self, status: int, headers: dict[str, str], body: bytes) -> None:
        """An answer at once, with its length; without a body for 204."""
        if status != 204:
            headers = {**headers, "content-length": str(len(body))}
        await self.start(status, headers)
        await self._send({"type": "http.response.body", "body": body if self.method != "HEAD" else b""})

    async def start(self, status: int, headers: dict[str, str]) -> None:
        """Status and headers; the body follows by `more`."""
        rows = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": rows})

    async def more(self, data: bytes, *, last: bool = False) -> None:
        """A piece of the body."""
        await self._send({"type": "http.response.body", "body": data, "more_body": not last})

    # -- and others ------------------------------------------------------------------------------------------
    async def cut(self) -> None:
        """Reset the connection."""
        if self._transport is not None:
            self._transport.abort()
        await self.gone()

    async def raw(self, data: bytes) -> None:
        """These bytes as the answer, whatever they are, and the end of the connection."""
        if self._transport is not None:
            self._transport.write(data)
            self._transport.close()
        await self.gone()

    async def gone(self, seconds: float = LONGEST_S) -> bool:
        """Wait until the caller has left; False where it is still there after so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                while (await self._receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            return False
        return True


def _names(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
