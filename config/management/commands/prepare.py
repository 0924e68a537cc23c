"""`manage.py prepare`: everything that an installation needs before its first request; safe to run again."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection, transaction

from accounts.site import secret_fingerprints
from accounts.staff import first_admin, groups
from config import file_permissions, staticfiles
from config.health import readiness
from core.processes import pdeathsig
from predictions.catalogue import conformance_models, loader

FIRST_START = "first_start.json"
_ADVISORY_KEY = 0x6461726B  # any number that means "Darkroom is being prepared" on this database


class Command(BaseCommand):
    help = "Migrate, fill the catalogue, collect static files, and make the first administrator; safe to run again."

    def handle(self, *args: Any, **options: Any) -> None:
        pdeathsig.arm()
        file_permissions.restrict(Path(settings.DATA), *_database_files())
        _reach_the_database()
        with _one_at_a_time():
            _migrate()
            secret_fingerprints.renew()
            # Asked again: another machine may have left its own since the checks.
            if words := readiness.foreign_secrets():
                raise CommandError(words)
            loader.load()
            conformance_models.match_mode()
            _make_first_admin()
        staticfiles.collect()


def _migrate() -> None:
    """Bring the database to this version. `migrate` would load every migration there is to find nothing to do."""
    if readiness.unrecorded_migrations() and (words := readiness.earlier_migrations()):
        raise CommandError(words)
    if readiness.unrecorded_migrations() or not groups.permissions_are_complete():
        call_command("migrate", interactive=False, verbosity=0)
    else:
        # What is done after each `migrate`: this version may have other rights, and a trigger may have been lost.
        groups.restore()


def _database_files() -> list[Path]:
    """SQLite's, wherever they lie."""
    if connection.vendor != "sqlite":
        return []
    name = str(connection.settings_dict["NAME"])
    return [Path(name + end) for end in ("", "-wal", "-shm")]


def _reach_the_database() -> None:
    """Connect to the database. Raises CommandError with the database's message alone: the operator corrects it."""
    try:
        connection.ensure_connection()
    except OperationalError as error:
        raise CommandError(f"The database cannot be opened: {' '.join(str(error).split())}") from None


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Several machines on one PostgreSQL must not migrate at once. On SQLite the server's lock has seen to it."""
    if connection.vendor != "postgresql":
        yield
        return
    # The lock of a transaction, on a connection of its own: that of a session would stay behind in a pooler.
    holder = connection.copy()
    try:
        holder.set_autocommit(False)
        with holder.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ADVISORY_KEY])
        yield
    finally:
        holder.close()


def _make_first_admin() -> None:
    """Make the administrator, and leave name, password and token in a 0600 file until they have been shown.

    The file is written before the transaction commits: a kill in between leaves a file without an administrator,
    which the next start overwrites, never an administrator whose password nobody has seen.
    """
    path = Path(settings.DATA) / FIRST_START
    with transaction.atomic():
        made = first_admin.create()
        if made is None:
            return
        text = json.dumps({"username": made.username, "password": made.password, "token": made.token})
        path.unlink(missing_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
