"""The httpx client for addresses that users gave: connects only to what it has checked, within limits."""

from __future__ import annotations

import functools
import ssl

import httpcore
import httpx

from predictions import networks
from predictions.delivery import addresses, reasons

USER_AGENT = "Darkroom"


async def _resolve(host: str, port: int) -> list[str]:
    return await networks.resolve(host, port)


def _guard() -> networks.Guard:
    return networks.Guard(addresses.may_reach, _resolve, no_name=reasons.NO_NAME, inner=reasons.INNER)


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
        network_backend=_guard(),
    )
    return httpx.AsyncClient(
        transport=transport,
        timeout=httpx.Timeout(timeout_s, connect=networks.CONNECT_S),
        follow_redirects=False,
        trust_env=False,
        headers={"User-Agent": USER_AGENT},
    )
