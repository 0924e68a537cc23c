"""SQLite backend: as Django's, but a query's `%s` are turned into `?` once and not each time it is sent.

Searching a query of three thousand characters for them takes 60 µs, more than SQLite needs to answer it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from django.db.backends.sqlite3 import base

# Longer ones, such as rows written in bulk, hardly ever come again as they were.
LONG = 8_000


class Cursor(base.SQLiteCursorWrapper):
    """A cursor that remembers queries as SQLite takes them."""

    def convert_query(self, query: str, *, param_names: Iterable[str] | None = None) -> str:
        """The query with SQLite's marks for its values."""
        if param_names is None and len(query) < LONG:
            return _with_question_marks(query)
        converted: str = super().convert_query(query, param_names=param_names)
        return converted


@lru_cache(maxsize=512)
def _with_question_marks(query: str) -> str:
    return base.FORMAT_QMARK_REGEX.sub("?", query).replace("%%", "%")


class DatabaseWrapper(base.DatabaseWrapper):
    """Connections whose cursors are ours."""

    def create_cursor(self, name: str | None = None) -> Any:
        """A cursor of the driver."""
        return self.connection.cursor(factory=Cursor)
