"""Hints between the processes of one machine: "look now", over datagrams in the data folder.

What is due stands in the database, and everybody looks there from time to time; a hint only saves the time until then.
So none is ever needed: where nobody listens, or the folder's path is too long for a socket, all goes on as without.
Nobody waits to send one. Between machines they travel by the database (`core.jobs.postgres_listener`).
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import os
import platform
import select
import socket
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction

WORK = "work"
"""Something was written into the task queue."""
ENDED = "ended"
"""Work that requests wait for has ended; the hint says which, by its public id."""
ITEMS = "items"
"""A row that open pages show has changed; the hint says which."""
CHORES = "chores"
"""Something is owed that somebody waits for (`core.jobs.runner`)."""
LOOKS = "looks"
"""A job elsewhere is to be asked after sooner than its watcher may know."""
DELIVERIES = "deliveries"
"""A message to another server is owed."""
KINDS = (WORK, ENDED, ITEMS, CHORES, LOOKS, DELIVERIES)
OTHERS = "others"
"""The mark of a machine that others hear."""
HEARS = "hears"
"""The mark of a machine that hears whatever others say, or is the only one."""
LONGEST = 64
"""Bytes of one hint."""
SETTLED_S = 0.1
"""So long after a change of the folder its times tell of the next one, however coarse they are."""
_ALL = 4096
CHANNEL = "darkroom_hints"
LARGEST = 7_000
"""Bytes of what one notification names; PostgreSQL takes 8,000 in all."""


class Listener:
    """Listens to hints of one kind; `who` tells several in one process apart. Raises OSError where that cannot be."""

    def __init__(self, kind: str, who: str = "") -> None:
        self._path = _made_folder() / f"{kind}-{who}{os.getpid()}.{machine()}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            # Of a process that had our number before.
            self._path.unlink(missing_ok=True)
            self._socket.bind(str(self._path))
            self._socket.setblocking(False)
        except OSError:
            self._socket.close()
            raise
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)

    def fileno(self) -> int:
        """For those who wait for several things at once; `wait(0)` then says what was heard."""
        return self._socket.fileno()

    def wait(self, seconds: float) -> list[str]:
        """What was said, each once, as soon as there is anything; nothing after so many seconds."""
        self._poll.poll(seconds * 1000)
        heard: dict[str, None] = {}
        # Bounded, so that somebody who talks without end keeps nobody from looking.
        for _ in range(_ALL):
            try:
                heard[self._socket.recv(LONGEST).decode("ascii", "replace")] = None
            except BlockingIOError:
                break
        return list(heard)

    def close(self) -> None:
        """Listen no more."""
        self._path.unlink(missing_ok=True)
        self._socket.close()


class Listeners:
    """Several kinds at once, as far as that can be; where no ear can be had it only waits."""

    def __init__(self, kinds: Iterable[str], who: str = "") -> None:
        self._ears: list[Listener] = []
        for kind in kinds:
            with contextlib.suppress(OSError):
                self._ears.append(Listener(kind, who))
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._poll = select.poll()
        for number in (self._reader, *(ear.fileno() for ear in self._ears)):
            self._poll.register(number, select.POLLIN)

    def wait(self, seconds: float) -> bool:
        """Whether anything was said, or somebody roused us, within so many seconds."""
        if not self._poll.poll(seconds * 1000):
            return False
        with contextlib.suppress(BlockingIOError):
            os.read(self._reader, _ALL)
        for ear in self._ears:
            ear.wait(0)
        return True

    def rouse(self) -> None:
        """End the wait; from any thread, until closed."""
        with contextlib.suppress(OSError):
            os.write(self._writer, b".")

    def close(self) -> None:
        """Listen no more."""
        for ear in self._ears:
            ear.close()
        os.close(self._reader)
        os.close(self._writer)


def notify(kind: str, whats: Sequence[str]) -> None:
    """Have other machines hear it when the transaction is committed. Nothing where there are none."""
    if not has_mark(OTHERS):
        return
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        for named in _parts(whats):
            cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, f"{machine()} {kind} {named}"])


def _parts(whats: Sequence[str]) -> Iterator[str]:
    """The names, each once, joined by commas to what fits into one notification."""
    part = ""
    for what in dict.fromkeys(whats):
        if part and len(part) + len(what) >= LARGEST:
            yield part
            part = ""
        part = f"{part},{what}" if part else what
    yield part


def send_on_commit(kind: str, *whats: str) -> None:
    """Say these as soon as the transaction is committed, on all machines; at once outside of one."""
    said = whats or ("",)
    notify(kind, said)
    transaction.on_commit(partial(_give_all, kind, said))


def _give_all(kind: str, whats: Iterable[str]) -> None:
    for what in whats:
        send(kind, what)


def send(kind: str, what: str = "") -> None:
    """Say it to everybody on this machine who listens to hints of that kind. Never waits, never raises."""
    for path in _ears(kind):
        try:
            _mouth().sendto(what.encode("ascii", "replace")[:LONGEST], str(path))
        except (FileNotFoundError, BlockingIOError):
            # Just gone; or with more to hear than it has heard yet, so that it is awake.
            continue
        except ConnectionRefusedError:
            # Left behind by a process that was killed.
            with contextlib.suppress(OSError):
                path.unlink()
        except OSError:
            continue


def machine() -> str:
    """What tells those apart that one datagram cannot reach together: kernels, and folders of data."""
    return _machine(str(settings.DATA))


@lru_cache(maxsize=8)
def _machine(data: str) -> str:
    try:
        kernel = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    except OSError:
        kernel = platform.node()
    return hashlib.sha256(f"{kernel} {data}".encode()).hexdigest()[:6]


def come_from_all() -> bool:
    """Whether hints come from everybody who may write into the database, as far as is known."""
    return connection.vendor == "sqlite" or has_mark(HEARS)


def has_mark(name: str) -> bool:
    """Whether this machine bears that mark, which one of its processes has set."""
    return f"{name}.{machine()}" in _names()


def mark(name: str, *, is_set: bool) -> None:
    """Set or remove a mark of this machine."""
    with contextlib.suppress(OSError):
        path = _made_folder() / f"{name}.{machine()}"
        path.touch(mode=0o600) if is_set else path.unlink(missing_ok=True)


def lock_file() -> Path:
    """Whoever holds its lock listens to other machines for this one. Raises OSError."""
    return _made_folder() / f"lock.{machine()}"


def _ears(kind: str) -> Iterator[Path]:
    folder, own = _folder(), machine()
    # The folder may be on storage that several machines share.
    yield from (folder / name for name in _names() if name.startswith(f"{kind}-") and name.endswith(own))


def _names() -> Collection[str]:
    """What is in the folder. Listed anew only where its time has changed, or may not tell of a change yet."""
    global _listed
    folder = str(_folder())
    try:
        changed = os.stat(folder).st_mtime
        if _listed[:2] != (folder, changed) or _listed[2] - changed < SETTLED_S:
            now = time.time()
            _listed = folder, changed, now, frozenset(os.listdir(folder))
    except OSError:
        return ()
    return _listed[3]


_listed: tuple[str, float, float, frozenset[str]] = ("", 0.0, 0.0, frozenset())


def _folder() -> Path:
    return Path(settings.DATA) / "hints"


def _made_folder() -> Path:
    folder = _folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _mouth() -> socket.socket:
    global _talking
    if _talking is None:
        _talking = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        _talking.setblocking(False)
        atexit.register(_talking.close)
    return _talking


_talking: socket.socket | None = None
