"""Secrets at rest: encrypted, rotated without downtime, and never shown."""

from __future__ import annotations

import io
import logging
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project_settings
from django.core.management import CommandError, call_command

from config import env
from config.log_config import ScrubbingFormatter
from core import crypto
from core.redaction import scrub
from predictions.models import UpstreamKey
from predictions.upstreams import configuration, key_rotation
from tests.predictions.upstreams import upstream_rows

pytestmark = pytest.mark.django_db
SECRET = "planted-vault-secret-0123456789"


def test_what_is_stored_is_not_the_secret_and_gives_it_back() -> None:
    stored = crypto.encrypt(SECRET)
    assert SECRET not in stored and stored != crypto.encrypt(SECRET)
    assert crypto.decrypt(stored) == SECRET


def test_of_a_secret_people_see_the_end_alone() -> None:
    assert key_rotation.hint("r8_abcdefghijklmnop") == "mnop"
    assert key_rotation.hint("short") == ""


def test_a_new_key_reads_what_an_older_one_wrote_until_that_is_gone(settings: Any) -> None:
    settings.VAULT_KEYS_FILE = None
    old, new = key_rotation.new_key(), key_rotation.new_key()
    settings.VAULT_KEYS = [old]
    key = upstream_rows.make_upstream(secret=SECRET).keys.get()
    settings.VAULT_KEYS = [new, old]
    assert crypto.decrypt(key.secret) == SECRET
    assert key_rotation.rotate_all() == 1
    settings.VAULT_KEYS = [new]
    assert crypto.decrypt(UpstreamKey.objects.get(pk=key.pk).secret) == SECRET
    with pytest.raises(crypto.NoMatchingKey, match="DARKROOM_KEYS"):
        crypto.decrypt(key.secret)


def test_a_rotation_that_cannot_read_everything_changes_nothing(settings: Any) -> None:
    settings.VAULT_KEYS_FILE = None
    settings.VAULT_KEYS = [key_rotation.new_key()]
    lost = upstream_rows.make_upstream("lost").keys.get()
    settings.VAULT_KEYS = [key_rotation.new_key()]
    upstream_rows.make_upstream("readable")
    before = list(UpstreamKey.objects.order_by("pk").values())
    with pytest.raises(crypto.NoMatchingKey):
        key_rotation.rotate_all()
    assert list(UpstreamKey.objects.order_by("pk").values()) == before
    assert key_rotation.unreadable() == [f"the key {lost.label} of lost"]
    with pytest.raises(CommandError, match="key1 of lost"):
        call_command("keys", "check")


def test_a_key_that_cannot_be_read_takes_its_provider_away_and_no_other(settings: Any) -> None:
    settings.VAULT_KEYS_FILE = None
    settings.VAULT_KEYS = [key_rotation.new_key()]
    upstream_rows.make_upstream("lost")
    settings.VAULT_KEYS = [key_rotation.new_key()]
    readable = upstream_rows.make_upstream("readable").keys.get()
    assert [one.name for one in configuration.all_providers()] == [readable.provider_name]


def test_the_file_of_keys_is_made_for_its_owner_alone_and_read_anew(settings: Any, tmp_path: Path) -> None:
    keys, path = env.vault_keys("DARKROOM_TEST_KEYS", tmp_path / "keys")
    assert path == tmp_path / "keys" and stat.S_IMODE(path.stat().st_mode) == 0o600
    settings.VAULT_KEYS, settings.VAULT_KEYS_FILE = keys, path
    key = upstream_rows.make_upstream(secret=SECRET).keys.get()
    said = io.StringIO()
    call_command("keys", "rotate", "--add", stdout=said)
    assert "1 secrets" in said.getvalue()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    lines = path.read_text().split()
    assert len(lines) == 2 and lines[1] == keys[0]
    # A process that started before the change reads what was written after it.
    assert crypto.decrypt(UpstreamKey.objects.get(pk=key.pk).secret) == SECRET


def test_keys_of_the_environment_are_not_added_to_by_us(settings: Any) -> None:
    settings.VAULT_KEYS_FILE = None
    with pytest.raises(CommandError, match="environment"):
        call_command("keys", "rotate", "--add")


@pytest.mark.parametrize("text", ["short", "x" * 43, "a b", "é" * 43, ","])
def test_a_wrong_key_stops_the_start_without_being_shown(text: str) -> None:
    with pytest.raises(env.SettingError) as caught:
        env.fernet_keys("DARKROOM_KEYS", text)
    assert "DARKROOM_KEYS" in str(caught.value) and "xxxx" not in str(caught.value)


def test_several_keys_are_parted_by_commas_blanks_and_lines() -> None:
    some = [key_rotation.new_key() for _ in range(4)]
    text = f"{some[0]},{some[1].rstrip('=')} {some[2]}\n{some[3]}\n"
    assert env.fernet_keys("DARKROOM_KEYS", text) == some


def test_a_fresh_key_is_printed_and_fits() -> None:
    said = io.StringIO()
    call_command("keys", "new", stdout=said)
    assert env.fernet_keys("DARKROOM_KEYS", said.getvalue()) == [said.getvalue().strip()]


def test_the_installations_own_keys_are_not_in_its_log() -> None:
    crypto.encrypt("anything at all")
    assert scrub(f"the key is {project_settings.VAULT_KEYS[0]}") == "the key is [secret]"


def test_a_secret_that_was_read_is_blotted_out_of_every_log_line() -> None:
    key = upstream_rows.make_upstream(secret=SECRET + '"with signs/&').keys.get()
    plain = crypto.decrypt(key.secret)
    logger = logging.getLogger("somewhere")
    handlers = logging.getLogger().handlers
    handler = next(one for one in handlers if isinstance(one.formatter, ScrubbingFormatter))
    try:
        raise ValueError(f"broke with {plain}")
    except ValueError:
        record = logger.makeRecord(
            "somewhere",
            logging.ERROR,
            __file__,
            1,
            "asked %s with %r",
            (plain, {"Authorization": plain}),
            None,
        )
        record.exc_info = sys.exc_info()
    text = handler.format(record)
    assert "planted-vault" not in text and "[secret]" in text and "ValueError" in text


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer abcdefgh1234",
        "'authorization': 'Basic dXNlcjpwYXNzd29yZA=='",
        "r8_abcdefghijklmnop",
        "sk-proj-abcdefghijklmnopqrst",
        "whsec_abcdefghijkl",
        "hf_abcdefghijklmnop",
        "AIzaSyA1234567890abcdefghij",
        "https://user:password12@host/path",
        "gAAAAABn" + "x" * 60,
    ],
)
def test_what_looks_like_a_key_is_blotted_out(text: str) -> None:
    blotted = scrub(f"before {text} after")
    assert "[secret]" in blotted and blotted.startswith("before ") and blotted.endswith(" after")
    assert not any(part in blotted for part in ("abcdefgh", "dXNlc", "password12", "AIza", "xxxx"))


@pytest.mark.parametrize(
    "text", ["authorization is required for this", "a key-value-store-of-some-kind", "task_force"]
)
def test_plain_words_stay(text: str) -> None:
    assert scrub(text) == text


def test_it_does_not_show_in_the_rows_own_words() -> None:
    key = upstream_rows.make_upstream(secret=SECRET).keys.get()
    config = configuration.config(key.provider_name)
    assert config.secret == SECRET
    for thing in (key, key.upstream, config, configuration.provider(key.provider_name)):
        assert SECRET not in f"{thing!r} {thing}"
    assert SECRET not in str(list(UpstreamKey.objects.values()))
