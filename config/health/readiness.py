"""Readiness checks of a process against its database and its files, for system checks and `/readyz`.

Each function returns one sentence for the operator, which says what is wrong and what to do; an empty text where all
is well. Those that query the database raise DatabaseError where it does not respond.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from pathlib import PurePosixPath
from pkgutil import iter_modules

from django.apps import apps
from django.conf import settings
from django.core.files.base import ContentFile
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from accounts.models import SecretFingerprint
from accounts.site import secret_fingerprints
from config import staticfiles
from predictions.files import media

CLOCK_S = 5.0
"""Largest difference between the clocks of this machine and of the database, in seconds."""
OWN_APPS = ("accounts", "predictions", "gallery")


def foreign_secrets() -> str:
    """This process has other secrets than those that the database was made with."""
    if SecretFingerprint._meta.db_table not in connection.introspection.table_names():
        return ""
    wrong = secret_fingerprints.mismatches()
    if not wrong:
        return ""
    names = " and ".join(secret_fingerprints.SETTINGS[kind] for kind in wrong)
    return (
        f"{names}: this database was made with other values than this process has. Set the same everywhere; a server "
        "for which none were set keeps its own in its data folder, as secret_key and keys. If those are lost, or must "
        "not be used any more: manage.py keys accept."
    )


def later_migrations() -> str:
    """A newer Darkroom has migrated this database."""
    unknown = {key for key in _applied() if key[0] in OWN_APPS} - _names()
    # Its file may be gone because another replaces it.
    later = sorted(unknown.difference(*_own_replacements().values())) if unknown else []
    if not later:
        return ""
    app, name = later[-1]
    return (
        f"This database was migrated by a newer Darkroom ({app} {name} is not known here). Start that version, "
        "or restore the backup from before the upgrade."
    )


def earlier_migrations() -> str:
    """This database stands between migrations that were made anew since: nothing here can bring it up."""
    applied = _applied()
    for key, replaces in sorted(_own_replacements().items()):
        missing = sorted(set(replaces) - applied)
        if key not in applied and 0 < len(missing) < len(replaces):
            app, name = missing[-1]
            return (
                f"This database was last migrated by an early Darkroom ({app} {name} is not on record). Check out the "
                "last commit that had it, start that once, then come back: git checkout "
                f"$(git log -1 --format=%H --diff-filter=D -- {app}/migrations/{name}.py)~"
            )
    return ""


def missing_migrations() -> str:
    """This database lacks migrations of this version."""
    missing = unrecorded_migrations()
    if missing:
        # A squashed one counts as applied once those it replaces are.
        applied = _applied()
        missing -= {
            key for key, replaces in _migrations().items() if replaces and applied.issuperset(replaces)
        }
    if not missing:
        return ""
    return f"{len(missing)} migrations are not applied yet: run manage.py prepare (script/server does at each start)."


def unrecorded_migrations() -> set[tuple[str, str]]:
    """Migrations of this version without a record in the database. Without any, `migrate` has nothing to do."""
    return set(_names()) - _applied()


@cache
def _names() -> frozenset[tuple[str, str]]:
    """The migrations of this version, by file name, without loading them."""
    found = set()
    for app in apps.get_app_configs():
        module, _explicit = MigrationLoader.migrations_module(app.label)
        try:
            package = import_module(module) if module else None
        except ModuleNotFoundError as error:
            if error.name != module:
                raise
            continue
        found |= {
            (app.label, one.name)
            for one in iter_modules(getattr(package, "__path__", ()))
            if not one.ispkg and one.name[0] not in "_~"
        }
    return frozenset(found)


@cache
def _migrations() -> dict[tuple[str, str], tuple[tuple[str, str], ...]]:
    """The migrations of this version, each with those that it replaces."""
    # Without a connection the database is not queried, and none counts as applied.
    loader = MigrationLoader(None, ignore_no_migrations=True)
    return {key: tuple(one.replaces) for key, one in loader.disk_migrations.items()}


@cache
def _own_replacements() -> dict[tuple[str, str], tuple[tuple[str, str], ...]]:
    """Our own migrations that replace others; only our files are loaded, since each start calls this."""
    found = {}
    for app, name in _names():
        if app in OWN_APPS:
            module, _explicit = MigrationLoader.migrations_module(app)
            migration = import_module(f"{module}.{name}").Migration
            found[app, name] = tuple(getattr(migration, "replaces", ()))
    return {key: replaces for key, replaces in found.items() if replaces}


def _applied() -> set[tuple[str, str]]:
    return set(MigrationRecorder(connection).applied_migrations())


def clock_difference() -> str:
    """The clocks of this machine and of the database disagree."""
    if connection.vendor != "postgresql":
        return ""
    before = datetime.now(UTC)
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        at = cursor.fetchone()[0]
    after = datetime.now(UTC)
    ahead = (before - at).total_seconds() if at < before else min(0.0, (after - at).total_seconds())
    if abs(ahead) <= CLOCK_S:
        return ""
    way = "ahead of" if ahead > 0 else "behind"
    return (
        f"The clock of this machine is {abs(ahead):.0f} s {way} the database's. Set both by NTP: this process is not "
        f"ready until they agree within {CLOCK_S:.0f} s."
    )


def broken_pooler() -> str:
    """Prepared statements are asked for behind a pooler that does not keep them."""
    if connection.vendor != "postgresql":
        return ""
    # Not at the top: on SQLite no process needs the driver.
    import psycopg

    from config.postgresql.base import KEPT_BY_POOLER, is_pooled

    if not connection.settings_dict.get(KEPT_BY_POOLER):
        return ""
    connection.ensure_connection()
    assert connection.connection is not None
    if not is_pooled(connection.connection):
        return ""
    try:
        for _time in range(2):
            # Statements are named by their order on a connection: the second one's first meets the first one's.
            # The driver's own cursor: Django's puts the values into the SQL, and prepares nothing.
            parameters = {**connection.get_connection_params(), "cursor_factory": psycopg.Cursor}
            with psycopg.connect(**parameters, autocommit=True) as one:
                one.execute("SELECT 1", prepare=True)
    except (psycopg.errors.DuplicatePreparedStatement, psycopg.errors.InvalidSqlStatementName):
        return (
            "DARKROOM_DATABASE_URL asks for prepared statements (prepare_threshold), and the pooler in between does "
            "not keep them. Leave prepare_threshold out, or set max_prepared_statements in pgbouncer 1.21 or later."
        )
    except psycopg.OperationalError:
        # The pooler is full just now: whether it keeps statements is unknown, and is no reason not to start.
        return ""
    return ""


def storage() -> str:
    """A file cannot be written to the storage and read again."""
    name = str(PurePosixPath(".probes") / secrets.token_hex(16))
    content = secrets.token_bytes(32)
    try:
        saved = media.storage().save(name, ContentFile(content))
        try:
            with media.storage().open(saved, "rb") as file:
                same = file.read() == content
        finally:
            media.storage().delete(saved)
    except OSError as error:
        return (
            f"The storage of pictures cannot be written and read: {error.strerror or type(error).__name__}."
        )
    return "" if same else "The storage of pictures gives back other bytes than were written."


def static_files() -> str:
    """The pages' own files were not collected here."""
    if staticfiles.are_here():
        return ""
    return f"The static files are not in {settings.STATIC_ROOT}: run manage.py prepare."
