"""Interface of worker pools as the job runner uses them: the painter pool or the warm local workers."""

from __future__ import annotations

import asyncio
from typing import Protocol

from engine.server.worker_pool import WorkItem


class WorkerInterface(Protocol):
    """Processes that work on one errand each. Where one is lost, who waits for it gets `WorkersLost`."""

    @property
    def painter(self) -> str:
        """Version of what works, known once it has been ready."""
        ...

    @property
    def is_ready(self) -> bool:
        """Whether an errand could be begun right now."""
        ...

    @property
    def pids(self) -> dict[str, int]:
        """Process id of every errand under way, by job id."""
        ...

    def open(self) -> None:
        """Start the processes; returns before they are ready."""
        ...

    async def close(self) -> None:
        """End the processes and everything under way."""
        ...

    async def ready(self) -> None:
        """Return as soon as an errand can be begun."""
        ...

    def has(self, job: str) -> bool:
        """Whether an errand of this job has been begun and has not ended."""
        ...

    async def fork(self, errand: WorkItem, pipe: int) -> asyncio.Future[int]:
        """Begin an errand that writes to `pipe`; its end arrives in the future as an exit code, or `WorkersLost`."""
        ...

    def kill(self, job: str, number: int) -> None:
        """Signal whatever works on the job; nothing happens where it has ended."""
        ...

    def replace(self, job: str) -> None:
        """Kill and start again whatever should have ended this job and did not."""
        ...
