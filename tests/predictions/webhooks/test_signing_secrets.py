"""Signing secrets of webhooks, who may see them, and event filters."""

from __future__ import annotations

import json
from typing import Any

import pytest
from replicate.webhook import Webhooks, WebhookSigningSecret
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from accounts.models import Account, User
from core.clock import Now
from predictions.models import Prediction, Version
from predictions.webhooks import signing_secrets
from tests.fakes import FakeProvider
from tests.predictions.webhooks.delivery_fixtures import Own, delivery_of, own, receiver
from tests.servers.webhook_receiver import WebhookReceiver
from tests.support import races

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["own", "receiver"]
FOREIGN = "http://169.254.169.254/latest"


# -- the secret ----------------------------------------------------------------------------------------------


def test_for_a_day_after_a_change_both_secrets_verify_and_then_the_new_one_alone(
    own: Own, alice: User, version: Version, receiver: WebhookReceiver
) -> None:
    before = own.get("webhooks/secret").json()
    assert before["old_key_until"] is None
    after = own.post("webhooks/secret").json()
    assert after["key"] != before["key"] and after["old_key_until"] is not None
    delivery_of(alice, version, receiver.url)
    headers, body = receiver.requests[0]
    assert len(headers["webhook-signature"].split(" ")) == 2
    for key in (before["key"], after["key"]):
        Webhook(key).verify(body.decode(), headers)
        Webhooks.validate(headers=headers, body=body.decode(), secret=WebhookSigningSecret(key=key))
    Account.objects.update(webhook_secret_rotated_at=Now() - signing_secrets.ROTATION_OVERLAP)
    delivery_of(alice, version, receiver.url)
    headers, body = receiver.requests[1]
    Webhook(after["key"]).verify(body.decode(), headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(before["key"]).verify(body.decode(), headers)
    assert own.get("webhooks/secret").json() == {"key": after["key"], "old_key_until": None}


def test_two_changes_at_once_are_one(alice: User) -> None:
    account = Account.objects.get(pk=alice.account_id)
    old = signing_secrets.get_or_create(account)
    found = races.together([lambda: signing_secrets.rotate(Account.objects.get(pk=account.pk))] * 4)
    account.refresh_from_db()
    assert account.webhook_secret in found and account.webhook_secret != old


def test_the_secret_is_the_same_at_replicates_address_and_never_kept_by_caches(own: Own) -> None:
    answer = own.get("webhooks/secret")
    assert answer["Cache-Control"] == "no-store"
    theirs = own.client.get("/v1/webhooks/default/secret", headers=own.headers).json()
    assert theirs == {"key": answer.json()["key"]}


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("get", "deliveries", "read"), ("get", "deliveries/msg_none", "read"),
        ("post", "deliveries/msg_none/resend", "admin"), ("post", "webhooks/test", "admin"),
        ("get", "webhooks/secret", "admin"), ("post", "webhooks/secret", "admin"),
    ],
)  # fmt: skip
def test_a_token_needs_the_scope(alice: User, method: str, path: str, scope: str) -> None:
    others = [one for one in ("read", "predict", "gallery", "admin") if one != scope]
    answer = getattr(Own(alice, *others), method)(path)
    assert answer.status_code == 403 and f"`{scope}`" in answer.json()["detail"]
    assert getattr(Own(alice, scope), method)(path).status_code in {200, 400, 404}


# -- which events --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", [None, []])
def test_without_a_filter_or_with_an_empty_one_all_four_events_are_told(
    own: Own, version: Version, provider: FakeProvider, asked: list[str] | None
) -> None:
    payload = {
        "version": version.pk,
        "input": {"prompt": "a cat"},
        "webhook": "https://hooks.example.org/",
        "webhook_events_filter": asked,
    }
    answer = own.client.post(
        "/v1/predictions", json.dumps(payload), content_type="application/json", headers=own.headers
    )
    assert answer.status_code == 201
    assert Prediction.objects.get().webhook_events == ["start", "output", "logs", "completed"]


@pytest.mark.parametrize(
    "asked", [["start", "begin"], ["Completed"], [1], [None], ["start", []], "start", {}, True]
)
def test_a_filter_with_a_word_that_is_no_event_is_refused_and_named(
    own: Own, version: Version, asked: Any
) -> None:
    payload = {
        "version": version.pk,
        "input": {"prompt": "a cat"},
        "webhook": "https://hooks.example.org/",
        "webhook_events_filter": asked,
    }
    answer = own.client.post(
        "/v1/predictions", json.dumps(payload), content_type="application/json", headers=own.headers
    )
    assert answer.status_code == 422
    assert answer.json()["invalid_fields"][0]["field"] == "webhook_events_filter"
    assert not Prediction.objects.exists()
