"""Fixtures of delivery tests: predictions with webhooks, due deliveries, an API caller, and time travel."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.test import Client

from accounts.models import ApiToken, User
from core.jobs import wakeups
from predictions.models import Delivery, Prediction, Version
from predictions.webhooks import delivery_loop
from tests import factories
from tests.servers.webhook_receiver import WebhookReceiver


@pytest.fixture(autouse=True)
def loopback(settings: Any) -> None:
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]


def hooked(user: User, version: Version, url: str, events: str = "start output logs completed") -> Prediction:
    """A waiting prediction of that user with a webhook."""
    row = factories.make_prediction(user, version=version, status="starting")
    Prediction.objects.filter(pk=row.pk).update(
        webhook=url, webhook_events=events.split(), origin="http://testserver", mount="/v1"
    )
    return row


def owed(user: User, version: Version, url: str, event: str = "completed") -> Delivery:
    """One delivery that is due."""
    row = hooked(user, version, url)
    made = Delivery.objects.create(account=row.account, prediction=row, event=event)
    wakeups.send(wakeups.DELIVERIES)
    return Delivery.objects.get(pk=made.pk)


def pass_time(seconds: float) -> None:
    """What was owed for later comes so much nearer, as if the clock had gone on."""
    Delivery.objects.filter(state="owed").update(due_at=F("due_at") - timedelta(seconds=seconds))


def tries(delivery: Delivery) -> list[tuple[int | None, str]]:
    return list(delivery.tries.values_list("answer_code", "note"))


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Own:
    """A caller of `/api` with a token of these scopes."""

    def __init__(self, user: User, *scopes: str) -> None:
        self.client = Client()
        plain = factories.make_token(user)
        self.headers = {"Authorization": f"Bearer {plain}"}
        if scopes:
            ApiToken.objects.filter(user=user).order_by("-pk").update(scopes=list(scopes))

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(f"/api/{path}", query, headers=self.headers)

    def post(self, path: str, body: Any = None) -> Any:
        return self.client.post(
            f"/api/{path}", json.dumps(body or {}), content_type="application/json", headers=self.headers
        )


@pytest.fixture
def own(alice: User) -> Own:
    return Own(alice)


@pytest.fixture
def receiver(settings: Any) -> Iterator[WebhookReceiver]:
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
    with WebhookReceiver() as receiver:
        yield receiver


def delivery_of(user: User, version: Version, url: str, event: str = "completed") -> Delivery:
    """One that was posted already."""
    made = owed(user, version, url, event)
    delivery_loop.run_until_idle()
    made.refresh_from_db()
    return made
