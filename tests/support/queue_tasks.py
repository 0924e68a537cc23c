"""Tasks that tests put into the queue for real workers. Each leaves a line with its process id in a file."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from predictions.execution import task_queue


def mark(file: str, seconds: float = 0.0) -> None:
    """Leave a line, then take some time."""
    with Path(file).open("a") as lines:
        lines.write(f"{os.getpid()}\n")
    time.sleep(seconds)


def mark_and_die_acknowledging(file: str) -> None:
    """The first time the worker is killed as it deletes the row; done again, it ends well."""
    if not Path(file).exists():
        task_queue.delete = _die  # type: ignore[assignment]
    mark(file)


def mark_and_swallow(file: str, seconds: float) -> None:
    """Break, after some time, with what a task may not raise."""
    mark(file, seconds)
    raise ValueError("on purpose")


def _die(pk: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Gone:
    """Signed well, and read by nobody: its class is missing where it is unpacked."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return (__import__, ("no_module_of_this_name",))
