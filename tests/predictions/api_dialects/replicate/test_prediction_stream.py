"""Server-sent events of a prediction: replayed, resumed, kept alive, ended with why, and open to all who have it."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from predictions import lifecycle
from predictions.api_dialects.replicate import prediction_stream
from predictions.models import Prediction, Status, Version
from predictions.waiting import waiters
from tests import factories
from tests.config.server.conftest import Served, serve, single
from tests.fakes import FakeProvider
from tests.predictions.api_dialects.replicate.conftest import Api
from tests.predictions.api_dialects.replicate.official_client import whole
from tests.predictions.api_dialects.replicate.test_client_compatibility import (
    events,
    stream_of,
    writer,
    written,
)

__all__ = ["serve", "single", "writer"]
pytestmark = pytest.mark.django_db(transaction=True)


def event_pairs(answer: Any) -> list[tuple[str, str]]:
    return [(one["event"], one["data"]) for one in events(whole(answer))]


def test_it_resumes_after_the_event_that_the_client_saw_last(alice: User, writer: Version) -> None:
    row = written(alice, writer, ["a", "b", "c"], logs="one\ntwo\n")
    every = events(whole(stream_of(row)))
    assert [one["data"] for one in every] == ["one\ntwo\n", "a", "b", "c", "{}"]
    for number, one in enumerate(every[:-1]):
        rest = events(whole(stream_of(row, **{"Last-Event-ID": one["id"]})))
        assert rest == every[number + 1 :]


def test_a_failure_is_told_before_the_end(alice: User, writer: Version) -> None:
    row = factories.make_prediction(alice, writer, status=Status.FAILED, error="no luck")
    assert event_pairs(stream_of(row)) == [
        ("error", json.dumps({"detail": "no luck"})),
        ("done", '{"reason": "error"}'),
    ]


@pytest.mark.parametrize("status", [Status.CANCELED, Status.ABORTED])
def test_a_cancel_is_the_reason_of_the_end(alice: User, writer: Version, status: Status) -> None:
    row = factories.make_prediction(alice, writer, status=status)
    assert event_pairs(stream_of(row)) == [("done", '{"reason": "canceled"}')]


def test_files_are_told_by_address_on_a_path_of_files(alice: User, version: Version) -> None:
    row = written(alice, version, ["/f/token/out-0.png"])
    answer = Client().get(f"/v1/files/stream-{row.stream_token}", headers={"Host": "h.example"})
    assert event_pairs(answer) == [("output", "http://h.example/f/token/out-0.png"), ("done", "{}")]


def test_the_address_says_which_kind_of_output_comes(
    api: Api, alice: User, writer: Version, version: Version
) -> None:
    words, files = factories.make_prediction(alice, writer), factories.make_prediction(alice, version)
    assert "/v1/streams/" in api.get(f"/predictions/{words.public_id}").json()["urls"]["stream"]
    assert "/v1/files/stream-" in api.get(f"/predictions/{files.public_id}").json()["urls"]["stream"]


@pytest.mark.parametrize("header", ["", "Bearer dr_" + "x" * 40, "nonsense"])
def test_it_opens_to_whoever_has_the_address(alice: User, writer: Version, header: str) -> None:
    row = written(alice, writer, ["a"])
    answer = stream_of(row, **({"Authorization": header} if header else {}))
    assert answer.status_code == 200 and answer["Access-Control-Allow-Origin"] == "*"


def test_another_address_opens_nothing(alice: User, writer: Version) -> None:
    row = written(alice, writer, ["a"])
    for token in ("x", row.public_id, row.stream_token[:-1], row.stream_token.upper()):
        answer = Client().get(f"/v1/streams/{token}")
        assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


def test_it_grows_with_the_prediction_is_kept_alive_and_ends(
    single: Served,
    alice: User,
    writer: Version,
    provider: FakeProvider,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.ROOT_URLCONF = "config.urls"
    monkeypatch.setattr(prediction_stream, "KEEP_ALIVE_S", 0.05)
    row = factories.make_prediction(alice, writer, status=Status.PROCESSING, phase="running")
    received = b""

    def listen() -> None:
        nonlocal received
        with single.client.stream("GET", f"/v1/streams/{row.stream_token}") as answer:
            for part in answer.iter_raw():
                received += part

    listener = threading.Thread(target=listen)
    listener.start()
    until(lambda: waiters.reader().waiting and b": hb\n\n" in received)
    Prediction.objects.filter(pk=row.pk).update(
        output=["Once", " upon"], logs="begun\n", revision=row.revision + 1
    )
    until(lambda: b"upon" in received)
    lifecycle.cancel(row.public_id)
    listener.join(20)
    assert [(one["event"], one["data"]) for one in events(received)] == [
        ("logs", "begun\n"), ("output", "Once"), ("output", " upon"), ("done", '{"reason": "canceled"}'),
    ]  # fmt: skip


def until(true: Any) -> None:
    for _ in range(2000):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("It never came.")
