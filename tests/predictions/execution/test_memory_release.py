"""Exceptions kept as values do not keep large objects alive."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from predictions.execution import result_downloads, starts
from predictions.execution.provider_calls import Calls
from predictions.execution.start_outcomes import PendingStart
from predictions.inputs import fetch
from predictions.inputs.files import FileReference
from predictions.providers.base import Job, Order, OutputRef, ProviderError, Update
from tests.fakes import FakeProvider
from tests.servers.file_server import FileServer
from tests.support.memory_usage import MIB, held_after

LARGE = 8 * MIB


class Strict(FakeProvider):
    """Refuses with large answers in its hands."""

    async def start(self, order: Order) -> Job | Update:
        answer = bytearray(LARGE)
        raise ProviderError(f"No: {len(answer)} bytes.", permanent=True, refused=True)

    async def fetch(self, job: Job, ref: OutputRef) -> AsyncIterator[bytes]:
        chunk = bytes(LARGE)
        yield chunk
        raise ProviderError("The file ended too early.", permanent=False)


def test_a_refusal_that_is_to_be_reported_holds_no_answer_and_no_order() -> None:
    claimed: Any = None
    kept: list[Any] = []

    async def refused() -> None:
        order = Order(key="k-0", model="a/b", version="", input={"image": "x" * LARGE}, deadline_s=60)
        kept.append(await starts._send(PendingStart(claimed, Strict(), order, 5.0)))

    assert asyncio.run(held_after(refused)) < MIB
    assert str(kept[0][0]) == f"No: {LARGE} bytes."


def test_a_start_that_broke_keeps_its_traceback_for_the_log() -> None:
    claimed: Any = None
    provider = FakeProvider(starts=[ZeroDivisionError("a fault of ours")])
    order = Order(key="k-0", model="a/b", version="", input={}, deadline_s=60)
    outcome, _took = asyncio.run(starts._send(PendingStart(claimed, provider, order, 5.0)))
    assert isinstance(outcome, ZeroDivisionError) and outcome.__traceback__ is not None


def test_files_that_did_not_come_are_gone_with_the_fetched_files() -> None:
    calls, ref = Calls(), OutputRef("out-0.png", "image/png", "0")

    async def brought() -> None:
        order = result_downloads.FetchOrder(Strict(), Job("a"), [ref], 0, 5.0)
        with await result_downloads.fetch_files(order, calls) as fetched:
            assert [type(one) for one in fetched.results.values()] == [ProviderError]

    with contextlib.closing(calls):
        assert asyncio.run(held_after(brought)) < MIB


@pytest.fixture
def there(settings: Any) -> Iterator[FileServer]:
    settings.OUTBOUND_ALLOW = ["127.0.0.1/32"]
    with FileServer({"/a": (200, {}, bytes(LARGE)), "/b": (200, {"Content-Length": "9000"}, b"")}) as found:
        yield found


def test_inputs_that_came_before_one_that_did_not_are_gone_while_the_reason_is_kept(
    there: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [FileReference("image", f"{there.url}/a"), FileReference("mask", f"{there.url}/none")]
    kept: list[Any] = []

    async def fetched(*_given: object) -> fetch.Fetched:
        return fetch.Fetched(dict(zip(["image"], await fetch._get_all(wanted), strict=True)))

    monkeypatch.setattr(fetch, "_fetch", fetched)
    job: Any = None

    async def brought() -> None:
        kept.extend(await fetch._fetch_all([job], [fetch.Fetched({})], [False]))

    asyncio.run(brought())
    assert asyncio.run(held_after(brought)) < MIB
    assert "its server answered 404" in str(kept[0])


def test_own_files_that_came_before_one_that_is_gone_are_gone_while_the_reason_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def own_files(_job: object) -> fetch.Fetched:
        read = bytes(LARGE)
        raise fetch.NotFetched(f"Input mask could not be fetched after {len(read)} bytes.")

    monkeypatch.setattr(fetch, "_own_files", own_files)
    job: Any = None
    kept: list[Any] = []

    async def brought() -> None:
        own = fetch._own_files_or_error(job)
        kept.extend(await fetch._fetch_all([job], [own], [False]))

    assert asyncio.run(held_after(brought)) < MIB
    assert "Input mask" in str(kept[0])
