"""Rows by the million: indexes are dropped, rows copied, indexes made again; for SQLite and PostgreSQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any

from django.apps import apps
from django.core.management.color import no_style
from django.db import connection, models
from django.db.models.expressions import BaseExpression

from gallery.search.lexemes import MIN_PREFIX_LENGTH, can_complete

START = datetime(2026, 1, 1, tzinfo=UTC)
ITEM = (
    "id", "public_id", "output_id", "account_id", "user_id", "model_id", "prompt", "sensitive", "visibility",
    "published_at", "created_at", "likes", "recent_likes",
)  # fmt: skip
ITEM_SAME = {
    "title": "", "show_prompt": True, "licence": "", "width": 1024, "height": 768, "hidden_reason": "", "comments": 0,
    "search_owed": False, "rendition_owed": False,
}  # fmt: skip


class Bulk:
    """One load of a database, committed at the end of each step."""

    def __init__(self) -> None:
        self.postgres = connection.vendor == "postgresql"
        self._indexes: list[str] = []
        self._used: Counter[str] = Counter()
        self._items = self._with_same(ITEM, ITEM_SAME)

    def __enter__(self) -> Bulk:
        if self.postgres:
            # No triggers: the rows refer to one another as they should, and nobody has to ask a million times.
            self.run("SET session_replication_role = replica")
            self.run("SET maintenance_work_mem = '512MB'")
            self.run("SET synchronous_commit = off")
        else:
            self.run("PRAGMA foreign_keys = OFF")
            self.run("PRAGMA synchronous = OFF")
            self.run("PRAGMA cache_size = -400000")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        connection.close()

    def run(self, statement: str, values: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """One statement; the rows that it answers."""
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def without_indexes(self, table: str) -> None:
        """Drop the indexes of a table until `finish`, but for those of its keys."""
        if self.postgres:
            found = self.run(
                "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s AND indexname NOT IN "
                "(SELECT conname FROM pg_constraint WHERE contype IN ('p', 'u'))",
                [table],
            )
        else:
            found = self.run(
                "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = %s AND sql IS NOT NULL",
                [table],
            )
        for name, made_by in found:
            self.run(f'DROP INDEX "{name}"')
            self._indexes.append(made_by)

    def stamp(self, seconds: float) -> tuple[str, datetime]:
        """The moment so long after the start, as the database takes it and as a time."""
        moment = START + timedelta(seconds=seconds, microseconds=1)
        return f"{moment:%Y-%m-%d %H:%M:%S.%f}" + ("+00" if self.postgres else ""), moment

    def series(self, like: models.Model, count: int, columns: dict[str, str]) -> None:
        """So many rows like a row, with some columns computed from their number `n`."""
        same, values = [], []
        for field in like._meta.concrete_fields:
            if field.column in columns or f'"{field.column}"' in columns:
                continue
            value = field.pre_save(like, add=True)
            if isinstance(value, BaseExpression):
                raise ValueError(f"{field} has no value.")
            same.append(f'"{field.column}"')
            values.append(field.get_db_prep_save(value, connection))
        numbers = "generate_series(1, %s) AS n" if self.postgres else "numbers"
        begin = "" if self.postgres else (
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %s) "
        )  # fmt: skip
        computed = [text.replace("%", "%%") for text in columns.values()]
        chosen = ", ".join([*computed, *["%s"] * len(same)])
        into = f"{like._meta.db_table} ({', '.join([*columns, *same])})"
        statement = f"{begin}INSERT INTO {into} SELECT {chosen} FROM {numbers}"
        self.run(statement, [*values, count] if self.postgres else [count, *values])

    def items(self, chunk: Any) -> None:
        """Items, their tags and their words."""
        columns, same = self._items
        for _item, _place, own, _public in chunk.search:
            self._used.update(own)
        self._copy("gallery_item", columns, (row + same for row in chunk.items))
        self._copy("gallery_itemtag", ("item_id", "tag_id", "position", "listed_at"), chunk.tags)
        if self.postgres:
            rows = (
                (item, place, _vector(own), None if place is None else _vector(public))
                for item, place, own, public in chunk.search
            )
            self._copy("gallery_searchrow", ("item_id", "place", "own_words", "public_words"), rows)
            return
        self._copy("gallery_searchrow", ("item_id", "place"), [row[:2] for row in chunk.search])
        self._copy(
            "gallery_search_own", ("rowid", "words"), ((row[0], " ".join(row[2])) for row in chunk.search)
        )
        public = ((row[1], " ".join(row[3])) for row in chunk.search if row[1] is not None)
        self._copy("gallery_search_public", ("rowid", "words"), public)

    def _with_same(
        self, names: tuple[str, ...], same: dict[str, Any]
    ) -> tuple[tuple[str, ...], tuple[Any, ...]]:
        return (*names, *same), tuple(same.values())

    def _copy(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        connection.ensure_connection()
        listed = ", ".join(columns)
        if self.postgres:
            with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({listed}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            return
        marks = ", ".join("?" * len(columns))
        raw = connection.connection
        raw.execute("BEGIN")
        raw.executemany(f"INSERT INTO {table} ({listed}) VALUES ({marks})", rows)
        raw.execute("COMMIT")

    def finish(self) -> None:
        """Make the indexes, and let the database know its tables as an installation in use does."""
        grown = (
            (word, used)
            for word, used in self._used.items()
            if len(word) > MIN_PREFIX_LENGTH and can_complete(word)
        )
        self._copy("gallery_searchword", ("word", "used"), list(grown))
        for statement in self._indexes:
            self.run(statement)
        if self.postgres:
            for statement in connection.ops.sequence_reset_sql(no_style(), apps.get_models()):
                self.run(statement)
            self.run("VACUUM ANALYZE")
        else:
            self.run("PRAGMA wal_checkpoint(TRUNCATE)")


def _vector(words: Iterable[str]) -> str:
    return " ".join(f"'{word}'" for word in words)
