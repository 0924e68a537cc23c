"""What a house writes is for its own user alone, also what an earlier version wrote with wider modes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages

from config import file_permissions

BASE = Path(__file__).resolve().parents[2]


def open_to_others(folder: Path) -> list[str]:
    """Everything in a folder, and itself, that group or others may use."""
    paths = [folder, *folder.rglob("*")]
    return sorted(str(path) for path in paths if path.exists() and path.stat().st_mode & 0o077)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A data folder as versions before this one left it."""
    (tmp_path / "media" / "ab").mkdir(parents=True)
    (tmp_path / "mail").mkdir()
    for name in ("darkroom.sqlite3", "media/ab/one.png", "media/two.png", "mail/reset.log", "server.lock"):
        (tmp_path / name).write_bytes(b"x")
    for path in [tmp_path, *tmp_path.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    return tmp_path


def test_it_closes_what_an_earlier_version_left_open(old: Path) -> None:
    file_permissions.restrict(old)
    assert open_to_others(old) == []


def test_it_goes_on_where_a_walk_was_cut_short(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = old / "media" / "ab" / "one.png"
    whole = file_permissions._close

    def killed(path: Path) -> None:
        if path == left:
            raise KeyboardInterrupt
        whole(path)

    monkeypatch.setattr(file_permissions, "_close", killed)
    with pytest.raises(KeyboardInterrupt):
        file_permissions.restrict(old)
    assert str(left) in open_to_others(old)
    monkeypatch.undo()
    file_permissions.restrict(old)
    assert open_to_others(old) == []


def test_it_walks_through_a_folder_once(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file_permissions.restrict(old)
    walked: list[Path] = []
    monkeypatch.setattr(file_permissions, "_below", lambda folder: walked.append(folder) or ())
    file_permissions.restrict(old)
    assert walked == []


def test_it_closes_pictures_that_lie_behind_a_link(
    old: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    disk = tmp_path_factory.mktemp("disk")
    (disk / "three.png").write_bytes(b"x")
    for path, mode in ((disk, 0o755), (disk / "three.png", 0o644)):
        path.chmod(mode)
    (old / "uploads").symlink_to(disk)
    (old / "nowhere").symlink_to(old / "gone")
    file_permissions.restrict(old)
    assert open_to_others(disk) == []


def test_a_folder_that_everybody_writes_to_stays_as_it_is_but_our_files_do_not(old: Path) -> None:
    old.chmod(0o1777)
    file_permissions.restrict(old)
    assert open_to_others(old) == [str(old)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_belongs_to_another_user_stays_as_it_is(old: Path) -> None:
    theirs = old / "theirs"
    theirs.write_bytes(b"x")
    theirs.chmod(0o644)
    os.chown(theirs, 12345, 12345)
    file_permissions.restrict(old)
    assert open_to_others(old) == [str(old), str(theirs)]


def test_it_closes_the_files_of_a_database_that_lies_elsewhere(
    old: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "house.sqlite3"
    elsewhere.write_bytes(b"x")
    elsewhere.chmod(0o644)
    file_permissions.restrict(old, elsewhere, Path(f"{elsewhere}-wal"))
    assert open_to_others(elsewhere) == []


@pytest.mark.parametrize("name", ["default", "outputs"])
def test_a_stored_file_is_for_its_own_user_whatever_the_umask(name: str) -> None:
    before = os.umask(0o022)
    try:
        kept = storages[name].save("modes/deep/picture.png", ContentFile(b"x"))
        path = Path(storages[name].path(kept))
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
    finally:
        os.umask(before)


def test_a_command_writes_for_its_own_user_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    environment = {**os.environ, "DARKROOM_DATA": str(data), "DJANGO_SETTINGS_MODULE": "config.settings"}
    environment.pop("DARKROOM_DATABASE_URL", None)
    before = os.umask(0o022)
    try:
        code = """
from django.core.mail import send_mail
from django.core.management import call_command
call_command("migrate", "accounts", "0001", verbosity=0)
send_mail("a", "b", None, ["c@example.org"])
"""
        subprocess.run([sys.executable, "manage.py", "shell", "--no-imports", "-c", code], cwd=BASE,
                       env=environment, check=True, capture_output=True, timeout=120)  # fmt: skip
    finally:
        os.umask(before)
    assert any(data.rglob("mail/*.log")) and any(data.rglob("*.sqlite3"))
    assert open_to_others(data) == []
