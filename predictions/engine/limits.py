"""What one painting child may use of the machine."""

from __future__ import annotations

import contextlib
import os
import resource
from dataclasses import dataclass

THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")

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


def apply_limits(memory_bytes: int, cpu_seconds: int) -> None:
    """Bind this process: memory, processor time (SIGXCPU, then SIGKILL two seconds later), no core dumps."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 2))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def thread_environment(threads: int) -> dict[str, str]:
    """The variables that must be set before NumPy is imported."""
    return {name: str(threads) for name in THREAD_VARIABLES}


def set_oom_score(score: int) -> None:
    """Where memory ends the kernel takes the process with the highest score, -1000 to 1000; children inherit it."""
    with contextlib.suppress(OSError):
        fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        try:
            os.write(fd, str(score).encode())
        finally:
            os.close(fd)
