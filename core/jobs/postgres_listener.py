"""Wake-ups between machines that share a PostgreSQL: NOTIFY by the sender, LISTEN in one process of each machine.

A notification of another machine is forwarded to the processes of this one. Nothing is sent while no other machine
listens, which the listener marks in the wake-up folder. Behind a pooler in transaction mode LISTEN does not work: there
every process polls more often while several machines are running.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import threading
from collections.abc import Callable, Iterator
from typing import IO, Any

import structlog
from django.db import DEFAULT_DB_ALIAS, Error, connections

from core.jobs import wakeups
from core.jobs.wakeups import CHANNEL

log = structlog.get_logger(__name__)

HELLO = "hello"
PRESENCE_CHECK_S = 60.0
"""Seconds between two queries for other listeners: a killed one does not sign off."""
POOLED_PRESENCE_CHECK_S = 10.0
RETRY_S = 5.0
_NAME = "darkroom hints "
_OTHERS = """
SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database()
AND starts_with(application_name, %s) AND application_name <> %s)
"""


def run(stop: threading.Event, has_other_machines: Callable[[], bool]) -> None:
    """Forward wake-ups of other machines until `stop` is set, unless another process of this machine does.

    `has_other_machines`: whether another machine works on this database; called where LISTEN does not work.
    """
    if connections[DEFAULT_DB_ALIAS].vendor != "postgresql":
        return
    with _StopDescriptor(stop) as stop_descriptor:
        while not stop.is_set():
            try:
                with _machine_lock() as is_mine:
                    if is_mine:
                        _listen(stop, stop_descriptor, has_other_machines)
            except (Error, OSError) as error:
                log.info("hints_from_elsewhere_broke", reason=str(error).strip().partition("\n")[0])
            finally:
                connections[DEFAULT_DB_ALIAS].close()
            stop.wait(RETRY_S)


class _StopDescriptor:
    """A descriptor that becomes readable once `stop` is set, so that `stop` need not be polled."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._reader, self._writer = os.pipe()

    def __enter__(self) -> _StopDescriptor:
        # The thread holds the writing end; without `stop` it ends with the process.
        threading.Thread(target=self._wait, name="listener-stop", daemon=True).start()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        os.close(self._reader)

    def fileno(self) -> int:
        return self._reader

    def _wait(self) -> None:
        self._stop.wait()
        os.close(self._writer)


@contextlib.contextmanager
def _machine_lock() -> Iterator[bool]:
    """Whether this process is its machine's listener: it holds a file lock, released when the process ends."""
    with wakeups.lock_file().open("w") as file:
        yield _try_lock(file)


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _listen(
    stop: threading.Event, stop_descriptor: _StopDescriptor, has_other_machines: Callable[[], bool]
) -> None:
    connection = connections[DEFAULT_DB_ALIAS]
    connection.ensure_connection()
    if connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS"):
        log.info("hints_from_elsewhere_pooled", words="A pooler is in between: nobody can listen through it.")
        _watch_pooled(stop, has_other_machines)
        return
    application_name = f"{_NAME}{wakeups.machine()}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('application_name', %s, false)", [application_name])
        cursor.execute(f"LISTEN {CHANNEL}")
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, f"{wakeups.machine()} {HELLO} "])
    raw: Any = connection.connection
    poll = select.poll()
    poll.register(raw.fileno(), select.POLLIN)
    poll.register(stop_descriptor.fileno(), select.POLLIN | select.POLLHUP)
    wakeups.mark(wakeups.LISTENING, is_set=True)
    try:
        while not stop.is_set():
            with connection.cursor() as cursor:
                cursor.execute(_OTHERS, [_NAME, application_name])
                wakeups.mark(wakeups.OTHER_MACHINES, is_set=bool(cursor.fetchone()[0]))
            _receive(raw, poll, stop_descriptor)
    finally:
        for mark in (wakeups.LISTENING, wakeups.OTHER_MACHINES):
            wakeups.mark(mark, is_set=False)


def _receive(raw: Any, poll: select.poll, stop_descriptor: _StopDescriptor) -> None:
    """Forward notifications until the next check for other listeners is due. Raises the connection's errors."""
    while True:
        ready = {number for number, _event in poll.poll(PRESENCE_CHECK_S * 1000)}
        if not ready or stop_descriptor.fileno() in ready:
            return
        # A closed connection is readable too, and raises here.
        for notification in raw.notifies(timeout=0):
            _forward(notification.payload)


def _forward(payload: str) -> None:
    origin, _, message = payload.partition(" ")
    kind, _, names = message.partition(" ")
    if origin == wakeups.machine():
        # Already received as a datagram.
        return
    wakeups.mark(wakeups.OTHER_MACHINES, is_set=True)
    if kind in wakeups.KINDS:
        for name in names.split(","):
            wakeups.send(kind, name)


def _watch_pooled(stop: threading.Event, has_other_machines: Callable[[], bool]) -> None:
    """Mark wake-ups as complete while no other machine works; otherwise all processes here poll more often."""
    try:
        while not stop.is_set():
            wakeups.mark(wakeups.LISTENING, is_set=not has_other_machines())
            stop.wait(POOLED_PRESENCE_CHECK_S)
    finally:
        wakeups.mark(wakeups.LISTENING, is_set=False)
