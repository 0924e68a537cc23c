"""Process sessions: their members, process names, and killing all of a session (Linux; elsewhere the process group)."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

_PROC = Path("/proc")
_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36
_EVERY_DESCRIPTOR = 1 << 20
_libc = ctypes.CDLL(None, use_errno=True)
"""Opened once, before any fork, since every forked child calls it first."""


def set_process_name(name: str) -> None:
    """Set the name, at most 15 bytes, that `ps -o comm` shows: forked processes share a command line."""
    if sys.platform == "linux":
        _libc.prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)


def close_other_descriptors(*kept: int) -> None:
    """In a process that was just forked: close every descriptor but the standard three and these."""
    low = 3
    for fd in sorted(fd for fd in kept if fd > 2):
        os.closerange(low, fd)
        low = fd + 1
    os.closerange(low, _EVERY_DESCRIPTOR)


def session_members(leader: int) -> list[int]:
    """The processes of the session that `leader` opened, whatever process group they moved to; none without /proc."""
    return [pid for pid, _parent, session in _table() if session == leader]


def children(parent: int) -> list[int]:
    """The direct children of a process; none without /proc."""
    return [pid for pid, ppid, _session in _table() if ppid == parent]


def kill_session(leader: int) -> None:
    """SIGKILL for the whole session of `leader`, which the caller must not have reaped yet (its id could be reused)."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
    # The leader separately: just forked, it may have no session of its own yet.
    for pid in {leader, *session_members(leader)}:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def adopt_orphans() -> None:
    """Make orphaned descendants children of this process from now on, so that it can find and end all of them."""
    if sys.platform == "linux":
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap_orphans(known: set[int]) -> None:
    """Reap dead children that nobody waits for, except the process ids in `known`."""
    flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
    with contextlib.suppress(ChildProcessError):
        while (dead := os.waitid(os.P_ALL, 0, flags)) is not None and dead.si_pid not in known:
            os.waitpid(dead.si_pid, os.WNOHANG)


def _table() -> list[tuple[int, int, int]]:
    """(process id, parent, session) of every process that can be seen."""
    found = []
    for entry in _PROC.iterdir() if _PROC.is_dir() else ():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                # The name is in brackets and may itself contain blanks and brackets.
                fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
                found.append((int(entry.name), int(fields[1]), int(fields[3])))
    return found
