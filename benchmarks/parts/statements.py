"""How many statements a database was sent: SQLite's by its own trace, PostgreSQL's by its log."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path

TRACED = Path(__file__).parent / "traced"
# PostgreSQL writes one such line for each statement, prepared ones as well.
_LOGGED = re.compile(r"^statement-of \d+ LOG:  (?:statement|execute [^:]*):\s*(\w*)", re.MULTILINE)
_TRANSACTION = {"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"}


@dataclass(frozen=True)
class Count:
    """Statements so far."""

    all: int
    transactional: int
    """Those that only begin or end a transaction."""

    def __sub__(self, other: Count) -> Count:
        return Count(self.all - other.all, self.transactional - other.transactional)


class Sqlite:
    """Of the processes that are started with `env`; their processor time is no longer that of others."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.env = {"PYTHONPATH": str(TRACED), "STATEMENTS_COUNTED": str(folder)}

    def count(self) -> Count:
        """Of all of them together, ended ones as well."""
        pairs = [struct.unpack("=QQ", path.read_bytes()[:16]) for path in self.folder.iterdir()]
        return Count(sum(one for one, _ in pairs), sum(other for _, other in pairs))


class Postgres:
    """Of everybody who talks to the server of `harness.postgres` in this folder, from now on."""

    env: dict[str, str] = {}

    def __init__(self, folder: Path, address: str) -> None:
        import psycopg

        self._log = folder / "postgres" / "log"
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET log_line_prefix = 'statement-of %p '")
            connection.execute("ALTER SYSTEM SET log_statement = 'all'")
            connection.execute("SELECT pg_reload_conf()")

    def count(self) -> Count:
        """Since the beginning of the log."""
        return logged(self._log.read_text(errors="replace"))


def logged(text: str) -> Count:
    """Those of which a log tells."""
    words = [word.upper() for word in _LOGGED.findall(text)]
    return Count(len(words), sum(word in _TRANSACTION for word in words))
