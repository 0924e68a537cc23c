"""Running one part until it is told to stop."""

from __future__ import annotations

import gc
import signal
import threading
from collections.abc import Callable

from predictions.running import leash


def until_stopped(run: Callable[[threading.Event], None]) -> None:
    """Call `run` with an event that SIGTERM and SIGINT set. Must be called in the main thread."""
    leash.arm()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    # What was imported is never garbage; to look through all of it stops a loop for a tenth of a second and more.
    gc.collect()
    gc.freeze()
    run(stop)
