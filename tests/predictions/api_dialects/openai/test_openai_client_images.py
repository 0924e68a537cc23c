"""The official openai client against a started server: streams, edits, variations."""

from __future__ import annotations

import base64
import io
import itertools
from collections.abc import Iterator

import httpx
import openai
import pytest
from openai.types import ImageEditCompletedEvent, ImageGenCompletedEvent, ImageGenPartialImageEvent
from PIL import Image

from tests.predictions.api_dialects.openai.image_requests import half_clear, png
from tests.servers.server_process import ServerProcess

pytestmark = pytest.mark.server
ECHO = "conformance/file-input"
"""Gives back the picture that it is given."""


@pytest.fixture(scope="module")
def server(conformant_server: ServerProcess) -> ServerProcess:
    return conformant_server.member("painter")


@pytest.fixture(scope="module")
def client(server: ServerProcess) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/openai/v1", api_key=server.token) as made:
        yield made


def decoded(data: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(data)))


def counts(server: ServerProcess) -> dict[str, int]:
    """What the account has, as it can see it itself."""
    headers = {"Authorization": f"Bearer {server.token}"}
    found = {}
    for kind in ("predictions", "files"):
        found[kind] = len(httpx.get(f"{server.url}/v1/{kind}", headers=headers).json()["results"])
    return found


def test_a_picture_is_streamed_while_it_is_painted(client: openai.OpenAI) -> None:
    with client.images.generate(
        model="stability-ai/sdxl",
        prompt="a lighthouse on a cliff, storm clouds",
        size="768x512",
        stream=True,
        partial_images=3,
    ) as stream:
        events = list(stream)
    *partials, last = events
    assert partials and all(isinstance(event, ImageGenPartialImageEvent) for event in partials)
    indices = [
        event.partial_image_index for event in partials if event.type == "image_generation.partial_image"
    ]
    assert indices == sorted(set(indices)) and set(indices) <= {0, 1, 2}
    assert {decoded(event.b64_json).size for event in partials} == {(768, 512)}
    assert isinstance(last, ImageGenCompletedEvent)
    assert last.type == "image_generation.completed"
    assert (decoded(last.b64_json).size, decoded(last.b64_json).format) == ((768, 512), "PNG")
    assert (last.output_format, last.size, last.usage.total_tokens) == ("png", "768x512", 0)


def test_a_run_that_fails_in_a_stream_is_raised_with_its_words(client: openai.OpenAI) -> None:
    with (
        pytest.raises(openai.APIError) as failed,
        client.images.generate(
            model="stability-ai/sdxl", prompt="a cat", size="4096x4096", stream=True
        ) as stream,
    ):
        list(stream)
    assert "2048" in failed.value.message
    assert (failed.value.type, failed.value.code) == ("image_generation_user_error", "generation_failed")


def test_a_client_that_leaves_a_stream_finds_its_picture_later(
    server: ServerProcess, client: openai.OpenAI
) -> None:
    raw = client.images.with_streaming_response.generate(
        model="stability-ai/sdxl", prompt="a lake", size="512x512", stream=True, partial_images=1
    )
    with raw as answer:
        (name,) = answer.headers["X-Darkroom-Predictions"].split(", ")
    headers = {"Authorization": f"Bearer {server.token}"}
    shown = httpx.get(f"{server.url}/v1/predictions/{name}", headers=headers).json()
    with httpx.stream("GET", shown["urls"]["stream"], timeout=60) as events:
        list(events.iter_lines())
    shown = httpx.get(f"{server.url}/v1/predictions/{name}", headers=headers).json()
    assert shown["status"] == "succeeded"


def test_an_edit_gives_the_picture_to_the_model(client: openai.OpenAI) -> None:
    content = png(96, 64)
    made = client.images.edit(
        model=ECHO, image=("a.png", content), prompt="a hat", response_format="b64_json"
    )
    assert made.data is not None and made.data[0].b64_json is not None
    assert base64.b64decode(made.data[0].b64_json) == content


def test_an_edit_of_several_is_sent_as_the_client_sends_it(client: openai.OpenAI) -> None:
    content = png(96, 64)
    made = client.images.edit(model=ECHO, image=[io.BytesIO(content)], prompt="a hat", n=2)
    assert made.data is not None
    for one in made.data:
        assert one.url is not None
        assert httpx.get(one.url).content == content
    with pytest.raises(openai.BadRequestError) as two:
        client.images.edit(model=ECHO, image=[("a.png", content), ("b.png", content)], prompt="a hat")
    assert two.value.param == "image"


