"""The real thing: a started server, the official openai client, and the first seed's body asked for in three ways."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from openai.types import ImageGenCompletedEvent
from PIL import Image

from tests.predictions.api_dialects.openai.test_replicate_images import SEED
from tests.runner.sampling import one_of
from tests.servers.server_process import ServerProcess

pytestmark = pytest.mark.server
NAME = "artist"


@pytest.fixture(scope="module")
def server(conformant_server: ServerProcess) -> ServerProcess:
    return conformant_server.member(NAME)


@pytest.fixture(scope="module")
def client(server: ServerProcess) -> Iterator[openai.OpenAI]:
    with client_with(server, server.token) as made:
        yield made


def client_with(server: ServerProcess, key: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/openai/v1", api_key=key)


def picture(content: bytes) -> tuple[tuple[int, int], str | None]:
    made = Image.open(io.BytesIO(content))
    return made.size, made.format


def fetched(url: str | None) -> tuple[tuple[int, int], str | None]:
    assert url is not None
    answer = httpx.get(url)
    assert answer.status_code == 200
    return picture(answer.content)


def predictions(server: ServerProcess) -> list[dict[str, object]]:
    answer = httpx.get(f"{server.url}/v1/predictions", headers={"Authorization": f"Bearer {server.token}"})
    found: list[dict[str, object]] = answer.json()["results"]
    return found


def test_two_pictures_by_address(client: openai.OpenAI) -> None:
    before = int(time.time())
    made = client.images.generate(model="dall-e-2", prompt="a red car", n=2, size="256x256")
    assert before - 60 <= made.created <= time.time() + 60
    assert made.data is not None
    assert [fetched(one.url) for one in made.data] == [((256, 256), "PNG")] * 2
    assert [one.b64_json for one in made.data] == [None, None]


def test_one_picture_inside_the_answer(client: openai.OpenAI) -> None:
    made = client.images.generate(
        model="stability-ai/sdxl", prompt="a lighthouse", size="512x256", response_format="b64_json"
    )
    assert made.data is not None and made.data[0].b64_json is not None
    assert picture(base64.b64decode(made.data[0].b64_json)) == ((512, 256), "PNG")


@pytest.mark.parametrize("streamed", one_of([False, True], of="newer names"))
def test_openais_newer_names_give_data_in_the_format_asked_for(client: openai.OpenAI, streamed: bool) -> None:
    wanted: dict[str, Any] = {"model": "gpt-image-1", "prompt": "a castle"}
    wanted |= {"size": "1536x1024", "quality": "low", "output_format": "jpeg", "output_compression": 60}
    if streamed:
        with client.images.generate(**wanted, stream=True) as stream:
            (last,) = list(stream)
        assert isinstance(last, ImageGenCompletedEvent) and last.output_format == "jpeg"
        content = last.b64_json
    else:
        made = client.images.generate(**wanted)
        assert made.data is not None
        content = made.data[0].b64_json
    assert content is not None and picture(base64.b64decode(content)) == ((1216, 832), "JPEG")


def test_the_models_are_listed_and_read(client: openai.OpenAI) -> None:
    assert len([one for one in client.models.list() if one.owned_by != "conformance"]) == 10
    assert client.models.retrieve("stability-ai/sdxl").owned_by == "stability-ai"


def test_each_refusal_is_the_clients_own_exception(server: ServerProcess, client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as bad:
        client.images.generate(prompt="a cat", n=11)
    assert (bad.value.param, bad.value.type) == ("n", "invalid_request_error")
    with pytest.raises(openai.NotFoundError) as missing:
        client.images.generate(prompt="a cat", model="no/body")
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.AuthenticationError) as unknown:
        client_with(server, "dr_" + "x" * 40).models.list()
    assert unknown.value.code == "invalid_api_key"


def test_a_run_that_fails_is_told_with_its_words_and_asked_for_once(
    server: ServerProcess, client: openai.OpenAI
) -> None:
    before = len(predictions(server))
    with pytest.raises(openai.BadRequestError) as failed:
        # Wider than the engine paints; the published schema knows no limit.
        client.images.generate(model="stability-ai/sdxl", prompt="a cat", size="4096x4096")
    assert (failed.value.type, failed.value.code) == ("image_generation_user_error", "generation_failed")
    assert len(predictions(server)) == before + 1


def test_without_credit_the_client_asks_once(server: ServerProcess) -> None:
    script = (
        "from accounts.models import User; from accounts.tokens import api_tokens; from django.conf import settings; "
        "settings.WELCOME_CREDITS = 0; "
        "user = User.objects.create_user('poor', 'poor@example.org', 'x'); print(api_tokens.issue(user, 'poor')[1])"
    )
    made = server.manage("shell", "-c", script)
    assert made.returncode == 0, made.stderr
    with pytest.raises(openai.RateLimitError) as empty:
        client_with(server, made.stdout.split()[-1]).images.generate(prompt="a cat")
    assert (empty.value.code, empty.value.type) == ("insufficient_quota", "insufficient_quota")
    assert empty.value.response.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("way", ["header", "query", "token"])
def test_the_first_seeds_body_gives_the_answer_that_it_documents(server: ServerProcess, way: str) -> None:
    token, url, more = server.token, f"{server.url}/replicate/v1/predictions", []
    # As it was once sent it is sent by tests/seeds/test_seed_requests.py; the answer has nothing to do with the size.
    size = (192, 128)
    body = {**SEED, "input": {**SEED["input"], "width": size[0], "height": size[1]}}
    if way == "token":
        token = server.manage("token", NAME, "--answer", "openai").stdout.strip()
    elif way == "query":
        url += "?answer=openai"
    else:
        more = ["--header", "X-Darkroom-Answer: openai"]
    command = [
        "curl", "-s", "-w", "\n%{http_code}", "--location", "--request", "POST", url, *more,
        "--header", f"Authorization: Bearer {token}", "--header", "Content-Type: application/json",
        "--data-raw", json.dumps(body),
    ]  # fmt: skip
    text, code = subprocess.run(command, capture_output=True, text=True, check=True).stdout.rsplit("\n", 1)
    shown = json.loads(text)
    assert code == "200" and set(shown) == {"created", "data"} and isinstance(shown["created"], int)
    assert [fetched(one["url"]) for one in shown["data"]] == [(size, "PNG")]
    assert predictions(server)[0]["status"] == "succeeded"


def test_a_client_that_leaves_finds_its_picture_later(server: ServerProcess, client: openai.OpenAI) -> None:
    before = len(predictions(server))
    impatient = client.with_options(max_retries=0, timeout=httpx.Timeout(0.2))
    with pytest.raises(openai.APIConnectionError):
        impatient.images.generate(
            model="stability-ai/sdxl",
            prompt="a large forest",
            size="768x768",
            extra_headers={"X-Stainless-Read-Timeout": "600"},
        )
    for _attempt in range(600):
        found = predictions(server)
        if len(found) > before:
            break
        time.sleep(0.1)
    assert len(found) == before + 1
    stream = found[0]["urls"]["stream"]  # type: ignore[index]
    with httpx.stream("GET", stream, timeout=60) as events:
        assert "event: done" in list(events.iter_lines())
    assert predictions(server)[0]["status"] == "succeeded"


def test_afterwards_the_audit_finds_nothing(server: ServerProcess) -> None:
    done = server.manage("audit")
    assert done.returncode == 0, done.stdout + done.stderr
