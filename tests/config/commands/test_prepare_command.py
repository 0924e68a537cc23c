"""What a start does before the first request; it may be done any number of times, and cut short anywhere."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command, get_commands, load_command_class
from django.core.management.base import SystemCheckError
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from accounts.models import SecretFingerprint, User
from accounts.site import secret_fingerprints
from accounts.staff import groups, log_triggers
from config.health import readiness
from config.management.commands import prepare
from core import crypto
from predictions.models import HostedModel, Version
from predictions.upstreams import key_rotation
from tests import factories
from tests.predictions.upstreams import upstream_rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def paper() -> Iterator[Path]:
    """Where the words of the first start wait until they have been shown."""
    path = Path(settings.DATA) / prepare.FIRST_START
    path.unlink(missing_ok=True)
    yield path
    path.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for collected files: what is in it is what the first start of these tests has put there."""
    return tmp_path_factory.mktemp("collected") / "static"


@pytest.fixture(autouse=True)
def static(settings: Any, collected: Path) -> Path:
    """A folder for collected files that the tests of no other module look into."""
    settings.STATIC_ROOT = collected
    return collected


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


def test_migrations_are_known_by_their_files_alone() -> None:
    assert readiness._names() == set(MigrationLoader(None, ignore_no_migrations=True).disk_migrations)


@pytest.fixture
def migrated(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands that were called on the way."""
    called: list[str] = []

    def call(name: str, **options: Any) -> None:
        called.append(name)
        call_command(name, **options)

    monkeypatch.setattr(prepare, "call_command", call)
    return called


def test_it_does_not_migrate_where_every_migration_is_on_record(paper: Path, migrated: list[str]) -> None:
    call_command("prepare")
    assert migrated == []


def test_it_migrates_where_one_is_not_on_record(
    paper: Path, migrated: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = readiness._names() | {("auth", "9999_of_tomorrow")}
    monkeypatch.setattr(readiness, "_names", lambda: names)
    call_command("prepare", skip_checks=True)
    assert migrated == ["migrate"]


def be_of_before() -> list[tuple[str, str]]:
    """Have on record what today's migrations stand for in place of them, as before they were made anew; all of it."""
    rows = MigrationRecorder(connection).migration_qs
    before: list[tuple[str, str]] = []
    for (app, name), replaces in sorted(readiness._own_replacements().items()):
        assert rows.filter(app=app, name=name).delete()[0] == 1
        before += replaces
    # Django notes them too where it begins with those that stand for them. Later ones stand for none.
    later = {key for key in readiness._names() if key[0] in readiness.OWN_APPS} - set(
        readiness._own_replacements()
    )
    assert rows.filter(app__in=readiness.OWN_APPS).count() == len(before) + len(later)
    return before


def test_a_database_of_before_the_migrations_were_made_anew_goes_on(
    paper: Path, migrated: list[str], alice: User
) -> None:
    assert be_of_before()
    call_command("prepare")
    assert migrated == ["migrate"]
    assert readiness.unrecorded_migrations() == set() and readiness.later_migrations() == ""
    assert User.objects.filter(pk=alice.pk).exists()


def test_one_that_stands_between_them_stops_with_the_way_on(paper: Path, migrated: list[str]) -> None:
    app, name = be_of_before()[-1]
    MigrationRecorder(connection).migration_qs.filter(app=app, name=name).delete()
    with pytest.raises(CommandError, match=f"{app} {name} is not on record.*git checkout"):
        call_command("prepare", skip_checks=True)
    assert migrated == []


def test_it_brings_what_a_migrate_that_was_cut_short_left_out(paper: Path, migrated: list[str]) -> None:
    Permission.objects.filter(codename="adjust_credits").delete()
    call_command("prepare")
    assert migrated == ["migrate"]
    assert "accounts.adjust_credits" in groups.permissions_of(groups.OPERATORS)


def test_it_puts_rights_and_guards_back_without_a_migration(paper: Path, migrated: list[str]) -> None:
    Group.objects.get(name=groups.MODERATORS).permissions.clear()
    with connection.cursor() as cursor:
        on = f" ON {log_triggers.TABLE}" if connection.vendor == "postgresql" else ""
        cursor.execute(f"DROP TRIGGER audit_never_changed{on}")
    call_command("prepare")
    assert migrated == []
    assert log_triggers.are_installed()
    assert Group.objects.get(name=groups.MODERATORS).permissions.exists()


def keep_an_upstreams_key() -> None:
    upstream_rows.make_upstream()


def keep_a_second_factor() -> None:
    user = factories.make_user("factor")
    secret = {"secret": crypto.encrypt("JBSWY3DPEHPK3PXP")}
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data=secret)


def keep_a_session() -> None:
    Client().force_login(factories.make_user("reader"))


