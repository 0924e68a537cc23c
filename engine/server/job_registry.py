"""The engine's registry of jobs: input, state and output of each, and the queue of those that wait.

Everything here runs in one event loop, so plain attributes are enough. At most `slots` jobs paint at a time;
the others wait as `starting`, in order of arrival.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Status = Literal["starting", "processing", "succeeded", "failed", "canceled"]

MAX_WAITING = 500
MAX_KEPT = 500
KEEP_S = 3600.0
MAX_LOG = 64 * 1024


class RegistryFull(Exception):
    """`MAX_WAITING` jobs wait already."""


@dataclass(eq=False)
class Job:
    """One prediction inside the engine. Times are monotonic seconds, None until they happen."""

    id: str
    model: str
    version: str
    input: dict[str, Any]
    deadline_s: float
    folder: Path
    status: Status = "starting"
    logs: list[str] = field(default_factory=list)
    progress: float | None = None
    outputs: list[dict[str, Any]] = field(default_factory=list)
    value: str | list[str] | None = None
    """Output of a model that returns text instead of files: one text, or the strings so far."""
    error: str | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    preview: bytes | None = None
    started: float | None = None
    ended_at: float | None = None
    cancel_requested: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    _log_size: int = 0

    def log(self, line: str) -> None:
        """Add a line while the log is below its limit; later lines are dropped."""
        if self._log_size < MAX_LOG:
            self.logs.append(line)
            self._log_size += len(line) + 1

    def begin(self) -> None:
        """Mark as processing."""
        self.status, self.started = "processing", time.monotonic()

    def end(self, status: Status, error: str | None = None) -> None:
        """Set the final status; later calls are ignored."""
        if self.ended.is_set():
            return
        now = time.monotonic()
        self.status, self.error, self.ended_at, self.preview = status, error, now, None
        self.metrics["predict_time"] = round(now - self.started, 6) if self.started is not None else 0.0
        if status == "succeeded":
            self.progress = 1.0
        else:
            self.outputs = []
            # Streamed strings have been delivered; half a text has not.
            self.value = self.value if isinstance(self.value, list) else None
        self.ended.set()

    def log_text(self) -> str:
        """The whole log, each line ended by a line feed."""
        return "".join(f"{line}\n" for line in self.logs)


class JobRegistry:
    """All jobs that the engine knows, and the queue of those that wait."""

    def __init__(self, work_dir: Path) -> None:
        self._work_dir = work_dir
        self._jobs: dict[str, Job] = {}
        self._waiting: deque[Job] = deque()
        self._arrived = asyncio.Event()

    def empty_folder(self) -> None:
        """Remove the folders of an earlier start of the engine; its jobs are lost."""
        self._work_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        for entry in self._work_dir.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)

    def put(self, id: str, model: str, version: str, input: dict[str, Any], deadline_s: float) -> Job:
        """The job with this id: a new one that waits, or the known one as it is. Raises `RegistryFull`."""
        if id in self._jobs:
            return self._jobs[id]
        if len(self._waiting) >= MAX_WAITING:
            raise RegistryFull
        job = Job(id, model, version, input, deadline_s, self._work_dir / id)
        self._jobs[id] = job
        self._waiting.append(job)
        self._arrived.set()
        return job

    def get(self, id: str) -> Job | None:
        """The job with this id, if it is known."""
        return self._jobs.get(id)

    async def next(self) -> Job:
        """The job that has waited longest, as soon as there is one."""
        while True:
            while self._waiting:
                job = self._waiting.popleft()
                if not job.ended.is_set():
                    return job
            self._arrived.clear()
            await self._arrived.wait()

    def withdraw(self, job: Job) -> None:
        """Cancel a job that has not started."""
        job.end("canceled")
        if job in self._waiting:
            self._waiting.remove(job)

    def forget(self, job: Job) -> None:
        """Drop an ended job and its files."""
        self._jobs.pop(job.id, None)
        shutil.rmtree(job.folder, ignore_errors=True)

    def prune(self) -> None:
        """Forget jobs that ended more than `KEEP_S` ago, and the oldest beyond `MAX_KEPT`."""
        ended = [(job.ended_at, job) for job in self._jobs.values() if job.ended_at is not None]
        ended.sort(key=lambda pair: pair[0])
        horizon = time.monotonic() - KEEP_S
        surplus = len(ended) - MAX_KEPT
        for index, (at, job) in enumerate(ended):
            if at < horizon or index < surplus:
                self.forget(job)

    def counts(self) -> dict[str, int]:
        """Numbers of waiting and of known jobs."""
        return {"waiting": len(self._waiting), "known": len(self._jobs)}
