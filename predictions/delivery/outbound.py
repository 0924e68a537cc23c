"""The httpx client for addresses that users gave: connects only to what it has checked, within limits."""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx

from predictions.delivery import addresses, reasons

USER_AGENT = "Darkroom"
CONNECT_S = 5.0


class _Guard(httpcore.AsyncNetworkBackend):
    """Resolves a host, checks every address it names, and connects to the very address that was checked.

    Checking a name and letting somebody resolve it again would let the answer change in between.
    """

    def __init__(self) -> None:
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            found = await asyncio.wait_for(_resolve(host, port), timeout or CONNECT_S)
        except TimeoutError:
            raise httpcore.ConnectTimeout("The name could not be resolved in time.") from None
        except (OSError, UnicodeError):
            raise httpcore.ConnectError(reasons.NO_NAME) from None
        if not found or not all(addresses.may_reach(address) for address in found):
            # One inner address among several is enough: which of them is used must not be left to chance.
            raise httpcore.ConnectError(reasons.INNER)
        error: Exception = httpcore.ConnectError("The name has no address.")
        for address in found[:3]:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                error = failed
        raise error

    async def connect_unix_socket(self, *args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
        raise httpcore.ConnectError("Only network addresses may be reached.")

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


async def _resolve(host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    rows = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(row[4][0]) for row in rows))


@functools.lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    # Reading the system's certificates takes longer than most posts; cookies and connections are never shared.
    return ssl.create_default_context()


def client(*, timeout_s: float) -> httpx.AsyncClient:
    """A client that follows no redirect, uses no proxy of the environment, and reaches public addresses only."""
    transport = httpx.AsyncHTTPTransport()
    transport._pool = httpcore.AsyncConnectionPool(
        ssl_context=_tls(),
        max_connections=4,
        max_keepalive_connections=0,
        network_backend=_Guard(),
    )
    return httpx.AsyncClient(
        transport=transport,
        timeout=httpx.Timeout(timeout_s, connect=CONNECT_S),
        follow_redirects=False,
        trust_env=False,
        headers={"User-Agent": USER_AGENT},
    )
