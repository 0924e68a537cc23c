"""Held requests, as a client on a real connection sees them."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from accounts.models import ApiToken, User
from core.clock import Now
from predictions.models import Prediction, Version
from predictions.waiting import waiters
from tests import factories, fakes
from tests.config.server.conftest import Served, lean, serve
from tests.fakes import FakeProvider

__all__ = ["lean", "serve"]
pytestmark = pytest.mark.django_db(transaction=True)


def in_background(served: Served, user: User, version: Version) -> tuple[threading.Thread, list[Any]]:
    answers: list[Any] = []
    headers = {"Authorization": f"Bearer {factories.make_token(user)}"}
    body = {"model": version.model.ref, "prompt": "a red car"}
    address = "/openai/v1/images/generations"
    thread = threading.Thread(
        target=lambda: answers.append(served.client.post(address, json=body, headers=headers))
    )
    thread.start()
    for _ in range(1000):
        if waiters.reader().waiting:
            return thread, answers
        time.sleep(0.01)
    raise AssertionError(f"Nobody waits: {answers}")


def test_it_is_answered_once_the_pictures_are_there(
    lean: Served, alice: User, painter: Version, provider: FakeProvider
) -> None:
    thread, answers = in_background(lean, alice, painter)
    fakes.work_off()
    thread.join(20)
    (answer,) = answers
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    assert "x-should-retry" not in answer.headers
    assert lean.client.get(answer.json()["data"][0]["url"]).content == provider.files["0"]


def test_a_server_that_stops_lets_the_client_come_again(
    lean: Served, alice: User, painter: Version, provider: FakeProvider
) -> None:
    thread, answers = in_background(lean, alice, painter)
    lean.server.should_exit = True
    thread.join(20)
    (answer,) = answers
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "interrupted")
    assert (answer.headers["Retry-After"], "x-should-retry" in answer.headers) == ("1", False)
    assert Prediction.objects.get().shown_status == "canceled"


@pytest.mark.parametrize("how", ["revoked", "banned"])
def test_who_is_barred_meanwhile_is_sent_away_and_shown_nothing(
    lean: Served,
    alice: User,
    painter: Version,
    provider: FakeProvider,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
) -> None:
    monkeypatch.setattr(waiters, "GUARD_S", 0.0)
    thread, answers = in_background(lean, alice, painter)
    if how == "revoked":
        ApiToken.objects.update(revoked_at=Now())
    else:
        User.objects.filter(pk=alice.pk).update(is_active=False)
    thread.join(20)
    (answer,) = answers
    assert (answer.status_code, answer.headers["x-should-retry"]) == (503, "false")
    assert "data" not in answer.json()
    assert Prediction.objects.get().shown_status == "starting", "the ban's own chore ends it, if it is one"


def test_where_the_answer_cannot_be_made_the_client_does_not_ask_again(
    lean: Served, alice: User, painter: Version, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any) -> None:
        raise RuntimeError("the database is away")

    monkeypatch.setattr("predictions.api_dialects.common.image_results._answer", broken)
    thread, answers = in_background(lean, alice, painter)
    fakes.work_off()
    thread.join(20)
    (answer,) = answers
    row = Prediction.objects.get()
    assert (answer.status_code, answer.headers["x-should-retry"]) == (503, "false")
    assert (row.status, row.public_id in answer.json()["error"]["message"]) == ("succeeded", True)
