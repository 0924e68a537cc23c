"""Runs waiting jobs: one worker process per job, its messages, retries, cancellation and outcome."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import logging
import os
import shutil
import signal
from dataclasses import dataclass
from typing import Any

from engine.protocol.job_output import ORDER_FILE
from engine.server.job_limits import Limits, threads_per_child
from engine.server.job_registry import Job, JobRegistry
from engine.server.worker_interface import WorkerInterface
from engine.server.worker_pool import WorkersLost, WorkItem

MAX_EVENT = 1024 * 1024
DRAIN_S = 2.0
KILL_TIMEOUT_S = 2.5
MAX_RUNS = 3
PRUNE_EVERY_S = 30.0

log = logging.getLogger(__name__)


@dataclass
class _Run:
    """Messages of one child so far."""

    job: Job
    known_lines: int
    """Log lines already published by an earlier run of the job; a repeated run prints the same ones first."""
    known_outputs: int
    known_items: int = 0
    text: str = ""
    items: int = 0
    lines: int = 0
    outputs: int = 0
    done: bool = False
    error: str | None = None

    def handle(self, event: dict[str, Any]) -> None:
        job = self.job
        if "log" in event:
            self.lines += 1
            if self.lines > self.known_lines:
                job.log(event["log"])
        elif "progress" in event:
            job.progress = max(job.progress or 0.0, event["progress"])
        elif "preview" in event:
            job.preview = base64.b64decode(event["preview"])
        elif "output" in event:
            self.outputs += 1
            if self.outputs > self.known_outputs:
                job.outputs.append(event["output"])
        elif "text" in event:
            self.text += event["text"]
            job.value = self.text
        elif "item" in event:
            self.items += 1
            if self.items > self.known_items:
                job.value = [*(job.value or ()), event["item"]]
        elif "metric" in event:
            name, value = event["metric"]
            job.metrics[name] = value
        elif "error" in event:
            self.error = event["error"]
        elif "done" in event:
            self.done = True


def _run_of(job: Job) -> _Run:
    items = len(job.value) if isinstance(job.value, list) else 0
    return _Run(job, known_lines=len(job.logs), known_outputs=len(job.outputs), known_items=items)


def drawn_seed(id: str) -> int:
    """Default seed of a request without one, 0 to 65535.

    Derived from the job's id without its run number, so that work that is started again, here or in a later engine,
    gives the image whose seed the caller may have read in the log already.
    """
    public = id.rpartition("-")[0] or id
    return int.from_bytes(hashlib.sha256(f"seed {public}".encode()).digest()[:2], "big")


class Runner:
    """Runs jobs of one `JobRegistry` in `slots` concurrent tasks, on the processes of one `WorkerInterface`."""

    def __init__(
        self,
        registry: JobRegistry,
        pool: WorkerInterface,
        limits: Limits,
        slots: int,
        *,
        worker_name: str = "painter",
    ) -> None:
        """`worker_name` is the worker's name in the error messages that members read."""
        self._registry = registry
        self._pool = pool
        self._worker_name = worker_name
        self._limits = limits
        self._slots = slots
        self._threads = threads_per_child(slots)
        self._tasks: list[asyncio.Task[None]] = []

    def open(self) -> None:
        """Start the pool and the slots."""
        self._pool.open()
        names = [f"slot {number}" for number in range(self._slots)]
        self._tasks = [asyncio.create_task(self._work(), name=name) for name in names]
        self._tasks.append(asyncio.create_task(self._prune(), name="prune"))

    async def close(self) -> None:
        """Stop the slots and the pool; running children are killed."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._pool.close()

    def cancel(self, job: Job) -> None:
        """Cancel a job: at once while it waits, otherwise it ends as soon as its processes are gone."""
        if job.status == "starting":
            self._registry.withdraw(job)
        elif not job.ended.is_set() and not job.cancel_requested:
            job.cancel_requested = True
            if self._pool.has(job.id):
                self._stop(job)
            else:  # between two children: nothing runs, and a child forked from now on is stopped at once
                job.end("canceled")

    async def _work(self) -> None:
        while True:
            job = await self._registry.next()
            await self._pool.ready()
            if job.ended.is_set():
                continue
            try:
                await self._run(job)
            except Exception:
                # A job that cannot be started (for example on a full disk) must not cost a slot.
                log.exception("Prediction %s could not be run", job.id)
                job.end("failed", f"The engine could not start the {self._worker_name}.")
            if job.status in ("failed", "canceled"):
                shutil.rmtree(job.folder, ignore_errors=True)

    async def _run(self, job: Job) -> None:
        """Run one job; silently again where its pool process died or the painter was killed from outside."""
        job.begin()
        for _ in range(MAX_RUNS):
            shutil.rmtree(job.folder, ignore_errors=True)
            job.folder.mkdir(mode=0o700)
            run = _run_of(job)
            try:
                code = await self._paint(run)
            except WorkersLost:
                if job.cancel_requested:
                    job.end("canceled")
                    return
                await self._pool.ready()
            except TimeoutError:
                job.end(
                    "failed",
                    f"The prediction ran longer than {_seconds(self._deadline(job))} and was stopped.",
                )
                return
            else:
                if _killed_from_outside(run, code):
                    log.warning("The %s of %s was killed; it is started again", self._worker_name, job.id)
                    continue
                self._conclude(run, code)
                return
        job.end("failed", f"The {self._worker_name} was killed several times.")

    async def _paint(self, run: _Run) -> int:
        """Start a child, read its messages until it ends, return its exit code. Raises TimeoutError when late."""
        job = run.job
        order = {"model": job.model, "version": job.version, "input": job.input}
        (job.folder / ORDER_FILE).write_text(json.dumps(order))
        read_end, write_end = os.pipe()
        listener = asyncio.create_task(self._listen(run, read_end))
        try:
            try:
                end = await self._pool.fork(self._work_item(job), write_end)
            finally:
                os.close(write_end)
            if job.cancel_requested:
                self._stop(job)
            return await self._wait(job, end)
        finally:
            # The group is dead, so the pipe ends; the limit is for a descendant that left its group.
            await asyncio.wait([listener], timeout=DRAIN_S)
            listener.cancel()

    async def _wait(self, job: Job, end: asyncio.Future[int]) -> int:
        try:
            return await asyncio.wait_for(asyncio.shield(end), self._deadline(job))
        except TimeoutError:
            self._pool.kill(job.id, signal.SIGKILL)
            await self._wait_until_gone(job, end)
            raise

    def _stop(self, job: Job) -> None:
        """SIGTERM to the group now, SIGKILL after the grace period, then a new pool process where it still runs."""
        self._pool.kill(job.id, signal.SIGTERM)
        loop = asyncio.get_running_loop()
        loop.call_later(self._limits.cancel_grace_s, self._pool.kill, job.id, signal.SIGKILL)
        loop.call_later(self._limits.cancel_grace_s + KILL_TIMEOUT_S, self._replace_if_running, job)

    def _replace_if_running(self, job: Job) -> None:
        if not job.ended.is_set():
            self._pool.replace(job.id)

    async def _wait_until_gone(self, job: Job, end: asyncio.Future[int]) -> None:
        done, _ = await asyncio.wait([end], timeout=KILL_TIMEOUT_S)
        if not done:
            self._pool.replace(job.id)
            await asyncio.wait([end])
        if not end.cancelled():
            end.exception()  # retrieved, so that asyncio does not log it; it no longer matters

    async def _listen(self, run: _Run, read_end: int) -> None:
        reader = asyncio.StreamReader(limit=MAX_EVENT)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_end, "rb", 0)
        )
        try:
            while line := await reader.readline():
                if line.endswith(b"\n"):  # a killed child may leave half a line
                    run.handle(json.loads(line))
        finally:
            transport.close()

    def _work_item(self, job: Job) -> WorkItem:
        return WorkItem(
            run=job.id,
            folder=str(job.folder),
            memory_bytes=self._limits.memory_bytes,
            cpu_seconds=self._limits.cpu_seconds(self._deadline(job), self._threads),
            threads=self._threads,
            drawn_seed=drawn_seed(job.id),
            model=job.model,
        )

    def _deadline(self, job: Job) -> float:
        return min(job.deadline_s, self._limits.max_deadline_s)

    def _conclude(self, run: _Run, code: int) -> None:
        job = run.job
        if run.done and code == 0:
            job.end("succeeded")
        elif job.cancel_requested:
            job.end("canceled")
        elif run.error is not None:
            job.end("failed", run.error)
        elif code == -signal.SIGXCPU:
            limit = self._limits.cpu_seconds(self._deadline(job), self._threads)
            job.end(
                "failed",
                f"The {self._worker_name} used more than {_seconds(limit)} of processor time and was stopped.",
            )
        elif code < 0:
            job.end("failed", f"The {self._worker_name} stopped unexpectedly (signal {-code}).")
        else:
            job.end("failed", f"The {self._worker_name} stopped unexpectedly (exit code {code}).")
        if job.status == "failed":
            log.info("Prediction %s failed: %s", job.id, job.error)

    async def _prune(self) -> None:
        while True:
            await asyncio.sleep(PRUNE_EVERY_S)
            self._registry.prune()


def _killed_from_outside(run: _Run, code: int) -> bool:
    """Whether a SIGKILL from outside ended it: an operator's, or the kernel's when out of memory.

    The runner's own kills follow a cancel or a time limit; a fault in the image itself ends by other signals.
    """
    return code == -signal.SIGKILL and not run.job.cancel_requested and not run.done and run.error is None


def _seconds(value: float) -> str:
    return "1 second" if value == 1 else f"{value:g} seconds"
