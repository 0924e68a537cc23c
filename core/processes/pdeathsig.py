"""Parent-death signals: every descendant of a supervisor ends when the supervisor is gone, whatever ended it.

Two mechanisms. The kernel's parent-death signal reaches one level and needs no cooperation. And a supervisor gives
each part the read end of a pipe of its own, the leash, and names it in `DARKROOM_LEASH_FD`. Nothing is ever written to
it: end of file means that the supervisor has died or closed it, and ends every process that watches it, at any depth.
Forked children are armed again after the fork; programs started by `subprocess` inherit it by `pass_fds=leash_fds()`.
"""

from __future__ import annotations

import _thread
import contextlib
import ctypes
import fcntl
import os
import select
import signal
import sys

LEASH_VARIABLE = "DARKROOM_LEASH_FD"
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
"""Opened once, before any fork, since every forked child calls it first."""
_armed = False
_leash_copy = -1
"""This process's own open file description of the leash, to which the kernel's signal is bound."""


def leash_fd() -> int | None:
    """The inherited end of the leash; None where there is none, or where it is not open."""
    text = os.environ.get(LEASH_VARIABLE, "")
    if not text.isdigit():
        return None
    try:
        os.fstat(int(text))
    except OSError:
        return None
    return int(text)


def leash_fds() -> tuple[int, ...]:
    """The value of `pass_fds` for `subprocess`, so that grandchildren inherit the leash."""
    fd = leash_fd()
    return () if fd is None else (fd,)


def arm() -> None:
    """End this process, and what it forks from now on, once the leash is closed. Does nothing without a leash."""
    global _armed
    fd = leash_fd()
    if fd is None or _armed:
        return
    _armed = True
    _die_with_parent()
    os.register_at_fork(after_in_child=_watch)
    _watch()


def adopt_leash(fd: int) -> None:
    """Watch this leash in place of the parent's, in a process that was just forked.

    The caller has closed the parent's descriptors.
    """
    global _leash_copy
    _leash_copy = -1
    os.environ[LEASH_VARIABLE] = str(fd)
    if not _armed:
        arm()
        return
    _die_with_parent()
    _watch()


def _watch() -> None:
    fd = leash_fd()
    if fd is None:
        return
    try:
        _request_kill_at_eof(fd)
    except (AttributeError, OSError):  # not Linux, or no /proc
        # A bare thread: nothing joins it, and it costs nothing at the interpreter's end.
        _thread.start_new_thread(_wait_for_end, (fd,))


def _request_kill_at_eof(fd: int) -> None:
    """Ask the kernel for SIGKILL at end of file. A thread that waits for it would forbid this process to fork.

    The signal's receiver belongs to the open file description, which forks share: each process opens its own.
    """
    global _leash_copy
    inherited, _leash_copy = _leash_copy, os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_NONBLOCK)
    if inherited != -1:
        os.close(inherited)
    fcntl.fcntl(_leash_copy, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(_leash_copy, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(_leash_copy, fcntl.F_SETFL, os.O_NONBLOCK | os.O_ASYNC)
    poll = select.poll()
    poll.register(_leash_copy, 0)
    if poll.poll(0):  # it ended before
        os._exit(1)


def _wait_for_end(fd: int) -> None:
    with contextlib.suppress(OSError):
        while os.read(fd, 1):
            pass
    os._exit(1)


def die_with_parent(parent: int) -> None:
    """Ask the kernel for SIGKILL when the parent dies, and end where it has. `parent`: its id, known before the
    fork.
    """
    if _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:  # it died before the request was in place
        os._exit(1)


def _die_with_parent() -> None:
    """The kernel's parent-death signal, one level deep, for a process whose threads cannot run."""
    if sys.platform == "linux":
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
