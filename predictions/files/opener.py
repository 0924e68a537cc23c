"""The opener: a warm process with Pillow imported that forks a limited child for each file. Plain Python, no Django.

    python -m predictions.files.opener CONTROL_FD

Python's start and its imports cost five times what looking at a picture costs; a fork costs a millisecond. Over the
control socket comes a packet for each order, `{"memory", "cpu"}` with one end of a stream socket; the child says `+` on
it, reads one frame (`frames.py`) with a list of jobs, and answers with one frame: a list of answers, `{"error": …}` for
a job that failed. When a child has ended, the opener appends `frames.ENDED` to whatever it had said.

It has one thread, because a process with threads must not fork, and never touches a file itself: whatever a hostile
file does, it does to one child. Whoever gives an order up closes its end, and the child is killed. When nobody holds
the control socket any more, or the leash is let go, it kills its children and ends.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import select
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from predictions.engine.leash import die_with_parent, leash_fd
from predictions.engine.limits import apply_limits
from predictions.files import convert_child, frames, picture_child
from predictions.running import kin

PACKET = 1024
MOST_ORDERED = 16 * 1024**2
"""Bytes of a frame with jobs; a picture may stand in it."""
MOST_WRITTEN = 512 * 1024**2
"""Bytes of one file that a child writes."""
_EVERY_DESCRIPTOR = 1 << 20
_HIGHEST_OOM_SCORE = b"1000"
_WAYS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    **convert_child.WAYS,
    "look": picture_child.look,
}


class Opener:
    """Forks a child for each order that comes over `control`, and reaps or kills it."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._orders: dict[int, socket.socket] = {}
        """By the child's process id: our copy of its socket."""
        self._poll = select.poll()
        self._wake_read, self._wake_write = os.pipe()

    def run(self) -> None:
        """Serve until nobody can order anything any more."""
        os.set_blocking(self._wake_write, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        leash = leash_fd()
        for fd in (self._control.fileno(), self._wake_read, leash):
            if fd is not None:
                self._poll.register(fd, select.POLLIN)
        gc.collect()
        gc.freeze()  # what was imported stays shared with the children; their collector would copy it
        while self._step(leash):
            pass
        for pid in self._orders:
            os.kill(pid, signal.SIGKILL)

    def _step(self, leash: int | None) -> bool:
        """Handle what is ready; False when it is time to end."""
        given_up = []
        for fd, _events in self._poll.poll():
            if fd == self._wake_read:
                os.read(self._wake_read, 512)
            elif fd == leash or (fd == self._control.fileno() and not self._receive()):
                return False
            elif fd != self._control.fileno():
                given_up.append(fd)
        for pid, order in self._orders.items():
            if order.fileno() in given_up:
                self._poll.unregister(order)
                os.kill(pid, signal.SIGKILL)
        self._reap()
        return True

    def _receive(self) -> bool:
        data, fds, _flags, _address = socket.recv_fds(self._control, PACKET, 1)
        if fds:
            with contextlib.suppress(OSError):  # no memory for a process: the order is closed without a word
                self._fork(json.loads(data), socket.socket(fileno=fds[0]))
        return bool(data)

    def _fork(self, order: dict[str, int], reply: socket.socket) -> None:
        me = os.getpid()
        try:
            pid = os.fork()
        except OSError:
            reply.close()
            raise
        if pid == 0:
            _become_child(order["memory"], order["cpu"], reply.fileno(), me)
        self._orders[pid] = reply
        # Nothing but the other end's closing is waited for, which no mask can hide.
        self._poll.register(reply, 0)

    def _reap(self) -> None:
        while self._orders:
            pid, _status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            with self._orders.pop(pid) as reply:
                with contextlib.suppress(KeyError):
                    self._poll.unregister(reply)
                with contextlib.suppress(OSError):  # nobody listens any more
                    reply.send(frames.ENDED, socket.MSG_DONTWAIT)


def _become_child(memory: int, cpu_s: int, reply: int, opener: int) -> NoReturn:
    """Do one order in the freshly forked process.

    1. It lets go of everything but its own socket, above all of other orders' sockets.
    2. It dies with the opener, and has its limits, before it reads anything.
    """
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        gc.disable()
        os.closerange(3, reply)
        os.closerange(reply + 1, _EVERY_DESCRIPTOR)
        die_with_parent(opener)
        apply_limits(memory, cpu_s)
        resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_WRITTEN, MOST_WRITTEN))
        _silence()
        with socket.socket(fileno=reply) as talk:
            talk.sendall(frames.BEGUN)
            jobs = json.loads(frames.read(talk, MOST_ORDERED))
            talk.sendall(frames.framed(json.dumps([answer(job) for job in jobs]).encode()))
        code = 0
    finally:
        os._exit(code)


def answer(job: dict[str, Any]) -> dict[str, Any]:
    """What came of one job."""
    try:
        return _WAYS[job["do"]](job)
    except convert_child.Unusable as error:
        return {"error": str(error)}
    except MemoryError:
        return {"error": "needs too much memory to be read."}


def _first_to_go() -> None:
    """Where memory ends, the kernel takes this process or a child of it before any other: they can be had again."""
    with contextlib.suppress(OSError):
        fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        os.write(fd, _HIGHEST_OOM_SCORE)
        os.close(fd)


def _silence() -> None:
    """Decoders that complain of a file do not write into the operator's log."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def main() -> None:
    """Started by `predictions.files.opening` alone."""
    kin.call_this_process("dr-opener")
    # A key pressed in the terminal, or a supervisor's signal, reaches the whole group; this process ends with those
    # that it works for.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _first_to_go()
    picture_child.warm_up()
    Opener(socket.socket(fileno=int(sys.argv[1]))).run()


if __name__ == "__main__":
    main()
