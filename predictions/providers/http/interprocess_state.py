"""Three numbers that every process of this machine reads and writes together: how far a key's pace has come.

A file of 40 bytes for each key: the boot id of the machine, then the numbers. These are times of a clock that begins
anew with each boot and on each machine, so those of another boot count for nothing. What a lock guards takes
microseconds; who cannot have it for a while, because somebody was stopped in the middle, goes on with the numbers of
its own process. A killed process lets go of it by itself.
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
"""Seconds ahead; what lies further nobody can have written who keeps the longest rest."""


@cache
def boot_id() -> bytes:
    """Which start of which machine this is, 16 bytes; empty where the system does not say."""
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
        """Nobody else reads or writes inside. False where that could not be had: then read and write nothing."""
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
        """What was written last; None where nothing was in this boot, or nothing that can be true."""
        data = os.pread(self._file, _FORM.size, 0)
        if len(data) != _FORM.size:
            return None
        boot, *times = _FORM.unpack(data)
        numbers: Numbers = (times[0], times[1], times[2])
        sane = boot == boot_id() and all(math.isfinite(one) and one <= now + FURTHEST_S for one in numbers)
        return numbers if sane else None

    def write(self, numbers: Numbers) -> None:
        """For the others to read."""
        os.pwrite(self._file, _FORM.pack(boot_id(), *numbers), 0)

    def _opened(self) -> int:
        # A lock belongs to an opening of the file, which a forked child shares: each process opens it for itself.
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
