"""`/readyz` is 200 only where this process can serve everything, `/health` where the whole installation is well."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from accounts.models import SecretFingerprint, Site
from accounts.site import secret_fingerprints
from config.health import probes, readiness
from config.server import launcher

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _anew() -> Iterator[None]:
    yield
    probes.ready.forget()
    probes.healthy.forget()


def ask(path: str = "/readyz", **extra: Any) -> tuple[int, dict[str, Any]]:
    answer = Client(**extra).get(path)
    return answer.status_code, answer.json()


def lose_a_migration(patch: pytest.MonkeyPatch) -> None:
    # With those that it stands for.
    MigrationRecorder(connection).migration_qs.filter(app="accounts").delete()


def be_migrated_by_a_newer_version(patch: pytest.MonkeyPatch) -> None:
    MigrationRecorder(connection).record_applied("predictions", "9999_of_tomorrow")


def have_others_secrets(patch: pytest.MonkeyPatch) -> None:
    secret_fingerprints.renew()
    patch.setattr(settings, "SECRET_KEY", "another one")


def have_others_keys(patch: pytest.MonkeyPatch) -> None:
    SecretFingerprint.objects.create(kind="vault_key", digest="0" * 64)


def lose_static_files(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(readiness.staticfiles, "are_here", lambda: False)


def have_a_file_for_a_folder(patch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(settings.MEDIA_ROOT, ignore_errors=True)
    Path(settings.MEDIA_ROOT).write_text("not a folder")


def lose_the_database(patch: pytest.MonkeyPatch) -> None:
    def away(*_named: object, **_more: object) -> Any:
        raise OperationalError("server closed the connection unexpectedly")

    patch.setattr(connection, "cursor", away)


BREACHES: list[tuple[Callable[[pytest.MonkeyPatch], None], str]] = [
    (lose_a_migration, "migrations"),
    (be_migrated_by_a_newer_version, "migrations"),
    (have_others_secrets, "secrets"),
    (have_others_keys, "secrets"),
    (lose_static_files, "static"),
    (have_a_file_for_a_folder, "storage"),
    (lose_the_database, "database"),
]


def test_it_is_ready_where_all_is_there() -> None:
    status, body = ask()
    assert (status, body["status"]) == (200, "ok"), body
    assert set(body) == {"status", "database", "migrations", "secrets", "clock", "storage", "static"}


@pytest.mark.parametrize(("breach", "part"), BREACHES, ids=[breach.__name__ for breach, _part in BREACHES])
def test_it_is_not_ready_and_names_the_part(
    breach: Callable[[pytest.MonkeyPatch], None], part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        breach(monkeypatch)
        status, body = ask()
        assert (status, body["part"], body[part]) == (503, part, {"ok": False, "state": "down"})
    finally:
        path = Path(settings.MEDIA_ROOT)
        if path.is_file():
            path.unlink()


def test_what_breaks_a_question_is_told_once_however_often_somebody_asks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[str] = []

    def broken() -> str:
        raise ValueError("nobody expected this")

    monkeypatch.setattr(probes, "_said", {})
    monkeypatch.setitem(probes.PARTS, "clock", (broken,))
    monkeypatch.setattr(probes.log, "error", lambda event, **_more: told.append(event))
    for _time in range(3):
        probes.ready.forget()
        assert ask()[1]["part"] == "clock"
    assert told == ["readiness_broke", "not_ready"]


def test_a_database_that_is_away_is_waited_for_once_and_not_by_each_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []

    def away(*_named: object, **_more: object) -> Any:
        asked.append(1)
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(connection, "cursor", away)
    _status, body = ask()
    assert [name for name in body if name != "status" and body[name] == {"ok": False, "state": "down"}] == [
        "database", "migrations", "secrets", "clock",
    ]  # fmt: skip
    assert len(asked) == 1


def test_it_leaves_nothing_in_the_storage() -> None:
    ask()
    assert [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()] == []


def test_strangers_read_no_setting_and_no_path() -> None:
    with pytest.MonkeyPatch.context() as patch:
        have_others_secrets(patch)
        body = json.dumps(ask()[1])
    assert "DARKROOM" not in body and str(settings.DATA) not in body


@pytest.mark.parametrize("path", ["/readyz", "/health", "/livez"])
def test_a_probe_is_answered_whatever_the_host_is_called_and_whoever_asks(path: str, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["studio.example.org"]
    Site.objects.update_or_create(pk=1, defaults={"refused_networks": ["127.0.0.0/8"]})
    answer = Client(HTTP_HOST="10.1.2.3:8000").get(path)
    assert answer.status_code in (200, 503) and "status" in answer.json()
    assert "no-store" in answer["Cache-Control"]
    assert "sessionid" not in answer.cookies


@pytest.mark.parametrize("path", ["/readyz", "/health", "/livez"])
def test_a_probe_takes_get_and_head_alone(path: str) -> None:
    assert Client().head(path).status_code in (200, 503)
    refused = Client().post(path)
    assert (refused.status_code, refused["Allow"]) == (405, "GET, HEAD")


def test_many_who_ask_at_once_are_told_what_was_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    together = threading.Barrier(8)

    def look() -> probes.Report:
        made.append(1)
        return probes.Report(True, {})

    kept = probes.Kept(look)
    monkeypatch.setattr(probes, "KEPT_S", 60.0)

    def one(_number: int) -> bool:
        together.wait(10)
        return kept.get().ok

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(8)))
    assert made == [1]


def test_a_probe_of_what_hangs_is_answered_no_and_never_with_what_was_true_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hangs, goes_on = threading.Event(), threading.Event()

    def look() -> probes.Report:
        if hangs.is_set():
            goes_on.wait(60)
        return probes.Report(True, {})

    kept = probes.Kept(look)
    monkeypatch.setattr(probes, "KEPT_S", 0.0)
    monkeypatch.setattr(probes, "HUNG_S", 0.1)
    assert kept.get().ok
    hangs.set()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(kept.get)
        while kept.get().ok:
            assert not first.done()
        goes_on.set()
        assert first.result(10).ok and kept.get().ok


@pytest.mark.parametrize(("minutes", "way"), [(3, "ahead of"), (-3, "behind")])
def test_a_clock_that_is_off_is_told_with_seconds_and_direction(
    minutes: int, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Off(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Off:
            return super().now(UTC) + timedelta(minutes=minutes)  # type: ignore[return-value]

    monkeypatch.setattr(readiness, "datetime", Off)
    words = readiness.clock_difference()
    if connection.vendor == "postgresql":
        assert f"180 s {way} the database's" in words or f"179 s {way}" in words
        assert ask()[1]["part"] == "clock"
    else:
        assert words == ""


def test_a_start_waits_for_both_probes_and_says_for_what(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"/readyz": (503, '{"status": "unavailable", "clock": {"ok": false}, "static": {"ok": true}}')}
    monkeypatch.setattr(launcher, "_asked", lambda _url, path: said.get(path))
    assert launcher._missing("http://x") == "/readyz says that this is down: clock (the lines above say why)"
    said["/readyz"] = (200, "{}")
    assert launcher._missing("http://x") == "the web server does not answer yet"
    said["/health"] = (503, '{"sweep": {"ok": false}}')
    assert launcher._missing("http://x") == "/health says that this is down: sweep (the lines above say why)"
    said["/health"] = (200, "{}")
    assert launcher._missing("http://x") == ""
