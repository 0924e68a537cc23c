"""Wake-ups between the processes of one machine ("poll now"), as datagrams over Unix sockets in the data folder.

What is due is stored in the database, which every process polls; a wake-up only saves the time until the next poll.
So none is required: where nobody listens, or the folder's path is too long for a socket, everything works, later.
Sending never blocks. Between machines they travel through the database (`core.jobs.postgres_listener`).
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
"""Work that requests wait for has ended; the message is its public id."""
ITEMS = "items"
"""A row that open pages show has changed; the message names it."""
JOBS = "chores"
"""A periodic job has work that somebody waits for (`core.jobs.runner`)."""
POLLS = "looks"
"""A remote job is to be polled sooner than its watcher may know."""
DELIVERIES = "deliveries"
"""A message to another server is due."""
KINDS = (WORK, ENDED, ITEMS, JOBS, POLLS, DELIVERIES)
OTHER_MACHINES = "others"
"""The mark of a machine whose notifications other machines receive."""
LISTENING = "hears"
"""The mark of a machine that receives the notifications of all others, or is the only one."""
MAX_HINT = 64
"""Bytes of one message."""
SETTLED_S = 0.1
"""Seconds after which the folder's modification time shows a further change, however coarse it is."""
_MAX_READ = 4096
CHANNEL = "darkroom_hints"
MAX_NOTIFICATION = 7_000
"""Bytes of the messages in one notification; PostgreSQL takes 8,000 in all."""


class Listener:
    """Receives wake-ups of one kind; `prefix` distinguishes several in one process. Raises OSError."""

    def __init__(self, kind: str, prefix: str = "") -> None:
        self._path = _created_folder() / f"{kind}-{prefix}{os.getpid()}.{machine()}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            # Left by a process that had the same id before.
            self._path.unlink(missing_ok=True)
            self._socket.bind(str(self._path))
            self._socket.setblocking(False)
        except OSError:
            self._socket.close()
            raise
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)

    def fileno(self) -> int:
        """For waiting on several descriptors at once; `wait(0)` then returns the messages."""
        return self._socket.fileno()

    def wait(self, seconds: float) -> list[str]:
        """The messages received, each once, as soon as there are any; empty after `seconds`."""
        self._poll.poll(seconds * 1000)
        messages: dict[str, None] = {}
        # Bounded, so that a stream of messages cannot keep the caller from polling.
        for _ in range(_MAX_READ):
            try:
                messages[self._socket.recv(MAX_HINT).decode("ascii", "replace")] = None
            except BlockingIOError:
                break
        return list(messages)

    def close(self) -> None:
        """Stop listening."""
        self._path.unlink(missing_ok=True)
        self._socket.close()


class Listeners:
    """Receives several kinds at once, as far as sockets can be opened; without any it only waits."""

    def __init__(self, kinds: Iterable[str], prefix: str = "") -> None:
        self._listeners: list[Listener] = []
        for kind in kinds:
            with contextlib.suppress(OSError):
                self._listeners.append(Listener(kind, prefix))
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._poll = select.poll()
        for fd in (self._reader, *(listener.fileno() for listener in self._listeners)):
            self._poll.register(fd, select.POLLIN)

    def wait(self, seconds: float) -> bool:
        """Whether a message arrived, or `wake` was called, within so many seconds."""
        if not self._poll.poll(seconds * 1000):
            return False
        with contextlib.suppress(BlockingIOError):
            os.read(self._reader, _MAX_READ)
        for listener in self._listeners:
            listener.wait(0)
        return True

    def wake(self) -> None:
        """End the wait; from any thread, until closed."""
        with contextlib.suppress(OSError):
            os.write(self._writer, b".")

    def close(self) -> None:
        """Stop listening."""
        for listener in self._listeners:
            listener.close()
        os.close(self._reader)
        os.close(self._writer)


def notify(kind: str, messages: Sequence[str]) -> None:
    """Notify other machines when the transaction is committed. Nothing where there are none."""
    if not has_mark(OTHER_MACHINES):
        return
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        for names in _parts(messages):
            cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, f"{machine()} {kind} {names}"])


def _parts(messages: Sequence[str]) -> Iterator[str]:
    """The messages, each once, joined by commas to what fits into one notification."""
    part = ""
    for message in dict.fromkeys(messages):
        if part and len(part) + len(message) >= MAX_NOTIFICATION:
            yield part
            part = ""
        part = f"{part},{message}" if part else message
    yield part


def send_on_commit(kind: str, *messages: str) -> None:
    """Send these on all machines as soon as the transaction is committed; at once outside of one."""
    to_send = messages or ("",)
    notify(kind, to_send)
    transaction.on_commit(partial(_send_all, kind, to_send))


def _send_all(kind: str, messages: Iterable[str]) -> None:
    for message in messages:
        send(kind, message)


def send(kind: str, message: str = "") -> None:
    """Wake every process of this machine that listens for this kind. Never blocks, never raises."""
    for path in _listener_paths(kind):
        try:
            _sender().sendto(message.encode("ascii", "replace")[:MAX_HINT], str(path))
        except (FileNotFoundError, BlockingIOError):
            # It has just ended; or its buffer is full, so that it is awake.
            continue
        except ConnectionRefusedError:
            # Left behind by a process that was killed.
            with contextlib.suppress(OSError):
                path.unlink()
        except OSError:
            continue


def machine() -> str:
    """The id of this machine and data folder: a datagram reaches no process of another kernel or folder."""
    return _machine(str(settings.DATA))


@lru_cache(maxsize=8)
def _machine(data: str) -> str:
    try:
        kernel = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    except OSError:
        kernel = platform.node()
    return hashlib.sha256(f"{kernel} {data}".encode()).hexdigest()[:6]


def are_complete() -> bool:
    """Whether wake-ups arrive from every process that may write into the database, as far as is known."""
    return connection.vendor == "sqlite" or has_mark(LISTENING)


def has_mark(name: str) -> bool:
    """Whether a process of this machine has set that mark."""
    return f"{name}.{machine()}" in _names()


def mark(name: str, *, is_set: bool) -> None:
    """Set or remove a mark of this machine."""
    with contextlib.suppress(OSError):
        path = _created_folder() / f"{name}.{machine()}"
        path.touch(mode=0o600) if is_set else path.unlink(missing_ok=True)


def lock_file() -> Path:
    """The lock file of the process that listens to other machines for this one. Raises OSError."""
    return _created_folder() / f"lock.{machine()}"


def _listener_paths(kind: str) -> Iterator[Path]:
    folder, suffix = _folder(), machine()
    # The folder may be on storage that several machines share.
    yield from (folder / name for name in _names() if name.startswith(f"{kind}-") and name.endswith(suffix))


def _names() -> Collection[str]:
    """The file names in the folder. Listed again only where its time has changed, or may not show a change yet."""
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


def _created_folder() -> Path:
    folder = _folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _sender() -> socket.socket:
    global _sender_socket
    if _sender_socket is None:
        _sender_socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        _sender_socket.setblocking(False)
        atexit.register(_sender_socket.close)
    return _sender_socket


_sender_socket: socket.socket | None = None