def test_an_edit_is_streamed(client: openai.OpenAI) -> None:
    content = png(96, 64)
    with client.images.edit(
        model=ECHO, image=content, prompt="a hat", stream=True, partial_images=2
    ) as stream:
        (last,) = list(stream)
    assert isinstance(last, ImageEditCompletedEvent) and last.type == "image_edit.completed"
    assert (base64.b64decode(last.b64_json), last.size, last.output_format) == (content, "96x64", "png")


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
def test_a_variation_is_made(client: openai.OpenAI) -> None:
    content = png(96, 64)
    made = client.images.create_variation(model=ECHO, image=content, n=1, response_format="b64_json")
    assert made.data is not None and made.data[0].b64_json is not None
    assert base64.b64decode(made.data[0].b64_json) == content


def test_the_engine_edits_and_varies_with_no_upstream(client: openai.OpenAI) -> None:
    content = png(96, 64)
    sent = Image.open(io.BytesIO(content))
    for name in ("gpt-image-1", "stability-ai/sdxl"):
        made = client.images.edit(
            model=name, image=content, prompt="a forest in autumn", response_format="b64_json"
        )
        assert made.data is not None and made.data[0].b64_json is not None
        picture = decoded(made.data[0].b64_json)
        assert picture.size == sent.size and picture.tobytes() != sent.tobytes()
    with pytest.warns(DeprecationWarning, match="deprecated"):
        varied = client.images.create_variation(image=content, n=2)
    assert varied.data is not None
    pictures = [Image.open(io.BytesIO(httpx.get(str(one.url)).content)) for one in varied.data]
    assert pictures[0].size == sent.size and pictures[0].tobytes() != pictures[1].tobytes()


def test_what_cannot_be_edited_is_the_clients_own_exception_and_leaves_nothing(
    server: ServerProcess, client: openai.OpenAI
) -> None:
    before = counts(server)
    with pytest.raises(openai.NotFoundError) as nothing:
        client.images.edit(model="acme/nothing", image=png(), prompt="a hat")
    assert (nothing.value.code, nothing.value.param) == ("model_not_found", "model")
    with pytest.raises(openai.BadRequestError) as words:
        client.images.edit(model="stability-ai/stable-diffusion", image=png(), prompt="a hat")
    assert "takes no picture" in words.value.message
    with pytest.raises(openai.BadRequestError) as mask:
        client.images.edit(model=ECHO, image=png(), mask=half_clear(), prompt="a hat")
    assert mask.value.param == "mask"
    with pytest.raises(openai.BadRequestError) as damaged:
        client.images.edit(model=ECHO, image=("a.png", png(640, 480)[:400]), prompt="a hat")
    assert damaged.value.param == "image"
    with pytest.raises(openai.APIStatusError) as large:
        client.images.edit(model=ECHO, image=("a.png", b"\x00" * (26 * 1024 * 1024)), prompt="a hat")
    assert (large.value.status_code, large.value.param) == (413, "image")
    assert counts(server) == before


def test_a_form_that_comes_in_parts_without_its_length_is_read(server: ServerProcess) -> None:
    def parts() -> Iterator[bytes]:
        for name, value in (("model", ECHO), ("prompt", "a hat"), ("response_format", "b64_json")):
            yield f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        yield b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
        yield from (png(), b"\r\n--x--\r\n")

    headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "multipart/form-data; boundary=x"}
    answer = httpx.post(f"{server.url}/openai/v1/images/edits", content=parts(), headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    assert decoded(answer.json()["data"][0]["b64_json"]).size == Image.open(io.BytesIO(png())).size


def test_a_body_that_no_address_takes_is_refused_before_it_is_parsed(server: ServerProcess) -> None:
    def parts() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
        yield from itertools.repeat(b"\x00" * 1024 * 1024, 102)

    headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "multipart/form-data; boundary=x"}
    answer = httpx.post(f"{server.url}/openai/v1/images/edits", content=parts(), headers=headers, timeout=60)
    assert (answer.status_code, answer.json()["error"]["type"]) == (413, "invalid_request_error")
