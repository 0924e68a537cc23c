"""Flush of the database after a test with transactions of its own.

Django asks which tables there are, empties each, and tells all apps that they were migrated, upon which content types
and permissions are written anew, row by row; on PostgreSQL TRUNCATE costs milliseconds a table on top. Then it connects
anew. Each of it costs more than many of these tests. Here the few rows go with DELETE, what Django itself keeps about
the models stays as the migrations left it, and a connection that is as it was when it was made is kept.
"""

from __future__ import annotations

import functools
from typing import Any

import pytest
from django.db import DatabaseError, connections, transaction
from django.test import TransactionTestCase

KEPT = frozenset({"django_content_type", "auth_permission"})
"""Tables that say which models there are: no test writes them."""

GUARDED = "accounts_auditentry"
"""The table whose rows the database itself keeps."""


def install(patch: pytest.MonkeyPatch) -> None:
    """Empty so from now on, until the patch is undone."""
    patch.setattr(TransactionTestCase, "_fixture_teardown", _empty_all)
    patch.setattr(TransactionTestCase, "_should_reload_connections", _any_is_spoilt)


def _empty_all(case: Any) -> None:
    for name in case._databases_names(include_mirrors=False):
        empty(connections[name])


def empty(connection: Any) -> None:
    """Take every row out of every table but those kept."""
    try:
        _take_out(connection, _all_tables())
    except DatabaseError:
        # A test has migrated back and not forth again.
        _take_out(connection, tuple(connection.introspection.django_table_names(only_existing=True)))


@functools.cache
def _all_tables() -> tuple[str, ...]:
    return tuple(connections["default"].introspection.django_table_names(include_views=False))


def _take_out(connection: Any, tables: tuple[str, ...]) -> None:
    names = sorted(set(tables) - KEPT)
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Everything goes, so no row can refer to one that is missing: unchecked, and in one exchange.
            deletes = [f'DELETE FROM "{name}"' for name in names]
            cursor.execute(";".join(["SET LOCAL session_replication_role = replica", *deletes]))
            return
        cursor.execute("PRAGMA defer_foreign_keys = ON")
        cursor.execute(
            " UNION ALL ".join(f"SELECT '{one}' WHERE EXISTS (SELECT 1 FROM \"{one}\")" for one in names)
        )
        full = [name for (name,) in cursor.fetchall()]
        guards = _guards(cursor) if GUARDED in full else {}
        for statement in (
            *(f"DROP TRIGGER {name}" for name in guards), *(f'DELETE FROM "{name}"' for name in full), *guards.values(),
        ):  # fmt: skip
            cursor.execute(statement)


def _guards(cursor: Any) -> dict[str, str]:
    """The triggers that keep the record whole, and how they are put back."""
    cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [GUARDED])
    return dict(cursor.fetchall())


def _any_is_spoilt(_case: TransactionTestCase) -> bool:
    """Whether a connection is no longer as it was made: within a transaction, after an error, or away."""
    return not all(map(_is_well, connections.all(initialized_only=True)))


def _is_well(connection: Any) -> bool:
    if connection.connection is None:
        return True
    if connection.errors_occurred or connection.in_atomic_block or not connection.get_autocommit():
        return False
    if connection.vendor != "postgresql":
        return True
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock_all(); UNLISTEN *")
    except DatabaseError:
        return False
    return True
