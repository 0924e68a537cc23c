"""Limits how many workers may wait for one upstream at a time, so that a slow upstream cannot block all of them.

A worker that sends starts to an upstream holds a turn there until all responses have arrived. A turn is a file lock, so
a killed worker releases it. The limit counts the workers of one machine.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Collection, Iterator
from pathlib import Path

from django.conf import settings


class UpstreamTurns:
    """The turns of one worker in one round of starts."""

    def __init__(self) -> None:
        self._files: dict[str, int] = {}
        self.none_left: set[str] = set()
        """Upstreams at which the limit is reached."""

    def seek(self, upstreams: Collection[str]) -> None:
        """Take a turn at each of these upstreams (names) that has one left."""
        for name in upstreams:
            file = _free_turn(name)
            if file is None:
                self.none_left.add(name)
            else:
                self._files[name] = file

    def keep(self, upstreams: Collection[str]) -> None:
        """Release the turns at all other upstreams."""
        for name in set(self._files) - set(upstreams):
            os.close(self._files.pop(name))


@contextlib.contextmanager
def turns(upstreams: Collection[str]) -> Iterator[UpstreamTurns]:
    """Turns at these upstreams, released at the end of the block."""
    acquired = UpstreamTurns()
    try:
        acquired.seek(upstreams)
        yield acquired
    finally:
        acquired.keep(())


def max_per_upstream() -> int:
    """How many workers may wait for one upstream: half of them, at least one."""
    return -(-int(settings.WORKERS) // 2)


def _free_turn(name: str) -> int | None:
    folder: Path = settings.UPSTREAM_TURNS
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    for number in range(max_per_upstream()):
        file = os.open(folder / f"{digest}-{number}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
        else:
            return file
    return None
