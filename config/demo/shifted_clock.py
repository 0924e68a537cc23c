"""The clock of `manage.py demo`: what is done under it is recorded as of a moment in the past.

For this process alone it replaces the database's time (`core.clock.Now`), `timezone.now` and the defaults of columns
that the database fills with its time. So demo data comes from the functions that pages and API call, and each of them
compares, limits and records times as it always does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any

from django.apps import apps
from django.db import connection, models
from django.utils import timezone

from core.clock import Now

_SCHEMA = "demo_clock"
_FUNCTIONS = ("statement_timestamp", "clock_timestamp")
_UNIX_EPOCH_JULIAN = 2440587.5
_DAY_S = 86400.0


class ShiftedClock:
    """The moment that everything done within `running` takes place at."""

    def __init__(self) -> None:
        self._moment: datetime | None = None

    def now(self) -> datetime:
        """The moment that was set; the present time outside of `running`."""
        return self._moment or datetime.now(UTC)

    def set(self, moment: datetime) -> None:
        """Let it be that moment from now on. It may be earlier than the last one."""
        self._moment = moment.astimezone(UTC)
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('demo.now', %s, false)", [self._moment.isoformat()])

    @contextmanager
    def running(self, moment: datetime) -> Iterator[None]:
        """Replace the clocks of this process, beginning with that moment."""
        with ExitStack() as restored:
            self._replace_columns(restored)
            self._replace(restored, timezone, "now", self.now)
            if connection.vendor == "postgresql":
                restored.enter_context(_postgresql())
            else:
                restored.callback(connection.close)
                self._replace_sqlite()
            restored.callback(self._stop)
            self.set(moment)
            yield

    def _stop(self) -> None:
        self._moment = None

    def _replace(self, restored: ExitStack, owner: Any, name: str, value: Any) -> None:
        restored.callback(setattr, owner, name, getattr(owner, name))
        setattr(owner, name, value)

    def _replace_columns(self, restored: ExitStack) -> None:
        """Fill the columns here that the database would fill with its own time."""
        for model in apps.get_models():
            for field in model._meta.local_fields:
                if isinstance(field, models.DateTimeField) and isinstance(field.db_default, Now):
                    # Django keeps the default in a cached property.
                    restored.callback(field.__dict__.pop, "_get_default", None)
                    self._replace(restored, field, "default", self.now)
                    field.__dict__.pop("_get_default", None)

    def _replace_sqlite(self) -> None:
        connection.ensure_connection()
        raw: Any = connection.connection
        raw.create_function("strftime", 2, self._strftime)
        raw.create_function("julianday", 1, self._julian_day)

    def _strftime(self, form: str, value: str) -> str:
        """SQLite's own, of the present time alone: `%f` is seconds with milliseconds."""
        _require_now(value)
        now = self.now()
        return now.strftime(form.replace("%f", f"%S.{now.microsecond // 1000:03d}"))

    def _julian_day(self, value: str) -> float:
        _require_now(value)
        return self.now().timestamp() / _DAY_S + _UNIX_EPOCH_JULIAN


def _require_now(value: str) -> None:
    if value.lower() != "now":
        raise ValueError("Only the present time is replaced.")


@contextmanager
def _postgresql() -> Iterator[None]:
    """Functions of the same names that this session finds before PostgreSQL's own."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW search_path")
        path = cursor.fetchone()[0]
        cursor.execute(f"DROP SCHEMA IF EXISTS {_SCHEMA} CASCADE")
        cursor.execute(f"CREATE SCHEMA {_SCHEMA}")
        for name in _FUNCTIONS:
            cursor.execute(
                f"CREATE FUNCTION {_SCHEMA}.{name}() RETURNS timestamptz LANGUAGE sql STABLE "
                "AS $$ SELECT current_setting('demo.now')::timestamptz $$"
            )
        cursor.execute(f"SET search_path TO {_SCHEMA}, pg_catalog, {path}")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"SET search_path TO {path}")
            cursor.execute(f"DROP SCHEMA {_SCHEMA} CASCADE")
