"""Spool of request bodies until they are complete: in memory while small, else in files in `TEMPORARY`, within bounds.

Three limits apply to all bodies of a process together: `settings.BODY_SPOOL` bytes, at most a quarter of them for one
sender; `IN_MEMORY` bytes of large bodies in memory; and beside these `UNKNOWN` bytes for unauthenticated senders, at
most an eighth of them for one client network. Room is reserved for received bytes, plus `STEP` where more is announced.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import tempfile
import threading
from collections import Counter
from typing import IO

from django.conf import settings

from config.server.thread_pool import Threads
from predictions.files import media

IN_MEMORY = 64 * 1024 * 1024
UNKNOWN = 64 * 1024 * 1024
# Bytes for which room is taken before they come.
STEP = 1024 * 1024
# A user's primary key, or the network (`core.net.client_ip.rate_limit_key`) of an anonymous client.
Sender = int | str


class Full(Exception):
    """The spool has no room for the body at present."""


class ShareFull(Full):
    """The sender's share of the spool is used up."""


class Spool:
    """The bytes that the bodies of this process take, by who sends them."""

    def __init__(self) -> None:
        # Of known senders.
        self.taken = 0
        self.unknown = 0
        self.in_memory = 0
        self._by_sender: Counter[Sender] = Counter()
        # Bodies are closed in the threads of requests.
        self._lock = threading.Lock()
        # One, so that a disk that is slow keeps no request waiting that has none to write.
        self.writer = Threads(1, "spool")

    def take(self, sender: Sender, size: int) -> None:
        """Take so many bytes. Raises Full, or ShareFull where only this sender has had enough."""
        with self._lock:
            self._check(sender, size)
            self._add(sender, size)

    def check(self, sender: Sender, size: int) -> None:
        """Raises as `take` would, and takes nothing."""
        with self._lock:
            self._check(sender, size)

    def give_back(self, sender: Sender, size: int) -> None:
        """So many bytes less."""
        with self._lock:
            self._add(sender, -size)

    def _check(self, sender: Sender, size: int) -> None:
        if isinstance(sender, str):
            if self.unknown + size > UNKNOWN or self._by_sender[sender] + size > UNKNOWN // 8:
                raise Full
        elif self.taken + size > settings.BODY_SPOOL:
            raise Full
        elif self._by_sender[sender] + size > settings.BODY_SPOOL // 4:
            raise ShareFull

    def _add(self, sender: Sender, size: int) -> None:
        if isinstance(sender, str):
            self.unknown += size
        else:
            self.taken += size
        self._by_sender[sender] += size
        if not self._by_sender[sender]:
            del self._by_sender[sender]

    def hold(self, size: int) -> None:
        """So many bytes more in memory, or less."""
        with self._lock:
            self.in_memory += size


class Body:
    """One body, written as it comes and then read as a file. Whoever holds it closes it; twice means nothing.

    `announced`: its length in bytes, where that is known. Raises Full or ShareFull where that finds no room now.
    """

    def __init__(self, spool: Spool, sender: Sender, announced: int = 0) -> None:
        spool.check(sender, announced)
        self._spool = spool
        self._sender = sender
        self._announced = announced
        self._taken = 0
        self._counted = 0
        self._file: IO[bytes] = io.BytesIO()
        self.size = 0

    @property
    def on_disk(self) -> bool:
        """Whether it is too large for the memory."""
        return not isinstance(self._file, io.BytesIO)

    def _make_room(self, size: int) -> None:
        """Take room for so many bytes in all, and for a step more of what was announced."""
        if size > self._taken:
            size = max(size, min(size + STEP, self._announced))
            self._spool.take(self._sender, size - self._taken)
            self._taken = size

    def belongs_to(self, sender: Sender) -> None:
        """What was of somebody unknown is a known sender's from now on. Raises Full or ShareFull."""
        taken, self._taken = self._taken, 0
        self._spool.give_back(self._sender, taken)
        self._sender = sender
        self._make_room(self.size)

    async def write(self, part: bytes) -> None:
        """Add a part, in a thread once it goes to the disk. Raises Full, ShareFull, or OSError."""
        self._make_room(self.size + len(part))
        self.size += len(part)
        if self.on_disk:
            await self._spool.writer.run(self._file.write, part)
            return
        self._file.write(part)
        if isinstance(self._sender, str):
            # So little of each that it is bounded by the sum of all.
            return
        self._count(self.size)
        if self.size > settings.FILE_UPLOAD_MAX_MEMORY_SIZE or self._spool.in_memory > IN_MEMORY:
            self._file = await self._spool.writer.run(
                _moved_to_disk, self._file, max(self._taken, self._announced)
            )
            self._count(0)

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        return self._file.read(size)

    def readline(self, size: int = -1) -> bytes:
        """The next line."""
        return self._file.readline(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go somewhere, as in any file; where that is."""
        return self._file.seek(offset, whence)

    def close(self) -> None:
        """Forget it, and give its room back."""
        self._file.close()
        self._count(0)
        self._spool.give_back(self._sender, self._taken)
        self._taken = 0

    def _count(self, size: int) -> None:
        self._spool.hold(size - self._counted)
        self._counted = size


def _moved_to_disk(memory: IO[bytes], expected: int) -> IO[bytes]:
    if not media.has_free_disk(expected):
        raise Full
    settings.TEMPORARY.mkdir(parents=True, exist_ok=True)
    # Without a name: a process that is killed leaves nothing behind.
    with contextlib.ExitStack() as unless_whole:
        file: IO[bytes] = unless_whole.enter_context(tempfile.TemporaryFile(dir=settings.TEMPORARY))
        with memory:
            memory.seek(0)
            shutil.copyfileobj(memory, file, 256 * 1024)
        unless_whole.pop_all()  # closed with the body from now on
    return file
