"""No orphans: a process of the engine ends when the one that it works for is gone.

Two belts. A parent-death signal from the kernel reaches one level and works without any cooperation. And
where the environment names an inherited pipe in DARKROOM_LEASH_FD, its end of file means "end now" to every
descendant that kept the descriptor, however deep.
"""

from __future__ import annotations

import ctypes
import os
import signal
import threading

LEASH = "DARKROOM_LEASH_FD"
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
"""Opened once: forked children, which ask it something first of all, need not do so."""


def leash_fd() -> int | None:
    """The descriptor of the leash, or None where there is none (or it is not open)."""
    text = os.environ.get(LEASH, "")
    if not text.isdigit():
        return None
    try:
        os.fstat(int(text))
    except OSError:
        return None
    return int(text)


def hold_leash() -> None:
    """Start a daemon thread that ends this process at once when the leash's other end is closed."""
    fd = leash_fd()
    if fd is not None:
        threading.Thread(target=_wait_for_end, args=(fd,), name="leash", daemon=True).start()


def _wait_for_end(fd: int) -> None:
    # The pipe is never written to; whatever ends this read means that the holder is gone.
    while os.read(fd, 1):
        pass
    os._exit(1)


def die_with_parent(parent: int) -> None:
    """Ask the kernel for SIGKILL when the parent dies. `parent` is its process id, known before the fork."""
    if _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:  # it died before the request was in place
        os._exit(1)
