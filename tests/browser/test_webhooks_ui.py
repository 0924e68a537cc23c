"""The page of webhooks in a real browser: show the secret, try a receiver, open a message, send it again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from accounts.models import User
from predictions.models import Delivery
from predictions.webhooks import delivery_loop, signing_secrets
from tests.browser.conftest import Window, until
from tests.runner.sampling import one_in
from tests.servers.webhook_receiver import WebhookReceiver

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def receiver(settings: Any) -> Iterator[WebhookReceiver]:
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
    with WebhookReceiver() as receiver:
        yield receiver


def post() -> None:
    """What the poster would do, in a thread: the browser's own loop runs in this one."""
    thread = threading.Thread(target=delivery_loop.run_until_idle)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()


@pytest.mark.parametrize("width", one_in(2, [390, 1280]))
def test_from_the_secret_to_a_message_that_is_sent_again(
    window: Callable[..., Window], alice: User, receiver: WebhookReceiver, width: int
) -> None:
    member = window(width=width)
    member.sign_in("alice")
    page = member.open("/account/webhooks/")
    page.click("text=Show the secret")
    page.wait_for_selector("#webhook-key")
    assert alice.account is not None
    assert page.input_value("#webhook-key") == signing_secrets.get_or_create(alice.account)

    receiver.answers = [(301, {"Location": "https://www.example.org/"})]
    page.fill("#id_url", receiver.url)
    page.click("text=Send a test event")
    page.wait_for_selector(".delivery .badge.warning")
    page.click(".delivery summary")
    page.wait_for_selector(".delivery .about")
    post()
    # The line and what is open under it find out by themselves, and it stays open.
    page.wait_for_selector(".delivery .badge.danger")
    page.wait_for_selector(".tries >> text=never followed: www.example.org")
    assert page.is_visible(".delivery details[open] .about")

    page.click("text=Send again")
    page.wait_for_selector(".delivery .badge.warning")
    post()
    page.wait_for_selector(".delivery .badge.ok")
    until(page, "document.querySelectorAll('.tries li').length === 2")
    assert [row.resent for row in Delivery.objects.all()] == [1] and len(receiver.requests) == 2
    assert member.sideways() == 0 and member.complaints == []


def test_without_scripts_every_part_of_it_works(
    window: Callable[..., Window], alice: User, receiver: WebhookReceiver
) -> None:
    member = window(scripts=False)
    member.sign_in("alice")
    page = member.open("/account/webhooks/")
    page.click("text=Show the secret")
    assert alice.account is not None
    assert page.input_value("#webhook-key") == signing_secrets.get_or_create(alice.account)
    page.fill("#id_url", receiver.url)
    page.click("text=Send a test event")
    post()
    page.click(".delivery summary")
    page.click("text=Tries and body")
    assert page.is_visible(".tries li")
    page.click("text=Send again")
    post()
    assert len(receiver.requests) == 2
