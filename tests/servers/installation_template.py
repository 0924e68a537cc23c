"""A migrated installation to copy, for tests that start servers but do not test the first start.

Migrating an empty database and collecting a thousand static files takes most of the processor time of a first start. It
is done once for all processes of a run, by the commands that a real start runs, and copied; a start then finds nothing
to do but what is left: catalogue, first administrator, keys. `tests/deployment/test_first_start.py` starts without a
database.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import sqlite3
import tempfile
from pathlib import Path

from tests.postgres import Postgres
from tests.servers import database_template, django_fork_server

VARIABLE = "DARKROOM_TEST_INSTALLATION"
"""The folder that processes of a run share; without it each makes its own."""
DATABASE = "darkroom.sqlite3"
_MAKE = """
from django.core.management import call_command
from config import staticfiles
call_command("migrate", interactive=False, verbosity=0)
staticfiles.collect()
"""


def prepare_data(data: Path, *, database: bool = True) -> None:
    """Give a new data folder the static files, and the migrated SQLite unless `database` is false.

    A folder that an installation has already used is left unchanged.
    """
    if (data / "static").exists() or (data / DATABASE).exists():
        return
    made = _made()
    data.mkdir(parents=True, exist_ok=True)
    shutil.copytree(made / "static", data / "static")
    if database:
        shutil.copyfile(made / DATABASE, data / DATABASE)


def _made() -> Path:
    """The shared template, made by the first process that needs it."""
    template = _shared() / "house"
    with database_template.making(template) as missing:
        if missing:
            _make(unfinished := template.with_name("unfinished"))
            unfinished.rename(template)
    return template


def _make(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    env = {**django_fork_server.environment(), "DARKROOM_DATA": str(folder)}
    kept = database_template.kept_file()
    with database_template.making(kept) as missing:
        if not missing:
            folder.mkdir(parents=True)
            shutil.copyfile(kept, folder / DATABASE)
        done = django_fork_server.python(_MAKE, env, 300)
        assert done.returncode == 0, done.stderr[-3000:]
        if missing:
            database_template.keep(folder / DATABASE, kept)
    # What the log beside it still holds belongs into the file that is copied.
    with contextlib.closing(sqlite3.connect(folder / DATABASE)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def postgres() -> Path:
    """The data of a migrated PostgreSQL that is stopped, for `Postgres(kept)`. Raises NoPostgres."""
    kept = _shared() / "postgres"
    with database_template.making(kept) as missing:
        if missing:
            _make_postgres(unfinished := kept.with_name("unfinished-postgres"))
            unfinished.rename(kept)
    return kept


def _make_postgres(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    with Postgres() as server, tempfile.TemporaryDirectory(prefix="darkroom-template-") as data:
        env = {**os.environ, "DARKROOM_DATA": data, "DARKROOM_DATABASE_URL": server.url}
        program = "from django.core.management import call_command; call_command('migrate', verbosity=0)"
        done = django_fork_server.python(program, env, 300)
        assert done.returncode == 0, done.stderr[-3000:]
        server.keep(folder)


def _shared() -> Path:
    if VARIABLE not in os.environ:
        folder = tempfile.mkdtemp(prefix="darkroom-template-")
        os.environ[VARIABLE] = folder
        owner = os.getpid()
        atexit.register(lambda: os.getpid() == owner and shutil.rmtree(folder, ignore_errors=True))
    return Path(os.environ[VARIABLE])
