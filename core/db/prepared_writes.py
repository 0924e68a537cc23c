"""Compiled UPDATEs and DELETEs, as `core.db.prepared` does with SELECTs. For those of every answer."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.models import Field
from django.db.models.sql import DeleteQuery, UpdateQuery

Kind = Any
"""A type, or a field."""
Built = tuple[Any, Mapping[str, Any]]


@dataclass(frozen=True)
class _Place:
    name: str
    prepare: Callable[[Any, Any], Any] | None
    """Makes the value ready for the connection; None: it goes as it is."""


@dataclass(frozen=True)
class _Compiled:
    sql: str
    params: tuple[Any, ...]
    places: Mapping[int, _Place]
    """Which of the parameters are values."""


class PreparedWrite:
    """`PreparedWrite(build, pk=int, claim=str)` for `build(pk, claim)`: a queryset, and what an UPDATE writes there.

    Where it writes nothing it is a DELETE. Kinds are `int`, `str` and `datetime.date`, or a field whose column the
    value goes into (such as a JSONField). Whatever else changes from call to call must be a database function. The
    rows must be of one table, and nothing may hang on a deleted one.
    """

    def __init__(self, build: Callable[..., Built], **kinds: Kind) -> None:
        self._build = build
        self._kinds = kinds
        self._compiled: _Compiled | None = None

    def run(self, **values: Any) -> int:
        """Send it; the number of rows that were changed. Raises TypeError where the values are not those it takes."""
        if values.keys() != self._kinds.keys():
            raise TypeError(f"It takes {', '.join(self._kinds)}.")
        connection = connections[DEFAULT_DB_ALIAS]
        compiled = self._compiled or self._compile(connection)
        params = list(compiled.params)
        for number, place in compiled.places.items():
            value = values[place.name]
            params[number] = value if place.prepare is None else place.prepare(value, connection)
        with transaction.mark_for_rollback_on_error(DEFAULT_DB_ALIAS), connection.cursor() as cursor:
            cursor.execute(compiled.sql, params)
            return int(cursor.rowcount)

    def _compile(self, connection: Any) -> _Compiled:
        marks = {name: _mark(kind, number) for number, (name, kind) in enumerate(self._kinds.items())}
        queryset, values = self._build(**marks)
        query: Any = queryset.query.chain(UpdateQuery if values else DeleteQuery)
        if values:
            query.add_update_values(values)
        sql, params = query.get_compiler(DEFAULT_DB_ALIAS).as_sql()
        places: dict[int, _Place] = {}
        for name, kind in self._kinds.items():
            prepare = _preparation(kind)
            sample = _bare(marks[name] if prepare is None else prepare(marks[name], connection))
            found = [number for number, param in enumerate(params) if _bare(param) == sample]
            if not found:
                raise ValueError(f"The value {name} does not reach the database as it is.")
            places |= dict.fromkeys(found, _Place(name, prepare))
        self._compiled = _Compiled(sql, tuple(params), places)
        return self._compiled


def _mark(kind: Kind, number: int) -> Any:
    """A value that nobody else sends."""
    if kind is int:
        return -2_000_000_000 - number
    if kind is datetime.date:
        return datetime.date(1, 1, 1 + number)
    return f"mark-{number}-6f1c0a"


def _preparation(kind: Kind) -> Callable[[Any, Any], Any] | None:
    if kind is datetime.date:
        return lambda value, connection: connection.ops.adapt_datefield_value(value)
    if isinstance(kind, Field):
        return kind.get_db_prep_save
    return None


def _bare(param: Any) -> Any:
    """What can be compared: psycopg wraps JSON in an object of its own."""
    return getattr(param, "obj", param)
