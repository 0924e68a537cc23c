"""The official Python client over the views of this process."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import httpx
from asgiref.sync import async_to_sync
from django.test import Client
from replicate.client import Client as Official

from tests.predictions.api_dialects.replicate.conftest import Api


def official(api: Api) -> Official:
    """PyPI's `replicate`, with the token of `api`."""
    return Official(
        api_token=api.token, base_url="http://testserver", transport=httpx.MockTransport(through_django)
    )


def through_django(request: httpx.Request) -> httpx.Response:
    """The answer of the views to a request of httpx, streamed or whole."""
    parts = urlsplit(str(request.url))
    headers = {name: value for name, value in request.headers.items() if name != "host"}
    answer = Client().generic(
        request.method,
        f"{parts.path}?{parts.query}" if parts.query else parts.path,
        request.read(),
        content_type=headers.get("content-type", ""),
        headers=headers,
    )
    return httpx.Response(answer.status_code, headers=dict(answer.items()), content=whole(answer))


def whole(answer: Any) -> bytes:
    """The bytes of an answer, also of one that is sent in parts."""
    if not answer.streaming:
        return bytes(answer.content)
    if not answer.is_async:
        return b"".join(answer.streaming_content)

    async def collect() -> bytes:
        return b"".join([part async for part in answer.streaming_content])

    return async_to_sync(collect)()
