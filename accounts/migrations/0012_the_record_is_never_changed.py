"""Triggers that refuse to change or shorten the record, on both databases."""

from django.db import migrations

TABLE = "accounts_auditentry"
SQLITE = [
    f"CREATE TRIGGER IF NOT EXISTS audit_never_changed BEFORE UPDATE ON {TABLE} "
    "BEGIN SELECT RAISE(ABORT, 'The record is never changed.'); END",
    f"CREATE TRIGGER IF NOT EXISTS audit_never_shortened BEFORE DELETE ON {TABLE} "
    "BEGIN SELECT RAISE(ABORT, 'The record is never shortened.'); END",
]
POSTGRESQL = [
    "CREATE OR REPLACE FUNCTION audit_stays() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'The record is never changed and never shortened.'; END $$",
    f"CREATE OR REPLACE TRIGGER audit_never_changed BEFORE UPDATE OR DELETE ON {TABLE} "
    "FOR EACH ROW EXECUTE FUNCTION audit_stays()",
    f"CREATE OR REPLACE TRIGGER audit_never_emptied BEFORE TRUNCATE ON {TABLE} "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_stays()",
]
BACK = {
    "sqlite": ["DROP TRIGGER IF EXISTS audit_never_changed", "DROP TRIGGER IF EXISTS audit_never_shortened"],
    "postgresql": [
        f"DROP TRIGGER IF EXISTS audit_never_changed ON {TABLE}",
        f"DROP TRIGGER IF EXISTS audit_never_emptied ON {TABLE}",
        "DROP FUNCTION IF EXISTS audit_stays()",
    ],
}


def make(apps, schema_editor):
    for statement in POSTGRESQL if schema_editor.connection.vendor == "postgresql" else SQLITE:
        schema_editor.execute(statement, params=None)


def unmake(apps, schema_editor):
    for statement in BACK[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0011_allowances_have_a_time")]

    operations = [migrations.RunPython(make, unmake)]
