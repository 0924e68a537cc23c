"""Downloads of output files: from public addresses, from the upstream itself, or from data URIs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from typing import TypeVar
from urllib.parse import urljoin

from core import data_uri
from core.net import http_client
from predictions.providers.base import ErrorKind, FileError, FileFault, ProviderError
from predictions.providers.http import connection_pool, output_references
from predictions.providers.http.rate_limiter import requested_wait
from predictions.providers.http.response_reader import Unreadable, plain_chunks
from predictions.providers.upstream import UpstreamConfig

T = TypeVar("T")
MAX_OUTPUT = 160 * 1024 * 1024
MAX_REDIRECTS = 3
WHOLE_S = 120.0
"""Seconds for one file, redirects included."""
_CHUNK = 1024 * 1024
_UNREACHED = (http_client.ConnectError, http_client.ConnectTimeout)
_CLOSED = (http_client.RemoteProtocolError, http_client.ReadError, http_client.WriteError)
_GONE = (410, 451)
# Statuses of storage that does not have the file yet, or does not show it yet.
_MISSING = (401, 403, 404)


def gone(message: str, *, words: str = "", kind: ErrorKind = "permanent") -> ProviderError:
    """The file is unavailable, now and later. `words`: the reason, fit for callers."""
    return ProviderError(message, permanent=True, kind=kind, words=words)


async def of_data(address: str) -> AsyncIterator[bytes]:
    """The bytes of a data URI, in chunks. Raises ProviderError."""
    try:
        data = (await asyncio.to_thread(data_uri.parse, address))[1]
    except data_uri.NotADataUri as error:
        raise gone(f"The output is no file: {error}.", words="The output could not be read.") from None
    for start in range(0, len(data), _CHUNK):
        yield data[start : start + _CHUNK]


async def of_address(config: UpstreamConfig, url: str, size: int | None) -> AsyncIterator[bytes]:
    """The bytes of a URL, in chunks. Raises ProviderError, also where fewer arrive than announced."""
    until = asyncio.get_running_loop().time() + WHOLE_S
    inner = connection_pool.is_own(config, url) and connection_pool.may_be_inner(config)
    auth = connection_pool.Bearer(config.secret) if connection_pool.is_own(config, url) else None
    for _ in range(MAX_REDIRECTS + 1):
        if not output_references.is_address(url) or output_references.is_data(url):
            raise gone("The output leads to something that is no http(s) address.")
        async with contextlib.AsyncExitStack() as stack:
            asked = _inside(stack, config, url, auth) if inner else _outside(stack, config, url, auth)
            answer = await _within(asked, until)
            stack.push_async_callback(answer.aclose)
            onward = answer.headers.get("location", "") if answer.is_redirect else ""
            if not onward:
                async for chunk in _bytes(answer, size, until):
                    yield chunk
                return
        # Each redirect is checked like the first URL, never gets the key, and never leads from outside to inside.
        url, auth = _joined(url, onward), None
        inner = inner and connection_pool.is_own(config, url)
    raise gone("The output leads from one address to the next.")


async def _inside(
    stack: contextlib.AsyncExitStack, config: UpstreamConfig, url: str, auth: http_client.Auth | None
) -> http_client.Response:
    """Request from the upstream over a kept connection; over a new one where that was just being closed."""
    client = await stack.enter_async_context(connection_pool.borrowed_client(config))
    try:
        return await client.send(client.build_request("GET", url), stream=True, auth=auth)
    except _CLOSED:
        client = await stack.enter_async_context(connection_pool.borrowed_client(config, fresh=True))
        return await client.send(client.build_request("GET", url), stream=True, auth=auth)


async def _outside(
    stack: contextlib.AsyncExitStack, config: UpstreamConfig, url: str, auth: http_client.Auth | None
) -> http_client.Response:
    client = await stack.enter_async_context(connection_pool.outside(config))
    return await client.send(client.build_request("GET", url), stream=True, auth=auth)


def _joined(url: str, onward: str) -> str:
    try:
        return urljoin(url, onward)
    except ValueError:
        return ""


async def _bytes(answer: http_client.Response, size: int | None, until: float) -> AsyncIterator[bytes]:
    _check_head(answer)
    count, chunks = 0, aiter(plain_chunks(answer))
    while True:
        chunk = await _within(anext(chunks, None), until)
        if chunk is None:
            break
        count += len(chunk)
        if count > MAX_OUTPUT:
            raise _too_large()
        yield chunk
    if size is not None and count != size:
        raise FileError(f"The output came with {count} of {size} bytes.", "cut")


def _check_head(answer: http_client.Response) -> None:
    """Raise the error of a bad status or announced length."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    if answer.status_code != 200:
        message = f"The output's server answered {answer.status_code}."
        if answer.status_code in _GONE:
            raise gone(message)
        fault: FileFault = "missing" if answer.status_code in _MISSING else "busy"
        raise FileError(message, fault, retry_after=requested_wait(headers))
    length = headers.get("content-length", "")
    if length.isdigit() and int(length[:20]) > MAX_OUTPUT:
        raise _too_large()


def _too_large() -> ProviderError:
    text = f"The output is larger than {MAX_OUTPUT // 1024**2} MiB."
    return gone(text, words=text)


async def _within(waiting: Awaitable[T], until: float) -> T:
    """Await something until a deadline of the loop's clock. Raises ProviderError for every transport error."""
    try:
        async with asyncio.timeout_at(until):
            return await waiting
    except Unreadable as error:
        message = f"The output cannot be read: {error}."
        raise (gone(message) if error.hopeless else FileError(message, "cut")) from None
    except http_client.CONNECTION_ERRORS as error:
        if connection_pool.INNER in str(error):
            raise gone(
                f"The output cannot be fetched: {connection_pool.INNER}.",
                words="The provider named an output at an address that is not a public one.",
            ) from None
        name = "not within the time limit" if isinstance(error, TimeoutError) else type(error).__name__
        raise FileError(f"The output could not be fetched: {name}.", _fault(error)) from None


def _fault(error: BaseException) -> FileFault:
    if isinstance(error, _UNREACHED):
        return "unreachable"
    return "slow" if isinstance(error, TimeoutError | http_client.TimeoutException) else "cut"
