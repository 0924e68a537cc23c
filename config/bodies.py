"""Request bodies: received whole before Django sees the request, within a limit and without filling the memory."""

from __future__ import annotations

import asyncio
import io
import tempfile
from collections.abc import Awaitable, Callable
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig

from accounts import json_body

Receive = Callable[[], Awaitable[dict[str, Any]]]
# Longest silence of a client in the middle of its body, in seconds.
SILENCE = 60.0
# Of a body that is too large, so much is read and thrown away before the refusal: a client that is still
# writing when the connection closes reports a broken connection and never reads the answer.
DRAINED = 128 * 1024 * 1024


# Where files are sent: a file below 100 MB and the parts beside it.
FILE_PATHS = {
    "/v1/files",
    "/replicate/v1/files",
    "/openai/v1/images/edits",
    "/openai/v1/images/variations",
}
FILE_LIMIT = 101 * 1024 * 1024
# Where the studio's forms send pictures of at most 25 MB: one, or as many as a model takes.
PICTURE_LIMITS = {"/studio/upload/": 26 * 1024 * 1024, "/studio/make/": 80 * 1024 * 1024}
# What is priced may hold a picture as a data URI; nothing else under /api/ carries one.
OWN_API = "/api/"
OWN_API_WITH_PICTURES = {"/api/quotes", "/api/quotes/batch"}


class ClientLeft(Exception):
    """The connection ended, or fell silent, before the whole body was there."""


class TooLarge(io.RawIOBase):
    """Stands for a body above the limit; whoever reads it gets RequestDataTooBig.

    So a view can still look at the caller first: a bad token is answered with 401 whatever the body's size.
    """

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """Raises RequestDataTooBig."""
        raise RequestDataTooBig("The request body is larger than this address takes.")

    def readinto(self, buffer: Any) -> int:
        """Raises RequestDataTooBig."""
        raise RequestDataTooBig("The request body is larger than this address takes.")

    readline = read  # type: ignore[assignment]


def limit_for(path: str) -> int:
    """The most bytes that a request to this path may carry."""
    if path in FILE_PATHS:
        return FILE_LIMIT
    if path.startswith(OWN_API) and path not in OWN_API_WITH_PICTURES:
        return json_body.MAX_OWN_API
    return PICTURE_LIMITS.get(path) or settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 2**63


async def read(scope: dict[str, Any], receive: Receive) -> IO[bytes]:
    """The body as a file at its beginning: in memory, on disk above `FILE_UPLOAD_MAX_MEMORY_SIZE`, or `TooLarge`.

    Raises ClientLeft.
    """
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        return _whole(message.get("body", b""), limit_for(scope["path"]))
    return await _in_parts(message, receive, limit_for(scope["path"]))


def _whole(body: bytes, limit: int) -> IO[bytes]:
    return io.BytesIO(body) if len(body) <= limit else TooLarge()  # type: ignore[return-value]


async def _in_parts(message: dict[str, Any], receive: Receive, limit: int) -> IO[bytes]:
    file = tempfile.SpooledTemporaryFile(  # noqa: SIM115 (closed with the request)
        max_size=settings.FILE_UPLOAD_MAX_MEMORY_SIZE, dir=settings.FILE_UPLOAD_TEMP_DIR
    )
    size = 0
    try:
        while True:
            if message["type"] == "http.disconnect":
                raise ClientLeft
            part = message.get("body", b"")
            size += len(part)
            if size <= limit:
                file.write(part)
            if not message.get("more_body", False) or size > limit + DRAINED:
                break
            async with asyncio.timeout(SILENCE):
                message = await receive()
    except TimeoutError:
        file.close()
        raise ClientLeft from None
    except BaseException:
        file.close()
        raise
    if size > limit:
        file.close()
        return TooLarge()  # type: ignore[return-value]
    file.seek(0)
    return file
