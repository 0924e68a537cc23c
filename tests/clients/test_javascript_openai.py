"""The official JavaScript client of OpenAI, in Node: its newest version, and the one before."""

from __future__ import annotations

import base64
import io
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.clients.node import Node, Thrown
from tests.clients.suite import Suite
from tests.runner.sampling import one_of

pytestmark = pytest.mark.clients


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test asks with one of two generations of the client; with each where everything is tried."""
    if "package" in metafunc.fixturenames:
        packages = one_of(["openai", "openai-6"], str, of=metafunc.definition.nodeid)
        metafunc.parametrize("package", packages)


@pytest.fixture
def js(node: Node, package: str) -> Node:
    return node.but(openai=package)


def picture(content: bytes) -> tuple[tuple[int, int], str | None]:
    made = Image.open(io.BytesIO(content))
    return made.size, made.format


def test_two_pictures_by_address(js: Node) -> None:
    made = js(
        "return openai.images.generate({model: given.model, prompt: 'a red car', n: 2, size: '64x48'})",
        model="conformance/image",
    )
    assert isinstance(made["created"], int) and len(made["data"]) == 2
    assert [picture(httpx.get(one["url"]).content) for one in made["data"]] == [((64, 48), "PNG")] * 2


def test_a_picture_inside_the_answer(js: Node) -> None:
    made = js(
        """
        const wish = {model: "conformance/image", prompt: "a lighthouse", size: "64x48"};
        return openai.images.generate({...wish, response_format: "b64_json"});
        """
    )
    assert picture(base64.b64decode(made["data"][0]["b64_json"])) == ((64, 48), "PNG")


def test_models_are_listed_and_one_with_a_slash_is_read(js: Node) -> None:
    listed, one = js(
        """
        const listed = [];
        for await (const model of openai.models.list()) listed.push(model.id);
        return [listed, await openai.models.retrieve("stability-ai/sdxl")];
        """
    )
    assert "stability-ai/sdxl" in listed and len(listed) == len(set(listed))
    assert (one["id"], one["object"], one["owned_by"]) == ("stability-ai/sdxl", "model", "stability-ai")


def refusal(node: Node, program: str, **given: Any) -> Thrown:
    with pytest.raises(Thrown) as thrown:
        node(program, **given)
    assert thrown.value.fields["error"]["message"] in thrown.value.message
    return thrown.value


GENERATE = "return openai.images.generate({prompt: 'a cat', model: 'conformance/image', ...given.more})"


def test_each_refusal_is_an_error_of_its_own(js: Node, suite: Suite) -> None:
    bad = refusal(js, GENERATE, more={"n": 11})
    assert (bad.kind, bad.fields["param"], bad.fields["type"]) == (
        "BadRequestError",
        "n",
        "invalid_request_error",
    )
    missing = refusal(js, GENERATE, more={"model": "no/body"})
    assert (missing.kind, missing.fields["code"], missing.fields["param"]) == (
        "NotFoundError",
        "model_not_found",
        "model",
    )
    unknown = refusal(js.but(token="dr_" + "x" * 40), GENERATE)
    assert (unknown.kind, unknown.fields["code"]) == ("AuthenticationError", "invalid_api_key")


def test_without_credit_it_asks_once(js: Node, suite: Suite) -> None:
    kind, code, asked = js.but(token=suite.tokens["no_credit"])(
        """
        let asked = 0;
        const counting = (...words) => { asked += 1; return fetch(...words); };
        const client = new OpenAI({apiKey: order.token, baseURL: `${order.url}/openai/v1`, fetch: counting});
        const wish = {prompt: "a cat", model: "conformance/image"};
        return client.images.generate(wish).catch((error) => [error.constructor.name, error.code, asked]);
        """
    )
    assert (kind, code, asked) == ("RateLimitError", "insufficient_quota", 1)


def test_too_many_requests_are_an_error_of_their_own(js: Node, suite: Suite) -> None:
    refused = refusal(
        js.but(url=suite.url, token=suite.tokens["narrow"]),
        """
        const client = new OpenAI({apiKey: order.token, baseURL: `${order.url}/openai/v1`, maxRetries: 0});
        for (let n = 0; n < 3; n++)
            await client.images.generate({prompt: "a", model: "stability-ai/sdxl", size: "64x64"});
        """,
    )
    assert (refused.kind, refused.fields["code"]) == ("RateLimitError", "rate_limit_exceeded")


def test_a_repeat_after_a_broken_connection_makes_no_second_picture(js: Node) -> None:
    """The client repeats by itself, and says so."""
    told = js(
        """
        const count = async () => {
            const headers = {Authorization: `Bearer ${order.token}`};
            const found = await (await fetch(`${order.url}/v1/predictions`, {headers})).json();
            return found.results.filter((row) => row.input.prompt === given.prompt).length;
        };
        let asked = 0;
        const breaking = async (url, init) => {
            asked += 1;
            if (asked > 1) return fetch(url, init);
            const leaving = new AbortController();
            fetch(url, {...init, signal: leaving.signal}).catch(() => {});
            while (!await count()) await new Promise((done) => setTimeout(done, 50));
            leaving.abort();
            throw new TypeError("fetch failed");
        };
        const client = new OpenAI({apiKey: order.token, baseURL: `${order.url}/openai/v1`, fetch: breaking});
        const wish = {model: "stability-ai/sdxl", size: "256x256", prompt: given.prompt};
        const made = await client.images.generate(wish);
        return [asked, made.data.length, await count()];
        """,
        prompt=f"a large forest, asked for by {id(js)}",
    )
    assert told == [2, 1, 1]


# -- pictures from pictures, and pictures as they come ----------------------------------------------------------


@pytest.fixture
def red() -> str:
    """A picture in Base64."""
    content = io.BytesIO()
    Image.new("RGB", (128, 96), "red").save(content, "PNG")
    return base64.b64encode(content.getvalue()).decode()


UPLOAD = """
    const image = await OpenAI.toFile(Buffer.from(given.red, "base64"), "red.png", {type: "image/png"});
    const model = "conformance/file-input";
    """


def colour(text: str) -> tuple[int, ...]:
    shown = Image.open(io.BytesIO(base64.b64decode(text))).convert("RGB")
    return shown.getpixel((40, 40))  # type: ignore[return-value]


def test_a_picture_is_edited_and_varied(js: Node, red: str) -> None:
    edited, varied = js(
        UPLOAD
        + """
        const edited = await openai.images.edit({model, image, prompt: "a hat", response_format: "b64_json"});
        const varied = await openai.images.createVariation({model, image, response_format: "b64_json"});
        return [edited, varied];
        """,
        red=red,
    )
    assert colour(edited["data"][0]["b64_json"]) == colour(varied["data"][0]["b64_json"]) == (255, 0, 0)


def test_an_edit_that_the_model_cannot_do_is_refused_by_field(js: Node, red: str) -> None:
    masked = refusal(
        js, UPLOAD + "return openai.images.edit({model, image, mask: image, prompt: 'a'})", red=red
    )
    assert (masked.kind, masked.fields["param"]) == ("BadRequestError", "mask")
    several = refusal(
        js, UPLOAD + "return openai.images.edit({model, image: [image, image], prompt: 'a'})", red=red
    )
    assert (several.kind, several.fields["param"]) == ("BadRequestError", "image")


def test_a_streamed_picture_is_seen_while_it_is_painted(js: Node) -> None:
    events = js(
        """
        const wish = {model: "stability-ai/sdxl", prompt: "a forest", size: "512x512"};
        const events = [];
        for await (const event of await openai.images.generate({...wish, stream: true, partial_images: 2}))
            events.push(event);
        return events;
        """
    )
    kinds = [event["type"] for event in events]
    assert kinds[-1] == "image_generation.completed" and 2 <= len(kinds) <= 3
    assert set(kinds[:-1]) == {"image_generation.partial_image"}
    assert {picture(base64.b64decode(event["b64_json"]))[0] for event in events} == {(512, 512)}


def test_an_edit_is_streamed(js: Node, red: str) -> None:
    events = js(
        UPLOAD
        + """
        const events = [];
        for await (const event of await openai.images.edit({model, image, prompt: "a hat", stream: true}))
            events.push(event);
        return events;
        """,
        red=red,
    )
    assert [event["type"] for event in events] == ["image_edit.completed"]
    assert colour(events[0]["b64_json"]) == (255, 0, 0)


def test_a_streamed_run_that_fails_throws_its_words(js: Node) -> None:
    with pytest.raises(Thrown) as failed:
        js(
            """
            const wish = {model: "stability-ai/sdxl", prompt: "a cat", size: "4096x4096"};
            for await (const event of await openai.images.generate({...wish, stream: true})) event;
            """
        )
    assert (failed.value.kind, failed.value.fields["code"]) == ("APIError", "generation_failed")
