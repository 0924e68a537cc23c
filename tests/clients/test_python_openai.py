"""The official Python client of OpenAI: pictures, models, its own exceptions, and its asynchronous form."""

from __future__ import annotations

import asyncio
import base64
import io

import httpx
import openai
import pytest
from openai.types import ImageEditCompletedEvent, ImageGenCompletedEvent, ImageGenPartialImageEvent
from PIL import Image

from tests.clients.suite import Suite

pytestmark = [pytest.mark.clients, pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")]

MODEL = "conformance/image"
TAKES_PICTURES = "conformance/file-input"
"""It gives back what it is given."""


@pytest.fixture
def client(suite: Suite) -> openai.OpenAI:
    return client_of(suite, "funded")


def client_of(suite: Suite, role: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{suite.url}/openai/v1", api_key=suite.tokens.get(role, role))


def picture(content: bytes) -> tuple[tuple[int, int], str | None]:
    made = Image.open(io.BytesIO(content))
    return made.size, made.format


def test_pictures_by_address_and_inside_the_answer(client: openai.OpenAI) -> None:
    by_address = client.images.generate(model=MODEL, prompt="a red car", n=2, size="64x48")  # type: ignore[call-overload]
    assert [picture(httpx.get(one.url).content) for one in by_address.data] == [((64, 48), "PNG")] * 2
    inside = client.images.generate(
        model=MODEL, prompt="a red car", response_format="b64_json", extra_body={"output_format": "webp"}
    )
    assert inside.data and inside.data[0].b64_json
    assert picture(base64.b64decode(inside.data[0].b64_json))[1] == "WEBP"


def test_many_async_calls_side_by_side_each_get_their_own_pictures(suite: Suite) -> None:
    async def all_of_them() -> list[str | None]:
        busy = openai.AsyncOpenAI(base_url=f"{suite.url}/openai/v1", api_key=suite.tokens["funded"])
        async with busy:
            made = await asyncio.gather(
                *(busy.images.generate(model=MODEL, prompt=f"number {n}") for n in range(4))
            )
        return [one.data[0].url for one in made if one.data]

    addresses = asyncio.run(all_of_them())
    assert len({httpx.get(str(url)).content for url in addresses}) == 4


def test_models_are_listed_and_one_with_a_slash_is_read(client: openai.OpenAI) -> None:
    listed = [model.id for model in client.models.list()]
    assert MODEL in listed and len(listed) == len(set(listed))
    assert client.models.retrieve("stability-ai/sdxl").id == "stability-ai/sdxl"
    with pytest.raises(openai.NotFoundError) as missing:
        client.models.retrieve("no/body")
    assert missing.value.code == "model_not_found"


def test_each_refusal_is_an_exception_of_its_own(suite: Suite, client: openai.OpenAI) -> None:
    with pytest.raises(openai.AuthenticationError) as unknown:
        client_of(suite, "dr_" + "x" * 40).models.list()
    assert (unknown.value.code, unknown.value.type) == ("invalid_api_key", "invalid_request_error")
    with pytest.raises(openai.BadRequestError) as bad:
        client.images.generate(model=MODEL, prompt="a", n=11)
    assert bad.value.param == "n"
    with pytest.raises(openai.NotFoundError) as missing:
        client.images.generate(model="no/body", prompt="a")
    assert (missing.value.code, missing.value.param) == ("model_not_found", "model")


def test_without_credit_it_asks_once(suite: Suite) -> None:
    asked: list[httpx.Request] = []
    counting = httpx.Client(event_hooks={"request": [asked.append]})
    client = client_of(suite, "no_credit").with_options(http_client=counting)
    with pytest.raises(openai.RateLimitError) as empty:
        client.images.generate(model=MODEL, prompt="a")
    assert (empty.value.code, len(asked)) == ("insufficient_quota", 1)


def test_too_many_requests_are_an_exception_of_their_own(suite: Suite) -> None:
    client = openai.OpenAI(base_url=f"{suite.url}/openai/v1", api_key=suite.tokens["narrow"], max_retries=0)
    with pytest.raises(openai.RateLimitError) as refused:
        for _ in range(3):
            client.images.generate(model="stability-ai/sdxl", prompt="a", size="64x64")  # type: ignore[call-overload]
    assert refused.value.code == "rate_limit_exceeded"


# -- pictures from pictures, and pictures as they come ----------------------------------------------------------


@pytest.fixture
def red() -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (128, 96), "red").save(content, "PNG")
    return content.getvalue()


def colour(content: bytes) -> tuple[int, ...]:
    return Image.open(io.BytesIO(content)).convert("RGB").getpixel((40, 40))  # type: ignore[return-value]


def test_a_picture_is_edited_and_varied(client: openai.OpenAI, red: bytes) -> None:
    upload = ("red.png", red, "image/png")
    edited = client.images.edit(model=TAKES_PICTURES, image=upload, prompt="a hat", response_format="url")
    varied = client.images.create_variation(model=TAKES_PICTURES, image=upload, response_format="b64_json")
    assert edited.data and edited.data[0].url and varied.data and varied.data[0].b64_json
    for content in (httpx.get(edited.data[0].url).content, base64.b64decode(varied.data[0].b64_json)):
        assert picture(content)[0] == (128, 96) and colour(content) == (255, 0, 0)


def test_an_edit_that_the_model_cannot_do_is_refused_by_field(client: openai.OpenAI, red: bytes) -> None:
    with pytest.raises(openai.BadRequestError) as masked:
        client.images.edit(model=TAKES_PICTURES, image=red, mask=red, prompt="a hat")
    assert masked.value.param == "mask"
    with pytest.raises(openai.BadRequestError) as several:
        client.images.edit(model=TAKES_PICTURES, image=[red, red], prompt="a hat")
    assert several.value.param == "image"
    with pytest.raises(openai.BadRequestError) as no_picture:
        client.images.edit(model=TAKES_PICTURES, image=b"no picture", prompt="a hat")
    assert no_picture.value.param == "image"


def test_a_streamed_picture_is_seen_while_it_is_painted(client: openai.OpenAI) -> None:
    stream = client.images.generate(
        model="stability-ai/sdxl", prompt="a forest", size="512x512", stream=True, partial_images=2
    )
    events = list(stream)
    assert isinstance(events[-1], ImageGenCompletedEvent)
    partial = [event for event in events if isinstance(event, ImageGenPartialImageEvent)]
    assert 1 <= len(partial) == len(events) - 1 <= 2
    assert [event.partial_image_index for event in partial] == sorted(
        {e.partial_image_index for e in partial}
    )
    assert {picture(base64.b64decode(event.b64_json))[0] for event in events} == {(512, 512)}
    assert len({event.b64_json for event in events}) == len(events)


def test_an_edit_is_streamed_to_the_async_client(suite: Suite, red: bytes) -> None:
    async def events() -> list[object]:
        busy = openai.AsyncOpenAI(base_url=f"{suite.url}/openai/v1", api_key=suite.tokens["funded"])
        async with busy:
            stream = await busy.images.edit(
                model=TAKES_PICTURES, image=("red.png", red, "image/png"), prompt="a hat", stream=True
            )
            return [event async for event in stream]

    (completed,) = asyncio.run(events())
    assert isinstance(completed, ImageEditCompletedEvent)
    assert colour(base64.b64decode(completed.b64_json)) == (255, 0, 0)


def test_a_streamed_run_that_fails_raises_its_words(client: openai.OpenAI) -> None:
    # Wider than the engine paints; the published schema knows no limit.
    stream = client.images.generate(model="stability-ai/sdxl", prompt="a cat", size="4096x4096", stream=True)
    with pytest.raises(openai.APIError) as failed:
        list(stream)
    assert failed.value.code == "generation_failed" and failed.value.message
