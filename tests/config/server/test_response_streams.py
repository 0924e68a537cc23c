"""Answers in parts: they arrive as they are made, end when the client leaves, and keep no thread from others."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx
import pytest

from tests.config.server.conftest import Served
from tests.config.server.urls import event

GET = "GET {} HTTP/1.1\r\nHost: x\r\n\r\n"


def test_a_part_arrives_before_the_next_is_made(lean: Served) -> None:
    with lean.client.stream("GET", "/parts") as answer:
        received = answer.iter_raw()
        assert next(received) == b"first,"
        event("go on").set()
        assert b"".join(received) == b"second,"


def test_an_event_arrives_before_the_next_is_made(lean: Served) -> None:
    with lean.client.stream("GET", "/events") as answer:
        received = answer.iter_raw()
        assert next(received) == b"data: 1\n\n"
        event("go on").set()
        assert b"".join(received) == b"data: 2\n\n"
    assert event("events closed").wait(60)


def test_a_file_arrives_whole(lean: Served, tmp_path: Path) -> None:
    file = tmp_path / "picture"
    file.write_bytes(bytes(range(256)) * 20_000)

    answer = lean.client.get("/file", params={"path": str(file)})

    assert answer.content == file.read_bytes()
    assert answer.headers["Content-Length"] == str(file.stat().st_size)


def test_a_stream_is_closed_when_the_client_leaves(lean: Served) -> None:
    connection = lean.connect(GET.format("/endless"))
    assert connection.recv(1000)

    connection.close()

    assert event("endless closed").wait(60)


def test_an_event_stream_is_closed_when_the_client_leaves(lean: Served) -> None:
    connection = lean.connect(GET.format("/events"))
    assert connection.recv(1000)

    connection.close()

    assert event("events closed").wait(60)


def test_a_client_that_does_not_read_keeps_no_thread(single: Served) -> None:
    connection = single.connect(GET.format("/endless"))
    assert event("endless began").wait(60)

    assert single.client.get("/hello").text == "hello"

    connection.close()
    assert event("endless closed").wait(60)


def test_an_event_stream_keeps_no_thread(single: Served) -> None:
    connection = single.connect(GET.format("/events"))
    assert connection.recv(1000)

    assert single.client.get("/hello").text == "hello"


def test_a_stream_that_breaks_before_its_first_part_is_an_error(lean: Served) -> None:
    assert lean.client.get("/breaks-at-once").status_code == 500


def test_a_stream_that_breaks_later_does_not_look_complete(lean: Served) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        lean.client.get("/breaks-later")

    assert lean.client.get("/hello").text == "hello"


def test_nothing_is_read_from_a_stream_for_a_head_request(lean: Served) -> None:
    assert lean.client.head("/untouched").status_code == 200

    assert not event("stream was read").is_set()


def test_requests_sent_ahead_are_answered_in_order(lean: Served) -> None:
    connection = lean.connect(GET.format("/hello") + GET.format("/cookies") + GET.format("/unknown"))

    received = _until(connection, b"404")

    assert received.index(b"hello") < received.index(b"set-cookie") < received.index(b"404")


def _until(connection: socket.socket, end: bytes) -> bytes:
    received = b""
    while end not in received:
        part = connection.recv(65536)
        assert part, "the server closed the connection"
        received += part.lower()
    return received
