"""Connections: bounded in number and time, and ended so that whoever is refused reads why."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable

import pytest

from config.server import http_protocol
from config.server.asgi_handler import LeanHandler
from tests.config.server.conftest import TICK_S, Serve, Served
from tests.config.server.urls import LARGE, event

HELLO = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"


def all_of(connection: socket.socket) -> str:
    """What comes until the other side closes."""
    return b"".join(iter(lambda: connection.recv(65536), b"")).decode("latin1")


def answer(connection: socket.socket) -> str:
    """One answer of some bytes."""
    received = b""
    while b"\r\n\r\n" not in received:
        part = connection.recv(65536)
        assert part, received
        received += part
    return received.decode("latin1")


def eventually(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


# -- Time ------------------------------------------------------------------------------------------------------


def test_half_a_head_is_answered_with_408(lean: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_S", 0.1)

    received = all_of(lean.connect("GET /hello HTTP/1.1\r\nHost: x\r\nX-Mo"))

    assert received.startswith("HTTP/1.1 408 ") and "connection: close" in received


def test_a_head_that_is_dribbled_is_answered_with_408(lean: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_S", 0.3)
    connection = lean.connect("GET /hello HTTP/1.1\r\n")
    connection.settimeout(0.05)
    received = b""
    for number in range(400):
        with contextlib.suppress(TimeoutError):
            received += connection.recv(65536)
        if received:
            break
        connection.sendall(b"X-%d: y\r\n" % number)

    assert received.startswith(b"HTTP/1.1 408 ")


def test_the_first_head_has_no_more_time_than_its_connection(lean: Served) -> None:
    connection = lean.connect("")
    open_now = lean.server.server_state.connections
    eventually(lambda: len(open_now) == 1)
    (one,) = open_now
    deadline = one.deadline  # type: ignore[union-attr]
    connection.sendall(b"GET /hel")
    eventually(lambda: one._in_head)  # type: ignore[union-attr]

    assert one.deadline == deadline  # type: ignore[union-attr]


@pytest.mark.parametrize("sent", ["", "\r\n\r\n"])
def test_a_connection_on_which_nothing_is_asked_is_closed_without_a_word(
    lean: Served, monkeypatch: pytest.MonkeyPatch, sent: str
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_S", 0.1)

    assert all_of(lean.connect(sent)) == ""


def test_a_connection_is_closed_that_is_idle_after_an_answer(
    lean: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "IDLE_S", 0.1)

    assert all_of(lean.connect(HELLO)).endswith("\r\n\r\nhello")


def test_line_ends_between_requests_keep_no_connection_open(
    lean: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "IDLE_S", 0.3)
    connection = lean.connect(HELLO)
    answer(connection)
    with pytest.raises(OSError):
        for _ in range(400):
            connection.sendall(b"\r\n")
            time.sleep(0.02)


def test_the_second_request_of_a_connection_has_its_own_time(
    lean: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_S", 0.1)
    connection = lean.connect(HELLO)
    answer(connection)
    connection.sendall(b"GET /hel")

    assert all_of(connection).startswith("HTTP/1.1 408 ")


def test_an_answer_may_take_as_long_as_it_takes(lean: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_S", 0.1)
    monkeypatch.setattr(http_protocol, "IDLE_S", 0.1)
    connection = lean.connect("GET /parts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer(connection)
    time.sleep(10 * TICK_S)
    event("go on").set()

    assert "second," in all_of(connection)


def test_a_reader_that_takes_nothing_is_given_up(lean: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "SEND_S", 0.2)
    connection = lean.connect("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")

    assert event("endless began").wait(60)
    eventually(lambda: lean.server.server_state.count == 0)
    connection.close()


def test_a_slow_reader_gets_the_whole_answer_of_a_connection_that_ends(
    lean: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "LINGER_SILENCE_S", 0.1)
    connection = lean.connect(f"GET /large HTTP/1.1\r\n{UPGRADE}\r\n")
    time.sleep(12 * TICK_S)

    assert len(all_of(connection).partition("\r\n\r\n")[2]) == LARGE


# -- Heads -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "lines",
    [
        f"X-Long: {'a' * 70_000}\r\n",
        "".join(f"X-{number}: a\r\n" for number in range(300)),
        f"X-Without-End: {'a' * 400_000}",
    ],
)
def test_a_head_that_is_too_large_is_answered_with_431(lean: Served, lines: str) -> None:
    received = all_of(lean.connect(f"GET /hello HTTP/1.1\r\nHost: x\r\n{lines}\r\n"))

    assert received.startswith("HTTP/1.1 431 ") and "connection: close" in received


def test_a_head_of_usual_size_is_none_of_these(lean: Served) -> None:
    lines = "".join(f"X-{number}: {'a' * 500}\r\n" for number in range(100))

    assert answer(lean.connect(f"GET /hello HTTP/1.1\r\nHost: x\r\n{lines}\r\n")).startswith("HTTP/1.1 200 ")


CHUNKED = (
    "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"
)


def test_lines_behind_a_body_are_no_headers(lean: Served) -> None:
    received = all_of(lean.connect(f"{CHUNKED}0\r\nX-Forwarded-Proto: https\r\nX-Late: evil\r\n\r\n"))

    assert '"body": "ab"' in received and "evil" not in received and "HTTP_X_LATE" not in received


@pytest.mark.parametrize("noise", ["2;extension=", "0\r\nX-Late: "])
def test_what_is_no_body_has_an_end_behind_a_head_too(lean: Served, noise: str) -> None:
    connection = lean.connect(CHUNKED + noise)
    with contextlib.suppress(OSError):
        for _ in range(200):
            connection.sendall(b"a" * 5000)
            time.sleep(0.001)

    assert all_of(connection).startswith("HTTP/1.1 400 ")


UPGRADE = "Host: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n"


def test_an_upgrade_is_answered_without_it_and_the_connection_ends(lean: Served) -> None:
    received = all_of(lean.connect(f"GET /hello HTTP/1.1\r\n{UPGRADE}\r\n{HELLO}"))

    assert received.startswith("HTTP/1.1 200 ") and received.count("HTTP/1.1") == 1
    assert "connection: close" in received


def test_the_body_of_an_upgrade_never_becomes_another_request(lean: Served) -> None:
    received = all_of(
        lean.connect(f"POST /echo HTTP/1.1\r\n{UPGRADE}Content-Length: {len(HELLO)}\r\n\r\n{HELLO}")
    )

    assert received.startswith("HTTP/1.1 400 ") and received.count("HTTP/1.1") == 1


def test_a_request_is_answered_before_what_follows_it_is_refused(lean: Served) -> None:
    connection = lean.connect("GET /parts HTTP/1.1\r\nHost: x\r\n\r\n")
    answer(connection)
    connection.sendall(b"no request at all\r\n\r\n")
    time.sleep(0.2)
    event("go on").set()
    received = all_of(connection)

    assert "second," in received and "HTTP/1.1" not in received


# -- Number ----------------------------------------------------------------------------------------------------


@pytest.fixture
def four(serve: Serve) -> Served:
    """Takes four connections, three of them from one address."""
    return serve(LeanHandler(threads=8), (4, 3))


def test_the_longest_idle_connection_goes_for_a_new_one(four: Served) -> None:
    kept = []
    for _ in range(3):
        kept.append(four.connect(HELLO))
        answer(kept[-1])
    kept[0].sendall(HELLO.encode())
    answer(kept[0])

    assert answer(four.connect(HELLO)).startswith("HTTP/1.1 200 ")
    assert kept[1].recv(10) == b""
    kept[0].sendall(HELLO.encode())
    assert answer(kept[0]).startswith("HTTP/1.1 200 ")


def test_a_connection_that_sends_a_head_goes_after_the_idle_ones(four: Served) -> None:
    kept = []
    for _ in range(3):
        kept.append(four.connect(HELLO))
        answer(kept[-1])
    kept[0].sendall(b"GET /hello HTTP/1.1\r\n")
    eventually(lambda: any(one._in_head for one in four.server.server_state.connections))  # type: ignore[union-attr]

    assert answer(four.connect(HELLO)).startswith("HTTP/1.1 200 ")
    assert kept[1].recv(10) == b""
    kept[0].sendall(b"Host: x\r\n\r\n")
    assert answer(kept[0]).startswith("HTTP/1.1 200 ")


def test_the_addresses_of_an_ipv6_household_are_one_peer() -> None:
    class One:
        """A connection between two requests."""

        peer = None
        rank = (False, False)

        def __init__(self, address: str) -> None:
            self.address = address
            self.dropped = False

        def drop(self) -> None:
            self.dropped = True
            open_connections.remove(self)  # type: ignore[arg-type]

    open_connections = http_protocol.Connections(8, 1)
    first, neighbour, second = One("2001:db8::1"), One("2001:db8:0:1::1"), One("2001:db8::2")
    for one in (first, neighbour, second):
        assert open_connections.add(one)  # type: ignore[arg-type]

    assert [one.dropped for one in (first, neighbour, second)] == [True, False, False]


def test_half_heads_of_one_address_keep_nobody_out(four: Served) -> None:
    kept = [four.connect("GET /hello HTTP/1.1\r\nHost: x\r\n") for _ in range(40)]

    assert answer(four.connect(HELLO)).startswith("HTTP/1.1 200 ")
    assert answer(four.connect(HELLO, "127.0.0.2")).startswith("HTTP/1.1 200 ")
    assert four.server.server_state.count <= 4
    assert len(kept) == 40


def test_bodies_on_their_way_keep_nobody_out(four: Served) -> None:
    head = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf"
    kept = [four.connect(head) for _ in range(10)]

    assert answer(four.connect(HELLO)).startswith("HTTP/1.1 200 ")
    assert answer(four.connect(HELLO, "127.0.0.2")).startswith("HTTP/1.1 200 ")
    assert four.server.server_state.count <= 4
    assert len(kept) == 10


def test_where_all_are_at_work_a_new_one_is_told_to_come_again(four: Served) -> None:
    busy = [four.connect("GET /parts HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(3)]
    for connection in busy:
        answer(connection)

    received = all_of(four.connect(HELLO))
    assert received.startswith("HTTP/1.1 503 ") and "retry-after: 5" in received
    # Another address has a place left.
    other = four.connect("GET /parts HTTP/1.1\r\nHost: x\r\n\r\n", "127.0.0.2")
    assert answer(other).startswith("HTTP/1.1 200 ")
    assert all_of(four.connect(HELLO, "127.0.0.3")).startswith("HTTP/1.1 503 ")
    event("go on").set()


def test_a_connection_that_was_refused_lends_its_place_to_no_other(four: Served) -> None:
    busy = [four.connect("GET /parts HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(3)]
    for connection in busy:
        answer(connection)

    refused = []
    for _ in range(6):
        refused.append(four.connect(""))
        assert answer(refused[-1]).startswith("HTTP/1.1 503 ")
        assert four.server.server_state.count <= 4
    event("go on").set()


def test_every_connection_that_ended_is_counted_no_more(four: Served) -> None:
    for _ in range(20):
        connection = four.connect(HELLO)
        answer(connection)
        connection.close()

    eventually(lambda: four.server.server_state.count == 0)
    assert not four.server.server_state._peers
