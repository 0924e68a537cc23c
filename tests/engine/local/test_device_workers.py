"""Assignment of work items to device workers."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

from engine.local.config.settings_file import parse
from engine.local.device_workers import DeviceWorker, DeviceWorkers
from engine.server.worker_pool import WorkItem

SD, SDXL = "stability-ai/stable-diffusion", "stability-ai/sdxl"


class FakeWorker:
    """A worker whose process is simulated by the test."""

    def __init__(self, *, ready: bool = True) -> None:
        self.busy_with = self.last_model = self.painter = ""
        self.pids: dict[str, int] = {}
        self.ends: dict[str, asyncio.Future[int]] = {}
        self.killed: list[tuple[str, int]] = []
        self.replaced = 0
        self._ready = asyncio.Event()
        if ready:
            self._ready.set()

    @property
    def is_ready(self) -> bool:
        return self._ready.is_set()

    async def ready(self) -> None:
        await self._ready.wait()

    def get_ready(self) -> None:
        self._ready.set()

    def has(self, job: str) -> bool:
        return job in self.ends and not self.ends[job].done()

    async def fork(self, work_item: WorkItem, pipe: int) -> asyncio.Future[int]:
        self.ends[work_item.run] = asyncio.get_running_loop().create_future()
        return self.ends[work_item.run]

    def kill(self, job: str, number: int) -> None:
        self.killed.append((job, number))

    def restart(self) -> None:
        self.replaced += 1


def work_item(run: str, model: str = SD) -> WorkItem:
    return WorkItem(run, "/folder", 1, 1, 1, 1, model)


def device_workers(*ones: Any) -> DeviceWorkers:
    return DeviceWorkers(ones)


def test_each_work_item_has_its_own_worker_and_a_free_one_is_used_again() -> None:
    async def play() -> None:
        first, second = FakeWorker(), FakeWorker()
        both = device_workers(first, second)
        await both.fork(work_item("a"), 0)
        await both.fork(work_item("b"), 0)
        assert (first.busy_with, second.busy_with, both.is_ready) == ("a", "b", False)
        second.ends["b"].set_result(0)
        await asyncio.sleep(0)
        await both.fork(work_item("c"), 0)
        assert (second.busy_with, both.has("b"), both.has("c")) == ("c", False, True)

    asyncio.run(play())


def test_a_worker_that_has_the_model_warm_comes_first() -> None:
    async def play() -> None:
        first, second = FakeWorker(), FakeWorker()
        first.last_model, second.last_model = SDXL, SD
        await device_workers(first, second).fork(work_item("a", SD), 0)
        assert (first.busy_with, second.busy_with) == ("", "a")

    asyncio.run(play())


def test_a_work_item_waits_for_a_worker_that_is_being_restarted() -> None:
    async def play() -> None:
        first = FakeWorker(ready=False)
        task = asyncio.create_task(device_workers(first).fork(work_item("a"), 0))
        await asyncio.sleep(0)
        assert not task.done()
        first.get_ready()
        async with asyncio.timeout(30):
            await task
        assert first.busy_with == "a"

    asyncio.run(play())


def test_signals_reach_the_worker_of_that_job_only() -> None:
    async def play() -> None:
        first, second = FakeWorker(), FakeWorker()
        both = device_workers(first, second)
        await both.fork(work_item("a"), 0)
        await both.fork(work_item("b"), 0)
        both.kill("b", signal.SIGTERM)
        both.kill("unknown", signal.SIGTERM)
        both.replace("a")
        assert (first.killed, second.killed) == ([], [("b", signal.SIGTERM)])
        assert (first.replaced, second.replaced) == (1, 0)

    asyncio.run(play())


def test_a_worker_gets_no_secret_and_makes_no_network_request(monkeypatch: Any) -> None:
    for name in ("DARKROOM_LOCAL_SECRET", "DARKROOM_DATABASE_URL", "DARKROOM_SECRET_KEY"):
        monkeypatch.setenv(name, "s3cret")
    raw = {"models": {SD: {"weights": "org/name"}}}
    found = DeviceWorker(parse(raw, Path("/")), "cpu", 1)._environment()
    assert "s3cret" not in found.values()
    assert found["HF_HUB_OFFLINE"] == "1"
    assert (
        "HF_HUB_OFFLINE"
        not in DeviceWorker(parse({**raw, "downloads": True}, Path("/")), "cpu", 1)._environment()
    )
