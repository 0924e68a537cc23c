"""A planted key is searched for in everything that leaves the server, while every component that knows it runs."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.core.checks import Tags, run_checks
from django.core.management import CommandError, call_command
from django.core.serializers import serialize
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import User
from config.checks import keys_are_private
from predictions.models import Upstream, UpstreamDay, UpstreamKey, UpstreamRoute, UpstreamRun
from predictions.providers.base import ProviderError
from predictions.upstreams import alerts, circuits, configuration, health_check, key_rotation, run_records
from tests import factories
from tests.loopback_upstream import Upstream as Loopback
from tests.predictions.upstreams import upstream_rows

PLANTED = "planted-key-that-nobody-may-see-90210"


@pytest.mark.django_db(transaction=True)
def test_a_planted_key_is_in_nothing_that_anybody_sees(
    staff: User,
    client_of: Callable[[User], Client],
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.UPSTREAM_PRIVATE, settings.ALERT_EMAILS = ["127.0.0.1"], ["ops@example.org"]
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("PLANTED", PLANTED)
    said = io.StringIO()
    client = client_of(staff)
    with Loopback() as there:
        call_command("upstream", "far", "--url", there.url, "--key-env", "PLANTED", stdout=said, stderr=said)
        key = UpstreamKey.objects.get()
        for fault in (
            "account-500-secret",
            "account-401",
            "account-drop",
            "account-redirect",
            "account-utf8",
        ):
            there.fault(fault, times=1)
            try:
                call_command("upstream", "far", "--test", stdout=said, stderr=said)
            except CommandError as error:
                said.write(str(error))
        _rest_and_try(key, there)
        _spend(key)
    call_command("upstream", "--list", stdout=said)
    call_command("keys", "rotate", stdout=said)
    call_command("keys", "check", stdout=said)
    said.write(
        repr([key, configuration.config(key.provider_name), configuration.provider(key.provider_name)])
    )
    for path in ("/admin/upstreams/", "/admin/", *_pages(key)):
        answer = client.get(path)
        assert answer.status_code == 200, path
        said.write(answer.content.decode())
    for model in (Upstream, UpstreamKey, UpstreamRoute, UpstreamRun, UpstreamDay):
        said.write(serialize("json", model.objects.all()))
    alerts.wait()
    assert mail.outbox
    captured = capfd.readouterr()
    mails = "".join(f"{one.subject} {one.body}" for one in mail.outbox)
    logged = captured.err + caplog.text
    assert "upstream_circuit_opened" in logged and "[secret]" in said.getvalue()
    for text in (said.getvalue(), captured.out, logged, mails):
        assert PLANTED not in text


def _rest_and_try(key: UpstreamKey, there: Loopback) -> None:
    for fault in ("account-500-secret", "account-401-zh"):
        there.fault(fault, times=1)
        UpstreamKey.objects.filter(pk=key.pk).update(state="open", open_until=timezone.now())
        prober = health_check.Prober()
        prober.step()
        prober.wait()
    UpstreamKey.objects.filter(pk=key.pk).update(state="closed")
    there.fault("account-401", times=1)
    error = health_check.check_now(key.provider_name)
    assert error is not None
    circuits.failed(key.provider_name, error)


def _spend(key: UpstreamKey) -> None:
    run = run_records.reserve(factories.make_prediction(factories.make_user()), key.provider_name)
    run_records.refused(
        run, ProviderError(f"They said {PLANTED}", permanent=False, answer=f"Bearer {PLANTED}")
    )


def _pages(key: UpstreamKey) -> list[str]:
    names = ("upstream", "upstreamkey", "upstreamroute", "upstreamrun", "upstreamday")
    lists = [f"/admin/predictions/{name}/" for name in names]
    run = UpstreamRun.objects.get()
    return [
        *lists,
        f"/admin/predictions/upstream/{key.upstream_id}/change/",
        f"/admin/predictions/upstreamkey/{key.pk}/change/",
        f"/admin/predictions/upstreamrun/{run.pk}/change/",
        f"/admin/predictions/prediction/{run.prediction_id}/change/",
    ]


@pytest.mark.django_db
def test_the_database_holds_no_plain_key() -> None:
    upstream_rows.make_upstream("far", secret=PLANTED)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM predictions_upstreamkey")
        assert PLANTED not in str(cursor.fetchall())


@pytest.mark.django_db
def test_a_check_names_the_secrets_that_fit_no_key(settings: Any) -> None:
    settings.VAULT_KEYS_FILE, settings.VAULT_KEYS = None, [key_rotation.new_key()]
    upstream_rows.make_upstream("far", secret=PLANTED)
    assert [one.id for one in run_checks(tags=[Tags.database], databases=["default"])] == []
    settings.VAULT_KEYS = [key_rotation.new_key()]
    [found] = run_checks(tags=[Tags.database], databases=["default"])
    assert found.id == "darkroom.W002" and "key1 of far" in found.msg and PLANTED not in found.msg


def test_a_check_notices_keys_that_everybody_reads(settings: Any, tmp_path: Path) -> None:
    settings.VAULT_KEYS_FILE = tmp_path / "keys"
    settings.VAULT_KEYS_FILE.write_text(key_rotation.new_key())
    settings.VAULT_KEYS_FILE.chmod(0o644)
    assert [one.id for one in keys_are_private(None)] == ["darkroom.W003"]
    settings.VAULT_KEYS_FILE.chmod(0o600)
    assert keys_are_private(None) == []
