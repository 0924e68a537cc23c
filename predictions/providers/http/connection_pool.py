"""Connection pools to upstreams: several small HTTP clients per event loop, kept while a session is open."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import threading
from collections.abc import AsyncIterator, Generator
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from core.net import http_client, ssrf
from predictions.providers.upstream import UpstreamConfig

# The cost of one large pool grows with the square of its connections; several of four avoid that.
CONNECTIONS = 4
MOST_CLIENTS = 24
_KEEP_S = 5.0
NO_NAME = "the name cannot be resolved"
INNER = "the name leads to a private or reserved address"
Where = tuple[str, float, float]


class Bearer(http_client.Auth):
    """The upstream's key, added to a request at the last moment, so that nothing else ever holds it."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def __repr__(self) -> str:
        return "Bearer(…)"

    def auth_flow(
        self, request: http_client.Request
    ) -> Generator[http_client.Request, http_client.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._secret}"
        yield request


@dataclass
class _Small:
    """A client of a few connections, and the number of calls that use it."""

    client: http_client.AsyncClient
    busy: int = 0


@dataclass
class _Kept:
    """The clients of one upstream address in one loop, and the number of open sessions."""

    sessions: int = 0
    smalls: list[_Small] = field(default_factory=list)


# By loop, because connections belong to one; weak references, because loops come and go.
_kept: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Where, _Kept]] = WeakKeyDictionary()
_lock = threading.Lock()


@contextlib.asynccontextmanager
async def session(config: UpstreamConfig) -> AsyncIterator[None]:
    """Keep connections to this upstream's address open in the running loop. Sessions nest and may end in any order."""
    where, mine = _where(config), _of_loop()
    kept = mine.setdefault(where, _Kept())
    kept.sessions += 1
    try:
        yield
    finally:
        kept.sessions -= 1
        if not kept.sessions:
            mine.pop(where, None)
            for small in kept.smalls:
                await small.client.aclose()


@contextlib.asynccontextmanager
async def borrowed_client(
    config: UpstreamConfig, *, fresh: bool = False
) -> AsyncIterator[http_client.AsyncClient]:
    """A client for one call to the upstream's own address.

    `fresh`: over an unused connection, which the other side cannot be just closing.
    """
    kept = _of_loop().get(_where(config))
    if kept is None or fresh:
        async with inside(config) as client:
            yield client
        return
    small = _least_busy(kept, config)
    small.busy += 1
    try:
        yield small.client
    finally:
        small.busy -= 1


def inside(config: UpstreamConfig, *, keep_s: float = 0.0) -> http_client.AsyncClient:
    """A client for the upstream's own address, which may be private where the operator allowed it.

    Otherwise the host is checked at every resolution, not only when configured, because DNS changes.
    """
    return _client(config, guard=None if may_be_inner(config) else _guard(config), keep_s=keep_s)


def outside(config: UpstreamConfig) -> http_client.AsyncClient:
    """A client for URLs from the upstream's responses: reaches only public addresses and those of `config.reach`."""
    return _client(config, guard=_guard(config))


def _guard(config: UpstreamConfig) -> http_client.Guard:
    allowed = [ipaddress.ip_network(name) for name in config.reach]
    return http_client.Guard(
        lambda address: ssrf.may_reach(address, allowed), ssrf.resolve, no_name=NO_NAME, inner=INNER
    )


def is_own(config: UpstreamConfig, url: str) -> bool:
    """Whether a URL has the origin (scheme, host, port) of the upstream."""
    return same_origin(config.url, url)


def same_origin(one: str, other: str) -> bool:
    """Whether two URLs have the same origin: scheme, host and port."""
    own = _origin(one)
    return own is not None and own == _origin(other)


def may_be_inner(config: UpstreamConfig) -> bool:
    """Whether the upstream itself is configured at a private address."""
    host = (urlsplit(config.url).hostname or "").rstrip(".").lower()
    literal = ssrf.literal(host)
    inner = literal is not None and not ssrf.may_reach(str(literal))
    return config.allow_private or inner or ssrf.is_loopback_name(host)


def _of_loop() -> dict[Where, _Kept]:
    with _lock:
        return _kept.setdefault(asyncio.get_running_loop(), {})


def _where(config: UpstreamConfig) -> Where:
    return config.url, config.connect_s, config.read_s


def _least_busy(kept: _Kept, config: UpstreamConfig) -> _Small:
    least = min(kept.smalls, key=lambda small: small.busy, default=None)
    if least is None or (least.busy >= CONNECTIONS and len(kept.smalls) < MOST_CLIENTS):
        least = _Small(inside(config, keep_s=_KEEP_S))
        kept.smalls.append(least)
    return least


def _client(
    config: UpstreamConfig, *, guard: http_client.Guard | None, keep_s: float = 0.0
) -> http_client.AsyncClient:
    return http_client.client(
        timeout_s=config.read_s,
        connect_s=config.connect_s,
        guard=guard,
        headers={"Accept-Encoding": "identity"},
        connections=CONNECTIONS,
        keep_s=keep_s,
    )


def _origin(url: str) -> tuple[str, str, int] | None:
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    except ValueError:
        return None
    host = (parts.hostname or "").rstrip(".").lower()
    literal = ssrf.literal("127.0.0.1" if ssrf.is_loopback_name(host) else host)
    return (parts.scheme, str(literal or host), port) if host and port else None
