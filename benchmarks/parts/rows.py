"""What the work would write, without anybody working: predictions that end or log, on a connection of its own."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

_END = """UPDATE predictions_prediction SET status = 'failed', phase = 'ended', error = 'benchmark', charge = 0,
    completed_at = created_at, revision = revision + 1 WHERE status = 'starting'"""
_LOG = """UPDATE predictions_prediction SET logs = logs || '50% of the picture', revision = revision + 1
    WHERE status = 'starting'"""
CHANGES = {"end": _END, "log": _LOG}


class Rows:
    """The predictions of one database, seen from outside: a file of SQLite, or the address of PostgreSQL."""

    def __init__(self, address: str, folder: Path) -> None:
        self.postgres = bool(address)
        if address:
            import psycopg

            self.connection: Any = psycopg.connect(address, autocommit=True)
        else:
            self.connection = sqlite3.connect(
                folder / "darkroom.sqlite3", timeout=20, isolation_level=None, check_same_thread=False
            )
            # As a worker's connection: a commit is one write to the log.
            self.connection.execute("PRAGMA synchronous=NORMAL")

    def close(self) -> None:
        self.connection.close()

    def waiting(self) -> list[tuple[str, str]]:
        """Id and stream token of all that have not ended."""
        sql = "SELECT public_id, stream_token FROM predictions_prediction WHERE status = 'starting'"
        return [(row[0], row[1]) for row in self.connection.execute(sql).fetchall()]

    def change_all(self, change: str) -> float:
        """Let all end, or log, in one statement; the moment of its commit by `time.time()`."""
        self.connection.execute(CHANGES[change])
        return time.time()

    def change_one_by_one(self, change: str, names: list[str], seconds: float) -> dict[str, float]:
        """The same one after another, evenly over so many seconds; the moment of each commit."""
        sql = f"{CHANGES[change]} AND public_id = {'%s' if self.postgres else '?'}"
        if self.postgres:
            sql = sql.replace("50%", "50%%")
        began, moments = time.monotonic(), {}
        for number, name in enumerate(names):
            due = began + seconds * number / len(names)
            time.sleep(max(0.0, due - time.monotonic()))
            self.connection.execute(sql, (name,))
            moments[name] = time.time()
        return moments
