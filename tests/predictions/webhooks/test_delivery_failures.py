"""Receivers that are down, slow, hostile or gone: retries, their times, and the log."""

from __future__ import annotations

import json
import socket
import threading
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone
from standardwebhooks.webhooks import Webhook

from accounts.models import User
from predictions import tasks
from predictions.inputs import user_urls
from predictions.models import Delivery, DeliveryAttempt, Prediction, Version
from predictions.webhooks import delivery_claims, delivery_loop, signing_secrets
from tests import fakes
from tests.fakes import FakeProvider
from tests.predictions.webhooks.delivery_fixtures import (
    free_port,
    hooked,
    loopback,
    owed,
    pass_time,
    receiver,
    tries,
)
from tests.servers.webhook_receiver import WebhookReceiver

SELF_SIGNED = Path(__file__).with_name("self_signed.pem")
"""For 127.0.0.1, until the year 2126; its key opens nothing."""
pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["loopback", "receiver"]


def test_a_receiver_that_is_down_for_an_hour_gets_everything_once_it_is_up(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    port = free_port()
    row = hooked(alice, version, f"http://127.0.0.1:{port}/hook", "start completed")
    fakes.work_off()
    start, completed = Delivery.objects.order_by("pk")
    assert (start.event, completed.event) == ("start", "completed")
    for wait in delivery_claims.RETRY_DELAYS_S[:5]:
        pass_time(wait * 1.3)
        delivery_loop.run_until_idle()
    assert set(Delivery.objects.values_list("state", "attempts")) == {("owed", 5)}
    assert set(DeliveryAttempt.objects.values_list("note", flat=True)) == {"The connection was refused"}
    with WebhookReceiver(port=port) as receiver:
        pass_time(3600)
        delivery_loop.run_until_idle()
    assert [json.loads(body)["status"] for _, body in receiver.requests] == ["succeeded", "succeeded"]
    assert {headers["webhook-id"] for headers, _ in receiver.requests} == {
        start.message_id,
        completed.message_id,
    }
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}
    row.refresh_from_db()
    assert row.status == "succeeded"


def test_each_try_has_the_same_id_and_body_and_a_time_and_signature_of_its_own(
    alice: User, version: Version, receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery = owed(alice, version, receiver.url)
    receiver.answers = [(500, {}), (502, {}), (503, {})]
    now = timezone.now()
    for number in range(4):
        at = now + timedelta(minutes=number)
        monkeypatch.setattr(delivery_claims, "timezone", SimpleNamespace(now=lambda at=at: at))
        delivery_loop.run_until_idle()
        pass_time(3600)
    official = Webhook(signing_secrets.get_or_create(delivery.account))
    for headers, body in receiver.requests:
        # It refuses what is more than five minutes away from its clock, too.
        official.verify(body.decode(), headers)
    assert {headers["webhook-id"] for headers, _ in receiver.requests} == {delivery.message_id}
    assert len({body for _, body in receiver.requests}) == 1
    stamps = [int(headers["webhook-timestamp"]) for headers, _ in receiver.requests]
    assert [stamp - stamps[0] for stamp in stamps] == [0, 60, 120, 180]
    assert [code for code, _ in tries(delivery)] == [500, 502, 503, 200]


def test_the_waits_grow_from_seconds_to_hours_and_then_it_is_given_up(
    alice: User, version: Version, receiver: WebhookReceiver
) -> None:
    delivery = owed(alice, version, receiver.url)
    receiver.answers = [(500, {})] * 20
    for wait in (*delivery_claims.RETRY_DELAYS_S[1:], None):
        delivery_loop.run_until_idle()
        delivery.refresh_from_db()
        if wait is not None:
            left = (delivery.due_at - timezone.now()).total_seconds()
            assert wait * 0.8 - 5 <= left <= wait * 1.2
            pass_time(wait * 1.3)
    assert (delivery.state, delivery.attempts, len(receiver.requests)) == ("given_up", 8, 8)


@pytest.mark.parametrize("event", ["output", "logs"])
def test_what_a_newer_event_says_better_is_tried_once(
    alice: User, version: Version, receiver: WebhookReceiver, event: str
) -> None:
    delivery = owed(alice, version, receiver.url, event)
    receiver.answers = [(500, {})]
    delivery_loop.run_until_idle()
    delivery.refresh_from_db()
    assert (delivery.state, tries(delivery)) == ("given_up", [(500, "The receiver failed")])


def test_a_receiver_that_hangs_is_left_and_tried_again(
    alice: User, version: Version, receiver: WebhookReceiver, settings: Any
) -> None:
    settings.WEBHOOK_TIMEOUT = 0.5
    delivery = owed(alice, version, receiver.url)
    receiver.open.clear()
    delivery_loop.run_until_idle()
    delivery.refresh_from_db()
    assert (delivery.state, tries(delivery)) == ("owed", [(None, "No answer in time: 0.5 s")])
    settings.WEBHOOK_TIMEOUT = 10
    receiver.open.set()
    pass_time(60)
    delivery_loop.run_until_idle()
    assert [code for code, _ in tries(delivery)] == [None, 200]


def test_a_redirect_is_not_followed_and_its_target_is_named(
    alice: User, version: Version, receiver: WebhookReceiver
) -> None:
    delivery = owed(alice, version, receiver.url)
    receiver.answers = [(301, {"Location": f"https://www.example.org/{'x' * 500}"})]
    delivery_loop.run_until_idle()
    delivery.refresh_from_db()
    said = "Answered with a redirect, which is never followed: www.example.org"
    assert (delivery.state, tries(delivery)) == ("given_up", [(301, said)])
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("text", ["120", "http-date"])
def test_a_receiver_that_asks_to_wait_is_obeyed(
    alice: User, version: Version, receiver: WebhookReceiver, text: str
) -> None:
    at = timezone.now() + timedelta(seconds=120)
    asked = at.strftime("%a, %d %b %Y %H:%M:%S GMT") if text == "http-date" else text
    delivery = owed(alice, version, receiver.url)
    receiver.answers = [(429, {"Retry-After": asked})]
    delivery_loop.run_until_idle()
    delivery.refresh_from_db()
    left = (delivery.due_at - timezone.now()).total_seconds()
    assert delivery.state == "owed" and 100 < left <= 121
    assert tries(delivery)[0][1].startswith("The receiver asked to wait: 1")


@pytest.mark.parametrize("asked", ["-5", "soon", "9" * 50, "Thu, 99 Foo 2026", "1e9", "１２"])
def test_a_wait_that_makes_no_sense_harms_nobody(
    alice: User, version: Version, receiver: WebhookReceiver, asked: str
) -> None:
    delivery = owed(alice, version, receiver.url)
    receiver.answers = [(429, {"Retry-After": asked.encode().decode("latin-1")})]
    delivery_loop.run_until_idle()
    delivery.refresh_from_db()
    assert delivery.state == "owed"
    assert 0 < (delivery.due_at - timezone.now()).total_seconds() <= delivery_claims.MAX_RETRY_AFTER_S


def test_gone_turns_the_hook_off_and_the_log_still_knows_where_it_led(
    alice: User, version: Version, provider: FakeProvider, receiver: WebhookReceiver
) -> None:
    row = hooked(alice, version, receiver.url, "start completed")
    receiver.answers = [(410, {})]
    tasks.start()
    delivery_loop.run_until_idle()
    fakes.watch_once()
    tasks.collect()
    delivery_loop.run_until_idle()
    row.refresh_from_db()
    assert (row.status, row.webhook, len(receiver.requests)) == ("succeeded", "", 1)
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.url) == ("given_up", receiver.url)


