"""Webhooks: enqueued with the change, signed, retried, and never sent to private addresses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from replicate.webhook import Webhooks, WebhookSigningSecret
from standardwebhooks.webhooks import Webhook

from accounts.models import User
from predictions import lifecycle, tasks
from predictions.inputs import user_urls
from predictions.models import Delivery, Prediction, Version
from predictions.providers.base import Update
from predictions.webhooks import delivery_claims, delivery_loop, signatures
from tests import fakes
from tests.fakes import FakeProvider
from tests.predictions.api_dialects.replicate.conftest import Api
from tests.servers.webhook_receiver import WebhookReceiver

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def receiver(settings: Any) -> Iterator[WebhookReceiver]:
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
    with WebhookReceiver() as receiver:
        yield receiver


def create(api: Api, version: Version, receiver: WebhookReceiver, *events: str) -> dict[str, Any]:
    body: dict[str, Any] = {"version": version.pk, "input": {"prompt": "a cat"}, "webhook": receiver.url}
    if events:
        body["webhook_events_filter"] = list(events)
    answer = api.post("/predictions", body)
    assert answer.status_code == 201, answer.content
    created: dict[str, Any] = answer.json()
    return created


def received_bodies(receiver: WebhookReceiver) -> list[dict[str, Any]]:
    return [json.loads(body) for _headers, body in receiver.requests]


def test_the_end_is_told_with_the_object_that_get_gives(
    api: Api, version: Version, provider: FakeProvider, receiver: WebhookReceiver
) -> None:
    created = create(api, version, receiver, "completed")
    fakes.work_off()
    delivery_loop.run_until_idle()
    assert received_bodies(receiver) == [api.get(created["urls"]["get"]).json()]
    assert Delivery.objects.get().state == "delivered"


def test_every_event_is_told_unless_a_filter_says_which(
    api: Api, version: Version, provider: FakeProvider, receiver: WebhookReceiver
) -> None:
    create(api, version, receiver)
    provider.updates = [Update("processing", logs="Using seed: 1\n", progress=0.5)]
    tasks.start()
    delivery_loop.run_until_idle()
    fakes.watch_once()
    delivery_loop.run_until_idle()
    Prediction.objects.update(look_at="2020-01-01T00:00:00Z")
    fakes.watch_once()
    tasks.collect()
    delivery_loop.run_until_idle()
    assert [body["status"] for body in received_bodies(receiver)] == ["processing", "processing", "succeeded"]
    assert sorted(Delivery.objects.values_list("event", flat=True)) == ["completed", "logs", "start"]


def test_the_signature_is_one_that_the_official_clients_accept(
    api: Api, version: Version, provider: FakeProvider, receiver: WebhookReceiver
) -> None:
    create(api, version, receiver, "completed")
    fakes.work_off()
    delivery_loop.run_until_idle()
    headers, body = receiver.requests[0]
    secret = api.get("/webhooks/default/secret").json()["key"]
    assert api.get("/webhooks/default/secret").json()["key"] == secret
    Webhook(secret).verify(body.decode(), headers)
    Webhooks.validate(headers=headers, body=body.decode(), secret=WebhookSigningSecret(key=secret))


def test_signatures_agree_with_the_published_vectors() -> None:
    at = datetime.fromtimestamp(1767225600, UTC)
    body = '{"id":"dk5tq2m3n4p5r6s7t8v9w0x1y2","status":"succeeded","output":["http://127.0.0.1:8000/f/abc/out-0.png"]}'
    made = signatures.headers(
        "whsec_ZGFya3Jvb20tY29udHJhY3QtdGVzdC12ZWN0b3ItazE=", "msg_2b7Yy0test0vector", body, at
    )
    assert made["webhook-signature"] == "v1,sCA1eo6tXjOpdKY6CXLWHLxo3ntbXUdY8COw5g7UF7s="
    assert made["webhook-timestamp"] == "1767225600"
    chinese = '{"prompt":"一只猫","ok":true}'
    made = signatures.headers("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3", "msg_2b7Yy0test0vector", chinese, at)
    assert made["webhook-signature"] == "v1,Mg9xmVS4y5f3qQa0ekrSpAT0Niqk/A9XrpA3gRXFO4Q="


@pytest.mark.parametrize(
    ("code", "state"), [(500, "owed"), (429, "owed"), (408, "owed"), (404, "given_up"), (301, "given_up")]
)
def test_what_may_help_later_is_tried_again_and_nothing_else(
    api: Api, version: Version, provider: FakeProvider, receiver: WebhookReceiver, code: int, state: str
) -> None:
    receiver.answers = [(code, {"Location": "http://127.0.0.1:1/"} if code == 301 else {})]
    create(api, version, receiver, "completed")
    fakes.work_off()
    delivery_loop.run_until_idle()
    row = Delivery.objects.get()
    assert (row.state, row.answer_code, row.attempts) == (state, code, 1)
    assert ("redirect" in row.answer_note) is (code == 301)
    assert len(receiver.requests) == 1


def test_a_retry_sends_the_same_event_and_body_with_a_new_time_until_tries_are_spent(
    api: Api, version: Version, provider: FakeProvider, receiver: WebhookReceiver
) -> None:
    receiver.answers = [(503, {})] * 20
    create(api, version, receiver, "completed")
    fakes.work_off()
    for _ in range(12):
        Delivery.objects.update(due_at="2020-01-01T00:00:00Z")
        delivery_loop.run_until_idle()
    row = Delivery.objects.get()
    assert (row.state, row.attempts, len(receiver.requests)) == ("given_up", 8, 8)
    assert len({headers["webhook-id"] for headers, _ in receiver.requests}) == 1
    assert len({body for _, body in receiver.requests}) == 1


def test_gone_turns_the_hook_off(
    api: Api, version: Version, provider: FakeProvider, receiver: WebhookReceiver
) -> None:
    receiver.answers = [(410, {})]
    create(api, version, receiver)
    tasks.start()
    delivery_loop.run_until_idle()
    fakes.work_off()
    delivery_loop.run_until_idle()
    assert len(receiver.requests) == 1


def test_a_worker_that_dies_with_a_delivery_leaves_it_due(
    api: Api, version: Version, provider: FakeProvider, receiver: WebhookReceiver
) -> None:
    create(api, version, receiver, "completed")
    fakes.work_off()
    late = delivery_claims.claim_due()[0]
    assert delivery_claims.claim_due() == []
    Delivery.objects.update(due_at="2020-01-01T00:00:00Z")
    delivery_loop.run_until_idle()
    delivery_claims.record_failure(late, code=None, note="late", retry=True)
    assert Delivery.objects.get().state == "delivered" and len(receiver.requests) == 1


def test_a_cancel_is_told_too(
    api: Api, version: Version, provider: FakeProvider, receiver: WebhookReceiver
) -> None:
    created = create(api, version, receiver, "completed")
    lifecycle.cancel(created["id"])
    delivery_loop.run_until_idle()
    assert [body["status"] for body in received_bodies(receiver)] == ["canceled"]


def test_nothing_is_owed_when_the_end_is_rolled_back(
    api: Api,
    version: Version,
    provider: FakeProvider,
    receiver: WebhookReceiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    create(api, version, receiver, "completed")
    tasks.start()

    def broken(*args: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("accounts.credits.settle", broken)
    with pytest.raises(RuntimeError):
        lifecycle.cancel(Prediction.objects.get().public_id)
    assert not Delivery.objects.exists()


INNER = [
    "http://127.0.0.1/", "http://localhost/", "http://127.1/", "http://2130706433/", "http://0x7f.1/", "http://[::1]/",
    "http://10.0.0.1/", "http://169.254.169.254/latest", "http://192.168.1.1:80/", "http://[::ffff:127.0.0.1]/",
    "http://[fd00::1]/", "http://0.0.0.0/", "http://a.localhost/", "http://[64:ff9b::7f00:1]/", "http://100.64.0.1/",
    "ftp://example.org/", "http://", "https://user@[::1]:1/", "javascript:1",
]  # fmt: skip


@pytest.mark.parametrize("url", INNER)
def test_an_inner_address_is_refused_at_create(
    api: Api, version: Version, provider: FakeProvider, url: str
) -> None:
    answer = api.post("/predictions", {"version": version.pk, "input": {"prompt": "a"}, "webhook": url})
    assert answer.status_code == 422
    assert answer.json()["invalid_fields"][0]["field"] == "webhook"


def test_a_name_that_resolves_to_an_inner_address_is_refused_when_it_is_connected(
    api: Api, alice: User, version: Version, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["93.184.216.34", "127.0.0.1"]

    monkeypatch.setattr("predictions.inputs.user_urls._resolve", resolve)
    body = {"version": version.pk, "input": {"prompt": "a"}, "webhook": "https://hooks.example.org/x"}
    assert api.post("/predictions", body).status_code == 201
    fakes.work_off()
    delivery_loop.run_until_idle()
    row = Delivery.objects.get(event="completed")
    assert row.answer_code is None and "private or reserved" in row.answer_note


@pytest.mark.parametrize("text", ["8.8.8.8", "2606:4700:4700::1111"])
def test_public_addresses_may_be_reached(text: str) -> None:
    assert user_urls.may_reach(text)


def test_the_older_spelling_asks_for_the_end_alone(
    api: Api, version: Version, provider: FakeProvider, receiver: WebhookReceiver
) -> None:
    body = {"version": version.pk, "input": {"prompt": "a"}, "webhook_completed": receiver.url}
    assert api.post("/predictions", body).status_code == 201
    assert Prediction.objects.get().webhook_events == ["completed"]
