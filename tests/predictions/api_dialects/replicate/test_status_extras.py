"""The key `darkroom` beside Replicate's fields: money, progress, place in the queue; official clients ignore it."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from replicate.client import Client as Official

from accounts.models import MICRO, User
from predictions import lifecycle
from predictions.dispatch import queue_position
from predictions.models import Prediction, Preview, Status, Version
from predictions.webhooks import bodies
from tests import factories
from tests.fakes import FakeProvider
from tests.predictions.api_dialects.replicate.conftest import Api

pytestmark = pytest.mark.django_db(transaction=True)

NOTHING_YET = {"progress": None, "provider": None, "notice": None}


def darkroom(api: Api, prediction: Prediction) -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"/predictions/{prediction.public_id}").json()["darkroom"]
    return found


def test_a_create_names_its_ceiling(api: Api, version: Version, provider: FakeProvider) -> None:
    shown = api.create(version.pk, {"prompt": "a cat"}).json()
    assert shown["darkroom"] == {"ceiling": MICRO, "charged": None, **NOTHING_YET}


def test_a_success_names_its_charge(api: Api, alice: User, version: Version) -> None:
    prediction = factories.make_prediction(
        alice, version, status=Status.SUCCEEDED, ceiling=2 * MICRO, charge=MICRO, progress=1.0
    )
    assert darkroom(api, prediction) == {
        "ceiling": 2 * MICRO,
        "charged": MICRO,
        "progress": 1.0,
        "provider": None,
        "notice": "Only the delivered outputs were charged.",
    }


@pytest.mark.parametrize(
    ("status", "charge", "told"),
    [
        (Status.SUCCEEDED, MICRO, None),
        (Status.FAILED, 0, "Nothing was charged."),
        (Status.CANCELED, 0, "Nothing was charged."),
        (Status.ABORTED, 0, "Nothing was charged."),
    ],
)
def test_what_ended_otherwise_than_asked_says_what_that_did_not_cost(
    api: Api, alice: User, version: Version, status: Status, charge: int, told: str | None
) -> None:
    prediction = factories.make_prediction(alice, version, status=status, ceiling=MICRO, charge=charge)
    assert darkroom(api, prediction)["notice"] == told


def test_who_waits_is_told_the_place(api: Api, alice: User, bob: User, version: Version) -> None:
    factories.make_prediction(alice, version)
    factories.make_prediction(bob, version)
    last = factories.make_prediction(alice, version)
    assert darkroom(api, last)["queue"] == {"position": 3, "estimated_seconds": None}


def test_the_place_is_counted_once_a_second_however_many_ask(
    api: Api, alice: User, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[str] = []
    place = queue_position.queue_position

    def counting(prediction: Prediction) -> Any:
        counted.append(prediction.public_id)
        return place(prediction)

    monkeypatch.setattr(queue_position, "queue_position", counting)
    prediction = factories.make_prediction(alice, version)
    for _number in range(3):
        assert darkroom(api, prediction)["queue"]["position"] == 1
    assert counted == [prediction.public_id]


def test_what_runs_and_what_ended_has_no_place(api: Api, alice: User, version: Version) -> None:
    running = factories.make_prediction(alice, version, status=Status.PROCESSING, phase="running")
    ended = factories.make_prediction(alice, version, status=Status.FAILED, error="x")
    assert "queue" not in darkroom(api, running) and "queue" not in darkroom(api, ended)


def test_who_follows_a_run_is_shown_the_newest_look(api: Api, alice: User, version: Version) -> None:
    prediction = factories.make_prediction(alice, version, status=Status.PROCESSING, phase="running")
    assert "preview" not in darkroom(api, prediction)
    Preview.objects.create(prediction=prediction, number=2, data=b"jpeg")
    look = darkroom(api, prediction)["preview"]
    assert look["number"] == 2
    assert Client().get(look["url"].removeprefix("http://testserver")).content == b"jpeg"


def test_a_list_counts_no_places(api: Api, alice: User, version: Version) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as caught:
            rows = api.get("/predictions").json()["results"]
        assert all(set(row["darkroom"]) == {"ceiling", "charged", *NOTHING_YET} for row in rows)
        return len(caught)

    factories.make_prediction(alice, version)
    queries()
    before = queries()
    factories.make_prediction(alice, version)
    assert queries() == before


def test_a_webhook_carries_the_money_and_no_place(alice: User, version: Version) -> None:
    prediction = factories.make_prediction(
        alice, version, webhook="https://receiver.example/hook", webhook_events=["completed"]
    )
    lifecycle.cancel(prediction.public_id)
    shown = json.loads(bodies.render(Prediction.objects.get(pk=prediction.pk)))
    free = {**NOTHING_YET, "notice": "Nothing was charged."}
    assert shown["darkroom"] == {"ceiling": MICRO, "charged": 0, **free}


def test_replicates_own_client_ignores_it(api: Api, alice: User, version: Version) -> None:
    prediction = factories.make_prediction(alice, version)

    def ours(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=api.get(str(request.url)).content)

    theirs = Official(api_token=api.token, base_url="http://testserver", transport=httpx.MockTransport(ours))
    assert "queue" in darkroom(api, prediction)
    assert theirs.predictions.get(prediction.public_id).status == "starting"
    assert [row.id for row in theirs.predictions.list()] == [prediction.public_id]
