"""Interface of worker pools as the job runner uses them: the painter pool or the warm local workers."""

from __future__ import annotations

import asyncio
from typing import Protocol

from engine.server.worker_pool import WorkItem


class WorkerInterface(Protocol):
    """Processes that run one work item each. Where one is lost, its future raises `WorkersLost`."""

    @property
    def painter(self) -> str:
        """Version of the painter; empty until a process has been ready once."""
        ...

    @property
    def is_ready(self) -> bool:
        """Whether a work item could be started now."""
        ...

    @property
    def pids(self) -> dict[str, int]:
        """Process id of every running work item, by job id."""
        ...

    def open(self) -> None:
        """Start the processes; returns before they are ready."""
        ...

    async def close(self) -> None:
        """End the processes and all running work."""
        ...

    async def ready(self) -> None:
        """Return as soon as a work item can be started."""
        ...

    def has(self, job: str) -> bool:
        """Whether a work item of this job has been started and has not ended."""
        ...

    async def fork(self, item: WorkItem, pipe: int) -> asyncio.Future[int]:
        """Start a work item that writes to `pipe`; the future holds its exit code or raises `WorkersLost`."""
        ...

    def kill(self, job: str, number: int) -> None:
        """Signal the job's process; does nothing where it has ended."""
        ...

    def replace(self, job: str) -> None:
        """Kill and restart the process that failed to end this job."""
        ...
