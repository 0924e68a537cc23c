"""`/api/deliveries` and `/api/webhooks`: list, resend, test, rotate the secret."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from replicate.prediction import Prediction as TheirPrediction
from standardwebhooks.webhooks import Webhook

from accounts.models import Account, User
from core.clock import Now
from predictions import lifecycle
from predictions.api_dialects import webhook_body
from predictions.models import Delivery, DeliveryAttempt, Prediction, Version
from predictions.webhooks import bodies, delivery_log, delivery_loop, manual_delivery, signing_secrets
from tests import factories
from tests.predictions.webhooks.delivery_fixtures import Own, delivery_of, owed, own, receiver
from tests.servers.webhook_receiver import WebhookReceiver
from tests.support import races

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["own", "receiver"]
FOREIGN = "http://169.254.169.254/latest"


# -- the log -------------------------------------------------------------------------------------------------


def test_the_log_tells_what_happened_to_each_and_when_it_is_tried_next(
    own: Own, alice: User, version: Version, receiver: WebhookReceiver
) -> None:
    receiver.answers = [(503, {})]
    made = delivery_of(alice, version, receiver.url)
    [row] = own.get("deliveries").json()["results"]
    assert row["id"] == made.message_id and row["url"] == receiver.url
    assert (row["state"], row["attempts"], row["answer_code"]) == ("owed", 1, 503)
    assert row["next_try_at"] is not None and row["size"] == len(made.body.encode())
    whole = own.get(f"deliveries/{made.message_id}").json()
    assert whole["body"] == receiver.requests[0][1].decode()
    [one] = whole["tries"]
    assert (one["number"], one["answer_code"], one["note"]) == (1, 503, "The receiver failed")
    assert one["took_ms"] >= 0


def test_the_log_is_walked_by_pages_and_filtered(own: Own, alice: User, version: Version) -> None:
    rows = [owed(alice, version, "http://127.0.0.1:9/") for _ in range(5)]
    Delivery.objects.filter(pk=rows[0].pk).update(state="given_up")
    Delivery.objects.filter(pk=rows[1].pk).update(event="logs")
    seen, address = [], "/api/deliveries?limit=2"
    while address:
        page = own.client.get(address, headers=own.headers).json()
        seen += [row["id"] for row in page["results"]]
        address = (page["next"] or "").removeprefix("http://testserver")
    assert seen == [row.message_id for row in reversed(rows)]
    assert [row["id"] for row in own.get("deliveries", state="given_up").json()["results"]] == [
        rows[0].message_id
    ]
    assert [row["id"] for row in own.get("deliveries", event="logs").json()["results"]] == [
        rows[1].message_id
    ]
    wanted = rows[2].prediction.public_id
    assert [row["prediction"] for row in own.get("deliveries", prediction=wanted).json()["results"]] == [
        wanted
    ]


@pytest.mark.parametrize(
    "query", [{"state": "lost"}, {"event": "never"}, {"cursor": "x"}, {"limit": 0}, {"prediction": "a" * 27}]
)
def test_a_filter_that_is_none_is_named(own: Own, query: dict[str, Any]) -> None:
    answer = own.get("deliveries", **query)
    assert answer.status_code == 400 and list(answer.json()["faults"]) == list(query)


def test_the_log_asks_as_little_for_many_rows_as_for_one(own: Own, alice: User, version: Version) -> None:
    owed(alice, version, "http://127.0.0.1:9/")
    own.get("deliveries")
    with CaptureQueriesContext(connection) as few:
        own.get("deliveries")
    for _ in range(9):
        owed(alice, version, "http://127.0.0.1:9/")
    with CaptureQueriesContext(connection) as many:
        assert len(own.get("deliveries").json()["results"]) == 10
    assert len(many) == len(few)


def test_strangers_find_nothing(own: Own, bob: User, version: Version) -> None:
    theirs = owed(bob, version, "http://127.0.0.1:9/")
    assert own.get("deliveries").json()["results"] == []
    assert own.get("deliveries", prediction=theirs.prediction.public_id).json()["results"] == []
    assert own.get(f"deliveries/{theirs.message_id}").status_code == 404
    assert own.post(f"deliveries/{theirs.message_id}/resend").status_code == 404
    assert Client().get("/api/deliveries").status_code == 401


def test_the_log_is_forgotten_after_its_time_but_never_what_is_owed(
    alice: User, version: Version, receiver: WebhookReceiver, settings: Any
) -> None:
    settings.DELIVERIES_KEPT = 7
    old, waits = delivery_of(alice, version, receiver.url), owed(alice, version, receiver.url)
    Delivery.objects.update(created_at=Now() - timedelta(days=8))
    young = owed(alice, version, receiver.url)
    assert delivery_log.prune() == 1
    assert set(Delivery.objects.values_list("pk", flat=True)) == {waits.pk, young.pk}
    assert not DeliveryAttempt.objects.filter(delivery_id=old.pk).exists()


def test_what_was_told_is_forgotten_with_the_predictions_data(
    alice: User, version: Version, receiver: WebhookReceiver
) -> None:
    row = factories.make_prediction(alice, version=version, status="succeeded")
    made = Delivery.objects.create(
        account=row.account, prediction=row, event="completed", state="delivered", body="{}"
    )
    assert lifecycle.remove_data(row.pk)
    made.refresh_from_db()
    assert made.body == ""


# -- once more -----------------------------------------------------------------------------------------------


def test_a_delivered_event_is_sent_again_with_the_same_id_and_body(
    own: Own, alice: User, version: Version, receiver: WebhookReceiver
) -> None:
    made = delivery_of(alice, version, receiver.url)
    answer = own.post(f"deliveries/{made.message_id}/resend")
    assert answer.status_code == 202
    assert (answer.json()["state"], answer.json()["resent"], answer.json()["attempts"]) == ("owed", 1, 0)
    delivery_loop.run_until_idle()
    first, second = receiver.requests
    assert first[0]["webhook-id"] == second[0]["webhook-id"] and first[1] == second[1]
    Webhook(signing_secrets.get_or_create(made.account)).verify(second[1].decode(), second[0])
    whole = own.get(f"deliveries/{made.message_id}").json()
    assert [one["number"] for one in whole["tries"]] == [1, 2] and whole["state"] == "delivered"


def test_a_given_up_event_gets_a_fresh_round_of_tries(
    own: Own, alice: User, version: Version, receiver: WebhookReceiver
) -> None:
    receiver.answers = [(404, {}), (500, {})]
    made = delivery_of(alice, version, receiver.url)
    assert made.state == "given_up"
    own.post(f"deliveries/{made.message_id}/resend")
    delivery_loop.run_until_idle()
    made.refresh_from_db()
    assert (made.state, made.attempts) == ("owed", 1)


def test_one_that_waits_for_its_next_try_is_brought_forward(
    own: Own, alice: User, version: Version, receiver: WebhookReceiver
) -> None:
    receiver.answers = [(500, {})]
    made = delivery_of(alice, version, receiver.url)
    assert own.post(f"deliveries/{made.message_id}/resend").status_code == 202
    delivery_loop.run_until_idle()
    made.refresh_from_db()
    assert made.state == "delivered"


def test_one_that_is_being_sent_is_left_alone(own: Own, alice: User, version: Version) -> None:
    made = owed(alice, version, "http://127.0.0.1:9/")
    answer = own.post(f"deliveries/{made.message_id}/resend")
    assert (answer.status_code, answer.json()["detail"]) == (409, "It is being sent already.")


def test_of_many_who_ask_at_once_one_is_heard(
    alice: User, version: Version, receiver: WebhookReceiver
) -> None:
    made = delivery_of(alice, version, receiver.url)
    found = races.together([lambda: manual_delivery.resend(Delivery.objects.get(pk=made.pk))] * 8)
    assert [type(one) for one in found].count(type(None)) == 1
    assert sum(isinstance(one, manual_delivery.CannotSend) for one in found) == 7
    delivery_loop.run_until_idle()
    made.refresh_from_db()
    assert (made.resent, len(receiver.requests)) == (1, 2)


def test_a_newer_event_of_its_kind_goes_before_an_old_one(
    own: Own, alice: User, version: Version, receiver: WebhookReceiver
) -> None:
    old = delivery_of(alice, version, receiver.url, "logs")
    Delivery.objects.create(account=old.account, prediction=old.prediction, event="logs")
    assert own.post(f"deliveries/{old.message_id}/resend").status_code == 409
    assert Delivery.objects.filter(state="owed").count() == 1


def test_it_is_sent_again_a_hundred_times_and_no_more(
    own: Own, alice: User, version: Version, receiver: WebhookReceiver
) -> None:
    made = delivery_of(alice, version, receiver.url)
    Delivery.objects.update(resent=manual_delivery.MAX_RESENDS)
    assert own.post(f"deliveries/{made.message_id}/resend").status_code == 409


def test_after_a_hook_was_turned_off_an_event_can_still_be_sent_by_hand(
    own: Own, alice: User, version: Version, receiver: WebhookReceiver
) -> None:
    receiver.answers = [(410, {})]
    made = delivery_of(alice, version, receiver.url)
    assert Prediction.objects.get().webhook == ""
    assert own.post(f"deliveries/{made.message_id}/resend").status_code == 202
    delivery_loop.run_until_idle()
    assert len(receiver.requests) == 2


# -- a test event --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "status"),
    [("start", "processing"), ("output", "processing"), ("logs", "processing"), ("completed", "succeeded")],
)
def test_a_test_event_looks_like_a_prediction_and_says_that_it_is_none(
    own: Own, receiver: WebhookReceiver, event: str, status: str
) -> None:
    answer = own.post("webhooks/test", {"url": receiver.url, "event": event})
    assert answer.status_code == 202, answer.content
    delivery_loop.run_until_idle()
    [(headers, raw)] = receiver.requests
    Webhook(signing_secrets.get_or_create(Account.objects.get(name="alice"))).verify(raw.decode(), headers)
    body = json.loads(raw)
    assert body["darkroom"]["test"] is True and body["status"] == status
    assert TheirPrediction(**body).id == body["id"] and len(body["id"]) == 26
    assert (body["output"] is not None) == (event in {"output", "completed"})
    whole = own.get(f"deliveries/{answer.json()['id']}").json()
    assert (whole["state"], whole["event"], whole["prediction"]) == ("delivered", "test", None)
    assert Prediction.objects.count() == 0


@pytest.mark.parametrize("status", ["processing", "succeeded"])
def test_a_test_event_has_the_shape_of_every_other(alice: User, version: Version, status: str) -> None:
    row = factories.make_prediction(alice, version, status=status)
    told = json.loads(bodies.render(row))
    made = webhook_body.example_json("completed" if status == "succeeded" else "start", "http://testserver")
    assert list(made) == list(told) and set(made["urls"]) == set(told["urls"])
    assert set(made["darkroom"]) == {*told["darkroom"], "test"}
    assert set(told["metrics"]) <= set(made["metrics"])


def test_a_test_event_is_tried_once(own: Own, receiver: WebhookReceiver) -> None:
    receiver.answers = [(500, {})]
    made = own.post("webhooks/test", {"url": receiver.url}).json()
    delivery_loop.run_until_idle()
    assert own.get(f"deliveries/{made['id']}").json()["state"] == "given_up"


@pytest.mark.parametrize(
    "body",
    [
        {"url": FOREIGN}, {"url": "ftp://example.org/"}, {"url": 5}, {}, {"url": ""}, {"url": "http://a\x00.org/"},
        {"url": "http://" + "a" * 2000}, {"url": "http://\ud800.org/"}, {"url": ["http://example.org/"]},
    ],
)  # fmt: skip
def test_an_address_that_may_not_be_reached_is_refused_and_named(own: Own, body: dict[str, Any]) -> None:
    answer = own.post("webhooks/test", body)
    assert answer.status_code == 400 and list(answer.json()["faults"]) == ["url"]
    assert not Delivery.objects.exists()


def test_an_event_that_is_none_is_refused(own: Own) -> None:
    answer = own.post("webhooks/test", {"url": "https://example.org/", "event": "test"})
    assert answer.status_code == 400 and list(answer.json()["faults"]) == ["event"]


def test_test_events_are_counted_by_the_hour(own: Own, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manual_delivery, "MAX_TESTS_PER_HOUR", 2)
    answers = [own.post("webhooks/test", {"url": "https://example.org/"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    # What is promised of every 429.
    assert 3000 < int(answers[-1].headers["Retry-After"]) <= 3600
