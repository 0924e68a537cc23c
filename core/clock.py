"""The database's clock: `Now()` for queries, `after()` for moments from now. No process's clock is compared."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import DateTimeField, ExpressionWrapper, functions


class Now(functions.Now):  # noqa: TID251
    """Now, in the very form in which a datetime is written, so that stored times compare equal to themselves.

    SQLite compares times as text. Django's own form there has three digits of a second, a datetime read and sent
    back has six: such a row would be both before and after itself in a keyset. The last digit is never 0, since a
    datetime without microseconds is written without them.
    """

    def as_sqlite(self, compiler: Any, connection: Any, **extra_context: Any) -> Any:
        """`YYYY-MM-DD HH:MM:SS.ffffff` in UTC."""
        template = "STRFTIME('%%%%Y-%%%%m-%%%%d %%%%H:%%%%M:%%%%f001', 'NOW')"
        return self.as_sql(compiler, connection, template=template, **extra_context)


def after(seconds: float) -> Any:
    """The database's now, plus so many seconds, as an expression."""
    return ExpressionWrapper(Now() + timedelta(seconds=seconds), output_field=DateTimeField())
