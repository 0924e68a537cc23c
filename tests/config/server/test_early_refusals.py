"""Whoever is refused before the whole request is there reads why, also while still sending.

Each client sends 16 MB slowly and reads only afterwards, as simple ones do. `EARLY_REFUSALS=100` before the command
runs each of them a hundred times.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from accounts.models import User
from config.server import http_protocol, request_bodies
from config.server.asgi_handler import LeanHandler
from tests import factories
from tests.config.server.conftest import Serve, Served
from tests.config.server.urls import event

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(1800)]
ROUNDS = int(os.environ.get("EARLY_REFUSALS", "1"))
AT_ONCE = 5
SIZE, PART, PAUSE_S = 16_000_000, 64_000, 0.001
ANNOUNCED = f"Content-Length: {SIZE}\r\n"
TOKEN = "Authorization: Bearer {token}\r\n"


@dataclass(frozen=True)
class Case:
    """A request, what it is answered with, and what of the server is changed for it."""

    status: int
    request: str
    lines: str = ANNOUNCED
    says: str = ""
    # Seconds between the head and the rest.
    pause: float = 0.0
    changed: dict[str, Any] = field(default_factory=dict)


CASES = {
    "a head that is none": Case(400, "POST /v1/files", "No\x01Header: a\r\n" + ANNOUNCED),
    "no token": Case(401, "POST /v1/files", says='"status": 401'),
    "a wrong token": Case(401, "POST /v1/files", f"Authorization: Bearer dr_{'a' * 40}\r\n{ANNOUNCED}"),
    "no token, in chunks": Case(401, "POST /v1/predictions", "Transfer-Encoding: chunked\r\n"),
    "no token for pictures": Case(401, "POST /openai/v1/images/edits", says='"error"'),
    "nobody at our own API": Case(401, "POST /api/tokens", says='"status":401'),
    "nobody in the studio": Case(403, "POST /studio/make/", says="<html"),
    "nobody at the studio's uploads": Case(401, "POST /studio/upload/", says='"detail"'),
    "nobody at the sign-in": Case(403, "POST /accounts/login/", says="<html"),
    "an unknown address": Case(404, "POST /v1/nothing/here", says='"status": 404'),
    "a half head": Case(408, "POST /v1/files", "X-Half: ", pause=0.8, changed={"HEAD_S": 0.1}),
    "a body too slow": Case(
        408, "POST /v1/files", TOKEN + ANNOUNCED, '"status": 408', changed={"GRACE_S": 0.05, "RATE": 10**9}
    ),
    "a body too large": Case(
        413, "POST /v1/files", f"{TOKEN}Content-Length: 2{'0' * 9}\r\n", "Files must be less than 100MB"
    ),
    "JSON too large": Case(413, "POST /v1/predictions", f"{TOKEN}Content-Length: 2{'0' * 8}\r\n", "16 MiB"),
    "too much of one member": Case(
        429, "POST /v1/files", TOKEN + ANNOUNCED, '"status": 429', changed={"BODY_SPOOL": 2 * SIZE}
    ),
    "a head too large": Case(431, "POST /v1/files", f"X-Long: {'a' * 80_000}\r\n{ANNOUNCED}"),
    "no room": Case(
        503, "POST /v1/files", TOKEN + ANNOUNCED, '"status": 503', changed={"BODY_SPOOL": SIZE // 2}
    ),
}


@pytest.fixture
def changed(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Any:
    """A function that changes what a case wants changed."""

    def change(wanted: dict[str, Any]) -> None:
        for name, value in wanted.items():
            place = next((one for one in (request_bodies, http_protocol) if hasattr(one, name)), None)
            if place is not None:
                monkeypatch.setattr(place, name, value)
            else:
                setattr(settings, name, value)

    return change


def sent_slowly(served: Served, head: str, case: Case) -> str:
    """What a client reads that sends everything first."""
    connection = served.connect(head)
    time.sleep(case.pause)
    chunked = "chunked" in case.lines
    part = b"x" * PART
    with contextlib.closing(connection):
        for _ in range(SIZE // PART):
            connection.sendall(b"%x\r\n%b\r\n" % (PART, part) if chunked else part)
            time.sleep(PAUSE_S)
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


@pytest.fixture
def strict_server(single: Served, settings: Any) -> Served:
    """Our own addresses."""
    settings.ROOT_URLCONF = "config.urls"
    return single


@pytest.mark.parametrize("name", CASES)
def test_the_answer_is_read(name: str, strict_server: Served, alice: User, changed: Any) -> None:
    case = CASES[name]
    token = factories.make_token(alice)
    changed(case.changed)
    lines = case.lines.replace("{token}", token)
    end = "" if lines.endswith("X-Half: ") else "\r\n"
    form = "Content-Type: multipart/form-data; boundary=x\r\n"
    head = f"{case.request} HTTP/1.1\r\nHost: localhost\r\n{form}{lines}{end}"

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda _: sent_slowly(strict_server, head, case), range(ROUNDS)))

    for received in answers:
        assert received.startswith(f"HTTP/1.1 {case.status} "), received[:300]
        assert "connection: close" in received.lower() and case.says in received
        assert received.count("HTTP/1.1 ") == 1


def test_one_connection_too_many_reads_why(serve: Serve) -> None:
    served = serve(LeanHandler(threads=2), (2, 1))
    busy = served.connect("GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
    busy.recv(10)
    for _ in range(ROUNDS):
        head = f"POST /echo HTTP/1.1\r\nHost: x\r\n{ANNOUNCED}\r\n"
        received = sent_slowly(served, head, Case(503, ""))
        assert received.startswith("HTTP/1.1 503 ")
    event("go on").set()


def test_whoever_waits_to_be_told_to_go_on_is_refused_before_sending(strict_server: Served) -> None:
    connection = strict_server.connect(
        f"POST /v1/files HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n{ANNOUNCED}\r\n"
    )

    assert connection.recv(65536).startswith(b"HTTP/1.1 401 ")


def test_somebody_known_is_told_to_go_on(strict_server: Served, alice: User) -> None:
    head = f"POST /v1/files HTTP/1.1\r\nHost: localhost\r\n{TOKEN}Expect: 100-continue\r\n{ANNOUNCED}\r\n"
    connection = strict_server.connect(head.replace("{token}", factories.make_token(alice)))

    assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"


def test_a_rest_without_end_is_not_read_for_ever(
    strict_server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "LINGER_BYTES", 1_000_000)
    connection = strict_server.connect(f"POST /v1/files HTTP/1.1\r\nHost: localhost\r\n{ANNOUNCED}\r\n")

    with pytest.raises(OSError):
        for _ in _for(30):
            connection.sendall(b"x" * PART)


@pytest.mark.parametrize("sends", [True, False])
def test_a_client_that_does_not_close_is_closed(
    strict_server: Served, monkeypatch: pytest.MonkeyPatch, sends: bool
) -> None:
    monkeypatch.setattr(http_protocol, "LINGER_S", 0.5)
    monkeypatch.setattr(http_protocol, "LINGER_SILENCE_S", 0.2)
    connection = strict_server.connect(f"POST /v1/files HTTP/1.1\r\nHost: localhost\r\n{ANNOUNCED}\r\n")
    for _ in _for(30):
        if not strict_server.server.server_state.count:
            break
        if sends:
            with contextlib.suppress(OSError):
                connection.sendall(b"x")
    else:
        raise AssertionError("it is open still")


def _for(seconds: float) -> Iterator[None]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(0.02)
