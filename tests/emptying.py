"""How the database is emptied after a test with transactions of its own.

Django empties every table and then tells all apps that they were migrated, upon which content types and permissions are
written anew, row by row; on PostgreSQL TRUNCATE costs milliseconds a table on top. Both cost more than most of these
tests. Here the few rows go with DELETE, and what Django itself keeps about the models stays as the migrations left it.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management.commands import flush

KEPT = frozenset({"django_content_type", "auth_permission"})
"""Tables that say which models there are: no test writes them."""

GUARDED = "accounts_auditentry"
"""The table whose rows the database itself keeps."""


def rows_alone(style: Any, connection: Any, **_options: Any) -> list[str]:
    """The statements that empty every table but those kept. `style` is ignored: nobody reads them on a terminal."""
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    quoted = [connection.ops.quote_name(name) for name in sorted(names) if name not in KEPT]
    deletes = [f"DELETE FROM {name}" for name in quoted]
    if connection.vendor != "postgresql":
        off, on = _guards(connection)
        return [*off, *deletes, *on]
    # Everything goes, so no row can refer to one that is missing; unchecked, and in one exchange with the server.
    return [";".join(["SET LOCAL session_replication_role = replica", *deletes])]


def _guards(connection: Any) -> tuple[list[str], list[str]]:
    """How the triggers that keep the record whole are taken off and put back; nothing where no row could wake them."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {GUARDED})")
        if not cursor.fetchone()[0]:
            return [], []
        cursor.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [GUARDED]
        )
        found = cursor.fetchall()
    return [f"DROP TRIGGER {name}" for name, _sql in found], [sql for _name, sql in found]


def install(patch: pytest.MonkeyPatch) -> None:
    """Empty so from now on, until the patch is undone."""
    patch.setattr(flush, "sql_flush", rows_alone)
    patch.setattr(flush, "emit_post_migrate_signal", lambda *_words: None)
