"""Programs of ours that load no Django: command line, import path, running until a signal, signs of life."""

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


def python_command(module: str, *words: str) -> list[str]:
    """The command line of a module of ours; it wants `python_path()` in its environment."""
    return [sys.executable, "-P", "-m", module, *words]


def python_path() -> dict[str, str]:
    """Where such a program, started in whatever folder, finds our packages."""
    root = str(Path(__file__).resolve().parents[2])
    known = [one for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one and one != root]
    return {"PYTHONPATH": os.pathsep.join([root, *known])}


def run_until_stopped(run: Callable[[threading.Event], None]) -> None:
    """Call `run` with an event that SIGTERM and SIGINT set. Must be called in the main thread."""
    pdeathsig.arm()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    # What was imported is never garbage; to look through all of it stops a loop for a tenth of a second and more.
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
