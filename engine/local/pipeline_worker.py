"""Worker process of the local models: one device, loaded pipelines, one prediction at a time.

It speaks the painter server's protocol over a socket pair, one JSON object a packet, but never forks:

    service → worker   {"run": ID, "folder": …} with the write end of a pipe; {"kill": ID, "signal": N}
    worker → service   {"ready": true, "painter": VERSION, "threads": N}; {"started": ID, "pid": N};
                       {"ended": ID, "code": N}

Any signal is a request to stop at the next step; the service kills the process where that takes too long. The first
thread listens, a second one works. When the service's end of the socket closes, the process ends.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import queue
import signal
import socket
import sys
import threading
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.processes.pdeathsig import arm, die_with_parent
from engine.local.config import settings_file
from engine.local.config.settings_file import LocalSettings, parse
from engine.local.models.step_callbacks import Stopped
from engine.protocol.job_output import ORDER_FILE, JobOutput, Refusal

if TYPE_CHECKING:
    from engine.local.models.pipelines import PipelineStore

PACKET = 65536
VERSION = "local"


@dataclass
class _Item:
    """One run of a prediction."""

    id: str
    folder: Path
    drawn_seed: int
    pipe: int
    stop: threading.Event = field(default_factory=threading.Event)


class Worker:
    """Runs predictions for the service at the other end of `control`."""

    def __init__(self, control: socket.socket, settings: LocalSettings, device: str, workers: int) -> None:
        self._control = control
        self._settings = settings
        self._device = device
        self._workers = workers
        self._store: PipelineStore | None = None
        self._items: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._running: dict[str, _Item] = {}

    def run(self) -> None:
        """Serve until the service closes the socket. A run in progress continues: the caller ends the process."""
        threading.Thread(target=self._work_forever, name="work", daemon=True).start()
        self._send({"ready": True, "painter": VERSION, "threads": threading.active_count()})
        while self._receive():
            pass

    def _receive(self) -> bool:
        data, fds, _, _ = socket.recv_fds(self._control, PACKET, 1)
        if not data:
            return False
        message: dict[str, Any] = json.loads(data)
        if "run" in message:
            item = _Item(message["run"], Path(message["folder"]), message["drawn_seed"], fds[0])
            self._running[item.id] = item
            self._send({"started": item.id, "pid": os.getpid()})
            self._items.put(item)
        elif (found := self._running.get(message["kill"])) is not None:
            found.stop.set()
        return True

    def _work_forever(self) -> None:
        if not settings_file.missing_packages():
            self._get_store()  # the first request need not wait for the imports
        while True:
            item = self._items.get()
            code = self._work(item)
            os.close(item.pipe)
            self._running.pop(item.id, None)
            self._send({"ended": item.id, "code": code})
            if code > 1:
                # A failed device stays unusable in this process; its successor opens it again.
                sys.stderr.flush()
                os._exit(code)

    def _work(self, item: _Item) -> int:
        """Exit code 0; 1 after an error has been sent or a stop; 2 where the process must end."""
        output = JobOutput(item.pipe, item.folder)
        try:
            order = json.loads((item.folder / ORDER_FILE).read_bytes())
            self._perform(order, item, output)
        except Stopped:
            return 1
        except Exception as error:
            return self._fail(error, output)
        output.done()
        return 0

    def _perform(self, order: dict[str, Any], item: _Item, output: JobOutput) -> None:
        if missing := settings_file.missing_packages():
            raise Refusal(settings_file.install_hint(missing))
        model = self._settings.models.get(order["model"])
        if model is None:
            raise Refusal(f"No weights are configured for {order['model']}.")
        store = self._get_store()
        from engine.local.models.model_table import perform

        perform(model, order["input"], output, item.drawn_seed, store, item.stop.is_set)

    def _get_store(self) -> PipelineStore:
        if self._store is None:
            from engine.local.models.pipelines import PipelineStore

            self._store = PipelineStore(self._settings, self._device, self._workers)
        return self._store

    def _fail(self, error: Exception, output: JobOutput) -> int:
        """Send one sentence for the member; details go to standard error, for the operator. Returns the exit code."""
        if isinstance(error, Refusal):
            output.fail(str(error))
            return 1
        traceback.print_exception(error)
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            output.fail("The server has no disk space left for the picture.")
            return 1
        if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
            if self._store is not None:
                self._store.evict_all()
            output.fail("The device has too little memory for this; ask for a smaller picture.")
            return 1
        output.fail("The local weights could not finish this picture.")
        return 2 if _is_broken(error) else 1

    def _send(self, message: dict[str, Any]) -> None:
        # If the service is gone, the next receive notices and ends the process.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._control.send(json.dumps(message).encode())


def _is_broken(error: Exception) -> bool:
    """Whether the device itself failed, after which CUDA refuses every call of this process."""
    return type(error).__name__ == "AcceleratorError" or "CUDA error" in str(error)


def main() -> None:
    """`python -m engine.local.pipeline_worker CONTROL_FD SERVICE_PID OPTIONS`, started by the service only."""
    control, service, options = int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
    die_with_parent(service)
    arm()
    # Ctrl-C or a supervisor's signal reaches the whole process group; the service decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    settings = parse(options["settings"], Path(options["folder"]))
    Worker(socket.socket(fileno=control), settings, options["device"], options["workers"]).run()
    os._exit(0)


if __name__ == "__main__":
    main()
