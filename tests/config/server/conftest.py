"""Real servers in threads of the test process, and raw connections to them."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Any

import httpx
import pytest
from django.core.asgi import get_asgi_application

from config.server import web_process
from config.server.asgi_handler import LeanHandler
from config.server.callers import Callers
from predictions.waiting import held_response, waiters
from tests.config.server import urls

TICK_S = 0.05


class Served:
    """A uvicorn in a thread, for the length of a `with` block."""

    def __init__(self, app: Any, connections: tuple[int, int] = (0, 0)) -> None:
        self.app = app
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.server = web_process.Server(web_process.configuration(app=app), connections)
        # What is over is seen sooner than in service.
        self.server.tick_s = TICK_S
        self.thread = threading.Thread(
            target=self.server.run, kwargs={"sockets": [self.listener]}, daemon=True
        )
        headers = {"X-Request-Id": "the-same-for-all"}
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", headers=headers, timeout=60)
        self.connections: list[socket.socket] = []

    def __enter__(self) -> Served:
        self.thread.start()
        while not self.server.started:
            assert self.thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Before the server is stopped, which would wait for what a test has left open.
        for connection in self.connections:
            connection.close()
        self.stop()

    def stop(self) -> None:
        """Nobody listens any more; connections of `connect` may still be read."""
        self.client.close()
        # As a signal does: it sleeps until one wakes it, or for as long as a tick. A test may have stopped it before.
        with suppress(RuntimeError):
            self.server.handle_exit(signal.SIGTERM, None)
        self.thread.join(20)
        assert not self.thread.is_alive()

    def connect(self, text: str, source: str = "127.0.0.1") -> socket.socket:
        """A connection from that address, on which that text was sent; closed at the end, if not before."""
        connection = socket.create_connection(("127.0.0.1", self.port), 60, (source, 0))
        self.connections.append(connection)
        connection.sendall(text.encode("latin1"))
        return connection


Serve = Callable[..., Served]


@pytest.fixture(autouse=True)
def _own_views(settings: Any) -> Iterator[None]:
    settings.ROOT_URLCONF = "tests.config.server.urls"
    urls.happened.clear()
    urls.notes.clear()
    yield


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody is known: bodies are taken from all, whatever their size."""

    async def somebody(self: Callers, scope: dict[str, Any]) -> int | None:
        return 1

    monkeypatch.setattr(Callers, "user_of", somebody)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A function that starts a server over an ASGI application; all are stopped after the test."""
    with ExitStack() as started:

        def start(app: Any, connections: tuple[int, int] = (0, 0)) -> Served:
            if isinstance(app, LeanHandler):
                started.callback(app.threads.close)
            return started.enter_context(Served(app, connections))

        yield start
        for event in urls.happened.values():
            event.set()
    held_response.set_runner(None)
    waiters.reset()


@pytest.fixture
def lean(serve: Serve) -> Served:
    """Our handler with two threads."""
    return serve(LeanHandler(threads=2))


@pytest.fixture
def single(serve: Serve) -> Served:
    """Our handler with one thread: whatever keeps it busy keeps everybody waiting."""
    return serve(LeanHandler(threads=1))


@pytest.fixture
def shipped(serve: Serve) -> Served:
    """Django's own ASGI handler, for comparison."""
    return serve(get_asgi_application())


def call(
    app: Any, path: str = "/hello", *, messages: list[dict[str, Any]] | None = None, **scope: Any
) -> list[Any]:
    """What an application sends for one request, without a server."""
    sent: list[Any] = []
    waiting_messages = list(messages or [{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> dict[str, Any]:
        if waiting_messages:
            return waiting_messages.pop(0)
        await asyncio.sleep(3600)
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    full = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"testserver")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "scheme": "http",
        "http_version": "1.1",
        "root_path": "",
    }
    asyncio.run(app({**full, **scope}, receive, send))
    return sent
