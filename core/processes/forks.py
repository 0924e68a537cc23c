"""Forking a part from a process that has imported everything: the child keeps nothing of the parent but its memory.

The child has a session, descriptors, signals, leash and environment of its own, and never returns into the parent's
code. The parent must have one thread and no open connection (`objection` returns what prevents a fork).
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NoReturn

from core.processes import pdeathsig, session

Run = Callable[[], "int | None"]
SUPPORTED = sys.platform == "linux"
"""Elsewhere a process that has used the system's libraries may not be forked; parts are started as programs there."""


class Forked:
    """A forked child: its process id, and its exit code once it is waited for (negative: the signal that ended it)."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def wait(self) -> int:
        """Wait until it has ended, and reap it."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def objection() -> str:
    """Why this process must not fork, in a sentence; empty where it may."""
    if threading.active_count() > 1:
        names = ", ".join(sorted(thread.name for thread in threading.enumerate()))
        return f"It has more than one thread: {names}."
    tasks = Path("/proc/self/task")
    if tasks.is_dir() and len(list(tasks.iterdir())) > 1:
        return "A library has started a thread of its own."
    return ""


def fork(
    name: str,
    run: Run,
    *,
    leash_fd: int,
    fds: Iterable[int] = (),
    environment: Mapping[str, str] | None = None,
    stdout: bool = False,
) -> Forked:
    """Fork a child that calls `run`, whose result is its exit code. Raises OSError where no process can be made.

    It keeps standard error, the leash and `fds` open. What it prints goes to standard error, or to standard output
    with `stdout`. `name`: for `session.set_process_name`.
    """
    # A signal now would be handled twice, in the child by the parent's handler.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = os.fork()
        if pid == 0:
            _become(name, run, leash_fd, {*fds}, dict(environment or {}), stdout)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return Forked(pid)


def _become(
    name: str, run: Run, leash_fd: int, fds: set[int], environment: dict[str, str], stdout: bool
) -> NoReturn:
    code = 1
    try:
        os.setsid()
        _forget_signals()
        _arrange_descriptors({leash_fd, *fds}, stdout)
        os.environ.update(environment)
        pdeathsig.adopt_leash(leash_fd)
        session.set_process_name(name)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        code = run() or 0
    except SystemExit as end:
        code = _code(end)
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        # Not `sys.exit`: the frames below belong to the parent.
        os._exit(code)


def _forget_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGHUP):
        # Under nohup it stays ignored, in the child too.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _arrange_descriptors(fds: set[int], stdout: bool) -> None:
    """Close the parent's descriptors: a copy here would keep other parts' leashes open."""
    devnull = os.open(os.devnull, os.O_RDONLY)
    os.dup2(devnull, 0)
    if not stdout:
        os.dup2(2, 1)
    session.close_other_descriptors(*fds)


def _code(end: SystemExit) -> int:
    if end.code is None or isinstance(end.code, int):
        return end.code or 0
    print(end.code, file=sys.stderr)  # noqa: T201
    return 1
