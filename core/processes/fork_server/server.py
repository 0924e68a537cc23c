"""The loop of the fork server: takes orders, forks a child for each, reaps them, and kills those that are canceled.

It has one thread, because a process with threads must not fork, and never touches a file itself: whatever a hostile
file does, it does to one child. NumPy and OpenCV are loaded by the child that forks painters, so that forks for files
stay cheap. When the last client closes the control socket it ends after its last child; when the leash closes, at once.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.processes import programs, session
from core.processes.fork_server import wire_format
from core.processes.pdeathsig import die_with_parent, leash_fd
from core.processes.resource_limits import set_oom_score

PACKET = 1024
SIGN_EVERY_S = 5.0
"""Seconds between two signs of life, for whoever supervises this process."""
OOM_SCORE = 250
"""Where memory ends, the kernel takes children for files first, then painters, then this process, then any other."""


@dataclass(frozen=True)
class ChildKind:
    """What the children of one kind of order do."""

    work: Callable[[dict[str, Any], int], None]
    """Does an order in the freshly forked child, with the descriptor of its end of the order's socket."""
    keeps_leash: bool = False
    """Whether the child forks children of its own, which inherit the leash."""
    reports_end: bool = False
    """Whether `wire_format.ENDED` is sent through the order's socket once the child is gone."""


@dataclass(frozen=True)
class _Order:
    """The order of one child. `socket`: our copy of the child's end, closed when the child is gone."""

    socket: socket.socket
    kind: ChildKind


class ForkServer:
    """Forks a child for each order that comes over `control`, and reaps or kills it."""

    def __init__(self, control: socket.socket, kinds: Mapping[str, ChildKind]) -> None:
        self._control = control
        self._kinds = kinds
        self._orders: dict[int, _Order] = {}
        """By the child's process id."""
        self._poll = select.poll()
        self._wake_read, self._wake_write = os.pipe()
        self._has_clients = True
        self._signed = 0.0
        self._supervised = programs.LIVENESS_VARIABLE in os.environ

    def run(self) -> None:
        """Serve until no client is left and no order is under way."""
        os.set_blocking(self._wake_write, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        leash = leash_fd()
        for fd in (self._control.fileno(), self._wake_read, leash):
            if fd is not None:
                self._poll.register(fd, select.POLLIN)
        gc.collect()
        gc.freeze()  # what was imported stays shared with the children; their collector would copy it
        while (self._has_clients or self._orders) and self._step(leash):
            self._sign()
        for pid in self._orders:
            os.kill(pid, signal.SIGKILL)

    def _sign(self) -> None:
        if self._supervised and time.monotonic() - self._signed >= SIGN_EVERY_S:
            self._signed = time.monotonic()
            programs.report_alive()

    def _step(self, leash: int | None) -> bool:
        """Handle what is ready. Returns False when the leash is closed: end at once."""
        canceled = []
        for fd, _events in self._poll.poll(SIGN_EVERY_S * 1000 if self._supervised else None):
            if fd == self._wake_read:
                os.read(self._wake_read, 512)
            elif fd == leash:
                return False
            elif fd == self._control.fileno():
                self._receive()
            else:
                canceled.append(fd)
        for pid, order in self._orders.items():
            if order.socket.fileno() in canceled:
                self._poll.unregister(order.socket)
                os.kill(pid, signal.SIGKILL)
        self._reap()
        return True

    def _receive(self) -> None:
        try:
            data, fds, _flags, _address = socket.recv_fds(self._control, PACKET, 1, socket.MSG_DONTWAIT)
        except BlockingIOError:  # another server on the same socket took it
            return
        if fds:
            with contextlib.suppress(
                OSError
            ):  # no memory for a process: the order is closed without a message
                self._fork(json.loads(data), socket.socket(fileno=fds[0]))
        elif not data:
            self._poll.unregister(self._control)
            self._has_clients = False

    def _fork(self, order: dict[str, Any], theirs: socket.socket) -> None:
        kind = self._kinds.get(str(order.get("kind")))
        if kind is None or _is_canceled(theirs):  # it waited for a server for too long
            theirs.close()
            return
        me = os.getpid()
        try:
            pid = os.fork()
        except OSError:
            theirs.close()
            raise
        if pid == 0:
            _become_child(kind, order, theirs.detach(), me)
        self._orders[pid] = _Order(theirs, kind)
        # Only the hang-up of the other end is waited for, which poll reports whatever the mask.
        self._poll.register(theirs, 0)

    def _reap(self) -> None:
        while self._orders:
            pid, _status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            order = self._orders.pop(pid)
            with order.socket:
                with contextlib.suppress(KeyError):
                    self._poll.unregister(order.socket)
                if order.kind.reports_end:
                    with contextlib.suppress(OSError):  # nobody listens any more
                        order.socket.send(wire_format.ENDED, socket.MSG_DONTWAIT)


def _is_canceled(theirs: socket.socket) -> bool:
    poll = select.poll()
    poll.register(theirs, 0)
    return bool(poll.poll(0))


def _become_child(kind: ChildKind, order: dict[str, Any], theirs: int, server: int) -> None:
    """Do one order in the freshly forked process; never returns.

    1. It closes every descriptor but its own socket, above all other orders' sockets; a child that forks children of
       its own keeps the leash, which they inherit.
    2. It dies with the server.
    """
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        leash = leash_fd() if kind.keeps_leash else None
        session.close_other_descriptors(theirs, *([] if leash is None else [leash]))
        os.environ.pop(programs.LIVENESS_VARIABLE, None)
        die_with_parent(server)
        kind.work(order, theirs)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def serve(control: int, kinds: Mapping[str, ChildKind], warm_up: Callable[[], None]) -> None:
    """Serve the orders that come over this descriptor. `warm_up` loads what the children share."""
    session.set_process_name("dr-fork-server")
    # A key pressed in the terminal, or a supervisor's signal, reaches the whole group; this process ends with its
    # clients.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    set_oom_score(OOM_SCORE)
    programs.report_alive()
    warm_up()
    ForkServer(socket.socket(fileno=control), kinds).run()
