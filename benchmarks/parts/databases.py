"""Databases for one benchmark after another on the same server."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import harness


@contextlib.contextmanager
def databases(folder: Path, kind: str) -> Iterator[Callable[[], str]]:
    """Gives what makes an empty database and answers with its address; on SQLite "": each data folder has its file."""
    if kind == "sqlite":
        yield lambda: ""
        return
    import psycopg

    with harness.postgres(folder) as address:
        numbers = itertools.count()

        def fresh() -> str:
            name = f"darkroom{next(numbers)}"
            with psycopg.connect(address, autocommit=True) as connection:
                connection.execute(f'CREATE DATABASE "{name}"')
            return address.replace("/darkroom?", f"/{name}?")

        yield fresh
