"""The copy that test databases begin as is known by its migrations, and made by one of those who ask for it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from django.apps import apps

from tests.servers import database_template, django_fork_server


def database(path: Path, word: str) -> Path:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(f"CREATE TABLE {word} (id integer)")
        connection.commit()
    return path


def tables(path: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM sqlite_master")]


def test_a_migration_that_is_added_or_changed_asks_for_another_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "migrations").mkdir()
    config = apps.get_app_config("gallery")
    before = database_template.key()
    monkeypatch.setattr(config, "path", str(tmp_path))
    keys = {before, database_template.key()}
    for text in ("first", "second"):
        (tmp_path / "migrations" / "0001_one.py").write_text(text)
        keys.add(database_template.key())
    assert len(keys) == 4
    monkeypatch.undo()
    assert database_template.key() == before


def test_only_who_comes_first_makes_it(tmp_path: Path) -> None:
    made = tmp_path / "kept" / "one.sqlite3"
    with database_template.making(made) as missing:
        assert missing
        database_template.keep(database(tmp_path / "own", "prints"), made)
    with database_template.making(made) as missing:
        assert not missing
    assert tables(made) == ["prints"]


def test_the_oldest_copies_go(tmp_path: Path) -> None:
    for number in range(7):
        made = tmp_path / "kept" / f"{number}.sqlite3"
        with database_template.making(made):
            database_template.keep(database(tmp_path / f"own{number}", f"t{number}"), made)
        os.utime(made, (number, number))
    # The one that was made last was as new as the clock when it was kept.
    assert sorted(path.stem for path in made.parent.glob("*.sqlite3")) == ["3", "4", "5", "6"]


def test_a_program_that_is_no_pytest_knows_it_too() -> None:
    told = subprocess.run(
        [sys.executable, "-c", "from tests.servers import database_template as one; print(one.key())"],
        cwd=database_template.ROOT, env=django_fork_server.environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert told.stdout.strip() == database_template.key()
