"""Compiled SELECTs: a queryset's SQL is built once and only its values are sent. For queries that every request runs.

Django builds the SQL of a queryset anew each time, which costs many times what the database needs to answer it
(docs/benchmarks.md). A `Prepared` query has the queryset build it once, with an `Argument` for each value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.core.exceptions import EmptyResultSet
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Model, QuerySet
from django.db.models.base import ModelState
from django.db.models.query import ModelIterable
from django.db.models.signals import post_init, pre_init

from core.db.compiled_sql import Sql, arguments, server_bound

Row = TypeVar("Row", bound=Model)
Converters = list[tuple[int, list[Callable[..., Any]], Any]]


class Prepared(Generic[Row]):
    """`Prepared(build)` for `build(digest)`, a queryset; `all(digest=…)` and `first(digest=…)` give its rows.

    The queryset may use filters, `select_related`, `only`, `defer`, ordering and a slice; neither annotations nor
    prefetching. Whatever changes from call to call must be an argument or a database function (`Now()`, never the clock
    of this process): all else stays as at the first call. Arguments are sent as they are.
    """

    def __init__(self, build: Callable[..., QuerySet[Row]]) -> None:
        self._build = build
        self._compiled: tuple[Sql, _Instances, Converters] | None = None

    def all(self, **values: Any) -> list[Row]:
        """The rows for these values. One query. Raises TypeError where the values are not those it takes."""
        sql, instances, converters = self._compiled or self._compile()
        params = sql.params(values)
        connection = connections[DEFAULT_DB_ALIAS]
        with server_bound(connection) as cursor:
            cursor.execute(sql.text, params)
            rows = cursor.fetchall()
        return [instances.make(_converted(list(row), converters, connection)) for row in rows]

    def first(self, **values: Any) -> Row | None:
        """The first row for these values, or None. The queryset should end in `[:1]`."""
        found = self.all(**values)
        return found[0] if found else None

    def _compile(self) -> tuple[Sql, _Instances, Converters]:
        given = arguments(self._build)
        compiler = self._build(**given).query.get_compiler(using=DEFAULT_DB_ALIAS)
        text, params = compiler.as_sql()
        converters = _converters(compiler, compiler.select[: compiler.col_count])
        self._compiled = Sql(text, params, given), _Instances.of(compiler), converters
        return self._compiled


class PreparedValues:
    """`PreparedValues(build)` for `build()`, a queryset of `values_list` that is the same each time it is asked.

    What changes must be a database function (`Now()`); its other values are sent with the SQL, so that PostgreSQL may
    use an index that is only for some of them.
    """

    def __init__(self, build: Callable[[], QuerySet[Any, Any]]) -> None:
        self._build = build
        self._compiled: tuple[str, Sequence[Any], Converters] | None = None

    def all(self) -> list[tuple[Any, ...]]:
        """The rows. One query."""
        connection = connections[DEFAULT_DB_ALIAS]
        text, params, converters = self._compiled or self._compile()
        with connection.cursor() as cursor:
            cursor.execute(text, params)
            rows = cursor.fetchall()
        if converters:
            return [tuple(_converted(list(row), converters, connection)) for row in rows]
        return rows

    def _compile(self) -> tuple[str, Sequence[Any], Converters]:
        compiler = self._build().query.get_compiler(using=DEFAULT_DB_ALIAS)
        self._compiled = *compiler.as_sql(), _converters(compiler, compiler.select)
        return self._compiled


class PreparedFirsts:
    """`PreparedFirsts({"mail": build, …})`: the first value of each of these querysets, asked in one statement.

    `build()` gives a `values_list` of one column, of one row at most. What changes must be a database function. All
    values are part of the SQL, so that PostgreSQL may use an index that is only for some of them.
    """

    def __init__(self, builds: Mapping[str, Callable[[], Any]]) -> None:
        self._builds = dict(builds)
        self._compiled: tuple[str, Sequence[Any] | None, Converters] | None = None

    def all(self) -> dict[str, Any]:
        """The values by name, None where there is no row. One query."""
        if not self._builds:
            return {}
        connection = connections[DEFAULT_DB_ALIAS]
        text, params, converters = self._compiled or self._compile(connection)
        with server_bound(connection) as cursor:
            cursor.execute(text, params)
            row = cursor.fetchone()
        return dict(zip(self._builds, _converted(list(row), converters, connection), strict=True))

    def _compile(self, connection: Any) -> tuple[str, Sequence[Any] | None, Converters]:
        parts: list[str] = []
        params: list[Any] = []
        converters: Converters = []
        for number, build in enumerate(self._builds.values()):
            text, own, found = self._part(build())
            parts.append(f"({text})")
            params += own
            converters += [(number, functions, column) for _, functions, column in found]
        text = f"SELECT {', '.join(parts)}"
        if connection.vendor == "postgresql":
            from django.db.backends.postgresql.psycopg_any import mogrify

            self._compiled = mogrify(text, params, connection), None, converters
        else:
            self._compiled = text, params, converters
        return self._compiled

    def _part(self, rows: Any) -> tuple[str, Sequence[Any], Converters]:
        compiler = rows.query.get_compiler(using=DEFAULT_DB_ALIAS)
        return *compiler.as_sql(), _converters(compiler, compiler.select)


Question = Callable[[], "QuerySet[Any, Any] | Sequence[QuerySet[Any, Any]]"]
"""Gives a queryset, or several: one row of any of them is a yes. What changes in it must be a database function."""


class PreparedExists(PreparedFirsts):
    """`PreparedExists({"mail": question, …})`: which of these questions have a row, asked in one statement."""

    def __init__(self, questions: Mapping[str, Question]) -> None:
        super().__init__(questions)

    def found(self) -> frozenset[str]:
        """Names of the questions that have a row. One query."""
        return frozenset(name for name, found in self.all().items() if found)

    def _part(self, rows: Any) -> tuple[str, Sequence[Any], Converters]:
        parts: list[str] = []
        params: list[Any] = []
        for one in [rows] if isinstance(rows, QuerySet) else rows:
            try:
                text, own = one.query.exists().get_compiler(using=DEFAULT_DB_ALIAS).as_sql()
            except EmptyResultSet:
                parts.append("1 = 0")
            else:
                parts.append(f"EXISTS ({text})")
                params += own
        return " OR ".join(parts), params, []


class Rows(ModelIterable):
    """For long lists, as `queryset._iterable_class`: the rows that the queryset gives itself, made at less cost."""

    def __iter__(self) -> Iterator[Any]:
        queryset: Any = self.queryset
        if queryset.query.annotations or queryset._known_related_objects:
            yield from super().__iter__()
            return
        compiler = queryset.query.get_compiler(using=DEFAULT_DB_ALIAS)
        found = compiler.execute_sql(chunked_fetch=self.chunked_fetch, chunk_size=self.chunk_size)
        instances = _Instances.of(compiler)
        for row in compiler.results_iter(found):
            yield instances.make(row)


@dataclass(frozen=True)
class _Instances:
    """What makes instances of a compiled query's rows, and their related instances."""

    create: Callable[[str, list[str], Any], Any]
    attributes: list[str]
    span: slice
    key: int
    """Where the primary key is in a row; None there means that there is no related instance."""
    related: list[tuple[_Instances, Callable[..., None], Callable[..., None]]]
    """With what sets them here, and this one there."""

    @classmethod
    def of(cls, compiler: Any, info: Any = None) -> _Instances:
        """Those of this compiler, which has compiled its query. ValueError where that has annotations."""
        if compiler.annotation_col_map:
            raise ValueError("Annotations are not supported.")
        info = info or compiler.klass_info
        span = slice(info["select_fields"][0], info["select_fields"][-1] + 1)
        attributes = [one[0].target.attname for one in compiler.select[span]]
        return cls(
            create=maker(info["model"]),
            attributes=attributes,
            span=span,
            key=span.start + attributes.index(info["model"]._meta.pk.attname),
            related=[
                (cls.of(compiler, one), one["local_setter"], one["remote_setter"])
                for one in info.get("related_klass_infos", ())
            ],
        )

    def make(self, row: Sequence[Any]) -> Any:
        """The instance of a row whose values were converted."""
        made = self.create(DEFAULT_DB_ALIAS, self.attributes, row[self.span])
        for instances, set_here, set_there in self.related:
            other = None if row[instances.key] is None else instances.make(row)
            set_here(made, other)
            if other is not None:
                set_there(other, made)
        return made


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


def _converters(compiler: Any, select: Sequence[Any]) -> Converters:
    found = compiler.get_converters([one[0] for one in select])
    return [(number, functions, column) for number, (functions, column) in found.items()]


def _converted(row: list[Any], converters: Converters, connection: Any) -> list[Any]:
    for number, functions, column in converters:
        value = row[number]
        for convert in functions:
            value = convert(value, column, connection)
        row[number] = value
    return row
