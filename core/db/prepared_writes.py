"""Compiled UPDATEs and DELETEs, as `core.db.prepared` does with SELECTs. For those of every answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.models import Field
from django.db.models.sql import DeleteQuery, UpdateQuery

from core.db.compiled_sql import Argument, Sql, arguments

Built = tuple[Any, Mapping[str, Any]]


class PreparedWrite:
    """`PreparedWrite(build)` for `build(pk, claim)`: a queryset, and what an UPDATE writes there.

    Where it writes nothing it is a DELETE. A value that a column is set to is made ready by its field; any other
    argument is sent as it is. Whatever else changes from call to call must be a database function. The rows must be of
    one table, and nothing may hang on a deleted one.
    """

    def __init__(self, build: Callable[..., Built]) -> None:
        self._build = build
        self._compiled: tuple[Sql, dict[str, Field[Any, Any]]] | None = None

    def run(self, **values: Any) -> int:
        """Send it; the number of rows that were changed. Raises TypeError where the values are not those it takes."""
        sql, fields = self._compiled or self._compile()
        connection = connections[DEFAULT_DB_ALIAS]
        for name, field in fields.items():
            if name in values:
                values[name] = field.get_db_prep_save(values[name], connection)
        params = sql.params(values)
        with transaction.mark_for_rollback_on_error(DEFAULT_DB_ALIAS), connection.cursor() as cursor:
            cursor.execute(sql.text, params)
            return int(cursor.rowcount)

    def _compile(self) -> tuple[Sql, dict[str, Field[Any, Any]]]:
        given = arguments(self._build)
        queryset, values = self._build(**given)
        query: Any = queryset.query.chain(UpdateQuery if values else DeleteQuery)
        if values:
            query.add_update_values(values)
        text, params = query.get_compiler(DEFAULT_DB_ALIAS).as_sql()
        fields = {
            value.name: queryset.model._meta.get_field(column)
            for column, value in values.items()
            if isinstance(value, Argument)
        }
        self._compiled = Sql(text, params, given), fields
        return self._compiled
