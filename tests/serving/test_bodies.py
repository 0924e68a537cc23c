"""Request bodies: whole or not at all, within the limit, refused in the words of the address."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import RequestDataTooBig

from config import bodies
from tests.serving.conftest import Served, call

LIMIT = 1_000_000


@pytest.fixture(autouse=True)
def _small_limit(settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = LIMIT


def _chunks(size: int) -> Iterator[bytes]:
    for _ in range(size // 50_000):
        yield b"x" * 50_000


def test_a_body_at_the_limit_is_taken(lean: Served) -> None:
    answer = lean.client.post("/v1/refuses-strangers", content=b"x" * LIMIT, headers={"Authorization": "x"})

    assert answer.text == str(LIMIT)


@pytest.mark.parametrize("content", [b"x" * (LIMIT + 1), b"x" * 5 * LIMIT])
def test_a_larger_body_is_refused_as_a_problem_under_the_api(lean: Served, content: bytes) -> None:
    answer = lean.client.post("/v1/refuses-strangers", content=content, headers={"Authorization": "x"})

    assert answer.status_code == 413
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["title"] == "Content too large"
    assert answer.json()["status"] == 413
    assert answer.headers["X-Request-Id"]


def test_a_larger_body_is_refused_in_plain_words_elsewhere(lean: Served) -> None:
    answer = lean.client.post("/echo", content=b"x" * (LIMIT + 1))

    assert answer.status_code == 413
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_a_larger_body_without_a_stated_length_is_refused(lean: Served) -> None:
    answer = lean.client.post(
        "/v1/refuses-strangers", content=_chunks(2 * LIMIT), headers={"Authorization": "x"}
    )

    assert answer.status_code == 413


def test_a_larger_form_is_refused(lean: Served) -> None:
    answer = lean.client.post("/v1/echo", files={"photo": ("a.txt", b"x" * (LIMIT + 1))})

    assert answer.status_code == 413


def test_who_asks_is_looked_at_before_the_size_of_the_body(lean: Served) -> None:
    assert lean.client.post("/v1/refuses-strangers", content=b"x" * (LIMIT + 1)).status_code == 401


def test_the_connection_stays_usable_after_a_refusal(single: Served) -> None:
    single.client.post("/echo", content=b"x" * (LIMIT + 1))

    assert single.client.post("/echo", content=b"after it").json()["body"] == "after it"


def test_a_view_never_sees_a_body_that_was_cut_off() -> None:
    parts = [{"type": "http.request", "body": b"half", "more_body": True}, {"type": "http.disconnect"}]

    with pytest.raises(bodies.ClientLeft):
        asyncio.run(bodies.read({"path": "/"}, _receiver(parts)))


def test_a_client_that_falls_silent_in_its_body_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "SILENCE", 0.01)

    with pytest.raises(bodies.ClientLeft):
        asyncio.run(
            bodies.read({"path": "/"}, _receiver([{"type": "http.request", "body": b"x", "more_body": True}]))
        )


def test_a_large_body_waits_on_the_disk(settings: Any) -> None:
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 1000
    parts = [{"type": "http.request", "body": b"x" * 900, "more_body": more} for more in (True, True, False)]

    body = asyncio.run(bodies.read({"path": "/"}, _receiver(parts)))

    assert body._rolled  # type: ignore[attr-defined]
    assert body.read() == b"x" * 2700


def test_a_body_that_is_too_large_is_never_kept() -> None:
    parts = [
        {"type": "http.request", "body": b"x" * LIMIT, "more_body": more} for more in (True, True, False)
    ]

    body = asyncio.run(bodies.read({"path": "/"}, _receiver(parts)))

    with pytest.raises(RequestDataTooBig):
        body.read()


def test_a_body_without_end_is_not_drained_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "DRAINED", LIMIT)
    taken = []

    async def receive() -> dict[str, Any]:
        taken.append(1)
        return {"type": "http.request", "body": b"x" * LIMIT, "more_body": True}

    assert isinstance(asyncio.run(bodies.read({"path": "/"}, receive)), bodies.TooLarge)
    assert len(taken) == 3


def test_an_impossible_query_is_a_bad_request() -> None:
    from config.serving import LeanHandler

    assert call(LeanHandler(1), "/hello", query_string=b"\xff")[0]["status"] == 400


def _receiver(parts: list[dict[str, Any]]) -> bodies.Receive:
    waiting = list(parts)

    async def receive() -> dict[str, Any]:
        if not waiting:
            await asyncio.sleep(3600)
        return waiting.pop(0)

    return receive


def test_a_larger_body_under_our_own_api_is_refused_in_kilobytes(lean: Served) -> None:
    answer = lean.client.post("/api/echo", content=b"x" * 300_000)

    assert answer.status_code == 413
    assert "at most 256 KiB" in answer.text
