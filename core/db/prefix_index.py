"""Database index for `istartswith` and `iexact`: case-insensitive prefixes, the same on SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models.expressions import OrderBy
from django.db.models.functions import Collate, Upper
from django.db.models.indexes import IndexExpression

# As `django.contrib.postgres` does where it is installed: else PostgreSQL is sent the class within the parentheses.
IndexExpression.register_wrappers(OrderBy, OpClass, Collate)


class PrefixIndex(models.Index):
    """Of one column of text. Django asks PostgreSQL for `UPPER(column) LIKE`, and SQLite for a LIKE without case."""

    def create_sql(
        self,
        model: type[models.Model],
        schema_editor: BaseDatabaseSchemaEditor,
        using: str = "",
        **kwargs: Any,
    ) -> Any:
        """The statement for this database."""
        column = self.fields[0]
        postgres = schema_editor.connection.vendor == "postgresql"
        expression: Any = (
            OpClass(Upper(column), name="text_pattern_ops") if postgres else Collate(column, "nocase")
        )
        return models.Index(expression, name=self.name).create_sql(model, schema_editor, using, **kwargs)
