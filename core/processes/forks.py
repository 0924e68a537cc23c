"""Forking a part from a process that has imported everything: nothing of the parent is left in it but its memory.

The child has a session, descriptors, signals, leash and environment of its own, and never returns into the parent's
code. Whoever forks has one thread and no open connection (`ready` says what stands in the way).
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
    """Why this process must not fork, in a sentence; empty where nothing stands in the way."""
    if threading.active_count() > 1:
        names = ", ".join(sorted(one.name for one in threading.enumerate()))
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
    """Have a child call `run`, whose result is its exit code. Raises OSError where there can be no more processes.

    It keeps standard error, the leash and `fds` open. What it prints goes to standard error, to standard output only
    where `stdout` asks for that. `name`: as `kin.call_this_process` has it.
    """
    # A signal that came now would be handled twice, in the child by the parent's handler.
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
        pdeathsig.take(leash_fd)
        session.call_this_process(name)
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


def _arrange_descriptors(kept: set[int], stdout: bool) -> None:
    """Close what is the parent's: held here, other parts' leashes would never be let go."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    if not stdout:
        os.dup2(2, 1)
    session.close_all_but(*kept)


def _code(end: SystemExit) -> int:
    if end.code is None or isinstance(end.code, int):
        return end.code or 0
    print(end.code, file=sys.stderr)  # noqa: T201
    return 1
