"""`/api/predictions`: own ones with their money, filtered and in pages; strangers' do not exist."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import MICRO, User
from accounts.tokens import api_tokens
from predictions.models import Prediction, Preview, Status, Version
from tests import factories
from tests.api.conftest import Frontend

pytestmark = pytest.mark.django_db


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in rows]


def test_a_success_shows_its_money_its_ledger_lines_and_its_items(mine: Frontend, alice: User) -> None:
    prediction = factories.make_prediction(
        alice, status=Status.SUCCEEDED, ceiling=4 * MICRO, charge=3 * MICRO
    )
    item = factories.make_item(alice, factories.make_output(prediction))
    shown = mine.get(f"/api/predictions/{prediction.public_id}").json()
    money = [shown[name] for name in ("ceiling", "held", "charged", "released")]
    assert money == [4 * MICRO, 0, 3 * MICRO, MICRO]
    assert [(line["kind"], line["captured"]) for line in shown["ledger"]] == [
        ("hold", None),
        ("settle", 3 * MICRO),
    ]
    assert (shown["items"], shown["queue"], shown["preview"]) == ([item.public_id], None, None)


def test_what_waits_shows_its_place_and_what_is_held(mine: Frontend, alice: User, bob: User) -> None:
    factories.make_prediction(bob)
    prediction = factories.make_prediction(alice)
    shown = mine.get(f"/api/predictions/{prediction.public_id}").json()
    assert shown["queue"] == {"position": 2, "estimated_seconds": None}
    assert (shown["held"], shown["charged"], shown["released"]) == (MICRO, None, None)


def test_what_runs_shows_its_progress_and_its_newest_preview(mine: Frontend, alice: User) -> None:
    prediction = factories.make_prediction(alice, status=Status.PROCESSING, phase="running", progress=0.4)
    Preview.objects.create(prediction=prediction, number=3, data=b"jpeg")
    shown = mine.get(f"/api/predictions/{prediction.public_id}").json()
    assert (shown["progress"], shown["queue"]) == (0.4, None)
    assert shown["preview"]["number"] == 3
    look = Client().get(shown["preview"]["url"].removeprefix("http://testserver"))
    assert (look.status_code, look.content) == (200, b"jpeg")


def test_a_cancel_gives_everything_back(mine: Frontend, alice: User) -> None:
    prediction = factories.make_prediction(alice)
    shown = mine.post(f"/api/predictions/{prediction.public_id}/cancel").json()
    assert (shown["status"], shown["charged"], shown["released"], shown["held"]) == ("canceled", 0, MICRO, 0)
    again = mine.post(f"/api/predictions/{prediction.public_id}/cancel")
    assert (again.status_code, again.json()["status"]) == (200, "canceled")
    assert mine.get("/api/me").json()["held"] == 0


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_strangers_prediction_does_not_exist(theirs: Frontend, alice: User, method: str) -> None:
    prediction = factories.make_prediction(alice)
    path = f"/api/predictions/{prediction.public_id}" + ("/cancel" if method == "POST" else "")
    assert theirs.send(method, path).status_code == 404
    assert theirs.rows("/api/predictions") == []
    assert Prediction.objects.get().status == Status.STARTING


def test_a_walk_sees_each_once_newest_first(mine: Frontend, alice: User, version: Version) -> None:
    made = [factories.make_prediction(alice, version).public_id for _number in range(5)]
    assert ids(mine.rows("/api/predictions", limit=2)) == made[::-1]


@pytest.mark.parametrize(
    "query",
    [
        {"status": "canceled"}, {"model": "acme/wanted"}, {"source": "web"}, {"deployment": "shop/portraits"},
        {"created_after": "2026-01-31T12:00:00Z", "created_before": "2026-01-31T13:00:00+00:00"},
    ],
    ids=lambda query: next(iter(query)),
)  # fmt: skip
def test_a_filter_leaves_what_meets_it(mine: Frontend, alice: User, query: dict[str, str]) -> None:
    wanted = factories.make_prediction(
        alice,
        factories.make_version(factories.make_model(name="wanted")),
        status=Status.ABORTED,
        source="web",
        deployment="shop/portraits",
    )
    moment = timezone.datetime.fromisoformat("2026-01-31T12:30:00+00:00")
    Prediction.objects.filter(pk=wanted.pk).update(created_at=moment)
    factories.make_prediction(alice)
    assert ids(mine.rows("/api/predictions", **query)) == [wanted.public_id]


def test_the_live_ones_are_found_by_their_state(mine: Frontend, alice: User) -> None:
    waiting = factories.make_prediction(alice)
    running = factories.make_prediction(alice, status=Status.PROCESSING, phase="running")
    factories.make_prediction(alice, status=Status.FAILED, error="x")
    assert ids(mine.rows("/api/predictions", status="starting")) == [waiting.public_id]
    assert ids(mine.rows("/api/predictions", status="processing")) == [running.public_id]


def test_the_predictions_of_one_token_are_found(mine: Frontend, alice: User) -> None:
    token = api_tokens.issue(alice, "website")[0]
    by_token = factories.make_prediction(alice, token=token)
    factories.make_prediction(alice)
    rows = mine.rows("/api/predictions", token=token.pk)
    assert [(row["id"], row["token"]) for row in rows] == [(by_token.public_id, token.pk)]


@pytest.mark.parametrize(
    "query",
    [
        {"status": "aborted"}, {"model": "noslash"}, {"source": "tv"}, {"token": "0"}, {"limit": "0"},
        {"created_after": "yesterday"}, {"created_after": "2026-01-31"}, {"created_before": "0001-01-01T00:00:00Z"},
        {"cursor": "1.x"}, {"created_before": ""}, {"limit": ""}, {"cursor": "\x00"}, {"model": "a/b\x00"},
    ],
)  # fmt: skip
def test_a_bad_filter_is_named(mine: Frontend, query: dict[str, str]) -> None:
    answer = mine.get("/api/predictions", **query)
    assert (answer.status_code, list(answer.json()["faults"])) == (400, list(query))


def test_a_longer_list_costs_no_more_queries(
    mine: Frontend, alice: User, version: Version, django_assert_max_num_queries: Any
) -> None:
    for _number in range(6):
        factories.make_prediction(alice, version)
    with django_assert_max_num_queries(6):
        assert len(mine.rows("/api/predictions")) == 6


def test_times_are_told_in_utc(mine: Frontend, alice: User) -> None:
    prediction = factories.make_prediction(alice)
    row = mine.rows("/api/predictions")[0]
    told = timezone.datetime.fromisoformat(row["created_at"])
    assert abs(told - prediction.created_at) < timedelta(seconds=1) and row["created_at"].endswith("Z")
