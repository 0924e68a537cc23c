"""Statements of one transaction that are sent together. For the few writes that every create makes.

Django builds the SQL of an INSERT anew each time, and on PostgreSQL each statement waits for the answer of the one
before. A `PreparedInsert` builds it once; a `Batch` sends all its statements at once and reads their answers at its end
(psycopg's pipeline). On SQLite, where nothing has to travel, each is answered when it is sent.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Field, Model
from django.db.models.expressions import DatabaseDefault
from django.db.models.sql import InsertQuery

from core.db.compiled_sql import Argument, Sql, server_bound

Row = TypeVar("Row", bound=Model)
Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Statement:
    """SQL with its values, ready to be sent; `read` gets its rows and may raise."""

    sql: str
    params: Sequence[Any]
    read: Callable[[Rows], None] | None = None


class Batch:
    """Statements on their way. Made by `batch()`, inside a transaction."""

    def __init__(self, connection: Any, pipelined: bool) -> None:
        self.vendor: str = connection.vendor
        self._connection = connection
        self._pipelined = pipelined
        self._owed: list[tuple[Any, Callable[[Rows], None] | None]] = []

    def send(self, statement: Statement) -> None:
        """Send a statement; its rows are read when the batch ends, or at once where nothing is gained by waiting."""
        cursor = server_bound(self._connection)
        cursor.execute(statement.sql, statement.params)
        if self._pipelined:
            self._owed.append((cursor, statement.read))
        else:
            _read(cursor, statement.read)

    def finish(self) -> None:
        """Read the answers, in the order of the statements. Raises what the database or a reader raises."""
        for cursor, read in self._owed:
            _read(cursor, read)
        self._owed.clear()


@contextlib.contextmanager
def batch() -> Iterator[Batch]:
    """Send what is added inside the block together, and read all answers at its end. Inside a transaction only."""
    connection = connections[DEFAULT_DB_ALIAS]
    if not connection.in_atomic_block:
        raise RuntimeError("A batch is part of a transaction.")
    if connection.vendor != "postgresql":
        yield Batch(connection, pipelined=False)
        return
    statements = Batch(connection, pipelined=True)
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield statements
    # All answers are here by now. Asked for one inside, the pipeline would travel once for it and once to end.
    statements.finish()


def _read(cursor: Any, read: Callable[[Rows], None] | None) -> None:
    with cursor:
        if read is not None:
            read(cursor.fetchall())


class PreparedInsert(Generic[Row]):
    """INSERT of one row of a model, compiled at the first use.

    A column whose value is an expression must be named in `expressions` with a maker, and is compiled with it; columns
    that the database fills (`db_default`) are left to it, and read. Rows with any other expression are not taken.
    """

    def __init__(self, model: type[Row], **expressions: Callable[[], Any]) -> None:
        self._model = model
        self._expressions = expressions
        self._columns = [field for field in model._meta.local_concrete_fields if not field.primary_key]
        self._compiled: dict[tuple[str, ...], _Compiled] = {}

    def statement(self, row: Row) -> Statement:
        """The INSERT of that row, which has its primary key once the answer was read."""
        connection = connections[DEFAULT_DB_ALIAS]
        left = tuple(
            field.attname
            for field in self._columns
            if isinstance(getattr(row, field.attname), DatabaseDefault)
        )
        compiled = self._compiled.get(left)
        if compiled is None:
            compiled = self._compiled[left] = self._compile(left, connection)
        values: dict[str, Any] = {}
        for name, field in compiled.given.items():
            value = getattr(row, name)
            if hasattr(value, "resolve_expression"):
                raise TypeError(f"{name} is an expression that was not announced.")
            values[name] = value if field is None else field.get_db_prep_save(value, connection)
        return Statement(
            compiled.sql.text, compiled.sql.params(values), lambda rows: _saved(row, compiled, rows[0])
        )

    def _compile(self, left: tuple[str, ...], connection: Any) -> _Compiled:
        written = [field for field in self._columns if field.attname not in left]
        given = {
            field.attname: None if _is_sent_as_it_is(field) else field
            for field in written
            if field.attname not in self._expressions
        }
        named = {name: Argument(name) for name in given}
        row = self._model()
        for name, value in {**named, **{name: make() for name, make in self._expressions.items()}}.items():
            setattr(row, name, value)
        query = InsertQuery(self._model)
        query.insert_values(written, [row])
        compiler: Any = query.get_compiler(DEFAULT_DB_ALIAS)
        returned = [self._model._meta.pk, *(field for field in self._columns if field.attname in left)]
        compiler.returning_fields = returned
        [(text, params)] = compiler.as_sql()
        readers = [(field.attname, _readers(field, connection)) for field in returned]
        return _Compiled(Sql(text, params, named), given, readers)


@dataclass(frozen=True)
class _Compiled:
    sql: Sql
    given: dict[str, Field[Any, Any] | None]
    """The attributes whose values are sent, with the field that makes one ready."""
    returned: list[tuple[str, list[Callable[[Any], Any]]]]
    """The attributes that the database fills, with what makes a Python value of what it says."""


def _is_sent_as_it_is(field: Field[Any, Any]) -> bool:
    kind = (getattr(field, "target_field", None) or field).get_internal_type()
    return kind in {"CharField", "TextField", "BooleanField"} or kind.endswith(("IntegerField", "AutoField"))


def _readers(field: Field[Any, Any], connection: Any) -> list[Callable[[Any], Any]]:
    column = field.get_col(field.model._meta.db_table)
    functions = [*connection.ops.get_db_converters(column), *column.get_db_converters(connection)]
    return [partial(_read_with, function, column, connection) for function in functions]


def _read_with(function: Callable[..., Any], column: Any, connection: Any, value: Any) -> Any:
    return function(value, column, connection)


def _saved(row: Model, compiled: _Compiled, answer: tuple[Any, ...]) -> None:
    for (attribute, readers), value in zip(compiled.returned, answer, strict=True):
        for read in readers:
            value = read(value)
        setattr(row, attribute, value)
    row._state.adding = False
    row._state.db = DEFAULT_DB_ALIAS
