"""Fetches the files that an input names by address, before the work is handed over.

In a worker, after acceptance, through the guarded client: a stranger's server may be slow, endless or a trap. What was
fetched goes on as a data URI, so that no provider ever calls an address that a user wrote.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import httpx

from predictions.delivery import addresses, outbound
from predictions.engine import data_uri
from predictions.models import Prediction

MAX_PICTURE = 25 * 1024 * 1024
"""Bytes of one file."""
FETCH_S = 10.0
"""Seconds for all files of one prediction, redirects included."""
MAX_REDIRECTS = 3
_SCHEMES = ("http://", "https://")


class NotFetched(Exception):
    """A file could not be fetched; the text is a sentence for people that names the field."""


@dataclass(frozen=True)
class Fetched:
    """The files of one prediction, by field: content type and bytes."""

    files: dict[str, tuple[str, bytes]]

    def into(self, given: dict[str, Any]) -> dict[str, Any]:
        """The input with each address replaced by what was found there, as a data URI."""
        uris = {name: data_uri.build(kind, data) for name, (kind, data) in self.files.items()}
        return {**given, **uris}


def named(prediction: Prediction) -> dict[str, str]:
    """The addresses that its input names, by field; data URIs need no fetching."""
    rules = prediction.version.properties
    return {
        name: value
        for name, value in prediction.input.items()
        if isinstance(value, str)
        and rules.get(name, {}).get("format") == "uri"
        and value[:8].lower().startswith(_SCHEMES)
    }


async def fetch_all(predictions: list[Prediction]) -> list[Fetched | NotFetched | BaseException]:
    """What each prediction's input names, fetched side by side, in the same order."""
    return await asyncio.gather(*(_fetch(one) for one in predictions), return_exceptions=True)


async def _fetch(prediction: Prediction) -> Fetched:
    files: dict[str, tuple[str, bytes]] = {}
    name = ""
    try:
        async with asyncio.timeout(FETCH_S), outbound.client(timeout_s=FETCH_S) as client:
            for name, url in named(prediction).items():
                files[name] = await _get(client, url)
    except _Trouble as error:
        raise NotFetched(_sentence(name, str(error))) from None
    except (TimeoutError, httpx.TimeoutException):
        raise NotFetched(_sentence(name, f"it did not come within {FETCH_S:.0f} seconds")) from None
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, UnicodeError, ValueError, OSError):
        raise NotFetched(_sentence(name, "its server could not be reached")) from None
    return Fetched(files)


class _Trouble(Exception):
    """Why one file could not be had."""


async def _get(client: httpx.AsyncClient, url: str) -> tuple[str, bytes]:
    request = client.build_request("GET", url, headers={"Accept-Encoding": "identity"})
    for _ in range(MAX_REDIRECTS + 1):
        if not addresses.looks_reachable(str(request.url)):
            raise _Trouble("its address is not a public one")
        answer = await client.send(request, stream=True)
        try:
            if answer.next_request is None:
                return await _read(answer)
            # Each hop is checked again when it is connected to, by the client's guard.
            request = answer.next_request
        finally:
            await answer.aclose()
    raise _Trouble("it leads from one address to the next")


async def _read(answer: httpx.Response) -> tuple[str, bytes]:
    if answer.status_code != 200:
        raise _Trouble(f"its server answered {answer.status_code}")
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise _Trouble("its server sent it compressed, which was not asked for")
    length = answer.headers.get("content-length", "")
    if length.isdigit() and int(length) > MAX_PICTURE:
        raise _Trouble(_too_large())
    chunks, size = [], 0
    async for chunk in answer.aiter_raw():
        size += len(chunk)
        if size > MAX_PICTURE:
            raise _Trouble(_too_large())
        chunks.append(chunk)
    return data_uri.safe_type(answer.headers.get("content-type", "")), b"".join(chunks)


def _too_large() -> str:
    return f"it is larger than {MAX_PICTURE // 1024**2} MB"


def _sentence(name: str, reason: str) -> str:
    return f"Input {name} could not be fetched: {reason}. Nothing was charged."
