"""Hints between machines that share a PostgreSQL: NOTIFY where they are given, LISTEN in one process of each machine.

What comes from elsewhere is given on as a hint of this machine. Nothing is sent while no other machine listens, which
the listener marks in the folder of the hints. Behind a pooler that hands out a server connection for each transaction
nobody can listen: there all look more often while there are several machines.
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
RECKON_S = 60.0
"""How often it is asked who listens: one that was killed says no farewell."""
POOLED_RECKON_S = 10.0
AGAIN_S = 5.0
_NAME = "darkroom hints "
_OTHERS = """
SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database()
AND starts_with(application_name, %s) AND application_name <> %s)
"""


def run(stop: threading.Event, others_work: Callable[[], bool]) -> None:
    """Give on what other machines say, until `stop` is set, where no other process of this machine does.

    `others_work` says whether another machine works on this database; it is asked where nobody can listen.
    """
    if connections[DEFAULT_DB_ALIAS].vendor != "postgresql":
        return
    with _Rouser(stop) as rouser:
        while not stop.is_set():
            try:
                with _alone() as is_mine:
                    if is_mine:
                        _listen(stop, rouser, others_work)
            except (Error, OSError) as error:
                log.info("hints_from_elsewhere_broke", reason=str(error).strip().partition("\n")[0])
            finally:
                connections[DEFAULT_DB_ALIAS].close()
            stop.wait(AGAIN_S)


class _Rouser:
    """A descriptor that is ready to read once `stop` is set, so that nobody looks at it again and again."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._reader, self._writer = os.pipe()

    def __enter__(self) -> _Rouser:
        # It keeps the writing end, and ends with the process where nobody stops it.
        threading.Thread(target=self._wait, name="listener-stop", daemon=True).start()
        return self

    def __exit__(self, *_given: object) -> None:
        os.close(self._reader)

    def fileno(self) -> int:
        return self._reader

    def _wait(self) -> None:
        self._stop.wait()
        os.close(self._writer)


@contextlib.contextmanager
def _alone() -> Iterator[bool]:
    """Whether this process is the one of its machine that listens: it holds a lock, which ends with it."""
    with wakeups.lock_file().open("w") as file:
        yield _locked(file)


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _listen(stop: threading.Event, rouser: _Rouser, others_work: Callable[[], bool]) -> None:
    connection = connections[DEFAULT_DB_ALIAS]
    connection.ensure_connection()
    if connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS"):
        log.info("hints_from_elsewhere_pooled", words="A pooler is in between: nobody can listen through it.")
        _watch_pooled(stop, others_work)
        return
    own = f"{_NAME}{wakeups.machine()}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('application_name', %s, false)", [own])
        cursor.execute(f"LISTEN {CHANNEL}")
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, f"{wakeups.machine()} {HELLO} "])
    raw: Any = connection.connection
    poll = select.poll()
    poll.register(raw.fileno(), select.POLLIN)
    poll.register(rouser.fileno(), select.POLLIN | select.POLLHUP)
    wakeups.mark(wakeups.HEARS, is_set=True)
    try:
        while not stop.is_set():
            with connection.cursor() as cursor:
                cursor.execute(_OTHERS, [_NAME, own])
                wakeups.mark(wakeups.OTHERS, is_set=bool(cursor.fetchone()[0]))
            _hear(raw, poll, rouser)
    finally:
        for mark in (wakeups.HEARS, wakeups.OTHERS):
            wakeups.mark(mark, is_set=False)


def _hear(raw: Any, poll: select.poll, rouser: _Rouser) -> None:
    """Give on what comes, until it is time to ask who listens. Raises what the connection raises."""
    while True:
        ready = {number for number, _event in poll.poll(RECKON_S * 1000)}
        if not ready or rouser.fileno() in ready:
            return
        # Of a connection that has ended there is something to be read, too, and this raises.
        for one in raw.notifies(timeout=0):
            _give_on(one.payload)


def _give_on(payload: str) -> None:
    origin, _, rest = payload.partition(" ")
    kind, _, named = rest.partition(" ")
    if origin == wakeups.machine():
        # It came by datagram already.
        return
    wakeups.mark(wakeups.OTHERS, is_set=True)
    if kind in wakeups.KINDS:
        for what in named.split(","):
            wakeups.send(kind, what)


def _watch_pooled(stop: threading.Event, others_work: Callable[[], bool]) -> None:
    """Say that nothing is missed while no other machine works; else everybody here looks more often."""
    try:
        while not stop.is_set():
            wakeups.mark(wakeups.HEARS, is_set=not others_work())
            stop.wait(POOLED_RECKON_S)
    finally:
        wakeups.mark(wakeups.HEARS, is_set=False)
