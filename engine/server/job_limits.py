"""Resource limits of one painter child: memory, processor time, threads, deadlines."""

from __future__ import annotations

import os
from dataclasses import dataclass

MAX_THREADS = 8
"""More threads gain nothing at these image sizes, and each costs address space for its stack."""


@dataclass(frozen=True)
class Limits:
    """Limits of one child, and the idle time of the painter server.

    Wall-clock time is limited by the engine, from the job's deadline.
    """

    memory_bytes: int = 2 * 1024**3
    """Address space, libraries included (about 0.3 GB of it before anything is painted)."""
    cpu_s: int | None = None
    """Processor seconds over all threads; None takes the deadline times the threads, plus a little."""
    max_deadline_s: float = 3600.0
    """Upper limit of a job's deadline, in seconds."""
    cancel_grace_s: float = 0.5
    """Seconds between SIGTERM and SIGKILL of a cancel."""
    rest_after_s: float = 30.0
    """Idle seconds after which the painter server ends; the next job, like the first, takes 300 ms more."""

    def cpu_seconds(self, deadline_s: float, threads: int) -> int:
        """Whole processor seconds for a job with this deadline."""
        return self.cpu_s if self.cpu_s is not None else int(deadline_s * threads) + 5


def threads_per_child(slots: int) -> int:
    """Threads for OpenCV and BLAS in each of `slots` children that share this machine's cores."""
    return min(MAX_THREADS, max(1, len(os.sched_getaffinity(0)) // max(1, slots)))
