"""Database triggers that refuse changes to the audit log, and their reinstallation where they are missing.

Checked after each `migrate`, since SQLite drops the triggers of a table that a migration rebuilds, and by the audit.
"""

from __future__ import annotations

from typing import Any

from django.db import connection

TABLE = "accounts_auditentry"
_SQLITE = (
    f"CREATE TRIGGER IF NOT EXISTS audit_never_changed BEFORE UPDATE ON {TABLE} "
    "BEGIN SELECT RAISE(ABORT, 'The record is never changed.'); END",
    f"CREATE TRIGGER IF NOT EXISTS audit_never_shortened BEFORE DELETE ON {TABLE} "
    "BEGIN SELECT RAISE(ABORT, 'The record is never shortened.'); END",
)
_POSTGRESQL = (
    "CREATE OR REPLACE FUNCTION audit_stays() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'The record is never changed and never shortened.'; END $$",
    f"CREATE OR REPLACE TRIGGER audit_never_changed BEFORE UPDATE OR DELETE ON {TABLE} "
    "FOR EACH ROW EXECUTE FUNCTION audit_stays()",
    f"CREATE OR REPLACE TRIGGER audit_never_emptied BEFORE TRUNCATE ON {TABLE} "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_stays()",
    f"ALTER TABLE {TABLE} ENABLE TRIGGER audit_never_changed",
    f"ALTER TABLE {TABLE} ENABLE TRIGGER audit_never_emptied",
)


def install(**_signal: Any) -> None:
    """Create the triggers where any is missing."""
    if are_installed() or TABLE not in connection.introspection.table_names():
        return
    with connection.cursor() as cursor:
        for statement in _POSTGRESQL if connection.vendor == "postgresql" else _SQLITE:
            cursor.execute(statement)


def are_installed() -> bool:
    """Whether both triggers exist and are enabled."""
    if connection.vendor == "postgresql":
        # Enabled ones only: 'O' (the default) and 'A' (always).
        sql = (
            "SELECT count(*) FROM pg_trigger WHERE tgrelid = to_regclass(%s) AND tgenabled IN ('O', 'A') "
            "AND tgname IN ('audit_never_changed', 'audit_never_emptied')"
        )
    else:
        sql = (
            "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s "
            "AND name IN ('audit_never_changed', 'audit_never_shortened')"
        )
    with connection.cursor() as cursor:
        cursor.execute(sql, [TABLE])
        return bool(cursor.fetchone()[0] == 2)
