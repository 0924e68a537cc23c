"""A test database that was migrated once: the next one begins as a copy of it.

Going through all migrations takes more processor time than many a test file, and each worker of each lane, and each
run of a single file, would do it. What it leads to is kept: of SQLite beside pytest's own cache, for all later runs;
of a throw-away PostgreSQL as a template in that server. The name says from which migrations it came, and `migrate` runs
over each copy as ever: permissions, groups and triggers are put right there as after any start.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection

from tests import postgres

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / ".pytest_cache" / "migrated"
BESIDE = ("accounts/staff/log_triggers.py",)
"""What `migrate` leaves in the schema from elsewhere than migrations."""
_KEPT_FILES = 4


def key() -> str:
    """The key of a migrated database: Django's version, and every file of every migration."""
    if not apps.ready:
        # The long forms of tests are programs of their own, which no plugin of pytest sets up.
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
        django.setup()
    told = hashlib.sha256(django.__version__.encode())
    folders = [Path(one.path) / "migrations" for one in apps.get_app_configs()]
    files = [path for folder in folders if folder.is_dir() for path in sorted(folder.glob("*.py"))]
    for path in [*files, *(ROOT / name for name in BESIDE)]:
        told.update(f"\0{path.parent.parent.name}/{path.name}\0".encode())
        told.update(path.read_bytes())
    return told.hexdigest()[:20]


def install(patch: pytest.MonkeyPatch) -> None:
    """Begin with the copy from now on, and keep the first that is made, until the patch is undone."""
    kind: Any = type(connection.creation)
    if connection.vendor == "sqlite":
        _install_files(kind, patch)
    elif postgres.PREFIX in str(settings.DATABASES["default"]["HOST"]):
        _install_templates(kind, patch)


def kept_file() -> Path:
    """Where the migrated SQLite is, or will be."""
    return KEPT / f"{key()}.sqlite3"


@contextlib.contextmanager
def making(made: Path) -> Iterator[bool]:
    """Whether the file is missing, and is to be made in the block; other processes wait meanwhile."""
    made.parent.mkdir(parents=True, exist_ok=True)
    with (made.parent / "lock").open("w") as lock:
        if not made.exists():
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield not made.exists()


def keep(database: Path | str, made: Path) -> None:
    """Keep a database for later, whole or not at all, and only a few of those that came before."""
    unfinished = made.with_suffix(f".{os.getpid()}")
    with (
        contextlib.closing(sqlite3.connect(database)) as source,
        contextlib.closing(sqlite3.connect(unfinished)) as target,
    ):
        source.backup(target)
    unfinished.rename(made)
    others = sorted(made.parent.glob("*.sqlite3"), key=lambda path: path.stat().st_mtime)
    for path in others[:-_KEPT_FILES]:
        path.unlink(missing_ok=True)


def _install_files(kind: Any, patch: pytest.MonkeyPatch) -> None:
    whole, empty, made = kind.create_test_db, kind._create_test_db, kept_file()

    def begin(self: Any, *words: Any, **named: Any) -> str:
        name: str = empty(self, *words, **named)
        if made.exists():
            shutil.copyfile(made, name)
        return name

    def create(self: Any, *words: Any, **named: Any) -> str:
        with making(made) as missing:
            name: str = whole(self, *words, **named)
            if missing:
                keep(name, made)
        return name

    patch.setattr(kind, "_create_test_db", begin)
    patch.setattr(kind, "create_test_db", create)


def _install_templates(kind: Any, patch: pytest.MonkeyPatch) -> None:
    whole, template = kind.create_test_db, f"migrated_{key()}"
    # Beside the server, whose template it is, and not with one run of pytest: a second try asks the same server.
    note = Path(settings.DATABASES["default"]["HOST"]) / template

    def create(self: Any, *words: Any, **named: Any) -> str:
        with making(note) as missing:
            if not missing:
                self.connection.settings_dict["TEST"]["TEMPLATE"] = template
            name: str = whole(self, *words, **named)
            if missing:
                # Nobody may be connected to what is copied.
                self.connection.close()
                with self._nodb_cursor() as cursor:
                    cursor.execute(f'CREATE DATABASE "{template}" TEMPLATE "{name}"')
                note.touch()
        return name

    def drop(self: Any, name: str, verbosity: int) -> None:
        # Of a server that a test has killed PostgreSQL may not have heard yet.
        with self._nodb_cursor() as cursor:
            cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    patch.setattr(kind, "_destroy_test_db", drop)
    patch.setattr(kind, "create_test_db", create)
