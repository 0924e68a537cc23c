"""Held requests: the answer comes when it is ready, with everything that middleware said, or at once at the end."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from accounts.models import User
from accounts.tokens import api_tokens
from predictions import lifecycle
from predictions.models import Prediction
from predictions.waiting import waiters as waiting
from predictions.waiting.held_response import held_until_ended
from tests import factories
from tests.config.server import urls
from tests.config.server.conftest import Served
from tests.config.server.urls import event

pytestmark = pytest.mark.django_db(transaction=True)


def _in_background(served: Served, path: str) -> tuple[threading.Thread, list[Any]]:
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(served.client.get(path)))
    thread.start()
    return thread, answers


def test_the_answer_comes_when_it_is_ready(lean: Served) -> None:
    thread, answers = _in_background(lean, "/held")
    assert event("held").wait(60)
    assert not answers

    event("go on").set()
    thread.join(60)

    assert answers[0].status_code == 201
    assert answers[0].json() == {"held": True}


def test_the_later_answer_carries_what_middleware_said(lean: Served) -> None:
    event("go on").set()

    answer = lean.client.get("/held")

    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Preference-Applied"] == "wait"
    assert answer.headers["X-Request-Id"]
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Content-Length"] == str(len(answer.content))
    assert answer.cookies["kept"] == "yes"


def test_waiting_ends_when_the_client_leaves(lean: Served) -> None:
    connection = lean.connect("GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
    assert event("held").wait(60)

    connection.close()

    assert event("held no more").wait(60)


def test_an_error_while_waiting_gives_the_first_answer(lean: Served) -> None:
    answer = lean.client.get("/held-and-broken")

    assert (answer.status_code, answer.text) == (202, "not yet")
    assert answer.headers["X-Request-Id"]


def test_another_server_answers_at_once() -> None:
    answer = Client().get("/held")

    assert json.loads(answer.content) == {"held": False}


@pytest.fixture
def prediction(alice: User, monkeypatch: pytest.MonkeyPatch) -> Prediction:
    """One that has just begun, behind the address `/wait`."""
    from django.urls import path

    made = factories.make_prediction(alice)

    def view(request: Any) -> HttpResponse:
        def answer(present: Prediction) -> HttpResponse:
            return HttpResponse(f"{present.model.ref} {present.status}")

        token = int(request.GET.get("token", 0)) or None
        return held_until_ended(answer(made), made.public_id, 30, answer, token)

    monkeypatch.setattr(urls, "urlpatterns", [*urls.urlpatterns, path("wait", view)])
    from django.urls import clear_url_caches

    clear_url_caches()
    return made


def _end(prediction: Prediction) -> None:
    assert lifecycle.fail(prediction.pk, "as the test wants it")


def test_it_is_answered_once_the_prediction_has_ended(lean: Served, prediction: Prediction) -> None:
    thread, answers = _in_background(lean, "/wait")
    _until_waiting(1)

    _end(prediction)
    thread.join(60)

    assert answers[0].text == f"{prediction.model.ref} failed"


def test_who_is_barred_meanwhile_hears_no_more_than_they_knew(
    lean: Served, alice: User, prediction: Prediction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "GUARD_S", 0.0)
    token, _plain = api_tokens.issue(alice, "laptop")
    thread, answers = _in_background(lean, f"/wait?token={token.pk}")
    _until_waiting(1)
    Prediction.objects.update(status="processing")

    assert api_tokens.revoke(token)
    thread.join(60)

    assert answers[0].text == f"{prediction.model.ref} starting"


def test_it_is_answered_with_the_present_state_when_the_server_stops(
    lean: Served, prediction: Prediction
) -> None:
    thread, answers = _in_background(lean, "/wait")
    _until_waiting(1)

    lean.server.should_exit = True
    thread.join(60)

    assert answers[0].text == f"{prediction.model.ref} starting"


def test_many_wait_with_one_thread(single: Served, prediction: Prediction) -> None:
    waiters = [_in_background(single, "/wait") for _ in range(20)]
    _until_waiting(20)
    assert single.client.get("/hello").text == "hello"

    _end(prediction)
    for thread, _ in waiters:
        thread.join(60)

    assert [answers[0].text for _, answers in waiters] == [f"{prediction.model.ref} failed"] * 20
    assert waiting.reader().waiting == 0


def test_it_is_answered_at_once_where_nothing_may_be_held(
    lean: Served, prediction: Prediction, settings: Any
) -> None:
    settings.HOLD_LIMIT = 0
    waiting.reset()

    assert lean.client.get("/wait").text == f"{prediction.model.ref} starting"


def _until_waiting(count: int) -> None:
    for _ in range(500):
        if waiting.reader().waiting == count:
            return
        time.sleep(0.01)
    raise AssertionError(f"{waiting.reader().waiting} wait, not {count}")
