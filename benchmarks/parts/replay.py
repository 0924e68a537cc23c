"""Controls with a database: the statements of Darkroom's own requests, run again by a driver and nothing else.

A control answers with the recorded body, so what differs from Darkroom is everything between socket and SQL: routing,
middleware, ORM, validation, JSON. On PostgreSQL a create is one statement (all writes as one CTE); reads are the same
SELECTs. On SQLite everything is the same statements, in the same transaction.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.parts.controls import HELLO, Scope, answer

Statement = tuple[str, list[Any]]
Work = Callable[["Recorded"], Awaitable[None]]


class Recorded:
    """One request as `benchmarks.parts.fill` saw it."""

    def __init__(self, seen: dict[str, Any]) -> None:
        self.body = seen["answer"].encode()
        self.status: int = seen["status"]
        self.unique: list[str] = seen["unique"]
        self.statements: list[Statement] = [(sql, params) for sql, params in seen["statements"]]
        self.reads = [one for one in self.statements if one[0].startswith("SELECT")]
        self.writes = [one for one in self.statements if one[0].startswith(("UPDATE", "INSERT", "WITH"))]

    def renewal(self) -> dict[str, str]:
        """A new value for each that must differ."""
        return {value: secrets.token_hex(len(value) // 2)[: len(value)] for value in self.unique}


def application(kind: str, filled: Path, database: str) -> Any:
    """The ASGI application that answers the recorded requests."""
    seen = json.loads(filled.read_text())
    known = {(one["method"], one["path"]): Recorded(one) for one in seen["requests"].values()}
    work: Work = Postgres(database, known.values()).work if kind == "postgres" else Sqlite(database).work

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        await receive()
        recorded = known[scope["method"], scope["path"]]
        if recorded.statements:
            await work(recorded)
            await answer(send, recorded.body, status=recorded.status)
        else:
            await answer(send, HELLO, b"text/plain")

    return app


class Sqlite:
    """The statements through `sqlite3`, on the event loop: nothing is cheaper."""

    def __init__(self, path: str) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None, timeout=20, cached_statements=100)
        self.connection.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-16000; PRAGMA foreign_keys=ON;"
        )
        self.connection.create_function("django_format_dtdelta", 3, _later, deterministic=True)

    async def work(self, recorded: Recorded) -> None:
        renewal: dict[Any, str] = recorded.renewal()
        last_write = recorded.writes[-1] if recorded.writes else None
        for statement in recorded.statements:
            sql, params = statement
            if renewal:
                params = [renewal.get(value, value) for value in params]
            self.connection.execute(_question_marks(sql), params).fetchall()
            if statement is last_write:
                self.connection.execute("COMMIT")


class Postgres:
    """The statements through psycopg's asynchronous pool."""

    def __init__(self, address: str, known: Any) -> None:
        self.address = address
        self.pool: Any = None
        self.combined = {id(one): _as_one(one.writes) for one in known if one.writes}

    async def work(self, recorded: Recorded) -> None:
        if self.pool is None:
            await self._open()
        async with self.pool.connection() as connection:
            if recorded.writes:
                renewal = recorded.renewal()
                sql, params = self.combined[id(recorded)]
                await connection.execute(sql, [renewal.get(value, value) for value in params])
                return
            for sql, params in recorded.reads:
                await (await connection.execute(sql, params)).fetchall()

    async def _open(self) -> None:
        from psycopg_pool import AsyncConnectionPool

        self.pool = AsyncConnectionPool(
            self.address, min_size=2, max_size=10, open=False, kwargs={"autocommit": True}
        )
        await self.pool.open(wait=True)


def _as_one(writes: list[Statement]) -> Statement:
    """All writes as one statement; what is several in one already gives its parts."""
    ctes = ", ".join(_parts_of(sql, number) for number, (sql, _) in enumerate(writes))
    return f"WITH {ctes} SELECT 1", [value for _, params in writes for value in params]


def _parts_of(sql: str, number: int) -> str:
    if sql.startswith("WITH "):
        return sql.removeprefix("WITH ").rpartition(" SELECT ")[0]
    return f"w{number} AS ({sql if 'RETURNING' in sql else f'{sql} RETURNING 1'})"


_translated: dict[str, str] = {}


def _question_marks(sql: str) -> str:
    if sql not in _translated:
        _translated[sql] = sql.replace("%s", "?").replace("%%", "%")
    return _translated[sql]


def _later(sign: str, moment: str, microseconds: int) -> str:
    return str(datetime.fromisoformat(moment) + timedelta(microseconds=microseconds))
