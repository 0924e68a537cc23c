"""Threads and their database connections: kept, never more than allowed, given back by whoever waits."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
from django.core import signals
from django.db import connections

from config.server.asgi_handler import LeanHandler
from config.server.thread_pool import Threads
from tests.config.server.conftest import Served
from tests.config.server.urls import event

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Connections are given back at the end of each request, as on PostgreSQL; the threads in which that happened."""
    names: list[str] = []
    wrapper = type(connections["default"])
    close = wrapper._close

    def noted(self: Any) -> None:
        if self.connection is not None:
            names.append(threading.current_thread().name)
        close(self)

    monkeypatch.setattr(wrapper, "_close", noted)
    monkeypatch.setitem(connections["default"].settings_dict, "CONN_MAX_AGE", 0)
    return names


class Heard:
    """The signals that were sent, in order, with the thread of each."""

    def __init__(self) -> None:
        self.all: list[tuple[str, str]] = []
        signals.request_started.connect(self.started)
        signals.request_finished.connect(self.finished)

    def started(self, **kwargs: Any) -> None:
        self.all.append(("started", threading.current_thread().name))

    def finished(self, **kwargs: Any) -> None:
        self.all.append(("finished", threading.current_thread().name))

    def names(self) -> list[str]:
        return [name for name, _ in self.all]


def test_each_request_begins_and_ends_once_in_one_thread(lean: Served) -> None:
    heard = Heard()

    lean.client.get("/hello")
    lean.client.get("/broken")

    assert heard.names() == ["started", "finished"] * 2
    assert all(thread.startswith("web-") for _, thread in heard.all)


@pytest.mark.parametrize("path", ["/parts", "/events"])
def test_a_stream_ends_once_its_last_part_is_sent(lean: Served, path: str) -> None:
    heard = Heard()
    with lean.client.stream("GET", path) as answer:
        received = answer.iter_raw()
        next(received)
        assert heard.names() == ["started"]
        event("go on").set()
        b"".join(received)

    _eventually(lambda: heard.names() == ["started", "finished"])


def test_a_request_that_is_cut_off_in_its_body_never_begins(lean: Served) -> None:
    heard = Heard()
    connection = lean.connect("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
    connection.close()

    assert lean.client.get("/hello").text == "hello"
    assert heard.names() == ["started", "finished"]


def test_a_connection_is_kept_where_the_database_wants_it(
    single: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connections["default"].settings_dict, "CONN_MAX_AGE", None)

    seen = {tuple(single.client.get("/database").json().values()) for _ in range(5)}

    assert len(seen) == 1


def test_a_held_request_keeps_neither_thread_nor_connection(single: Served, closed: list[str]) -> None:
    connection = single.connect("GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
    assert event("held").wait(60)

    assert closed == ["web-0"]
    assert single.client.get("/hello").text == "hello"

    event("go on").set()
    assert connection.recv(1000).startswith(b"HTTP/1.1 201")


def test_an_event_stream_keeps_no_connection(single: Served, closed: list[str]) -> None:
    with single.client.stream("GET", "/events?database") as answer:
        next(answer.iter_raw())
        assert closed == ["web-0"]


def test_no_more_threads_work_than_allowed() -> None:
    threads = Threads(3)
    together, most, lock = 0, 0, threading.Lock()

    def work() -> None:
        nonlocal together, most
        with lock:
            together += 1
            most = max(most, together)
        time.sleep(0.01)
        with lock:
            together -= 1

    async def many() -> None:
        await asyncio.gather(*(threads.run(work) for _ in range(30)))

    asyncio.run(many())
    threads.close()
    assert most == 3


def test_a_thread_is_only_made_when_all_are_busy() -> None:
    threads = Threads(8)

    async def one_after_the_other() -> set[str]:
        return {await threads.run(lambda: threading.current_thread().name) for _ in range(20)}

    assert asyncio.run(one_after_the_other()) == {"web-0"}
    threads.close()


def test_work_given_up_by_its_caller_still_counts_as_busy() -> None:
    threads, go_on = Threads(2), threading.Event()

    async def two() -> bool:
        given_up = asyncio.create_task(threads.run(go_on.wait, 30))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.sleep(0)
        try:
            return await asyncio.wait_for(threads.run(go_on.is_set), 10)
        finally:
            go_on.set()

    assert asyncio.run(two()) is False
    threads.close()


def test_an_error_in_a_thread_reaches_the_caller() -> None:
    threads = Threads(1)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(threads.run(lambda: 1 / 0))
    threads.close()


def test_the_settings_say_how_many_threads_there_are(settings: Any) -> None:
    settings.WEB_THREADS = 5

    assert LeanHandler().threads.limit == 5


def _eventually(holds: Any) -> None:
    for _ in range(500):
        if holds():
            return
        time.sleep(0.01)
    raise AssertionError("it never came true")