@pytest.mark.parametrize("code", [400, 401, 403, 404, 422])
def test_a_receiver_that_declines_is_not_asked_again(
    alice: User, version: Version, receiver: WebhookReceiver, code: int
) -> None:
    delivery = owed(alice, version, receiver.url)
    receiver.answers = [(code, {})]
    delivery_loop.run_until_idle()
    delivery.refresh_from_db()
    assert delivery.state == "given_up"
    assert tries(delivery) == [(code, "Declined by the receiver; it is not tried again")]


def test_a_name_that_leads_inside_by_the_time_it_is_connected_is_refused_and_noted(
    alice: User, version: Version, receiver: WebhookReceiver, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.OUTBOUND_ALLOW = []
    delivery = owed(alice, version, f"http://hooks.example.org:{receiver.port}/")

    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    monkeypatch.setattr(user_urls, "_resolve", resolve)
    delivery_loop.run_until_idle()
    assert tries(delivery) == [(None, "The name leads to a private or reserved address, which is refused")]
    assert receiver.requests == []


def test_a_name_that_nobody_knows_is_noted(
    alice: User, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(user_urls, "_resolve", resolve)
    delivery = owed(alice, version, "http://nowhere.example.org/")
    delivery_loop.run_until_idle()
    assert tries(delivery) == [(None, "The name cannot be resolved")]


def test_a_certificate_that_nobody_vouches_for_is_noted_in_words(alice: User, version: Version) -> None:
    with WebhookReceiver(certificate=str(SELF_SIGNED)) as receiver:
        delivery = owed(alice, version, receiver.url)
        delivery_loop.run_until_idle()
    [(code, note)] = tries(delivery)
    assert code is None and note.startswith("The certificate was not accepted: self")
    assert receiver.requests == []


def test_tls_to_a_server_that_speaks_none_is_noted_in_words(
    alice: User, version: Version, receiver: WebhookReceiver
) -> None:
    delivery = owed(alice, version, receiver.url.replace("http:", "https:"))
    delivery_loop.run_until_idle()
    [(code, note)] = tries(delivery)
    assert code is None and note.startswith("No secure connection could be made")


@pytest.mark.parametrize(
    ("said", "note"),
    [
        (b"", "The connection broke before the answer was there"),
        (b"SSH-2.0-dropbear\r\n\r\n", "The answer was not HTTP"),
    ],
)
def test_what_is_no_web_server_is_noted_in_words(
    alice: User, version: Version, said: bytes, note: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            heard = b""
            while not heard.endswith(b"}"):
                heard += connection.recv(65536)
            connection.sendall(said)
            connection.close()

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        delivery = owed(alice, version, f"http://127.0.0.1:{server.getsockname()[1]}/")
        delivery_loop.run_until_idle()
        thread.join(60)
    assert tries(delivery) == [(None, note)]


def test_a_large_picture_in_the_input_is_left_out_of_the_body(
    alice: User, version: Version, receiver: WebhookReceiver
) -> None:
    delivery = owed(alice, version, receiver.url)
    small, large = "data:image/png;base64,AAAA", "data:image/png;base64," + "A" * 100_000
    Prediction.objects.update(input={"prompt": "a cat", "image": large, "more": [small]})
    delivery_loop.run_until_idle()
    told = json.loads(receiver.requests[0][1])["input"]
    assert told == {
        "prompt": "a cat",
        "image": "data:image/png (100022 characters left out)",
        "more": [small],
    }
    assert Delivery.objects.get(pk=delivery.pk).state == "delivered"
