"""A program and every process below it, as /proc shows them: processor, memory, wake-ups, names (Linux)."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

PROC = Path("/proc")
TICK = os.sysconf("SC_CLK_TCK")
_PR_SET_CHILD_SUBREAPER = 36
Answer = TypeVar("Answer")


def keep_orphans() -> None:
    """Before a program is started in this process: what it leaves behind stays below it, and is measured."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


@dataclass(frozen=True)
class Reading:
    """What one process has used so far."""

    name: str
    own: float
    """Processor seconds of all its threads, also of ended ones, to the nanosecond."""
    reaped: float
    """Those of children that have ended, in ticks of the kernel (10 ms)."""
    switches: int
    """How often its living threads went to sleep of their own accord: each is a wake-up later."""


class Tree:
    """All that runs below one process, itself included. Whoever ends meanwhile is simply no longer seen."""

    def __init__(self, root: int) -> None:
        self.root = root

    def pids(self) -> list[int]:
        """The root first; dead ones that nobody has reaped yet are not among them."""
        below: dict[int, list[int]] = {}
        for entry in PROC.iterdir():
            if entry.name.isdigit() and (fields := _stat(int(entry.name))):
                below.setdefault(int(fields[1]), []).append(int(entry.name))
        found = [self.root]
        for pid in found:
            found += below.get(pid, [])
        return [pid for pid in found if (fields := _stat(pid)) and fields[0] not in "ZX"]

    def cpu(self) -> float:
        """Processor seconds of all so far, of ended ones as well."""
        return sum(one.own + one.reaped for one in self.readings().values())

    def readings(self) -> dict[int, Reading]:
        """By process id."""
        return _each(self.pids(), _reading)

    def memory(self) -> dict[int, tuple[str, float]]:
        """Name and MiB by process id; a page that several share counts in parts for each (PSS)."""
        return _each(self.pids(), lambda pid: (name(pid), _pss(pid)))

    def names(self) -> dict[str, list[int]]:
        """Process ids by name."""
        found: dict[str, list[int]] = {}
        for pid, its in _each(self.pids(), name).items():
            found.setdefault(its, []).append(pid)
        return found


def name(pid: int) -> str:
    """What it calls itself (`dr-…`), else the command of `manage.py` or the module that it runs, else its program."""
    comm = (PROC / str(pid) / "comm").read_text().strip()
    if comm.startswith("dr-"):
        return comm.removeprefix("dr-")
    words = (PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
    for before, after in itertools.pairwise(words):
        if before.endswith("manage.py"):
            return after
        if before == "-m":
            return after.rpartition(".")[2]
    return comm


def _reading(pid: int) -> Reading:
    fields = _stat(pid)
    if fields is None:
        raise ProcessLookupError
    # clock_getcpuclockid(3), which Python does not have: the clock of a whole process, seen from outside.
    own = time.clock_gettime((~pid << 3) | 2)
    switches = 0
    for thread in (PROC / str(pid) / "task").iterdir():
        with contextlib.suppress(OSError):
            switches += _counted((thread / "status").read_text(), "voluntary_ctxt_switches:")
    return Reading(name(pid), own, (int(fields[13]) + int(fields[14])) / TICK, switches)


def _stat(pid: int) -> list[str] | None:
    """From the third field on: what stands before may hold blanks."""
    try:
        return (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None


def _pss(pid: int) -> float:
    return _counted((PROC / str(pid) / "smaps_rollup").read_text(), "Pss:") / 1024


def _counted(text: str, label: str) -> int:
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith(label)), 0)


def _each(pids: list[int], ask: Callable[[int], Answer]) -> dict[int, Answer]:
    found = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            found[pid] = ask(pid)
    return found
