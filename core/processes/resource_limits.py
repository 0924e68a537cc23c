"""Resource limits of a child process: memory, processor time, threads of numeric libraries, OOM score."""

from __future__ import annotations

import contextlib
import os
import resource

THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def apply_limits(memory_bytes: int, cpu_seconds: int) -> None:
    """Bind this process: memory, processor time (SIGXCPU, then SIGKILL two seconds later), no core dumps."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 2))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def thread_environment(threads: int) -> dict[str, str]:
    """The variables that must be set before NumPy is imported."""
    return {name: str(threads) for name in THREAD_VARIABLES}


def set_oom_score(score: int) -> None:
    """Out of memory the kernel kills the process with the highest score, -1000 to 1000; children inherit it."""
    with contextlib.suppress(OSError):
        fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        try:
            os.write(fd, str(score).encode())
        finally:
            os.close(fd)
