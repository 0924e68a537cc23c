"""HTTP clients: the one module that imports the HTTP library (httpx over httpcore).

Every client is made by `client`, with one TLS context for the whole process: to make one reads the system's
certificates, as costly as ten posts. Plain Python: the addresses that may be reached are passed in.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpcore
import httpx
from httpx import (
    AsyncClient,
    Auth,
    ConnectError,
    ConnectTimeout,
    HTTPError,
    InvalidURL,
    NetworkError,
    PoolTimeout,
    ReadError,
    RemoteProtocolError,
    Request,
    Response,
    ResponseNotRead,
    StreamError,
    TimeoutException,
    TransportError,
    UnsupportedProtocol,
    WriteError,
)

from core.net import tracebacks

__all__ = [
    "CONNECTION_ERRORS",
    "CONNECT_S",
    "USER_AGENT",
    "AsyncClient",
    "Auth",
    "ConnectError",
    "ConnectTimeout",
    "Guard",
    "HTTPError",
    "InvalidURL",
    "NetworkError",
    "PoolTimeout",
    "ReadError",
    "RemoteProtocolError",
    "Request",
    "Response",
    "ResponseNotRead",
    "StreamError",
    "TimeoutException",
    "TransportError",
    "UnsupportedProtocol",
    "WriteError",
    "client",
    "tls_context",
]

USER_AGENT = "Darkroom"
CONNECT_S = 5.0
CONNECTION_ERRORS = (HTTPError, InvalidURL, StreamError, OSError, UnicodeError)
"""Errors of a connection. TimeoutError is an OSError."""
_ADDRESSES_TRIED = 3


@functools.cache
def tls_context() -> ssl.SSLContext:
    """The TLS context of this process. Cookies, keys and connections are not part of one, so all may share it."""
    return ssl.create_default_context()


def client(
    *,
    timeout_s: float,
    connect_s: float = CONNECT_S,
    guard: Guard | None = None,
    socket_path: str = "",
    base_url: str = "",
    headers: Mapping[str, str] | None = None,
    connections: int = 4,
    keep_s: float = 0.0,
) -> AsyncClient:
    """A client that follows no redirect, keeps no cookie and looks at no proxy or `.netrc` of the environment.

    `guard`: decides which addresses it connects to. `socket_path`: a Unix socket in place of any network.
    `connections`: at most so many at once, each kept for `keep_s` seconds after its last use.
    """
    pool = httpcore.AsyncConnectionPool(
        # A Unix socket needs no TLS, so a process that calls nothing else never makes a context.
        ssl_context=None if socket_path else tls_context(),
        max_connections=connections,
        max_keepalive_connections=connections if keep_s else 0,
        keepalive_expiry=keep_s,
        network_backend=guard,
        uds=socket_path or None,
    )
    return _Client(
        transport=_Transport(pool),
        base_url=base_url,
        headers={"User-Agent": USER_AGENT, **(headers or {})},
        timeout=httpx.Timeout(timeout_s, connect=connect_s),
        follow_redirects=False,
        trust_env=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    )


class _Transport(httpx.AsyncHTTPTransport):
    """httpx's own over a pool that was made here: it takes no guard, and makes a TLS context for each of its pools."""

    def __init__(self, pool: httpcore.AsyncConnectionPool) -> None:
        self._pool = pool


class _Client(httpx.AsyncClient):
    """httpx's own, whose answers and errors are gone with their last user: none waits for the cycle collector.

    There a response and its stream hold each other, and the first the request with its body; an error is held by frames
    that it holds.
    """

    async def send(self, request: Request, **options: Any) -> Response:
        try:
            response = await super().send(request, **options)
        except Exception as error:
            raise tracebacks.drop(error)  # noqa: B904 (it is the same one)
        stream = getattr(response.stream, "_stream", response.stream)
        response.stream = _Stream(stream)
        return response


class _Stream(httpx.AsyncByteStream):
    """The body of a response, whose errors hold no frame of the library's."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._stream:
                yield chunk
        except Exception as error:
            raise tracebacks.drop(error)  # noqa: B904 (it is the same one)

    async def aclose(self) -> None:
        await self._stream.aclose()


class Guard(httpcore.AsyncNetworkBackend):
    """Resolves a host, checks every address it names, and connects to the very address that was checked.

    Checking a name and letting somebody resolve it again would let the answer change in between. Failures are
    ConnectError with the text `no_name` or `inner`.
    """

    def __init__(
        self,
        may_connect: Callable[[str], bool],
        resolve: Callable[[str, int], Awaitable[list[str]]],
        *,
        no_name: str,
        inner: str,
    ) -> None:
        self._inner = httpcore.AnyIOBackend()
        self._may_connect = may_connect
        self._resolve = resolve
        self._no_name = no_name
        self._inner_text = inner

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            # An IP address needs no resolver, which would run in a thread.
            addresses = (
                [host]
                if _is_address(host)
                else await asyncio.wait_for(self._resolve(host, port), timeout or CONNECT_S)
            )
        except TimeoutError:
            raise httpcore.ConnectTimeout("The name could not be resolved in time.") from None
        except (OSError, UnicodeError):
            raise httpcore.ConnectError(self._no_name) from None
        if not addresses or not all(self._may_connect(address) for address in addresses):
            # One inner address among several is enough: which of them is used must not be left to chance.
            raise httpcore.ConnectError(self._inner_text)
        *first, last = addresses[:_ADDRESSES_TRIED]
        for address in first:
            with contextlib.suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
        return await self._inner.connect_tcp(last, port, timeout, local_address, socket_options)

    async def connect_unix_socket(self, *args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
        raise httpcore.ConnectError("Only network addresses may be reached.")

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
