"""The database's own refusal to change or shorten the record: triggers, put back wherever they are missing.

They are looked for after each `migrate`, as SQLite forgets the triggers of a table that a migration rebuilds, and by
the audit.
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
    """Put the triggers where they are missing."""
    if is_there() or TABLE not in connection.introspection.table_names():
        return
    with connection.cursor() as cursor:
        for statement in _POSTGRESQL if connection.vendor == "postgresql" else _SQLITE:
            cursor.execute(statement)


def is_there() -> bool:
    """Whether the database refuses both."""
    if connection.vendor == "postgresql":
        # Enabled ones only: 'O' is as they are made, 'A' always.
        asked = (
            "SELECT count(*) FROM pg_trigger WHERE tgrelid = to_regclass(%s) AND tgenabled IN ('O', 'A') "
            "AND tgname IN ('audit_never_changed', 'audit_never_emptied')"
        )
    else:
        asked = (
            "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s "
            "AND name IN ('audit_never_changed', 'audit_never_shortened')"
        )
    with connection.cursor() as cursor:
        cursor.execute(asked, [TABLE])
        return bool(cursor.fetchone()[0] == 2)
