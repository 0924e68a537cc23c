"""Webhooks of upstreams: they schedule an immediate poll, and nothing else."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from core import crypto
from predictions import tasks
from predictions.models import Prediction, Upstream, Version
from predictions.upstreams import webhook_urls, webhook_view
from predictions.webhooks import signatures
from tests.predictions.upstreams.upstream_fixtures import FakeUpstreams, accept, fake_upstreams, fresh

__all__ = ["fake_upstreams"]

pytestmark = pytest.mark.django_db(transaction=True)
FAR = timedelta(hours=1)


@pytest.fixture
def running(alice: User, version: Version, fake_upstreams: FakeUpstreams) -> Prediction:
    """A prediction at an upstream whose next look is far away."""
    fake_upstreams.add("only")
    prediction = accept(alice, version)
    tasks.start()
    Prediction.objects.update(look_at=datetime.now(UTC) + FAR)
    return fresh(prediction)


def path(prediction: Prediction, token: str = "") -> str:
    token = token or webhook_urls.token(Upstream.objects.get(name="only").pk)
    return f"{webhook_urls.PATH}{token}/{prediction.provider_key}"


def tell(prediction: Prediction, body: Any = None, token: str = "", **headers: str) -> Any:
    return Client(enforce_csrf_checks=True).post(
        path(prediction, token),
        body or {"status": "succeeded"},
        content_type="application/json",
        headers=headers,
    )


def is_due(prediction: Prediction) -> bool:
    look_at = fresh(prediction).look_at
    return look_at is not None and look_at < datetime.now(UTC) + FAR / 2


def test_it_makes_the_watcher_look_and_changes_nothing_else(running: Prediction) -> None:
    answer = tell(running, {"status": "succeeded", "output": ["https://evil.example/x.png"]})
    assert (answer.status_code, answer.json()) == (200, {"ok": True, "looking": True})
    row = fresh(running)
    assert is_due(running) and (row.status, row.phase, row.revision) == (
        "processing",
        "running",
        running.revision,
    )


@pytest.mark.parametrize("token", ["x", "1:forged", "9" * 300])
def test_an_address_that_was_never_given_is_not_there(running: Prediction, token: str) -> None:
    assert tell(running, token=token).status_code == 404 and not is_due(running)


def test_the_address_of_one_upstream_is_of_no_use_for_the_work_of_another(
    running: Prediction, fake_upstreams: FakeUpstreams
) -> None:
    fake_upstreams.add("other")
    token = webhook_urls.token(Upstream.objects.get(name="other").pk)
    assert tell(running, token=token).json()["looking"] is False and not is_due(running)


def test_where_the_secret_is_known_it_must_be_signed_with_it(running: Prediction) -> None:
    secret, now = signatures.new_secret(), datetime.now(UTC)
    Upstream.objects.update(webhook_secret=crypto.encrypt(secret))
    body = json.dumps({"status": "succeeded"})
    assert tell(running, body).status_code == 401
    for wrong in (
        signatures.headers(signatures.new_secret(), "m1", body, now),
        signatures.headers(secret, "m1", body + " ", now),
        signatures.headers(secret, "m1", body, now - timedelta(hours=1)),
    ):
        assert tell(running, body, **wrong).status_code == 401
    assert not is_due(running)
    assert tell(running, body, **signatures.headers(secret, "m1", body, now)).status_code == 200
    assert is_due(running)


def test_a_body_that_is_too_large_is_not_read(running: Prediction) -> None:
    assert tell(running, "x" * (webhook_view.MAX_BODY + 1)).status_code == 413 and not is_due(running)


def test_no_more_than_so_many_a_minute_count(running: Prediction, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_view, "A_MINUTE", 3)
    assert [tell(running).status_code for _ in range(5)] == [200, 200, 200, 429, 429]


def test_it_takes_nothing_but_post(running: Prediction) -> None:
    answer = Client().get(path(running))
    assert (answer.status_code, answer["Allow"]) == (405, "POST")


def test_one_that_comes_after_the_end_is_told_so_and_does_nothing(running: Prediction) -> None:
    from predictions import lifecycle

    lifecycle.cancel(running.public_id)
    assert tell(running).json() == {"ok": True, "looking": False}
