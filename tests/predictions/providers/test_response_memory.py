"""Large response bodies are freed when their order ends, also after an exception."""

from __future__ import annotations

import asyncio
import gzip
import socketserver
from collections.abc import Iterator

import pytest

from predictions.providers.base import Job, Order, OutputRef, ProviderError
from predictions.providers.http import response_reader
from predictions.providers.replicate import ReplicateProvider
from tests.predictions.providers import raw_server
from tests.predictions.providers.test_upstream_provider import config, order, read
from tests.runner.sampling import one_of
from tests.support.memory_usage import MIB, held_after

MOST = 8 * MIB
"""Bytes that are read of an answer here."""


def answers() -> dict[str, bytes]:
    """Each body by its name. Made where they are asked for: whoever reads this module in keeps none of them."""
    large = b"a" * (MOST // 2)
    return {
        "endless": b'"' + large * 3 + b'"',
        "a bomb": gzip.compress(b'"' + large * 3 + b'"', 1),
        "no json": large,
        "too many values": b"[" + b"1," * (MOST // 4) + b"1]",
        "too deep": b"[" * (MOST // 4),
        "not text": b'"\xff' + large,
        "no job": b'{"note": "' + large + b'"}',
        "a job": b'{"id": "abc", "status": "starting", "note": "' + large + b'"}',
        "cut short": b'{"id": "abc", "note": "' + large,
    }


NAMES = (
    "endless", "a bomb", "no json", "too many values", "too deep", "not text", "no job", "a job", "cut short",
)  # fmt: skip


STATUSES = ("", "422-", "500-")


@pytest.fixture(autouse=True)
def _read_less(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is too much is so much sooner: how much that is, `tests/faults/test_upstream_memory.py` looks at."""
    monkeypatch.setattr(response_reader, "MAX_RESPONSE", MOST)


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """Answers a request to `/…/NAME/predictions` with the answer of that name."""

    bodies = answers()
    assert tuple(bodies) == NAMES

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            head = raw_server.head(self.rfile)
            name = head.split(b" ")[1].split(b"/")[1].decode().replace("%20", " ")
            length = next(
                (
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.startswith(b"Content-Length")
                ),
                0,
            )
            while length > 0:
                length -= len(self.rfile.read(min(length, MIB)))
            status, _, named = name.rpartition("-")
            body = bodies[named]
            more = 1000 if named == "cut short" else 0
            coding = b"Content-Encoding: gzip\r\n" if named == "a bomb" else b""
            self.wfile.write(
                b"HTTP/1.1 %s OK\r\nContent-Length: %d\r\nConnection: close\r\n%s\r\n"
                % ((status or "201").encode(), len(body) + more, coding)
            )
            try:
                self.wfile.write(body)
            except OSError:
                return

    with raw_server.listening(Handler) as url:
        yield url


def held(provider: ReplicateProvider, work: Order) -> int:
    """Bytes that are held after a start, whatever came of it."""

    async def start() -> None:
        try:
            await provider.start(work)
        except ProviderError as error:
            assert str(error)

    async def twice() -> int:
        # What is imported and cached with the first start is no part of it.
        await start()
        return await held_after(start)

    return asyncio.run(twice())


@pytest.mark.parametrize(
    ("name", "status"), [(name, status) for name in NAMES for status in one_of(STATUSES, of=name)]
)
def test_nothing_of_an_answer_is_held_when_its_order_has_ended(service: str, name: str, status: str) -> None:
    provider = ReplicateProvider(config(f"{service}/{status}{name}".replace(" ", "%20")))
    assert held(provider, order()) < MIB


@pytest.mark.parametrize("name", ["a job", "no job", "422-no json", "cut short"])
def test_nothing_of_an_order_is_held_when_it_has_ended(service: str, name: str) -> None:
    provider = ReplicateProvider(config(f"{service}/{name}".replace(" ", "%20")))
    # Of its own size only: the text of the prompt is the test's.
    assert held(provider, order("x" * (4 * MIB))) < MIB


def test_nothing_of_a_file_that_cannot_be_read_is_held(service: str) -> None:
    provider = ReplicateProvider(config(service))
    address = "data:image/png;base64," + "A" * (4 * MIB) + "!"

    async def fetch() -> None:
        with pytest.raises(ProviderError):
            await read(provider, Job(id="abc"), OutputRef("out-0.png", "image/png", address))

    async def twice() -> int:
        await fetch()
        return await held_after(fetch)

    assert asyncio.run(twice()) < MIB
