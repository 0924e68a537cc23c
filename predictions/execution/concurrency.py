"""Not every worker may wait for the same upstream: one that takes long to answer would hold them all.

A worker that starts something at an upstream holds a turn there until all its answers have come. A turn is a locked
file, so a killed worker gives it back by dying. They are counted for the workers of one machine.
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
    """What one worker may have in one round of starts."""

    def __init__(self) -> None:
        self._files: dict[str, int] = {}
        self.none_left: set[str] = set()
        """Upstreams at which as many workers as may are waiting already."""

    def seek(self, upstreams: Collection[str]) -> None:
        """Take a turn at each of these upstreams, by name, where one is left."""
        for name in upstreams:
            file = _free_turn(name)
            if file is None:
                self.none_left.add(name)
            else:
                self._files[name] = file

    def keep(self, upstreams: Collection[str]) -> None:
        """Give back the turns at all others."""
        for name in set(self._files) - set(upstreams):
            os.close(self._files.pop(name))


@contextlib.contextmanager
def turns(upstreams: Collection[str]) -> Iterator[UpstreamTurns]:
    """Turns at these upstreams, given back at the end of the block."""
    mine = UpstreamTurns()
    try:
        mine.seek(upstreams)
        yield mine
    finally:
        mine.keep(())


def max_per_upstream() -> int:
    """How many workers may wait for one upstream: half of them, or the only one."""
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
