"""Rate limiter state shared by all processes of a machine: three numbers per key in a locked file.

One file of 40 bytes per key: the machine's boot id, then the numbers. They are times of the monotonic clock, which
restarts with each boot, so those of another boot are ignored. The lock is held for microseconds; a process that cannot
get it, because its holder was stopped, goes on with its own numbers. The kernel releases a killed process's lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import struct
import time
import uuid
from collections.abc import Iterator
from functools import cache
from pathlib import Path

Numbers = tuple[float, float, float]

_FORM = struct.Struct("=16s3d")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_TRIES = 50
_PAUSE_S = 0.001
FURTHEST_S = 7200.0
"""Maximum seconds ahead: a later time exceeds the longest rest and cannot be valid."""


@cache
def boot_id() -> bytes:
    """The machine's boot id, 16 bytes; empty where the system has none."""
    try:
        return uuid.UUID(_BOOT_ID.read_text().strip()).bytes
    except (OSError, ValueError):
        return b""


class Shared:
    """The numbers of one key, in seconds of the machine's monotonic clock."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1
        self._process = 0

    @contextlib.contextmanager
    def held(self) -> Iterator[bool]:
        """Hold the file's lock inside the block. Yields False where that failed: then read and write nothing."""
        if not boot_id():
            yield False
            return
        try:
            file = self._opened()
        except OSError:
            yield False
            return
        if not _locked(file):
            yield False
            return
        try:
            yield True
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)

    def read(self, now: float) -> Numbers | None:
        """The numbers last written; None where there are none of this boot, or implausible ones."""
        data = os.pread(self._file, _FORM.size, 0)
        if len(data) != _FORM.size:
            return None
        boot, *times = _FORM.unpack(data)
        numbers: Numbers = (times[0], times[1], times[2])
        sane = boot == boot_id() and all(math.isfinite(one) and one <= now + FURTHEST_S for one in numbers)
        return numbers if sane else None

    def write(self, numbers: Numbers) -> None:
        """Write the numbers."""
        os.pwrite(self._file, _FORM.pack(boot_id(), *numbers), 0)

    def _opened(self) -> int:
        # A lock belongs to an open file description, which a forked child shares: each process opens its own.
        if self._process != os.getpid():
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._process = os.getpid()
        return self._file


def _locked(file: int) -> bool:
    for _ in range(_TRIES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PAUSE_S)
        else:
            return True
    return False