def have_other_keys(settings: Any) -> None:
    settings.VAULT_KEYS_FILE, settings.VAULT_KEYS = None, [key_rotation.new_key()]


def have_another_secret_key(settings: Any) -> None:
    settings.SECRET_KEY = "another one that is long enough to sign with"


RESTORED: list[tuple[Callable[[], None], Callable[[Any], None], str]] = [
    (keep_an_upstreams_key, have_other_keys, "DARKROOM_KEYS"),
    (keep_a_second_factor, have_other_keys, "DARKROOM_KEYS"),
    (keep_a_session, have_another_secret_key, "DARKROOM_SECRET_KEY"),
]


@pytest.mark.parametrize(("keep", "have_others", "name"), RESTORED)
def test_it_refuses_a_restored_database_of_other_secrets_that_has_no_fingerprints_yet(
    keep: Callable[[], None], have_others: Callable[[Any], None], name: str, paper: Path, settings: Any
) -> None:
    keep()
    have_others(settings)
    with pytest.raises(CommandError, match=f"{name}: this database was made with other values") as refused:
        call_command("prepare", skip_checks=True)
    assert "manage.py keys accept" in str(refused.value)
    kind = next(kind for kind, setting in secret_fingerprints.SETTINGS.items() if setting == name)
    assert not SecretFingerprint.objects.filter(kind=kind).exists() and not paper.exists()
    call_command("keys", "accept")
    call_command("prepare", skip_checks=True)
    assert SecretFingerprint.objects.filter(kind=kind).exists()


STARTS = [("web", "--port", "1"), ("work",), ("prepare",), ("token", "admin")]


@pytest.fixture
def refused() -> Callable[..., str]:
    """A function that answers why a command does not begin what it is for."""

    def begun(*words: Any, **options: Any) -> None:
        raise AssertionError("it began")

    def ask(name: str, *words: str) -> str:
        with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemCheckError) as why:
            patch.setattr(type(load_command_class(get_commands()[name], name)), "handle", begun)
            call_command(name, *words, skip_checks=False)
        return str(why.value)

    return ask


@pytest.mark.parametrize("words", STARTS, ids=" ".join)
def test_no_start_begins_with_other_secrets(
    words: tuple[str, ...], refused: Callable[..., str], paper: Path, settings: Any
) -> None:
    call_command("prepare")
    have_other_keys(settings)
    assert "DARKROOM_KEYS: this database was made with other values than this process" in refused(*words)
    have_another_secret_key(settings)
    assert "DARKROOM_SECRET_KEY and DARKROOM_KEYS: this database was made" in refused(*words)


@pytest.mark.parametrize("words", STARTS, ids=" ".join)
def test_no_start_begins_on_a_database_of_a_newer_version(
    words: tuple[str, ...], refused: Callable[..., str], paper: Path
) -> None:
    MigrationRecorder(connection).record_applied("gallery", "9999_x")
    assert "was migrated by a newer Darkroom (gallery 9999_x is not known here)" in refused(*words)


def test_a_new_secret_takes_the_place_of_an_old_one_in_two_steps(
    refused: Callable[..., str], paper: Path, settings: Any
) -> None:
    def have(*keys: str) -> None:
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = keys[0], list(keys[1:])

    old, new = settings.SECRET_KEY, "n" * 50
    call_command("prepare")
    have(new, old)
    call_command("prepare", skip_checks=False)
    # Until all have changed, both fit.
    have(old)
    call_command("token", "admin", skip_checks=False)
    have(new)
    call_command("prepare", skip_checks=False)
    have(old)
    assert "DARKROOM_SECRET_KEY: this database" in refused("token", "admin")


def test_a_key_that_is_added_to_the_file_and_takes_over_fits(
    paper: Path, settings: Any, tmp_path: Path
) -> None:
    settings.VAULT_KEYS_FILE = tmp_path / "keys"
    settings.VAULT_KEYS_FILE.write_text(key_rotation.new_key())
    call_command("prepare")
    call_command("keys", "rotate", "--add")
    newest, _older = settings.VAULT_KEYS_FILE.read_text().split()
    settings.VAULT_KEYS_FILE.write_text(newest)
    call_command("prepare", skip_checks=False)


def test_it_takes_a_restored_database_of_its_own_secrets_though_one_value_was_lost_long_ago(
    paper: Path, settings: Any
) -> None:
    settings.VAULT_KEYS_FILE, settings.VAULT_KEYS = None, [key_rotation.new_key()]
    upstream_rows.make_upstream("lost")
    have_other_keys(settings)
    upstream_rows.make_upstream("readable")
    keep_a_second_factor()
    keep_a_session()
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "a newer one"
    call_command("prepare", skip_checks=True)
    assert secret_fingerprints.mismatches() == []
    assert set(SecretFingerprint.objects.values_list("kind", flat=True)) == {"secret_key", "vault_key"}


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
