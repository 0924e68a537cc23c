"""Image streams: previews, each completed image, and how a stream ends."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from PIL import Image

from predictions import lifecycle, tasks
from predictions.api_dialects.openai import picture_stream
from predictions.execution import watcher
from predictions.files import image_conversion
from predictions.models import Prediction, Version
from predictions.providers.base import Update
from predictions.waiting import waiters
from tests import fakes
from tests.fakes import FakeProvider
from tests.predictions.api_dialects.openai import image_requests
from tests.predictions.api_dialects.openai.conftest import OpenAI, _cleanly
from tests.predictions.api_dialects.openai.image_requests import URI, WORDS, file, png

pytestmark = pytest.mark.django_db(transaction=True)

Step = Callable[[], object]


@pytest.fixture(autouse=True)
def _looked_at_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "ENGINE_POLL_S", 0)


def jpeg(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(out, "JPEG")
    return out.getvalue()


def streamed(answer: Any, steps: Sequence[Step]) -> list[dict[str, Any]]:
    """The events of a stream; after each step the stream is given the time to tell of it."""
    assert answer.streaming, answer.content
    assert answer["Content-Type"] == "text/event-stream" and answer["Cache-Control"] == "no-store"

    async def followed() -> bytes:
        parts: list[bytes] = []

        async def read() -> None:
            async for part in answer.streaming_content:
                parts.append(part)

        reading = asyncio.ensure_future(read())
        for step in steps:
            await _idle(reading)
            await asyncio.to_thread(_cleanly, step)
        await asyncio.wait_for(reading, 60)
        return b"".join(parts)

    return parsed(asyncio.run(followed()))


async def _idle(reading: asyncio.Future[None]) -> None:
    """Wait until the stream has told all there was: it waits for news beyond the newest revision."""
    while not reading.done():
        rows = await asyncio.to_thread(
            _cleanly, lambda: dict(Prediction.objects.values_list("public_id", "revision"))
        )
        known = [
            (public_id, waiter.known)
            for public_id, group in list(waiters.reader()._waiters.items())
            for waiter in group
        ]
        if known and all(rows[public_id] == revision for public_id, revision in known):
            return
        await asyncio.sleep(0.01)


def parsed(data: bytes) -> list[dict[str, Any]]:
    found = []
    for block in data.decode().split("\n\n"):
        if block and not block.startswith(":"):
            name, text = block.split("\n")
            value = json.loads(text.removeprefix("data: "))
            assert name == f"event: {value['type']}"
            found.append(value)
    return found


def shown(event: dict[str, Any]) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(event["b64_json"])))


def look(provider: FakeProvider, progress: float | None, colour: str) -> Step:
    def step() -> None:
        provider.updates = [Update("processing", progress=progress, preview=jpeg(colour))]
        fakes.watch_once()

    return step


def finish(provider: FakeProvider, count: int = 1) -> Step:
    def step() -> None:
        provider.updates = [fakes.done(count)]
        fakes.watch_once()
        tasks.collect()

    return step


def test_looks_come_while_it_is_made_and_then_the_picture(
    openai: OpenAI, painter: Version, provider: FakeProvider
) -> None:
    answer = openai.generate(painter, stream=True, partial_images=3, size="128x96", quality="low")
    steps = [
        tasks.start,
        look(provider, 0.15, "red"),
        look(provider, 0.5, "lime"),
        look(provider, 0.9, "blue"),
    ]
    events = streamed(answer, [*steps, finish(provider)])
    partials, (last,) = events[:-1], events[-1:]
    assert [event["type"] for event in partials] == ["image_generation.partial_image"] * 3
    assert [event["partial_image_index"] for event in partials] == [0, 1, 2]
    assert [shown(event).size for event in partials] == [(128, 96)] * 3
    assert {shown(event).format for event in partials} == {"WEBP"}
    assert [event["output_format"] for event in partials] == ["webp"] * 3
    middle: Any = [shown(event).convert("RGB").getpixel((60, 40)) for event in partials]
    assert [max(range(3), key=colour.__getitem__) for colour in middle] == [0, 1, 2]
    assert last["type"] == "image_generation.completed"
    assert base64.b64decode(last["b64_json"]) == provider.files["0"]
    assert (last["output_format"], last["size"], last["quality"]) == ("png", "64x48", "low")
    assert last["usage"]["total_tokens"] == 0 and isinstance(last["created_at"], int)
    assert answer["X-Darkroom-Predictions"] == Prediction.objects.get().public_id


def test_nobody_is_sent_more_looks_than_asked_for(
    openai: OpenAI, painter: Version, provider: FakeProvider
) -> None:
    answer = openai.generate(painter, stream=True, partial_images=1)
    steps = [tasks.start, look(provider, 0.5, "red"), look(provider, 0.8, "lime"), finish(provider)]
    assert [event["type"] for event in streamed(answer, steps)] == [
        "image_generation.partial_image",
        "image_generation.completed",
    ]


def test_without_partial_images_there_is_only_the_picture(
    openai: OpenAI, painter: Version, provider: FakeProvider
) -> None:
    answer = openai.generate(painter, stream=True)
    events = streamed(answer, [tasks.start, look(provider, 0.5, "red"), finish(provider)])
    assert [event["type"] for event in events] == ["image_generation.completed"]


def test_a_provider_that_tells_no_progress_shows_its_looks_as_they_come(
    openai: OpenAI, painter: Version, provider: FakeProvider
) -> None:
    answer = openai.generate(painter, stream=True, partial_images=2)
    steps = [
        tasks.start,
        look(provider, None, "red"),
        look(provider, None, "lime"),
        look(provider, None, "blue"),
    ]
    events = streamed(answer, [*steps, finish(provider)])
    assert [event.get("partial_image_index") for event in events] == [0, 1, None]


def test_a_look_that_cannot_be_read_is_left_out(
    openai: OpenAI, painter: Version, provider: FakeProvider
) -> None:
    def broken() -> None:
        provider.updates = [Update("processing", progress=0.5, preview=b"\xff\xd8\xff no picture")]
        fakes.watch_once()

    answer = openai.generate(painter, stream=True, partial_images=1)
    events = streamed(answer, [tasks.start, broken, finish(provider)])
    assert [event["type"] for event in events] == ["image_generation.completed"]


def test_each_of_several_pictures_comes_whole(
    openai: OpenAI, painter: Version, provider: FakeProvider
) -> None:
    events = streamed(openai.generate(painter, stream=True, n=3), [tasks.start, finish(provider, 3)])
    assert [event["type"] for event in events] == ["image_generation.completed"] * 3


def test_an_edit_has_events_of_its_own_name(openai: OpenAI, provider: FakeProvider) -> None:
    image_requests.model("editor", "image-to-image", ["image"], image=URI, prompt=WORDS)
    form = {"prompt": "a hat", "image": file(png()), "stream": "true", "partial_images": "1"}
    headers = {"Authorization": f"Bearer {openai.token}"}
    answer = openai.client.post("/openai/v1/images/edits", form, headers=headers)
    events = streamed(answer, [tasks.start, look(provider, 0.5, "red"), finish(provider)])
    assert [event["type"] for event in events] == ["image_edit.partial_image", "image_edit.completed"]
    # The model's schema names no size: a look is four times as large as it came.
    assert (events[0]["size"], events[0]["output_format"]) == ("256x192", "png")


def test_a_run_that_fails_ends_the_stream_with_the_error(
    openai: OpenAI, painter: Version, provider: FakeProvider
) -> None:
    provider.updates = [Update("failed", error="Out of paint.")]
    events = streamed(openai.generate(painter, stream=True), [fakes.work_off])
    assert [event["type"] for event in events] == ["error"]
    assert events[0]["error"] == {
        "message": "Out of paint. Nothing was charged.",
        "type": "image_generation_user_error",
        "param": None,
        "code": "generation_failed",
    }


def test_a_job_that_is_canceled_elsewhere_ends_the_stream(
    openai: OpenAI, painter: Version, provider: FakeProvider
) -> None:
    answer = openai.generate(painter, stream=True)
    events = streamed(answer, [lambda: lifecycle.cancel(Prediction.objects.get().public_id)])
    assert events[0]["error"]["message"] == "The job was canceled. Nothing was charged."


def test_where_the_server_stops_the_work_goes_on_and_the_client_is_told(
    openai: OpenAI, painter: Version, provider: FakeProvider
) -> None:
    events = streamed(openai.generate(painter, stream=True), [waiters.close])
    assert events[0]["error"]["code"] == "answer_not_held"
    assert Prediction.objects.get().public_id in events[0]["error"]["message"]
    assert Prediction.objects.get().status == "starting"


def test_a_client_that_leaves_cancels_nothing(
    openai: OpenAI, painter: Version, provider: FakeProvider
) -> None:
    answer = openai.generate(painter, stream=True, partial_images=2)

    async def left() -> None:
        parts = aiter(answer.streaming_content)
        reading = asyncio.ensure_future(anext(parts))
        while not waiters.reader().waiting:
            await asyncio.sleep(0.005)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)

    asyncio.run(left())
    assert Prediction.objects.get().status == "starting"
    fakes.work_off()
    assert Prediction.objects.get().status == "succeeded"


def test_the_same_key_streams_the_same_picture_again(
    openai: OpenAI, painter: Version, provider: FakeProvider
) -> None:
    key = {"Idempotency-Key": "once"}
    first = streamed(openai.generate(painter, stream=True, headers=key), [fakes.work_off])
    answer = openai.generate(painter, stream=True, headers=key)
    assert answer["Idempotent-Replayed"] == "true"
    again = streamed(answer, [])
    assert again[0]["b64_json"] == first[0]["b64_json"]
    assert Prediction.objects.count() == 1


def test_signs_of_life_keep_the_line_open(
    openai: OpenAI, painter: Version, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_stream, "KEEP_ALIVE_S", 0.05)
    answer = openai.generate(painter, stream=True)

    async def first() -> bytes:
        async for part in answer.streaming_content:
            return bytes(part)
        return b""

    assert asyncio.run(first()) == b": hb\n\n"


def test_where_no_more_may_be_held_nothing_is_accepted(
    openai: OpenAI, painter: Version, provider: FakeProvider
) -> None:
    waiters.close()
    answer = openai.generate(painter, stream=True)
    assert answer.status_code == 429 and not Prediction.objects.exists()


@pytest.mark.parametrize("size", [(9000, 10), (8000, 8000), (-1, 5)])
def test_no_look_is_made_larger_than_pictures_may_be(size: tuple[int, int]) -> None:
    with pytest.raises(image_conversion.Unusable):
        asyncio.run(image_conversion.enlarge(jpeg("red"), *size, "png"))


def test_only_a_few_looks_are_made_at_once() -> None:
    async def many() -> list[Any]:
        bodies = [image_conversion.enlarge(jpeg("red"), 64, 48, "png") for _ in range(5)]
        return await asyncio.gather(*bodies, return_exceptions=True)

    made = asyncio.run(many())
    assert sum(isinstance(one, image_conversion.TooBusy) for one in made) == 3
    assert next(one for one in made if isinstance(one, image_conversion.Enlarged)).width == 64
