"""Many open pages at a real server: they cost neither threads nor connections, and all are updated."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connections
from django.test import Client

from accounts.models import User
from config.server.asgi_handler import LeanHandler
from gallery.live import poller
from predictions.waiting import held_response, waiters
from tests import factories
from tests.config.server.conftest import Served
from tests.runner.sampling import short_or_whole

pytestmark = pytest.mark.django_db(transaction=True)
USERS = short_or_whole(3, 10)


@pytest.fixture
def served() -> Iterator[Served]:
    """The whole of Darkroom, with two threads."""
    poller.reset()
    handler = LeanHandler(threads=2)
    with Served(handler) as server:
        yield server
    handler.threads.close()
    held_response.set_runner(None)
    waiters.reset()
    poller.reset()


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Connections are given back after each request, as on PostgreSQL; those that are held, by their objects' ids."""
    wrapper: Any = type(connections["default"])
    connect, close = wrapper.connect, wrapper._close
    open_now: set[int] = set()

    def connected(self: Any) -> None:
        connect(self)
        open_now.add(id(self))

    def closed(self: Any) -> None:
        open_now.discard(id(self))
        close(self)

    monkeypatch.setattr(wrapper, "connect", connected)
    monkeypatch.setattr(wrapper, "_close", closed)
    monkeypatch.setitem(connections["default"].settings_dict, "CONN_MAX_AGE", 0)
    return open_now


def cookie_of(user: User) -> str:
    browser = Client()
    browser.force_login(user, backend=django_settings.AUTHENTICATION_BACKENDS[0])
    return (
        f"{django_settings.SESSION_COOKIE_NAME}={browser.cookies[django_settings.SESSION_COOKIE_NAME].value}"
    )


class Open:
    """One open stream."""

    def __init__(self, served: Served, cookie: str) -> None:
        self.heard = b""
        request = f"GET /live/ HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\n\r\n"
        self.connection: socket.socket = served.connect(request)
        self.connection.settimeout(60)

    def until(self, words: bytes) -> bytes:
        """Read on until these words came; everything so far."""
        while words not in self.heard:
            part = self.connection.recv(65536)
            assert part, f"it ended before {words!r}: {self.heard!r}"
            self.heard += part
        return self.heard

    def ended(self) -> bool:
        """Read to the end."""
        while self.connection.recv(65536):
            pass
        return True


def test_many_open_pages_cost_one_thread_and_one_connection(served: Served, held: set[int]) -> None:
    users = [factories.make_user(f"reader{number}") for number in range(USERS)]
    cookies = [cookie_of(user) for user in users]
    connections.close_all()
    before = {thread.name for thread in threading.enumerate()}
    # The first page that is not there costs its template; streams are counted from here on.
    assert served.client.get("/live/").status_code == 401

    pages = [Open(served, cookie) for cookie in cookies for _ in range(poller.MAX_STREAMS_PER_ACCOUNT)]
    for page in pages:
        page.until(b"event: balance\n")

    assert poller.reader().streams == USERS * poller.MAX_STREAMS_PER_ACCOUNT
    more = {thread.name for thread in threading.enumerate()} - before
    assert more <= {"web-0", "web-1", "live"}
    # One for the thread that looks, while it looks.
    assert len(held) <= 1
    assert served.client.get("/live/").status_code == 401

    factories.give(users[2], 7)
    for page in pages[2 * poller.MAX_STREAMS_PER_ACCOUNT : 3 * poller.MAX_STREAMS_PER_ACCOUNT]:
        page.until(b'"shown": "7.0"')
    assert b'"shown": "7.0"' not in pages[0].heard
    # The 21st is refused, with the time to retry.
    assert b" 429 " in Open(served, cookies[2]).until(b"retry-after")

    served.stop()
    assert all(page.ended() for page in pages)
