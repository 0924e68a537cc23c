"""The provider of the embedded engine, against a real engine on a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from predictions.providers.base import AnswerLost, Job, Order, OutputRef, Provider, ProviderError, Update
from predictions.providers.embedded import EmbeddedEngine
from predictions.providers.registry import (
    EngineConfig,
    Registry,
    UnknownProvider,
    build_registry,
    embedded_engine,
)
from tests.engine.engine_service import LONG, SDXL, SECRET, SMALL, Service, running


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with running() as service:
        yield service


@pytest.fixture
def provider(service: Service) -> EmbeddedEngine:
    return at(service.socket)


def at(path: Path, secret: str = SECRET) -> EmbeddedEngine:
    return embedded_engine(EngineConfig(socket_path=str(path), secret=secret, slots=2))


def order(key: str, input: dict[str, Any] = SMALL, model: str = SDXL) -> Order:
    return Order(key=key, model=model, version="", input=input, deadline_s=60)


async def started(provider: EmbeddedEngine, key: str, input: dict[str, Any] = SMALL) -> Job:
    job = await provider.start(order(key, input))
    assert isinstance(job, Job)
    return job


async def until(provider: EmbeddedEngine, job: Job, condition: Callable[[Update], bool]) -> Update:
    async with asyncio.timeout(60):
        while not condition(update := await provider.check(job)):
            await asyncio.sleep(0.02)
    return update


async def read(provider: EmbeddedEngine, job: Job, ref: OutputRef) -> bytes:
    return b"".join([chunk async for chunk in provider.fetch(job, ref)])


def trouble(work: Awaitable[Any]) -> ProviderError:
    async def wait() -> None:
        await work

    with pytest.raises(ProviderError) as caught:
        asyncio.run(wait())
    return caught.value


def test_it_keeps_the_contract(provider: EmbeddedEngine) -> None:
    assert isinstance(provider, Provider)
    assert provider.start_is_idempotent and provider.limit == 2
    assert provider.serves(SDXL) and not provider.serves("acme/nothing")


def test_it_knows_which_models_work_from_a_picture(provider: EmbeddedEngine) -> None:
    assert provider.takes_pictures(SDXL) and provider.takes_pictures("cjwbw/rembg")
    assert not provider.takes_pictures("stability-ai/stable-diffusion")
    assert not provider.takes_pictures("acme/nothing")
    assert not provider.takes_pictures("conformance/file-input")  # only in conformance mode


def test_it_brings_a_picture_home(provider: EmbeddedEngine, service: Service) -> None:
    async def round() -> tuple[Update, bytes, Update]:
        job = await started(provider, "whole-1")
        update = await until(provider, job, lambda update: update.is_final)
        data = await read(provider, job, update.output[0])
        await provider.release(job)
        return update, data, await provider.check(job)

    update, data, after = asyncio.run(round())
    assert (update.kind, update.progress, update.error) == ("succeeded", 1.0, None)
    assert update.logs.startswith("Using seed: 3\nEmbedded engine: procedural painter ")
    (ref,) = update.output
    assert (ref.name, ref.content_type, ref.size) == ("out-0.png", "image/png", len(data))
    assert data.startswith(b"\x89PNG")
    assert after.kind == "lost"
    assert not (service.work / "whole-1").exists()


def test_it_finds_its_job_again_when_it_starts_twice(provider: EmbeddedEngine) -> None:
    async def round() -> tuple[Job, Job]:
        return await started(provider, "twice-1"), await started(provider, "twice-1", {**SMALL, "seed": 9})

    first, second = asyncio.run(round())
    assert first == second


def test_it_serves_many_tasks_in_one_session_and_many_loops_in_turn(provider: EmbeddedEngine) -> None:
    async def one(key: str) -> str:
        job = await started(provider, key)
        update = await until(provider, job, lambda update: update.is_final)
        return hashlib.sha256(await read(provider, job, update.output[0])).hexdigest()

    async def round(turn: int) -> list[str]:
        async with provider.session(), provider.session():
            return await asyncio.gather(*(one(f"round-{turn}-{n}") for n in range(3)))

    digests = [digest for turn in range(2) for digest in asyncio.run(round(turn))]
    assert len(digests) == 6 and len(set(digests)) == 1


def test_it_serves_two_loops_in_two_threads_at_once(provider: EmbeddedEngine) -> None:
    kinds: list[str] = []

    async def round(key: str) -> None:
        async with provider.session():
            job = await started(provider, key)
            kinds.append((await until(provider, job, lambda update: update.is_final)).kind)

    threads = [threading.Thread(target=asyncio.run, args=(round(f"thread-{n}"),)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert kinds == ["succeeded", "succeeded"]


def test_it_shows_progress_and_a_preview_then_cancels(provider: EmbeddedEngine) -> None:
    async def round() -> tuple[Update, bool, Update]:
        job = await started(provider, "stopped-1", LONG)
        seen = await until(provider, job, lambda update: update.preview is not None)
        return seen, await provider.cancel(job), await provider.check(job)

    seen, confirmed, after = asyncio.run(round())
    assert seen.kind == "processing" and 0 < (seen.progress or 0) < 1
    assert (seen.preview or b"").startswith(b"\xff\xd8")
    assert confirmed and after.kind == "canceled"


def test_it_takes_an_unknown_job_for_lost_and_a_cancel_of_it_for_done(provider: EmbeddedEngine) -> None:
    stray = Job("never-started", "0" * 16)

    async def round() -> tuple[Update, bool]:
        await provider.release(stray)
        return await provider.check(stray), await provider.cancel(stray)

    assert asyncio.run(round()) == (Update("lost"), True)


def test_it_takes_a_job_of_an_earlier_start_for_lost_though_the_key_is_known(
    provider: EmbeddedEngine,
) -> None:
    async def round() -> Update:
        job = await started(provider, "known-1")
        return await provider.check(Job(job.id, "another start"))

    assert asyncio.run(round()).kind == "lost"


def test_it_passes_a_failure_on_as_it_is(provider: EmbeddedEngine) -> None:
    async def round() -> Update:
        job = await started(provider, "wrong-1", {**SMALL, "width": 65})
        return await until(provider, job, lambda update: update.is_final)

    update = asyncio.run(round())
    assert (update.kind, update.output) == ("failed", [])
    assert update.error == "`height` and `width` have to be divisible by 8 but are 64 and 65."


def test_it_says_for_good_that_a_file_is_gone(provider: EmbeddedEngine) -> None:
    async def round() -> bytes:
        job = await started(provider, "gone-1")
        update = await until(provider, job, lambda update: update.is_final)
        await provider.release(job)
        return await read(provider, job, update.output[0])

    assert trouble(round()).permanent


def test_it_notices_a_file_that_came_short(provider: EmbeddedEngine) -> None:
    async def round() -> bytes:
        job = await started(provider, "short-1")
        (ref,) = (await until(provider, job, lambda update: update.is_final)).output
        return await read(provider, job, OutputRef(ref.name, ref.content_type, ref.address, ref.size + 1))

    error = trouble(round())
    assert not error.permanent and "bytes" in str(error)


def test_it_says_that_a_model_is_refused_for_good_and_was_not_started(provider: EmbeddedEngine) -> None:
    error = trouble(provider.start(order("foreign-1", model="acme/nothing")))
    assert error.refused and error.permanent
    assert "does not serve acme/nothing" in str(error)


def test_it_says_that_a_wrong_secret_will_not_get_better(service: Service) -> None:
    error = trouble(at(service.socket, "wrong").start(order("secret-1")))
    assert error.refused and error.permanent and "wrong" in str(error)


def test_it_surely_started_nothing_where_nobody_listens() -> None:
    absent = at(Path("/tmp/no-such-engine.sock"))
    error = trouble(absent.start(order("nobody-1")))
    assert error.refused and not error.permanent and not isinstance(error, AnswerLost)
    error = trouble(absent.check(Job("nobody-1", "x")))
    assert not error.permanent and not error.refused


def test_it_loses_a_job_with_the_engine_that_had_it() -> None:
    with running() as first:
        provider = at(first.socket)
        job = asyncio.run(started(provider, "moved-1", LONG))
        first.process.kill()
        first.process.wait()
        assert not trouble(provider.check(job)).permanent
        second = Service(first.folder)
        try:
            assert asyncio.run(provider.check(job)).kind == "lost"
            again = asyncio.run(started(provider, "moved-1"))
            assert again.instance != job.instance
            assert asyncio.run(provider.check(job)).kind == "lost"
        finally:
            second.client.close()
            second.stop()


@contextlib.contextmanager
def hanging_up() -> Iterator[Path]:
    """A socket whose owner reads a request and hangs up without an answer."""
    with tempfile.TemporaryDirectory(prefix="engine-") as folder, socket.socket(socket.AF_UNIX) as listener:
        path = Path(folder) / "s"
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    connection.recv(65536)
                    connection.close()

        threading.Thread(target=serve, daemon=True).start()
        yield path
        listener.shutdown(socket.SHUT_RDWR)


def test_it_does_not_know_what_became_of_an_order_whose_answer_was_lost() -> None:
    with hanging_up() as path:
        error = trouble(at(path).start(order("silence-1")))
    assert isinstance(error, AnswerLost) and not error.refused and not error.permanent


def test_it_finds_providers_by_name_and_by_model() -> None:
    configs = [EngineConfig("/tmp/a", "x", 1), EngineConfig("/tmp/b", "y", 2, name="attic")]
    registry = build_registry(configs)
    assert registry.get("attic").limit == 2
    assert [provider.name for provider in registry.serving(SDXL)] == ["embedded", "attic"]
    assert registry.serving("acme/nothing") == []
    with pytest.raises(UnknownProvider, match="No provider is called cellar"):
        registry.get("cellar")


def test_it_refuses_two_providers_of_one_name() -> None:
    twin = at(Path("/tmp/a"))
    with pytest.raises(ValueError, match="Two providers are called embedded"):
        Registry([twin, twin])


def test_it_keeps_the_secret_out_of_its_representation() -> None:
    assert "hush" not in repr(EngineConfig("/tmp/a", "hush", 1))
