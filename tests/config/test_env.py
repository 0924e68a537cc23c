"""Wrong values of settings are told in one sentence that names the setting, before anything is started."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings

from config import checks, env
from config.postgresql import database_url


@pytest.mark.parametrize(
    ("query", "expected"),
    [("", 5), ("?prepare_threshold=off", None), ("?prepare_threshold=1&sslmode=require", 1)],
)
def test_postgresql_prepares_what_comes_again_unless_it_is_told_not_to(
    query: str, expected: int | None
) -> None:
    made: Any = database_url.database(f"postgres://darkroom@127.0.0.1/darkroom{query}", Path("unused"))

    assert made["OPTIONS"]["prepare_threshold"] == expected
    assert ("sslmode" in made["OPTIONS"]) is ("sslmode" in query)


def test_a_silent_postgresql_is_given_up_in_seconds_unless_the_address_says_otherwise() -> None:
    usual: Any = database_url.database("postgres://darkroom@127.0.0.1/darkroom", Path("unused"))
    assert {
        name: usual["OPTIONS"][name] for name in database_url.LIBPQ_TIMEOUTS
    } == database_url.LIBPQ_TIMEOUTS
    assert (usual["OPTIONS"]["connect_timeout"], usual["OPTIONS"]["tcp_user_timeout"]) == (5, 15_000)
    named: Any = database_url.database(
        "postgres://a@h/d?connect_timeout=30&tcp_user_timeout=0", Path("unused")
    )
    assert (named["OPTIONS"]["connect_timeout"], named["OPTIONS"]["tcp_user_timeout"]) == ("30", "0")
    # What stands in the operator's own file of services is not gone over.
    of_service: Any = database_url.database("postgres:///?service=mine", Path("unused"))
    assert not database_url.LIBPQ_TIMEOUTS.keys() & of_service["OPTIONS"].keys()


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.org:25",
        "smtp:mail.example.org",
        "smtp+ssl://me:s3cret@mail.example.org",
        "smtp://a:x@b:port",
    ],
)
def test_mails_are_never_handed_to_this_machine_by_a_slip(url: str) -> None:
    with pytest.raises(env.SettingError, match="DARKROOM_EMAIL_URL must be smtp://") as refused:
        env.mail_server("DARKROOM_EMAIL_URL", url)
    assert "s3cret" not in str(refused.value)
    server = env.mail_server("DARKROOM_EMAIL_URL", "smtps://me:s3cret@mail.example.org")
    assert server == ("mail.example.org", 465, "me", "s3cret", True, False)
    server = env.mail_server("DARKROOM_EMAIL_URL", "smtp+tls://a%40b:%2F@mail.example.org:2525")
    assert server == ("mail.example.org", 2525, "a@b", "/", False, True)


def test_a_word_that_is_none_of_a_few_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_EMAIL_VERIFICATION", "always")
    with pytest.raises(
        env.SettingError, match="DARKROOM_EMAIL_VERIFICATION must be one of mandatory, optional"
    ):
        env.choice("DARKROOM_EMAIL_VERIFICATION", "optional", ("mandatory", "optional", "none"))


def test_a_word_of_a_few_may_be_in_small_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_LOG_LEVEL", "debug")
    assert env.choice("DARKROOM_LOG_LEVEL", "INFO", ("DEBUG", "INFO")) == "DEBUG"


MISTAKES: list[tuple[Callable[[str], Any], str, str]] = [
    (env.public_address, "studio.example.org", "must be an address such as https://studio.example.org"),
    (env.public_address, "https://studio.example.org/darkroom", "with nothing behind it"),
    (env.public_address, "https://me:s@studio.example.org", "with nothing behind it"),
    (env.public_address, "https://studio.example.org:port", "with nothing behind it"),
    (lambda name: env.hosts(name, []), "here.example,https://there.example", "https://there.example is none"),
    (lambda name: env.hosts(name, []), "here.example:8000", "here.example:8000 is none"),
    (env.networks, "10.1.0.0/16, 10.1.0.0/99", "10.1.0.0/99 is none"),
    (env.networks, "10.1.2.3/16", "10.1.2.3/16 is none"),
    (env.networks, "gateway.lan", "gateway.lan is none"),
    (lambda name: env.networks(name, names=True), "http://gateway.lan", "http://gateway.lan is none"),
    (lambda name: env.networks(name, names=True), "10.1.2.3/16", "10.1.2.3/16 is none"),
    (env.mail_addresses, "ops@example.org,ops", "ops is none"),
    (env.cache_address, "http://127.0.0.1", "must begin with redis://"),
]


@pytest.mark.parametrize(("reader", "value", "words"), MISTAKES)
def test_an_address_that_is_none_stops_the_start(
    reader: Callable[[str], Any], value: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DARKROOM_TRIED", value)
    with pytest.raises(env.SettingError) as refused:
        reader("DARKROOM_TRIED")
    assert str(refused.value).startswith("DARKROOM_TRIED ") and words in str(refused.value)


def test_addresses_that_are_some_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def given(value: str) -> str:
        monkeypatch.setenv("DARKROOM_TRIED", value)
        return "DARKROOM_TRIED"

    assert env.public_address(given("https://studio.example.org:8443/")) == "https://studio.example.org:8443"
    assert env.public_address(given("http://[::1]:8000")) == "http://[::1]:8000"
    assert env.public_address(given("")) == ""
    # As browsers write it in Host and Origin.
    assert env.public_address(given("HTTPS://Studio.Example.ORG:443")) == "https://studio.example.org"
    assert env.public_address(given("https://bücher.example")) == "https://xn--bcher-kva.example"
    assert env.hosts(given("*"), []) == ["*"]
    assert env.hosts(given(".example.org,[::1],127.0.0.1"), []) == [".example.org", "[::1]", "127.0.0.1"]
    assert env.networks(given("10.1.0.0/16, fd00::/8,127.0.0.1")) == ["10.1.0.0/16", "fd00::/8", "127.0.0.1"]
    assert env.networks(given("gateway.lan,10.1.0.0/16"), names=True) == ["gateway.lan", "10.1.0.0/16"]
    assert env.mail_addresses(given("a@example.org, b@localhost")) == ["a@example.org", "b@localhost"]
    assert env.mail_address("X", "Darkroom <darkroom@localhost>") == "Darkroom <darkroom@localhost>"
    assert env.cache_address(given("unix:///run/redis.sock")) == "unix:///run/redis.sock"


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("", ""),
        ("https://studio.example.org", "studio.example.org"),
        ("https://studio.example.org:8443", "studio.example.org"),
        ("http://[2001:db8::1]", "[2001:db8::1]"),
        ("http://[2001:db8::1]:8000", "[2001:db8::1]"),
    ],
)
def test_the_host_of_the_public_address_is_answered(address: str, host: str) -> None:
    assert env.host_of(address) == host


def test_a_service_of_postgresqls_own_file_names_its_database_itself() -> None:
    found: Any = database_url.database("postgres:///?service=mine", Path("unused"))
    assert found["NAME"] == "" and found["OPTIONS"]["service"] == "mine"


@pytest.mark.parametrize(
    ("url", "words"),
    [("postgres://", "must name a database"), ("postgres://here:port/name", "a port that is no number")],
)
def test_an_address_of_a_database_that_leads_to_none_is_told(url: str, words: str) -> None:
    with pytest.raises(env.SettingError, match=words):
        database_url.database(url, Path("unused"))


def ran(folder: Path, command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """A command of a house in that folder, with these settings."""
    return subprocess.run(
        [sys.executable, str(Path(django_settings.BASE_DIR) / "manage.py"), command],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "DARKROOM_DATA": str(folder), **settings},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [("DARKROOM_WORKERS", "some"), ("DARKROOM_LOG_LEVEL", "LOUD"), ("DARKROOM_SOCIAL", "x")],
)
def test_a_wrong_value_is_one_sentence_and_nothing_else(name: str, value: str, tmp_path: Path) -> None:
    told = ran(tmp_path, "check", **{name: value})
    assert told.returncode == 1 and told.stdout == ""
    assert told.stderr.startswith(f"{name} must be ") and len(told.stderr.splitlines()) == 1


def test_a_database_that_does_not_answer_is_one_sentence_too(tmp_path: Path) -> None:
    told = ran(tmp_path, "prepare", DARKROOM_DATABASE_URL="postgres://me:s3cret@127.0.0.1:1/darkroom")
    assert told.returncode == 1
    assert told.stderr.startswith("CommandError: The database cannot be opened: ")
    assert len(told.stderr.splitlines()) == 1 and "s3cret" not in told.stderr


@pytest.mark.parametrize(
    ("key", "secret", "missing"),
    [("sk", "", "DARKROOM_STRIPE_WEBHOOK_SECRET"), ("", "whsec", "DARKROOM_STRIPE_KEY")],
)
def test_half_of_what_payments_need_is_told(settings: Any, key: str, secret: str, missing: str) -> None:
    settings.PAYMENTS = {"stripe": {"key": key, "webhook_secret": secret, "api_base": ""}}
    [found] = checks.payments_are_whole(None)
    assert found.id == "darkroom.W006" and found.msg.startswith(missing)
    settings.PAYMENTS = {"stripe": {"key": "sk", "webhook_secret": "whsec", "api_base": ""}}
    assert checks.payments_are_whole(None) == []


@pytest.mark.parametrize(
    ("host", "port", "origin"),
    [
        ("", "", "http://127.0.0.1:8000"),
        ("0.0.0.0", "9000", "http://127.0.0.1:9000"),
        ("::", "", "http://[::1]:8000"),
        ("192.168.1.5", "80", "http://192.168.1.5:80"),
    ],
)
def test_a_server_on_every_address_is_reached_at_loopback(
    monkeypatch: pytest.MonkeyPatch, host: str, port: str, origin: str
) -> None:
    monkeypatch.setenv("HOST", host)
    monkeypatch.setenv("PORT", port)
    assert env.local_origin() == origin
