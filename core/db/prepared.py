"""Compiled SELECTs: a queryset's SQL is built once and only its values are sent. For queries that every request runs.

Django builds the SQL of a queryset anew each time, which costs many times what SQLite needs to answer it
(docs/benchmarks.md). A `Prepared` query has the queryset build it once, with marks where the values go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Generic, TypeVar

from django.core.exceptions import EmptyResultSet
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Model, QuerySet
from django.db.models.base import ModelState
from django.db.models.query import ModelIterable, get_related_populators
from django.db.models.signals import post_init, pre_init

from core.db.pipeline import server_bound

Row = TypeVar("Row", bound=Model)
_MARKS: dict[type, Callable[[int], Any]] = {
    str: lambda number: f"\x01mark-{number}\x01",
    int: lambda number: -2_000_000_000 - number,
}


@dataclass(frozen=True)
class _Compiled:
    sql: str
    params: tuple[Any, ...]
    places: dict[int, str]
    """Which of the parameters are values, by their names."""
    make: Callable[[str, list[str], list[Any]], Model]
    attributes: list[str]
    span: slice
    populators: Sequence[Any]
    converters: list[tuple[int, list[Callable[..., Any]], Any]]


class Prepared(Generic[Row]):
    """`Prepared(build, digest=str)` for `build(digest)`, a queryset that uses its arguments as plain values.

    The queryset may use filters, `select_related`, `only`, `defer`, ordering and a slice; neither annotations nor
    prefetching. Its rows are those that the queryset itself would give. Whatever changes from call to call must be an
    argument or a database function (`Now()`, never the clock of this process): all else stays as at the first call.
    """

    def __init__(self, build: Callable[..., QuerySet[Row]], **kinds: type) -> None:
        self._build = build
        self._kinds = kinds
        self._compiled: _Compiled | None = None

    def all(self, **values: Any) -> list[Row]:
        """The rows for these values. One query. Raises TypeError where the values are not those it takes."""
        if values.keys() != self._kinds.keys():
            raise TypeError(f"It takes {', '.join(self._kinds)}.")
        compiled = self._compiled or self._compile()
        params = [
            values[compiled.places[number]] if number in compiled.places else value
            for number, value in enumerate(compiled.params)
        ]
        connection = connections[DEFAULT_DB_ALIAS]
        with server_bound(connection) as cursor:
            cursor.execute(compiled.sql, params)
            rows = cursor.fetchall()
        return [_instance(compiled, list(row), connection) for row in rows]

    def first(self, **values: Any) -> Row | None:
        """The first row for these values, or None. The queryset should end in `[:1]`."""
        found = self.all(**values)
        return found[0] if found else None

    def _compile(self) -> _Compiled:
        marks = {name: _MARKS[kind](number) for number, (name, kind) in enumerate(self._kinds.items())}
        queryset = self._build(**marks)
        compiler = queryset.query.get_compiler(using=DEFAULT_DB_ALIAS)
        sql, params = compiler.as_sql()
        names = {mark: name for name, mark in marks.items()}
        places = {number: names[value] for number, value in enumerate(params) if _is_mark(value, names)}
        if set(places.values()) != set(marks):
            raise ValueError("A value of the query does not reach the database as it is.")
        self._compiled = _describe(compiler, sql, tuple(params), places)
        return self._compiled


class PreparedValues:
    """`PreparedValues(build)` for `build()`, a queryset of `values_list` that is the same each time it is asked.

    What changes must be a database function (`Now()`); its other values are sent with the SQL, so that PostgreSQL may
    use an index that is only for some of them.
    """

    def __init__(self, build: Callable[[], QuerySet[Any, Any]]) -> None:
        self._build = build
        self._compiled: tuple[str, tuple[Any, ...], Any] | None = None

    def all(self) -> list[tuple[Any, ...]]:
        """The rows. One query."""
        connection = connections[DEFAULT_DB_ALIAS]
        sql, params, converters = self._compiled or self._compile()
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            rows = cursor.fetchall()
        if converters:
            return [tuple(_converted(list(row), converters, connection)) for row in rows]
        return rows

    def _compile(self) -> tuple[str, tuple[Any, ...], Any]:
        compiler = self._build().query.get_compiler(using=DEFAULT_DB_ALIAS)
        sql, params = compiler.as_sql()
        found = compiler.get_converters([one[0] for one in compiler.select])
        converters = [(number, functions, column) for number, (functions, column) in found.items()]
        self._compiled = sql, tuple(params), converters
        return self._compiled


class PreparedIds(PreparedValues):
    """`PreparedIds(build, most)` for `build(ids)`, such a queryset of the rows with these ids, at most so many."""

    def __init__(self, build: Callable[[list[int]], QuerySet[Any, Any]], most: int) -> None:
        self._marks = [_MARKS[int](number) for number in range(most)]
        super().__init__(lambda: build(self._marks))

    def of(self, ids: Sequence[int]) -> list[tuple[Any, ...]]:
        """The rows with these ids. One query; none for none."""
        if not 0 < len(ids) <= len(self._marks):
            return [] if not ids else self._too_many()
        # Always as many, so that it is one statement for the database to know.
        places = dict(zip(self._marks, [*ids, *[ids[-1]] * (len(self._marks) - len(ids))], strict=True))
        connection = connections[DEFAULT_DB_ALIAS]
        sql, params, converters = self._compiled or self._compile()
        with connection.cursor() as cursor:
            cursor.execute(sql, [places.get(value, value) for value in params])
            rows = cursor.fetchall()
        return [tuple(_converted(list(row), converters, connection)) for row in rows]

    def _too_many(self) -> list[tuple[Any, ...]]:
        raise ValueError(f"At most {len(self._marks)} ids are asked for.")


Question = Callable[[], "QuerySet[Any, Any] | Sequence[QuerySet[Any, Any]]"]
"""Gives a queryset, or several: one row of any of them is a yes. What changes in it must be a database function."""


class PreparedExists:
    """`PreparedExists({"mail": question, …})`: which of these questions have a row, asked in one statement.

    All values are part of the SQL, so that PostgreSQL may use an index that is only for some of them.
    """

    def __init__(self, questions: Mapping[str, Question]) -> None:
        self._questions = dict(questions)
        self._compiled: tuple[str, tuple[Any, ...] | None] | None = None

    def found(self) -> frozenset[str]:
        """Names of the questions that have a row. One query."""
        if not self._questions:
            return frozenset()
        connection = connections[DEFAULT_DB_ALIAS]
        sql, params = self._compiled or self._compile(connection)
        with server_bound(connection) as cursor:
            cursor.execute(sql, params)
            row = cursor.fetchone()
        return frozenset(name for name, found in zip(self._questions, row, strict=True) if found)

    def _compile(self, connection: Any) -> tuple[str, tuple[Any, ...] | None]:
        parts: list[str] = []
        params: list[Any] = []
        for question in self._questions.values():
            asked = question()
            rows = [_exists(one, params) for one in ([asked] if isinstance(asked, QuerySet) else asked)]
            parts.append(f"({' OR '.join(rows)})")
        self._compiled = _with_values(f"SELECT {', '.join(parts)}", params, connection)
        return self._compiled


def _exists(rows: QuerySet[Any, Any], params: list[Any]) -> str:
    """The condition that there is a row; its values are added to `params`."""
    try:
        sql, own = rows.query.exists().get_compiler(using=DEFAULT_DB_ALIAS).as_sql()
    except EmptyResultSet:
        return "1 = 0"
    params += own
    return f"EXISTS ({sql})"


class PreparedFirsts:
    """`PreparedFirsts({"mail": build, …})`: the first value of each of these querysets, asked in one statement.

    `build()` gives a `values_list` of one column, of one row at most. What changes must be a database function.
    """

    def __init__(self, builds: Mapping[str, Callable[[], QuerySet[Any, Any]]]) -> None:
        self._builds = dict(builds)
        self._compiled: tuple[str, tuple[Any, ...] | None, Any] | None = None

    def all(self) -> dict[str, Any]:
        """The values by name, None where there is no row. One query."""
        connection = connections[DEFAULT_DB_ALIAS]
        sql, params, converters = self._compiled or self._compile(connection)
        with server_bound(connection) as cursor:
            cursor.execute(sql, params)
            row = cursor.fetchone()
        return dict(zip(self._builds, _converted(list(row), converters, connection), strict=True))

    def _compile(self, connection: Any) -> tuple[str, tuple[Any, ...] | None, Any]:
        parts: list[str] = []
        params: list[Any] = []
        converters: list[tuple[int, Any, Any]] = []
        for number, build in enumerate(self._builds.values()):
            compiler = build().query.get_compiler(using=DEFAULT_DB_ALIAS)
            sql, own = compiler.as_sql()
            parts.append(f"({sql})")
            params += own
            found = compiler.get_converters([one[0] for one in compiler.select])
            converters += [(number, functions, column) for functions, column in found.values()]
        self._compiled = *_with_values(f"SELECT {', '.join(parts)}", params, connection), converters
        return self._compiled


def _with_values(sql: str, params: list[Any], connection: Any) -> tuple[str, tuple[Any, ...] | None]:
    """A statement that is sent without values, where the database plans by them."""
    if connection.vendor != "postgresql":
        return sql, tuple(params)
    from django.db.backends.postgresql.psycopg_any import mogrify

    return mogrify(sql, params, connection), None


class Rows(ModelIterable):
    """For long lists, as `queryset._iterable_class`: the rows that the queryset gives itself, made at less cost."""

    def __iter__(self) -> Iterator[Any]:
        queryset: Any = self.queryset
        if queryset.query.annotations or queryset._known_related_objects:
            yield from super().__iter__()
            return
        compiler = queryset.query.get_compiler(using=DEFAULT_DB_ALIAS)
        found = compiler.execute_sql(chunked_fetch=self.chunked_fetch, chunk_size=self.chunk_size)
        described = _describe(compiler, "", (), {})
        for row in compiler.results_iter(found):
            yield _filled(described, row)


def _is_mark(value: Any, names: dict[Any, str]) -> bool:
    return isinstance(value, str | int) and value in names


def _describe(compiler: Any, sql: str, params: tuple[Any, ...], places: dict[int, str]) -> _Compiled:
    if compiler.annotation_col_map:
        raise ValueError("Annotations are not supported.")
    select, info = compiler.select, compiler.klass_info
    fields = info["select_fields"]
    span = slice(fields[0], fields[-1] + 1)
    converters = compiler.get_converters([one[0] for one in select[: compiler.col_count]])
    return _Compiled(
        sql=sql,
        params=params,
        places=places,
        make=maker(info["model"]),
        attributes=[one[0].target.attname for one in select[span]],
        span=span,
        populators=_with_makers(get_related_populators(info, select, DEFAULT_DB_ALIAS)),  # type: ignore[call-arg]
        converters=[(number, functions, column) for number, (functions, column) in converters.items()],
    )


def maker(model: type[Model]) -> Callable[[str, list[str], list[Any]], Model]:
    """What makes an instance of a row: as `model.from_db`, for a third of its cost.

    `from_db` calls `__init__`, which sets one attribute after another between two signals. Where a model takes part in
    that (a method of its own, or a receiver) it is called as ever.
    """
    plain = model.__init__ is Model.__init__ and model.from_db.__func__ is Model.from_db.__func__  # type: ignore[attr-defined]
    if not plain or pre_init.has_listeners(model) or post_init.has_listeners(model):
        return model.from_db

    def make(alias: str, attributes: list[str], values: list[Any]) -> Model:
        made = model.__new__(model)
        made._state = ModelState()
        made._state.adding = False
        made._state.db = alias
        made.__dict__.update(zip(attributes, values, strict=True))
        return made

    return make


def _with_makers(populators: Any) -> Any:
    for populator in populators:
        populator.model_cls = SimpleNamespace(from_db=maker(populator.model_cls))
        _with_makers(populator.related_populators)
    return populators


def _converted(row: list[Any], converters: Any, connection: Any) -> list[Any]:
    for number, functions, column in converters:
        value = row[number]
        for convert in functions:
            value = convert(value, column, connection)
        row[number] = value
    return row


def _instance(compiled: _Compiled, row: list[Any], connection: Any) -> Any:
    return _filled(compiled, _converted(row, compiled.converters, connection))


def _filled(compiled: _Compiled, row: list[Any]) -> Any:
    made = compiled.make(DEFAULT_DB_ALIAS, compiled.attributes, row[compiled.span])
    for populator in compiled.populators:
        populator.populate(row, made)
    return made
