from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from accounts.models import User
from predictions.models import HostedModel, Version
from predictions.waiting import held_response, waiters
from predictions.waiting.held_response import HeldResponse
from tests import factories, fakes
from tests.predictions.api_dialects.openai import image_requests
from tests.predictions.api_dialects.openai.image_requests import FORMAT, URI, WORDS

INPUT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Input",
    "required": ["prompt"],
    "properties": {
        "prompt": {"type": "string", "x-order": 0},
        "width": {"type": "integer", "minimum": 64, "maximum": 2048, "default": 512, "x-order": 1},
        "height": {"type": "integer", "minimum": 64, "maximum": 2048, "default": 512, "x-order": 2},
        "num_outputs": {"type": "integer", "minimum": 1, "maximum": 4, "default": 1, "x-order": 3},
        "output_format": {"type": "string", "enum": ["webp", "jpg", "png"], "default": "webp", "x-order": 4},
        "output_quality": {"type": "integer", "minimum": 0, "maximum": 100, "default": 80, "x-order": 5},
        "quality": {"type": "string", "x-order": 6},
    },
}


class OpenAI:
    """A caller of the images dialect with a token: what a client library does, without its conveniences."""

    def __init__(self, token: str) -> None:
        self.client = Client()
        self.token = token

    def get(self, path: str) -> Any:
        return self.client.get(f"/openai/v1{path}", headers={"Authorization": f"Bearer {self.token}"})

    def post(self, path: str, body: Any = None, raw: bytes | None = None, **headers: str) -> Any:
        sent = {
            "Authorization": f"Bearer {self.token}",
            **{k.replace("_", "-"): v for k, v in headers.items()},
        }
        data = raw if raw is not None else json.dumps(body).encode()
        return self.client.post(f"/openai/v1{path}", data, content_type="application/json", headers=sent)

    def generate(
        self, model: Version | None = None, headers: dict[str, str] | None = None, **fields: Any
    ) -> Any:
        """The first answer to a request for pictures: an error, or one that is held."""
        named = {"model": model.model.ref} if model else {}
        return self.post("/images/generations", {"prompt": "a red car", **named, **fields}, **(headers or {}))


def waited(answer: Any, meanwhile: Callable[[], Any] = fakes.work_off) -> Any:
    """The answer that a held request gets in the end; `meanwhile` happens once it waits."""
    assert isinstance(answer, HeldResponse) and answer.until is not None, answer.content
    until = answer.until

    async def both() -> Any:
        held = asyncio.ensure_future(until())
        while not waiters.reader().waiting and not held.done():
            await asyncio.sleep(0.005)
        await asyncio.to_thread(_cleanly, meanwhile)
        return await held

    return asyncio.run(both())


def _cleanly(function: Callable[..., Any], *args: Any) -> Any:
    try:
        return function(*args)
    finally:
        connections.close_all()


@pytest.fixture(autouse=True)
def _answers_in_a_thread() -> Iterator[None]:
    """Held answers are made in a thread of ours, whose connection is closed before the database is emptied."""
    with ThreadPoolExecutor(1) as pool:

        def run(function: Callable[..., Any], *args: Any) -> Awaitable[Any]:
            return asyncio.get_running_loop().run_in_executor(pool, _cleanly, function, *args)

        held_response.set_runner(run)
        yield
        held_response.set_runner(None)
        waiters.reset()


@pytest.fixture
def openai(alice: User) -> OpenAI:
    """Alice's client."""
    return OpenAI(factories.make_token(alice))


@pytest.fixture
def painter(db: None) -> Version:
    """A model with a size, up to four pictures at once, and a choice of file formats; one credit a picture."""
    return factories.make_version(
        HostedModel.objects.create(owner="acme", name="painter"), input_schema=INPUT_SCHEMA
    )


@pytest.fixture
def editor(db: None) -> Version:
    """A model that takes a picture and words."""
    return image_requests.model(
        "editor", "image-to-image", ["image"], image=URI, prompt=WORDS, output_format=FORMAT
    )


@pytest.fixture
def inpainter(db: None) -> Version:
    """A model that demands a mask as well."""
    return image_requests.model(
        "inpainter", "inpainting", ["image", "mask"], image=URI, mask=URI, prompt=WORDS
    )
