"""The `watch` process: watcher and webhook poster, each a loop in a thread and with a connection of its own.

So a receiver that hangs delays no polling of providers. A loop that raises is restarted while the other goes on; one
that hangs stops its heartbeat, and the supervisor restarts the process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from predictions.execution import watcher
from predictions.processes.due_times import NextDue
from predictions.processes.heartbeat import Heartbeats
from predictions.webhooks import delivery_loop

log = structlog.get_logger(__name__)

RESTART_PAUSE_S = 0.5
STOPPING_S = 5.0
Loop = Callable[[threading.Event, NextDue, Heartbeats], None]


def run(stop: threading.Event) -> None:
    """Watch and post until `stop` is set."""
    due, signs = NextDue(), Heartbeats("watcher", "poster")
    threads = [
        threading.Thread(target=_keep, args=[name, loop, stop, due, signs], name=name, daemon=True)
        for name, loop in (("watcher", watcher.run), ("poster", delivery_loop.run))
    ]
    for thread in threads:
        thread.start()
    stop.wait()
    for thread in threads:
        thread.join(STOPPING_S)


def _keep(name: str, loop: Loop, stop: threading.Event, due: NextDue, signs: Heartbeats) -> None:
    """Run one loop until `stop` is set, restarting it where it raises."""
    while not stop.is_set():
        try:
            loop(stop, due, signs)
        except Exception:
            log.exception("loop_broke", loop=name)
            stop.wait(RESTART_PAUSE_S)
