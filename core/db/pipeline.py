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

Row = TypeVar("Row", bound=Model)
Rows = list[tuple[Any, ...]]
_AS_THEY_ARE = {
    "BigIntegerField", "IntegerField", "PositiveIntegerField", "PositiveSmallIntegerField", "CharField", "TextField",
    "BooleanField",
}  # fmt: skip
"""Fields whose values go to the database as they are in Python."""


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


def server_bound(connection: Any) -> Any:
    """A cursor that sends values apart from the SQL, so that PostgreSQL parses and plans a repeated one only once."""
    if connection.vendor != "postgresql":
        return connection.cursor()
    from django.db.backends.postgresql.base import ServerBindingCursor

    connection.ensure_connection()
    # Django's own wrapper, so that errors and recorded queries look as with any other cursor.
    return connection._prepare_cursor(ServerBindingCursor(connection.connection))  # type: ignore[call-arg]


def _read(cursor: Any, read: Callable[[Rows], None] | None) -> None:
    with cursor:
        if read is not None:
            read(cursor.fetchall())


@dataclass(frozen=True)
class _Compiled:
    sql: str
    values: tuple[Any, ...]
    """What stands in the columns that are always the same: parameters of expressions."""
    columns: tuple[tuple[str, Callable[[Any], Any] | None] | None, ...]
    """For each parameter its attribute and how it is made ready; None where the next of `values` stands."""
    returned: tuple[tuple[str, tuple[Callable[[Any], Any], ...]], ...]
    """The attributes that the database fills, with what makes a Python value of what it says."""


class PreparedInsert(Generic[Row]):
    """INSERT of one row of a model, compiled at the first use.

    A column whose value is an expression must be named in `expressions` with a maker, and is compiled with it; columns
    that the database fills (`db_default`) are left to it, and read. Rows with any other expression are not taken.
    """

    def __init__(self, model: type[Row], **expressions: Callable[[], Any]) -> None:
        self._model = model
        self._expressions = expressions
        self._compiled: dict[tuple[Any, ...], _Compiled] = {}

    def statement(self, row: Row) -> Statement:
        """The INSERT of that row, which has its primary key once the answer was read."""
        connection = connections[DEFAULT_DB_ALIAS]
        filled = tuple(
            isinstance(getattr(row, field.attname), DatabaseDefault) for field in _fields(self._model)
        )
        key = (connection.vendor, filled)
        compiled = self._compiled.get(key)
        if compiled is None:
            compiled = self._compiled[key] = self._compile(filled, connection)
        return Statement(
            compiled.sql, list(_params(compiled, row)), lambda rows: _saved(row, compiled, rows[0])
        )

    def _compile(self, filled: tuple[bool, ...], connection: Any) -> _Compiled:
        quote = connection.ops.quote_name
        columns: list[str] = []
        places: list[str] = []
        values: list[Any] = []
        attributes: list[tuple[str, Callable[[Any], Any] | None] | None] = []
        returned = [self._model._meta.pk]
        for field, by_database in zip(_fields(self._model), filled, strict=True):
            if by_database:
                returned.append(field)
                continue
            columns.append(quote(field.column))
            if field.attname in self._expressions:
                sql, params = self._expression(field, connection)
                places.append(sql)
                values += params
                attributes += [None] * len(params)
            else:
                places.append("%s")
                attributes.append((field.attname, _preparation(field, connection)))
        table, answer = (
            quote(self._model._meta.db_table),
            ", ".join(quote(field.column) for field in returned),
        )
        sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(places)}) RETURNING {answer}"  # noqa: S608
        readers = tuple((field.attname, _readers(field, connection)) for field in returned)
        return _Compiled(sql, tuple(values), tuple(attributes), readers)

    def _expression(self, field: Field[Any, Any], connection: Any) -> tuple[str, list[Any]]:
        query = self._model._default_manager.all().query
        compiler = query.get_compiler(connection=connection)
        sql, params = compiler.compile(
            self._expressions[field.attname]().resolve_expression(query, for_save=True)
        )
        return sql, list(params)


def _fields(model: type[Model]) -> list[Field[Any, Any]]:
    return [field for field in model._meta.local_concrete_fields if not field.primary_key]


def _preparation(field: Field[Any, Any], connection: Any) -> Callable[[Any], Any] | None:
    target: Any = getattr(field, "target_field", None) or field
    if target.get_internal_type() in {*_AS_THEY_ARE, "BigAutoField"}:
        return None
    return lambda value: field.get_db_prep_save(value, connection)


def _params(compiled: _Compiled, row: Model) -> Iterator[Any]:
    values = iter(compiled.values)
    for column in compiled.columns:
        if column is None:
            yield next(values)
            continue
        attribute, prepare = column
        value = getattr(row, attribute)
        if hasattr(value, "resolve_expression"):
            raise TypeError(f"{attribute} is an expression that was not announced.")
        yield value if prepare is None or value is None else prepare(value)


def _readers(field: Field[Any, Any], connection: Any) -> tuple[Callable[[Any], Any], ...]:
    column = field.get_col(field.model._meta.db_table)
    functions = [*connection.ops.get_db_converters(column), *column.get_db_converters(connection)]
    return tuple(partial(_read_with, function, column, connection) for function in functions)


def _read_with(function: Callable[..., Any], column: Any, connection: Any, value: Any) -> Any:
    return function(value, column, connection)


def _saved(row: Model, compiled: _Compiled, answer: tuple[Any, ...]) -> None:
    for (attribute, readers), value in zip(compiled.returned, answer, strict=True):
        for read in readers:
            value = read(value)
        setattr(row, attribute, value)
    row._state.adding = False
    row._state.db = DEFAULT_DB_ALIAS
