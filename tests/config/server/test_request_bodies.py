"""Request bodies: whole or not at all, within the bounds, refused in the words of the address."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.test import RequestFactory

from config.middleware.error_pages import error_page
from config.server import body_spool, callers, request_bodies
from config.server.body_spool import Body
from config.server.callers import Callers
from config.server.request_bodies import Bodies, Unread
from config.server.thread_pool import Threads
from tests.config.server.conftest import Served, call

LIMIT = 1_000_000
Parts = list[dict[str, Any]]


@pytest.fixture(autouse=True)
def _small_limit(settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = LIMIT


class Somebody:
    """Knows whom it is told, in place of the database."""

    def __init__(self, user: int | None = 1) -> None:
        self.user = user
        self.asked = 0

    async def user_of(self, scope: dict[str, Any]) -> int | None:
        self.asked += 1
        return self.user


def _chunks(size: int) -> Iterator[bytes]:
    for _ in range(size // 50_000):
        yield b"x" * 50_000


def test_a_body_at_the_limit_is_taken(lean: Served, known: None) -> None:
    answer = lean.client.post("/v1/refuses-strangers", content=b"x" * LIMIT, headers={"Authorization": "x"})

    assert answer.text == str(LIMIT)


@pytest.mark.parametrize("content", [b"x" * (LIMIT + 1), b"x" * 5 * LIMIT])
def test_a_larger_body_is_refused_as_a_problem_under_the_api(
    lean: Served, content: bytes, known: None
) -> None:
    answer = lean.client.post("/v1/refuses-strangers", content=content, headers={"Authorization": "x"})

    assert answer.status_code == 413
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["title"] == "Content too large"
    assert answer.json()["status"] == 413
    assert answer.headers["X-Request-Id"]


def test_a_larger_body_is_refused_with_a_page_elsewhere(lean: Served, known: None) -> None:
    answer = lean.client.post("/echo", content=b"x" * (LIMIT + 1))

    assert answer.status_code == 413
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "The request body is too large" in answer.text


def test_a_larger_body_without_a_stated_length_is_refused(lean: Served, known: None) -> None:
    answer = lean.client.post(
        "/v1/refuses-strangers", content=_chunks(2 * LIMIT), headers={"Authorization": "x"}
    )

    assert answer.status_code == 413


def test_a_larger_form_is_refused(lean: Served, known: None) -> None:
    answer = lean.client.post("/v1/echo", files={"photo": ("a.txt", b"x" * (LIMIT + 1))})

    assert answer.status_code == 413


def test_who_asks_is_looked_at_before_the_size_of_the_body(lean: Served) -> None:
    assert lean.client.post("/v1/refuses-strangers", content=b"x" * (LIMIT + 1)).status_code == 401


def test_the_next_request_is_served_after_a_refusal(single: Served, known: None) -> None:
    single.client.post("/echo", content=b"x" * (LIMIT + 1))

    assert single.client.post("/echo", content=b"after it").json()["body"] == "after it"


def test_a_refused_body_leaves_no_line_in_the_log(
    lean: Served, known: None, caplog: pytest.LogCaptureFixture
) -> None:
    lean.client.post("/echo", content=b"x" * (LIMIT + 1))

    assert [record for record in caplog.records if record.levelname in ("ERROR", "WARNING")] == []


def test_a_view_never_sees_a_body_that_was_cut_off() -> None:
    parts = [{"type": "http.request", "body": b"half", "more_body": True}, {"type": "http.disconnect"}]

    with pytest.raises(request_bodies.ClientLeft):
        _read(parts)


def test_a_large_body_waits_on_the_disk(settings: Any) -> None:
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 100_000

    body = _read(_parts(40_000, 40_000, 40_000))

    assert isinstance(body, Body) and body.on_disk
    with contextlib.closing(body):
        assert body.read() == b"x" * 120_000


def test_a_body_waits_on_the_disk_once_all_together_have_enough_of_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(body_spool, "IN_MEMORY", 250_000)
    shared_bodies = Bodies(Somebody())  # type: ignore[arg-type]

    first = _read(_parts(100_000, 100_000), shared_bodies)
    second = _read(_parts(100_000, 100_000), shared_bodies)

    assert isinstance(first, Body) and isinstance(second, Body)
    assert (first.on_disk, second.on_disk) == (False, True)
    assert shared_bodies.spool.in_memory == 200_000
    second.close()


# -- Who is known ----------------------------------------------------------------------------------------------


def test_of_somebody_unknown_no_more_is_taken_than_64_kib() -> None:
    taken: list[int] = []
    parts = _parts(*[10_000] * 20)

    body = _read(parts, Bodies(Somebody(None)), taken=taken)  # type: ignore[arg-type]

    assert _refusal(body).status == 413
    assert len(taken) == 7


def test_an_announced_length_is_refused_before_a_single_byte_is_taken() -> None:
    taken: list[int] = []
    body = _read(_parts(10_000), Bodies(Somebody(None)), announced=70_000, taken=taken)  # type: ignore[arg-type]

    assert _refusal(body).status == 413
    assert not taken


def test_a_small_body_is_taken_without_asking_who_sends_it() -> None:
    nobody = Somebody(None)

    body = _read(_parts(30_000, 30_000), Bodies(nobody), announced=60_000)  # type: ignore[arg-type]

    assert body.read() == b"x" * 60_000 and not nobody.asked


def test_who_sends_a_body_is_asked_once() -> None:
    somebody = Somebody()

    _read(_parts(*[50_000] * 10), Bodies(somebody), announced=500_000)  # type: ignore[arg-type]

    assert somebody.asked == 1


def test_what_a_service_signs_needs_nobody_who_is_known(settings: Any) -> None:
    settings.ROOT_URLCONF = "config.urls"
    body = _read(_parts(*[50_000] * 10), Bodies(Somebody(None)), path="/hooks/upstream/a/b")  # type: ignore[arg-type]

    assert len(body.read()) == 500_000


# -- Room ------------------------------------------------------------------------------------------------------


def test_all_bodies_together_have_so_much_room(settings: Any) -> None:
    settings.BODY_SPOOL = 1_200_000
    shared_bodies = Bodies(Somebody())  # type: ignore[arg-type]
    kept = []
    for user in range(1, 5):
        shared_bodies._callers.user = user  # type: ignore[attr-defined]
        kept.append(_read(_parts(150_000, 150_000), shared_bodies, announced=300_000))

    shared_bodies._callers.user = 5  # type: ignore[attr-defined]
    refused = _read(_parts(100_000, 100_000), shared_bodies, announced=200_000)
    assert (_refusal(refused).status, _refusal(refused).retry_after) == (503, 5)

    kept[0].close()
    kept[0].close()
    assert shared_bodies.spool.taken == 900_000
    assert isinstance(_read(_parts(100_000, 100_000), shared_bodies, announced=200_000), Body)


def test_one_sender_has_a_quarter_of_the_room_at_most(settings: Any) -> None:
    settings.BODY_SPOOL = 1_200_000
    shared_bodies = Bodies(Somebody())  # type: ignore[arg-type]
    _read(_parts(100_000, 100_000), shared_bodies, announced=200_000)

    assert _refusal(_read(_parts(100_000, 100_000), shared_bodies, announced=200_000)).status == 429
    shared_bodies._callers.user = 2  # type: ignore[attr-defined]
    assert isinstance(_read(_parts(100_000, 100_000), shared_bodies, announced=200_000), Body)


def test_room_is_taken_by_what_has_come_and_given_back_however_it_ends(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    monkeypatch.setattr(body_spool, "STEP", 50_000)
    settings.BODY_SPOOL = 1_200_000
    shared_bodies = Bodies(Somebody())  # type: ignore[arg-type]
    taken: list[int] = []
    write = Body.write

    async def noted(body: Body, part: bytes) -> None:
        await write(body, part)
        taken.append(shared_bodies.spool.taken)

    monkeypatch.setattr(Body, "write", noted)
    with pytest.raises(request_bodies.ClientLeft):
        _read(
            [*_parts(100_000, 100_000, more=True), {"type": "http.disconnect"}],
            shared_bodies,
            announced=250_000,
        )

    assert taken == [150_000, 250_000]
    assert shared_bodies.spool.taken == shared_bodies.spool.in_memory == 0


def test_what_is_announced_and_never_sent_keeps_nobody_out(settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 200 * 1024 * 1024
    settings.BODY_SPOOL = 400 * 1024 * 1024
    somebody = Somebody()
    shared_bodies = Bodies(somebody)  # type: ignore[arg-type]
    scope = {"path": "/", "headers": [(b"content-length", b"%d" % (settings.BODY_SPOOL // 4))]}

    async def begin() -> asyncio.Task[Any]:
        began = asyncio.Event()
        parts = _parts(1, more=True)

        async def receive() -> dict[str, Any]:
            if parts:
                return parts.pop()
            began.set()
            await asyncio.sleep(3600)
            raise AssertionError

        task = asyncio.create_task(shared_bodies.read(scope, receive))
        await asyncio.wait([task, asyncio.create_task(began.wait())], return_when=asyncio.FIRST_COMPLETED)
        return task

    async def five() -> list[bool]:
        tasks = []
        for somebody.user in range(1, 6):
            tasks.append(await begin())
        refused = [task.done() for task in tasks]
        for task in tasks:
            task.cancel()
        return refused

    assert asyncio.run(five()) == [False] * 5


def test_a_length_that_finds_no_room_now_is_refused_at_its_first_byte(settings: Any) -> None:
    settings.BODY_SPOOL = 1_200_000
    taken: list[int] = []
    body = _read(_parts(1, *[100_000] * 4), announced=400_001, taken=taken)

    assert _refusal(body).status == 429
    assert len(taken) == 1


def test_all_who_are_unknown_have_so_much_room_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_spool, "UNKNOWN", 480_000)
    shared_bodies = Bodies(Somebody(None))  # type: ignore[arg-type]
    for number in range(8):
        assert isinstance(_read(_parts(30_000, 30_000), shared_bodies, client=f"192.0.2.{number}"), Body)

    assert _refusal(_read(_parts(30_000, 30_000), shared_bodies, client="192.0.2.8")).status == 503
    # Somebody known is not kept out by them, and has none of the room of the known less.
    assert shared_bodies.spool.taken == 0
    shared_bodies._callers.user = 1  # type: ignore[attr-defined]
    assert isinstance(_read(_parts(30_000, 50_000), shared_bodies, announced=80_000), Body)


@pytest.mark.parametrize("client", ["192.0.2.1", "2001:db8::2"])
def test_a_household_has_an_eighth_of_the_room_of_the_unknown(
    monkeypatch: pytest.MonkeyPatch, client: str
) -> None:
    monkeypatch.setattr(body_spool, "UNKNOWN", 480_000)
    shared_bodies = Bodies(Somebody(None))  # type: ignore[arg-type]
    for one in ("192.0.2.1", "2001:db8::1"):
        _read(_parts(30_000, 30_000), shared_bodies, client=one)

    assert _refusal(_read(_parts(1, 1), shared_bodies, client=client)).status == 503
    assert isinstance(_read(_parts(1, 1), shared_bodies, client="198.51.100.1"), Body)
    # Their neighbours who are known go on as themselves.
    shared_bodies._callers.user = 1  # type: ignore[attr-defined]
    body = _read(_parts(30_000, 30_000), shared_bodies, client=client)
    assert body.read() == b"x" * 60_000 and shared_bodies.spool.taken == 60_000


def test_a_path_that_nobody_signs_takes_no_more_than_any(settings: Any) -> None:
    settings.ROOT_URLCONF = "config.urls"
    for path in ("/hooks/x", "/payments/x"):
        assert request_bodies.limit_for(path) == LIMIT
        assert _refusal(_read(_parts(50_000, 50_000), Bodies(Somebody(None)), path=path)).status == 413  # type: ignore[arg-type]


def test_a_full_disk_is_left_alone(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 100_000
    settings.FREE_DISK_MINIMUM = 2**62

    assert _refusal(_read(_parts(80_000, 80_000), announced=160_000)).status == 503


def test_a_disk_that_cannot_be_written_is_told_as_no_room(settings: Any, tmp_path: Path) -> None:
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 100_000
    settings.TEMPORARY = tmp_path / "file"
    settings.TEMPORARY.write_text("no folder")
    shared_bodies = Bodies(Somebody())  # type: ignore[arg-type]

    body = _read(_parts(80_000, 80_000), shared_bodies, announced=160_000)

    assert (_refusal(body).status, _refusal(body).retry_after) == (503, 5)
    assert shared_bodies.spool.taken == shared_bodies.spool.in_memory == 0


@pytest.mark.parametrize("error", [InterfaceError, OperationalError])
def test_nobody_is_known_while_the_database_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def away(request: Any) -> None:
        raise error("the connection is closed")

    monkeypatch.setattr(callers, "authenticate", away)
    threads = Threads(1)
    scope = {
        "type": "http", "method": "POST", "path": "/v1/files", "query_string": b"",
        "headers": [(b"authorization", b"Bearer x"), (b"content-length", b"100000")],
    }  # fmt: skip
    parts = _parts(100_000)

    async def receive() -> dict[str, Any]:
        return parts.pop(0)

    body = asyncio.run(Bodies(Callers(threads)).read(scope, receive))
    threads.close()

    assert _refusal(body).status == 413


# -- Time ------------------------------------------------------------------------------------------------------


def test_a_client_that_falls_silent_in_its_body_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_bodies, "SILENCE_S", 0.01)

    assert _refusal(_read(_parts(1, more=True))).status == 408


def test_a_client_that_dribbles_its_body_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_bodies, "GRACE_S", 0.05)
    monkeypatch.setattr(request_bodies, "RATE", 10_000)

    assert _refusal(_read(_parts(*[1] * 1000), pause=0.01)).status == 408


def test_a_client_that_is_fast_enough_has_as_long_as_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_bodies, "GRACE_S", 0.2)
    monkeypatch.setattr(request_bodies, "RATE", 100_000)

    assert len(_read(_parts(*[20_000] * 20), pause=0.02).read()) == 400_000


def test_what_came_fast_lends_no_time_to_what_comes_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_bodies, "GRACE_S", 0.1)
    monkeypatch.setattr(request_bodies, "RATE", 1_000)

    assert _refusal(_read(_parts(800_000, *[1] * 200), pause=0.01)).status == 408


def test_no_body_takes_longer_than_the_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_bodies, "MOST_S", 0.2)

    assert _refusal(_read(_parts(*[1_000] * 500), pause=0.01)).status == 408


def test_a_stalled_body_is_answered_with_408_and_the_connection_ends(
    lean: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(request_bodies, "SILENCE_S", 0.1)
    head = "POST {} HTTP/1.1\r\nHost: x\r\nAuthorization: x\r\nContent-Length: 1000\r\n\r\nhalf"
    for path, kind in (("/v1/refuses-strangers", "application/problem+json"), ("/echo", "text/html")):
        connection = lean.connect(head.format(path))
        answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode()  # noqa: B023
        assert answer.startswith("HTTP/1.1 408 Request Timeout\r\n"), answer
        assert f"content-type: {kind}" in answer.lower() and "connection: close" in answer.lower()
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_a_client_that_leaves_in_its_body_is_no_error(lean: Served, caplog: pytest.LogCaptureFixture) -> None:
    lean.connect("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf").close()
    lean.client.get("/hello")

    assert [record for record in caplog.records if record.levelname in ("ERROR", "WARNING")] == []


def test_an_impossible_query_is_a_bad_request() -> None:
    from config.server.asgi_handler import LeanHandler

    assert call(LeanHandler(1), "/hello", query_string=b"\xff")[0]["status"] == 400


def _parts(*sizes: int, more: bool = False) -> Parts:
    last = len(sizes) - 1
    return [
        {"type": "http.request", "body": b"x" * size, "more_body": more or number < last}
        for number, size in enumerate(sizes)
    ]


def _read(
    parts: Parts,
    shared_bodies: Bodies | None = None,
    *,
    path: str = "/",
    announced: int | None = None,
    client: str = "127.0.0.1",
    taken: list[int] | None = None,
    pause: float = 0.0,
) -> Any:
    waiting = list(parts)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(pause if waiting else 3600)
        if taken is not None:
            taken.append(1)
        return waiting.pop(0)

    length = (
        (b"transfer-encoding", b"chunked") if announced is None else (b"content-length", b"%d" % announced)
    )
    scope = {"path": path, "headers": [length], "client": (client, 1)}
    shared_bodies = shared_bodies or Bodies(Somebody())  # type: ignore[arg-type]
    return asyncio.run(shared_bodies.read(scope, receive))


def _refusal(body: Any) -> request_bodies.Refused:
    assert isinstance(body, Unread)
    with pytest.raises(RequestDataTooBig):
        body.read()
    return body.refusal


def test_a_larger_body_under_our_own_api_is_refused_in_kilobytes(lean: Served) -> None:
    answer = lean.client.post("/api/echo", content=b"x" * 300_000)

    assert answer.status_code == 413
    assert "The limit is 256 KiB" in answer.text


def test_too_much_at_once_is_told_to_openais_clients_as_they_know_it() -> None:
    request = RequestFactory().post("/openai/v1/images/edits")

    error = json.loads(error_page(request, 429).content)["error"]

    assert (error["type"], error["code"]) == ("rate_limit_error", "rate_limit_exceeded")
