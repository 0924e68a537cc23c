"""Our programs without Django: command line, import path, running until a signal, liveness reports."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from core.processes import pdeathsig


def python_command(module: str, *args: str) -> list[str]:
    """The command line that runs one of our modules; it needs `python_path()` in its environment."""
    return [sys.executable, "-P", "-m", module, *args]


def python_path() -> dict[str, str]:
    """The environment in which such a program finds our packages from any working directory."""
    root = str(Path(__file__).resolve().parents[2])
    others = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path and path != root]
    return {"PYTHONPATH": os.pathsep.join([root, *others])}


def run_until_stopped(run: Callable[[threading.Event], None]) -> None:
    """Call `run` with an event that SIGTERM and SIGINT set. Must be called in the main thread."""
    pdeathsig.arm()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    # Imported modules are never garbage; scanning them would stop the loop for a tenth of a second and more.
    gc.collect()
    gc.freeze()
    run(stop)


LIVENESS_VARIABLE = "DARKROOM_LIFE_FD"


def report_alive() -> None:
    """Send a sign of life to the supervisor. Never blocks and never fails; does nothing without a supervisor."""
    text = os.environ.get(LIVENESS_VARIABLE, "")
    if text.isdigit():
        # Full: the supervisor has enough to read. Closed: this process is about to be ended.
        with contextlib.suppress(OSError):
            os.write(int(text), b"\0")
