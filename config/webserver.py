"""The web process: uvicorn over our ASGI application, on a socket of its own or one inherited from the supervisor."""

from __future__ import annotations

import logging
import resource
import signal
import socket
import sys
from types import FrameType
from typing import Any

import uvicorn

from predictions.running import leash

log = logging.getLogger("darkroom.web")
# Seconds that requests in work get when the server stops. Held ones are answered at once.
GRACE = 8
# Seconds an idle connection is kept; longer than the usual proxies keep theirs, so that they close first.
KEEP_ALIVE = 75
MANY_FILES = 65_536


class Server(uvicorn.Server):
    """Answers what is held before it waits for requests to end."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop taking connections, send the held answers, wait at most `GRACE` for the rest."""
        # Only here, so that this module can be used before Django's apps are loaded, or without them.
        from gallery.live import watching
        from predictions.running import waiting

        waiting.close()
        watching.close()
        await super().shutdown(sockets)


def serve(
    *, host: str = "127.0.0.1", port: int = 8000, fd: int | None = None, trust_proxy: bool = False
) -> None:
    """Serve until SIGTERM or SIGINT. `fd` is an inherited listening socket. Raises OSError where the port is taken."""
    leash.arm()
    _allow_many_files()
    listener = socket.socket(fileno=fd) if fd is not None else _bound(host, port)
    # uvicorn takes these over while it runs and raises them again at its end, where the default is death by signal.
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, _end)
    log.info("web listens on %s", _name(listener))
    Server(configuration(trust_proxy=trust_proxy)).run(sockets=[listener])


def configuration(*, trust_proxy: bool = False, app: Any = "config.asgi:application") -> uvicorn.Config:
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
        # Only one who sits behind a proxy may believe what a request says about its origin.
        proxy_headers=trust_proxy,
        forwarded_allow_ips="*" if trust_proxy else None,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE,
    )


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(2048)
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
