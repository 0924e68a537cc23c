"""Painter server: a child of the fork server with the painter imported, that forks one child per prediction.

Importing NumPy, OpenCV, Pillow and the painter costs about 300 ms, a fork a few. The engine talks to it over
a socket pair, one JSON object a packet:

    engine → it   {"run": ID, ...} with the write end of the child's pipe; {"kill": ID, "signal": N}
    it → engine   {"ready": true, "painter": VERSION, "pid": N}; {"started": ID, "pid": N}; {"ended": ID, "code": N}

It has exactly one thread, because a process with threads must not fork, and it paints nothing itself. When
the engine's end of the socket closes it kills its children and ends.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
from pathlib import Path
from typing import Any

import cv2
from PIL import Image

# Before the painter is imported: its computations at import must not start OpenCV's threads.
cv2.setNumThreads(1)

from core.processes import session  # noqa: E402
from core.processes.pdeathsig import leash_fd  # noqa: E402
from engine import painting  # noqa: E402
from engine.server.painter_child import Assignment, become_child  # noqa: E402

PACKET = 65536


class PainterServer:
    """Forks, signals and reaps children on behalf of the engine at the other end of `control`."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._children: dict[str, int] = {}
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe()

    def run(self) -> None:
        """Serve until the engine closes the socket."""
        _warm_up()
        os.set_blocking(self._wake_write, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        self._selector.register(self._control, selectors.EVENT_READ)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        leash = leash_fd()
        if leash is not None:
            self._selector.register(leash, selectors.EVENT_READ)
        gc.collect()
        gc.freeze()  # keeps imported objects in memory pages shared with the children; their GC would copy them
        self._send(
            {
                "ready": True,
                "painter": painting.VERSION,
                "threads": _threads_of_this_process(),
                "pid": os.getpid(),
            }
        )
        while self._step(leash):
            pass
        self._kill_all()

    def _step(self, leash: int | None) -> bool:
        """Handle ready file descriptors; False when the server must end."""
        for key, _ in self._selector.select():
            if key.fd == self._wake_read:
                os.read(self._wake_read, 512)
                self._reap()
            elif key.fd == leash or not self._receive():
                return False
        return True

    def _receive(self) -> bool:
        data, fds, _, _ = socket.recv_fds(self._control, PACKET, 1)
        if not data:
            return False
        message: dict[str, Any] = json.loads(data)
        if "run" in message:
            self._fork(message, fds[0])
            os.close(fds[0])
        elif message["kill"] in self._children:
            _signal_group(self._children[message["kill"]], message["signal"])
        return True

    def _fork(self, message: dict[str, Any], pipe: int) -> None:
        assignment = Assignment(
            folder=Path(message["folder"]),
            memory_bytes=message["memory_bytes"],
            cpu_seconds=message["cpu_seconds"],
            threads=message["threads"],
            drawn_seed=message["drawn_seed"],
        )
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._close_inherited()
            become_child(assignment, pipe, parent)
        # Parent and child both do it, so that an immediate kill finds the group whichever runs first.
        with contextlib.suppress(PermissionError, ProcessLookupError):
            os.setpgid(pid, pid)
        self._children[message["run"]] = pid
        self._send({"started": message["run"], "pid": pid})

    def _close_inherited(self) -> None:
        """In the child: close what belongs to this process, above all its end of the socket."""
        self._control.close()
        self._selector.close()
        os.close(self._wake_read)
        signal.set_wakeup_fd(-1)
        os.close(self._wake_write)

    def _reap(self) -> None:
        for job, pid in list(self._children.items()):
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                continue
            # Its pid cannot be reused before it is reaped: kill its remaining processes now.
            _signal_group(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
            del self._children[job]
            self._send({"ended": job, "code": os.waitstatus_to_exitcode(status)})

    def _kill_all(self) -> None:
        for pid in self._children.values():
            _signal_group(pid, signal.SIGKILL)

    def _send(self, message: dict[str, Any]) -> None:
        # If the engine is gone, the next receive notices and ends the loop.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._control.send(json.dumps(message).encode())


def _warm_up() -> None:
    """Preload what every child would load again: the painter's lazy modules, its word list, the encoders."""
    for module in pkgutil.walk_packages(painting.__path__, f"{painting.__name__}."):
        if module.name.rpartition(".")[2] not in ("contact_sheet", "__main__"):
            importlib.import_module(module.name)
    importlib.import_module("numpy.random")
    Image.init()
    painting.parse_prompt("a word")


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _threads_of_this_process() -> int:
    return len(os.listdir("/proc/self/task"))


def serve(control: socket.socket) -> None:
    """Fork painters until the engine closes the socket. Called in a process forked for it, without other threads."""
    session.set_process_name("dr-painters")
    PainterServer(control).run()
