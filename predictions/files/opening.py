"""Has files opened by children of the opener: the side of the processes that may not be harmed.

One opener serves a process and what it forks: a cluster starts it before its workers, so that they share it. Whoever
finds it gone or silent starts another one at once and asks that one; only files whose own child died are blamed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from predictions.files import frames
from predictions.running import leash

BEGIN_S = 15.0
"""Seconds within which a child must have begun: a busy machine takes long for the imports of a fresh opener."""
TRIES = 2
"""With these a look ends within 55 seconds, although its opener froze: less than a task of the queue may take."""
_CHUNK = 256 * 1024
_MALLOC = "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=268435456:glibc.malloc.top_pad=16777216"
"""Pixels in few large pages: a forked child pays for each page that it touches first. Nothing outside of glibc."""

Job = dict[str, Any]


class Lost(OSError):
    """The opener went away each time that it was asked; nothing is known about the file."""


class Stopped(Exception):
    """The child ended without an answer: the file killed it, or it met one of its limits."""


class TooSlow(Exception):
    """The child took longer than it may, and was killed."""


@dataclass(frozen=True)
class Limits:
    """What one child may use."""

    memory: int
    """Bytes of address space."""
    cpu_s: int
    wall_s: float
    answer: int
    """Bytes of all its answers."""


class _Opener:
    """The process, as this process and its forks know it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def control(self) -> socket.socket:
        """The socket for orders; starts an opener where there is none. Returns before that is ready."""
        with self._lock:
            if self._control is None:
                self._start()
            assert self._control is not None
            return self._control

    def drop(self, control: socket.socket) -> None:
        """Have nothing more to do with this one; end it, unless others may be using it."""
        with self._lock:
            if self._control is not control:
                return
            self._control = None
            process, self._process = self._process, None
        control.close()
        if process is not None:
            process.kill()
            process.wait()

    def reap(self) -> None:
        """Take leave of an opener that has died, so that it is not listed as a zombie. Never waits."""
        if self._process is not None:
            self._process.poll()

    def forked(self) -> None:
        """In a fork: the opener is shared from now on, and the parent's to reap."""
        self._lock = threading.Lock()
        if self._process is not None:
            self._process.returncode = 0  # so that nobody here waits for it
        self._process = None

    def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, contextlib.ExitStack() as unless_started:
            unless_started.callback(ours.close)
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "predictions.files.opener", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=_environment(),
                pass_fds=(theirs.fileno(), *leash.fds()),
            )
            unless_started.pop_all()
        self._control = ours


_opener = _Opener()
os.register_at_fork(after_in_child=_opener.forked)


def start() -> None:
    """Start the opener now, so that the first file does not wait for it and the forks of this process share it."""
    _opener.control()


def reap() -> None:
    """For a process that started the opener for its forks: to be called from time to time."""
    _opener.reap()


def opened(jobs: list[Job], limits: Limits) -> list[Job]:
    """The answers of one child to these jobs. Raises Lost, Stopped or TooSlow."""
    for _try in range(TRIES):
        with contextlib.suppress(Lost):
            return _once(jobs, limits)
    raise Lost("the process that opens files was lost again and again")


async def opened_soon(jobs: list[Job], limits: Limits) -> list[Job]:
    """The same on the event loop; whoever cancels it kills the child."""
    for _try in range(TRIES):
        with contextlib.suppress(Lost):
            return await _once_soon(jobs, limits)
    raise Lost("the process that opens files was lost again and again")


def _once(jobs: list[Job], limits: Limits) -> list[Job]:
    control = _opener.control()
    answer = frames.Answer(limits.answer)
    with _ordered(control, limits) as talk:
        try:
            talk.settimeout(BEGIN_S)
            talk.sendall(frames.framed(json.dumps(jobs).encode()))
            _take(answer, talk.recv(_CHUNK))
            until = time.monotonic() + limits.wall_s
            while not _done(answer):
                talk.settimeout(max(until - time.monotonic(), 0.001))
                _take(answer, talk.recv(_CHUNK))
        except (frames.Incomplete, OSError) as error:
            raise _meaning(control, answer, error) from None
    return _read(answer, jobs)


async def _once_soon(jobs: list[Job], limits: Limits) -> list[Job]:
    control = _opener.control()
    answer = frames.Answer(limits.answer)
    loop = asyncio.get_running_loop()
    with _ordered(control, limits) as talk:
        talk.setblocking(False)
        try:
            async with asyncio.timeout(BEGIN_S) as patience:
                await loop.sock_sendall(talk, frames.framed(json.dumps(jobs).encode()))
                _take(answer, await loop.sock_recv(talk, _CHUNK))
                patience.reschedule(loop.time() + limits.wall_s)
                while not _done(answer):
                    _take(answer, await loop.sock_recv(talk, _CHUNK))
        except (frames.Incomplete, OSError) as error:
            raise _meaning(control, answer, error) from None
    return _read(answer, jobs)


def _ordered(control: socket.socket, limits: Limits) -> socket.socket:
    """Our end of a fresh order's socket; the opener has the other one. Raises Lost."""
    ours, theirs = socket.socketpair()
    order = json.dumps({"memory": limits.memory, "cpu": limits.cpu_s}).encode()
    try:
        with theirs:
            socket.send_fds(control, [order], [theirs.fileno()], socket.MSG_DONTWAIT)
    except OSError:
        ours.close()
        _opener.drop(control)
        raise Lost from None
    return ours


def _take(answer: frames.Answer, chunk: bytes) -> None:
    if not chunk:
        raise frames.Incomplete
    answer.take(chunk)


def _done(answer: frames.Answer) -> bool:
    """Whether the answer is there. Raises Stopped where it will never be, Lost where no file is to blame for that."""
    try:
        if answer.ended_early:
            raise Stopped if answer.begun else Lost
        return answer.whole
    except frames.TooLong:
        raise Stopped from None


def _meaning(control: socket.socket, answer: frames.Answer, error: Exception) -> Exception:
    """What it means that nothing more came."""
    if isinstance(error, TimeoutError) and answer.begun:
        return TooSlow()
    # No child began in all that time, or the socket closed without a word of how the child ended.
    _opener.drop(control)
    return Lost()


def _read(answer: frames.Answer, jobs: list[Job]) -> list[Job]:
    try:
        found = answer.value()
    except (ValueError, RecursionError):
        raise Stopped from None
    if (
        not isinstance(found, list)
        or len(found) != len(jobs)
        or not all(isinstance(one, dict) for one in found)
    ):
        raise Stopped
    return found


def _environment() -> dict[str, str]:
    """Little: a child that a file takes over finds none of this installation's secrets in its memory."""
    kept = ("PATH", "DARKROOM_DATA", leash.VARIABLE, "LD_LIBRARY_PATH")
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "PYTHONPATH": str(settings.BASE_DIR),
        "OMP_NUM_THREADS": "1",
        # Once, before the fork: else each child looks up the functions of Pillow's libraries for itself.
        "LD_BIND_NOW": "1",
        "GLIBC_TUNABLES": _MALLOC,
    }
