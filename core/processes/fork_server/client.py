"""Client of the fork server: sends orders to the inherited one, or to one that this process starts for itself.

`DARKROOM_FORK_SERVER_FD` names the inherited socket. Its other end belongs to whoever started the server and starts it
again when it dies, so an order that was sent meanwhile is taken up by the next one. Plain Python, no Django.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import threading
import time
from typing import Any

from core.processes import pdeathsig, programs
from core.processes.resource_limits import thread_environment

VARIABLE = "DARKROOM_FORK_SERVER_FD"
PROGRAM = "predictions.processes.fork_server_program"
"""By name: it knows all kinds of children, this package none."""
FFMPEG_VARIABLE = "IMAGEIO_FFMPEG_EXE"
"""Names the operator's own ffmpeg; the package imageio-ffmpeg reads the same."""
DISTRUST_S = 60.0
"""Seconds for which an inherited server that did not answer is not used."""
_KEPT = (
    "PATH", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "LD_LIBRARY_PATH",
    "DARKROOM_DATA", FFMPEG_VARIABLE, pdeathsig.LEASH_VARIABLE, programs.LIVENESS_VARIABLE,
)  # fmt: skip
_MALLOC = "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=268435456:glibc.malloc.top_pad=16777216"
"""Pixels in few large pages: a forked child pays for each page that it touches first. Nothing outside of glibc."""


class NoServer(OSError):
    """No order can be sent now."""


def pair() -> tuple[socket.socket, socket.socket]:
    """The two ends of a control socket: the clients' and the server's."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def command(control: int) -> list[str]:
    """The command line of a server for the orders that come over this descriptor, which it must inherit."""
    return programs.python_command(PROGRAM, str(control))


def environment() -> dict[str, str]:
    """A server's whole environment: a child that a hostile file takes over finds no secret of ours in it."""
    return {
        **{name: os.environ[name] for name in _KEPT if name in os.environ},
        **programs.python_path(),
        # One thread, also of BLAS: a process with threads must not fork.
        **thread_environment(1),
        # Each thread's own malloc arena would take 64 MB of a painter's limited address space.
        "MALLOC_ARENA_MAX": "2",
        # Once, before the fork: else each child looks up the functions of Pillow's libraries for itself.
        "LD_BIND_NOW": "1",
        "GLIBC_TUNABLES": _MALLOC,
    }


class Servers:
    """The servers of this process: the inherited one, and one of its own where there is none or that one is silent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inherited: socket.socket | None = None
        self._inherited_fd = ""
        self._distrusted_until = 0.0
        self._own: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._leaving: list[subprocess.Popen[bytes]] = []

    def control(self) -> socket.socket:
        """The socket to send orders to; starts a server where there is none, and returns before it is ready."""
        with self._lock:
            self._reap()
            inherited = self._find_inherited()
            if inherited is not None and time.monotonic() >= self._distrusted_until:
                self._release_own()
                return inherited
            if self._own is None:
                self._start()
            assert self._own is not None
            return self._own

    def order(self, control: socket.socket, wanted: dict[str, Any], theirs: socket.socket) -> None:
        """Send an order with its end of a socket. Raises `NoServer`; the next `control` is another one then."""
        try:
            socket.send_fds(control, [json.dumps(wanted).encode()], [theirs.fileno()], socket.MSG_DONTWAIT)
        except OSError as error:
            self.silent(control)
            raise NoServer(error.errno, "no order can be sent") from None

    def silent(self, control: socket.socket) -> None:
        """It does not answer: end it where this process started it, or use a server of our own for a while."""
        with self._lock:
            if control is self._inherited:
                self._distrusted_until = time.monotonic() + DISTRUST_S
                return
        self.lost(control)

    def lost(self, control: socket.socket) -> None:
        """It died with an order under way. An inherited one is restarted by its supervisor; our own is cleaned up."""
        with self._lock:
            if self._own is not control:
                return
            self._own = None
            process, self._process = self._process, None
        control.close()
        if process is not None:
            process.kill()
            process.wait()

    def close(self) -> None:
        """End the server of our own, with everything under way."""
        if self._own is not None:
            self.lost(self._own)

    def reap(self) -> None:
        """Reap servers that have died, so that none stays a zombie. Never waits."""
        with self._lock:
            self._reap()

    def forked(self) -> None:
        """After a fork, in the child: its servers are shared with the parent, which reaps them."""
        self._lock = threading.Lock()
        for process in (self._process, *self._leaving):
            if process is not None:
                process.returncode = 0  # so that nobody here waits for it
        self._process, self._leaving = None, []

    def _find_inherited(self) -> socket.socket | None:
        """The socket that the environment names now: a fork may have been given another one."""
        text = os.environ.get(VARIABLE, "")
        if text != self._inherited_fd:
            self._inherited_fd, self._inherited = text, _opened(text)
        return self._inherited

    def _release_own(self) -> None:
        """Close the control socket of our own server: it finishes its orders, then ends."""
        if self._own is not None:
            self._own.close()
            self._own = None
            if self._process is not None:
                self._leaving.append(self._process)
                self._process = None

    def _reap(self) -> None:
        self._leaving = [process for process in self._leaving if process.poll() is None]
        if self._process is not None and self._process.poll() is not None and self._own is not None:
            self._own.close()
            self._own = self._process = None

    def _start(self) -> None:
        ours, theirs = pair()
        with theirs, contextlib.ExitStack() as unless_started:
            unless_started.callback(ours.close)
            env = environment()
            env.pop(programs.LIVENESS_VARIABLE, None)  # this process reports its own liveness
            self._process = subprocess.Popen(
                command(theirs.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=env,
                pass_fds=(theirs.fileno(), *pdeathsig.leash_fds()),
            )
            unless_started.pop_all()
        self._own = ours


def _opened(text: str) -> socket.socket | None:
    """A socket of our own on the inherited descriptor; None where that is not open or of another type."""
    if not text.isdigit():
        return None
    try:
        control = socket.socket(fileno=os.dup(int(text)))
    except OSError:
        return None
    if control.type != socket.SOCK_SEQPACKET:
        control.close()
        return None
    return control
