"""Resource limits of one painter child: memory, processor time, threads, deadlines."""

from __future__ import annotations

import os
from dataclasses import dataclass

MAX_THREADS = 8
"""More gain nothing on pictures of this size, and each costs address space for its stack."""


@dataclass(frozen=True)
class Limits:
    """Limits of one child, and of what is kept ready for it.

    The wall clock is the engine's to keep, from the order's deadline.
    """

    memory_bytes: int = 2 * 1024**3
    """Address space, libraries included (about 0.3 GB of it before anything is painted)."""
    cpu_s: int | None = None
    """Processor seconds over all threads; None takes the deadline times the threads, plus a little."""
    max_deadline_s: float = 3600.0
    """No order works longer than this, whatever its deadline says."""
    cancel_grace_s: float = 0.5
    """Between the polite and the final signal of a cancel."""
    rest_after_s: float = 30.0
    """After so long without an order, as before the first, nothing is kept ready: the next takes 300 ms more."""

    def cpu_seconds(self, deadline_s: float, threads: int) -> int:
        """Whole processor seconds for a job with this deadline."""
        return self.cpu_s if self.cpu_s is not None else int(deadline_s * threads) + 5


def threads_per_child(slots: int) -> int:
    """Threads for OpenCV and BLAS in each of `slots` children that share this machine's cores."""
    return min(MAX_THREADS, max(1, len(os.sched_getaffinity(0)) // max(1, slots)))
