"""Previews of running predictions: stored, shown to those who may see them, deleted at the end."""

from __future__ import annotations

import asyncio
import io
import json
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from PIL import Image

from accounts.models import User
from predictions import lifecycle, tasks
from predictions.execution import watcher
from predictions.models import Prediction, Preview, Version
from predictions.providers.base import Update
from predictions.submit import acceptance, work_request
from predictions.waiting import waiters
from tests import factories, fakes
from tests.fakes import FakeProvider

pytestmark = pytest.mark.django_db(transaction=True)


def jpeg(colour: str = "red", side: int = 64) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(out, "JPEG")
    return out.getvalue()


def working(look: bytes | None, progress: float | None = 0.5) -> Update:
    return Update("processing", progress=progress, preview=look)


@pytest.fixture(autouse=True)
def _looked_at_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "ENGINE_POLL_S", 0)


@pytest.fixture
def running(alice: User, version: Version, provider: FakeProvider) -> Prediction:
    """Alice's prediction, at the provider, with one look at it."""
    request = work_request.Request(
        account=alice.account, user=alice, version=version, input={"prompt": "a cat"}
    )
    prediction = acceptance.accept(request)
    provider.updates = [working(jpeg())]
    tasks.start()
    fakes.watch_once()
    return Prediction.objects.get(pk=prediction.pk)


def watch(provider: FakeProvider, *updates: Update) -> None:
    provider.updates = list(updates)
    for _ in updates:
        fakes.watch_once()


def address(prediction: Prediction, **query: str) -> str:
    return f"/p/{prediction.public_id}/preview" + (
        "?" + "&".join(f"{k}={v}" for k, v in query.items()) if query else ""
    )


def test_the_newest_look_replaces_the_one_before(running: Prediction, provider: FakeProvider) -> None:
    first = Preview.objects.get()
    assert (bytes(first.data), first.number, first.content_type) == (jpeg(), 1, "image/jpeg")
    watch(provider, working(jpeg("blue")))
    (second,) = Preview.objects.all()
    assert (bytes(second.data), second.number) == (jpeg("blue"), 2)
    assert Prediction.objects.get().revision == running.revision + 1


def test_the_same_look_again_is_no_news(running: Prediction, provider: FakeProvider) -> None:
    watch(provider, working(jpeg()), working(None))
    assert Preview.objects.get().number == 1
    assert Prediction.objects.get().revision == running.revision


@pytest.mark.parametrize("look", [b"", b"<svg>", b"\x89PNG\r\n", b"\xff\xd8\xff" + b"0" * 64 * 1024])
def test_what_is_no_small_jpeg_is_dropped(running: Prediction, provider: FakeProvider, look: bytes) -> None:
    watch(provider, working(look, 0.7))
    assert bytes(Preview.objects.get().data) == jpeg()
    assert Prediction.objects.get().progress == 0.7


@pytest.mark.parametrize("end", ["succeeded", "failed", "canceled"])
def test_it_goes_when_the_prediction_ends(running: Prediction, provider: FakeProvider, end: str) -> None:
    if end == "canceled":
        lifecycle.cancel(running.public_id)
    else:
        watch(provider, fakes.done() if end == "succeeded" else Update("failed", error="No paint."))
        tasks.collect()
    assert Prediction.objects.get().status == end
    assert not Preview.objects.exists()
    # Whoever was told of it a moment ago asks too late, and that is no error. To all others it was never there.
    late = Client().get(address(running, key=running.stream_token))
    assert (late.status_code, late.content, late["Cache-Control"]) == (204, b"", "no-store")
    assert Client().get(address(running)).status_code == 404


def test_a_look_that_comes_after_the_end_is_not_kept(running: Prediction) -> None:
    before = Prediction.objects.select_related("model", "version").get()
    lifecycle.cancel(running.public_id)
    assert lifecycle.note(before, working(jpeg("blue")), 0.25) is False
    assert not Preview.objects.exists()


