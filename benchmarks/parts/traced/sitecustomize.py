"""Counts the statements that SQLite runs, in every Python that finds this folder in PYTHONPATH.

Each process has a file of its own in the folder STATEMENTS_COUNTED: how many in all, and how many of them begin or end
a transaction. SQLite's own trace tells of them, whatever code sent them, and again of one for each trigger that it sets
off: the count is at least what was sent. Not for a run whose processor time counts.
"""

from __future__ import annotations

import itertools
import mmap
import os
import sqlite3
import sqlite3.dbapi2
import struct
from typing import Any

_TRANSACTION = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")


class _Counter:
    """The counts of this process; made anew in one that was forked."""

    def __init__(self) -> None:
        path = os.path.join(os.environ["STATEMENTS_COUNTED"], str(os.getpid()))
        with open(path, "w+b") as file:
            file.truncate(16)
            self._file = mmap.mmap(file.fileno(), 16)
        # `next` is one step for all threads, and the larger of two numbers is written last or soon again.
        self._counts = (itertools.count(1), itertools.count(1))

    def __call__(self, statement: str) -> None:
        struct.pack_into("=Q", self._file, 0, next(self._counts[0]))
        if statement.lstrip().upper().startswith(_TRANSACTION):
            struct.pack_into("=Q", self._file, 8, next(self._counts[1]))


_counter: _Counter | None = None


def _forget() -> None:
    global _counter
    _counter = None


def _count(statement: str) -> None:
    global _counter
    _counter = _counter or _Counter()
    _counter(statement)


def _connect(*words: Any, **named: Any) -> sqlite3.Connection:
    connection = _plain(*words, **named)
    connection.set_trace_callback(_count)
    return connection


if "STATEMENTS_COUNTED" in os.environ:
    os.register_at_fork(after_in_child=_forget)
    _plain = sqlite3.connect
    sqlite3.connect = sqlite3.dbapi2.connect = _connect  # type: ignore[misc]
