"""The web process: uvicorn over our ASGI application, on a socket of its own or one inherited from the supervisor."""

from __future__ import annotations

import asyncio
import logging
import resource
import signal
import socket
import sys
from types import FrameType
from typing import Any

import uvicorn

from config.server.http_protocol import Connection, Connections
from core.processes import pdeathsig, uvicorn_server

log = logging.getLogger("darkroom.web")
# Seconds that requests in work get when the server stops. Held ones are answered at once.
GRACE = 8
MANY_FILES = 65_536
# Open files that are left for what is no connection: databases, logs, libraries.
_OTHER_FILES = 64


class Server(uvicorn_server.Server):
    """uvicorn with bounded connections; answers what is held before it waits for requests to end.

    `connections`: how many there may be in all, never more than open files allow, and from one address. 0: as many as
    may be in all.
    """

    tick_s = 1.0

    def __init__(self, config: uvicorn.Config, connections: tuple[int, int] = (0, 0)) -> None:
        config.http = Connection
        super().__init__(config)
        most, most_of_one = connections
        allowed = most_connections()
        self.server_state: Connections = Connections(min(most or allowed, allowed), most_of_one)

    async def on_tick(self, counter: int) -> bool:
        """Once a second it ends connections whose time is over; uvicorn renews the `Date` header."""
        self.server_state.look(asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop taking connections, send the held answers, wait at most `GRACE` for the rest."""
        # Only here, so that this module can be used before Django's apps are loaded, or without them.
        from gallery.live import poller
        from predictions.waiting import waiters

        waiters.close()
        poller.close()
        await super().shutdown(sockets)


def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    fd: int | None = None,
    trust_proxy: bool = False,
    connections: tuple[int, int] = (0, 0),
) -> None:
    """Serve until SIGTERM or SIGINT. `fd` is an inherited listening socket. Raises OSError where the port is taken.

    `connections` as `Server` has them, but that without a trusted proxy 0 from one address means half of all.
    """
    pdeathsig.arm()
    _allow_many_files()
    listener = socket.socket(fileno=fd) if fd is not None else _bound(host, port)
    # uvicorn takes these over while it runs and raises them again at its end, where the default is death by signal.
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, _end)
    log.info("web listens on %s", _name(listener))
    most, most_of_one = connections
    if not most_of_one and not trust_proxy:
        most_of_one = max(1, (most or most_connections()) // 2)
    Server(configuration(), (most, most_of_one)).run(sockets=[listener])


def most_connections() -> int:
    """As many as the limit of open files allows: each may have a file beside it, which it is sent or brings."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MANY_FILES // 2 if files == resource.RLIM_INFINITY else max(16, (files - _OTHER_FILES) // 2)


def configuration(*, app: Any = "config.asgi:application") -> uvicorn.Config:
    """How uvicorn runs our application, in production and in benchmarks."""
    return uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        interface="asgi3",
        access_log=False,
        log_config=None,
        server_header=False,
        # `core.net.client_ip` and Django's settings know whom of a chain of proxies to believe.
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE,
    )


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener


def _allow_many_files() -> None:
    """Each held request and each stream is an open file, and the usual limit is 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MANY_FILES if hard == resource.RLIM_INFINITY else min(hard, MANY_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _name(listener: socket.socket) -> str:
    address = listener.getsockname()
    return f"{address[0]}:{address[1]}" if isinstance(address, tuple) else str(address)


def _end(number: int, frame: FrameType | None) -> None:
    sys.exit(0)
