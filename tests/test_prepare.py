"""What a start does before the first request; it may be done any number of times, and cut short anywhere."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from accounts.models import SecretFingerprint, User
from config.management.commands import prepare
from predictions.models import HostedModel, Version

pytestmark = pytest.mark.django_db


@pytest.fixture
def paper() -> Iterator[Path]:
    """Where the words of the first start wait until they have been shown."""
    path = Path(settings.DATA) / prepare.FIRST_START
    path.unlink(missing_ok=True)
    yield path
    path.unlink(missing_ok=True)


@pytest.fixture(autouse=True)
def static(settings: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder for collected files that no other test looks into."""
    settings.STATIC_ROOT = tmp_path / "static"  # type: ignore[attr-defined]
    return tmp_path / "static"


def test_it_makes_an_administrator_whose_words_nobody_else_can_read(paper: Path) -> None:
    call_command("prepare")
    made = json.loads(paper.read_text())
    user = User.objects.get(username=made["username"])
    assert user.is_superuser
    assert user.check_password(made["password"])
    assert stat.S_IMODE(paper.stat().st_mode) == 0o600


def test_it_changes_nothing_the_second_time(paper: Path) -> None:
    call_command("prepare")
    paper.unlink()
    before = (User.objects.count(), HostedModel.objects.count(), Version.objects.count())
    call_command("prepare")
    assert (User.objects.count(), HostedModel.objects.count(), Version.objects.count()) == before
    assert not paper.exists()


def test_it_ends_where_another_machine_left_its_secrets_since_they_were_checked(paper: Path) -> None:
    call_command("prepare")
    SecretFingerprint.objects.update(digest="0" * 64)
    with pytest.raises(
        CommandError, match="DARKROOM_SECRET_KEY and DARKROOM_KEYS: this database was made with other"
    ):
        call_command("prepare", skip_checks=True)


def test_it_leaves_no_administrator_whose_password_could_not_be_written_down(
    paper: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(prepare.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        call_command("prepare")
    assert not User.objects.filter(is_superuser=True).exists()


def test_it_collects_static_files_only_when_something_changed(static: Path, paper: Path) -> None:
    call_command("prepare")
    some = next(path for path in static.rglob("*.css"))
    some.unlink()
    call_command("prepare")
    assert not some.exists()
    (static / ".collected").write_text("of another version")
    call_command("prepare")
    assert some.exists()