def test_a_second_run_counts_on_so_that_no_reader_takes_its_look_for_one_it_knows(
    running: Prediction, provider: FakeProvider
) -> None:
    lifecycle.lost(running)
    provider.updates = [working(jpeg("green"))]
    tasks.start()
    fakes.watch_once()
    assert Preview.objects.get().number == 2


def test_its_owner_gets_it_by_session_and_by_token_and_followers_by_the_streams_token(
    running: Prediction, alice: User
) -> None:
    signed_in = Client()
    signed_in.force_login(alice)
    bearer = {"Authorization": f"Bearer {factories.make_token(alice)}"}
    answers = [
        signed_in.get(address(running)),
        Client().get(address(running), headers=bearer),
        Client().get(address(running, key=running.stream_token)),
    ]
    for answer in answers:
        assert (answer.status_code, answer.content, answer["Content-Type"]) == (200, jpeg(), "image/jpeg")
        assert answer["Cache-Control"] == "no-store" and answer["X-Content-Type-Options"] == "nosniff"


def test_for_everybody_else_it_does_not_exist(running: Prediction, charlie: User) -> None:
    stranger = Client()
    stranger.force_login(charlie)
    bearer = {"Authorization": f"Bearer {factories.make_token(charlie)}"}
    assert stranger.get(address(running)).status_code == 404
    assert Client().get(address(running), headers=bearer).status_code == 404
    assert Client().get(address(running)).status_code == 404
    assert Client().get(address(running, key="x" * 43)).status_code == 404
    assert Client().get(address(running, key="%00%ff")).status_code == 404
    assert Client().get("/p/nobody/preview", headers=bearer).status_code == 404


def test_a_reader_that_knows_it_gets_no_bytes(running: Prediction, provider: FakeProvider) -> None:
    url = address(running, key=running.stream_token)
    etag = Client().get(url)["ETag"]
    known = Client().get(url, headers={"If-None-Match": etag})
    assert (known.status_code, known.content, known["ETag"]) == (304, b"", etag)
    watch(provider, working(jpeg("blue")))
    assert Client().get(url, headers={"If-None-Match": etag}).content == jpeg("blue")


def events(prediction: Prediction, query: str) -> list[dict[str, Any]]:
    """All events of a stream that is followed from now to the prediction's end."""
    mount = f"/v1/files/stream-{prediction.stream_token}{query}"
    answer: Any = Client().get(mount)

    async def followed() -> bytes:
        parts: list[bytes] = []

        async def read() -> None:
            async for part in answer.streaming_content:
                parts.append(part)

        reading = asyncio.ensure_future(read())
        while not waiters.reader().waiting and not reading.done():
            await asyncio.sleep(0.005)
        await asyncio.to_thread(_end, prediction)
        await reading
        return b"".join(parts)

    text = asyncio.run(followed()).decode()
    waiters.reset()
    blocks = [block.splitlines() for block in text.split("\n\n") if block and not block.startswith(":")]
    return [dict(line.split(": ", 1) for line in lines) for lines in blocks]


def _end(prediction: Prediction) -> None:
    try:
        lifecycle.cancel(prediction.public_id)
    finally:
        connections.close_all()


def test_a_stream_tells_of_looks_to_those_who_ask_for_them(running: Prediction) -> None:
    told = events(running, "?previews=1")
    assert [event["event"] for event in told] == ["preview", "done"]
    look = json.loads(told[0]["data"])
    assert look["number"] == 1
    assert look["url"] == f"http://testserver{address(running, n='1', key=running.stream_token)}"
    assert all(event["id"] for event in told)


@pytest.mark.parametrize("query", ["", "?previews=0", "?previews=yes"])
def test_nobody_else_is_sent_an_event_that_official_clients_do_not_know(
    running: Prediction, query: str
) -> None:
    assert [event["event"] for event in events(running, query)] == ["done"]
