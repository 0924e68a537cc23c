"""The webhooks page: secret, test event, log, resending; and deliveries on other pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, User
from predictions.models import Delivery, DeliveryAttempt, Prediction
from predictions.webhooks import signing_secrets
from tests import factories

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
PAGE = "/account/webhooks/"


def make_delivery(user: User, state: str = "given_up", event: str = "completed", **fields: Any) -> Delivery:
    """One delivery of an ended prediction, with a try in its log."""
    row = factories.make_prediction(user, status="failed")
    Prediction.objects.filter(pk=row.pk).update(webhook="https://hooks.example.org/told")
    values = {"body": '{"id": "x", "status": "failed"}', "answer_code": 301, "attempts": 1, **fields}
    note = "Answered with a redirect, which is never followed: www.example.org"
    made = Delivery.objects.create(
        account=row.account, prediction=row, event=event, state=state, answer_note=note, **values
    )
    DeliveryAttempt.objects.create(delivery=made, number=1, answer_code=301, note=note, took_ms=37)
    return Delivery.objects.get(pk=made.pk)


def text(answer: Any) -> str:
    return str(answer.content.decode())


def test_the_log_says_what_happened_in_the_readers_language(as_alice: Client, alice: User) -> None:
    make_delivery(alice)
    shown = text(as_alice.get(PAGE))
    assert "hooks.example.org" in shown and "given up" in shown
    assert "Answered with a redirect, which is never followed: www.example.org" in shown


def test_a_message_opens_with_its_tries_and_body(as_alice: Client, alice: User) -> None:
    made = make_delivery(alice)
    for headers in ({}, HTMX):
        shown = text(as_alice.get(f"{PAGE}{made.message_id}/", headers=headers))
        assert (
            made.message_id in shown
            and "37 ms" in shown
            and "&quot;status&quot;: &quot;failed&quot;" in shown
        )
        assert ("<html" in shown) is (headers == {})


def test_the_log_is_filtered_and_walked(as_alice: Client, alice: User) -> None:
    rows = [make_delivery(alice) for _ in range(32)]
    Delivery.objects.filter(pk=rows[0].pk).update(state="delivered", event="start")
    first = text(as_alice.get(PAGE))
    assert first.count('class="delivery"') == 30 and "Load older" in first
    assert text(as_alice.get(f"{PAGE}?state=delivered")).count('class="delivery"') == 1
    assert text(as_alice.get(f"{PAGE}?event=start&state=given_up")).count('class="delivery"') == 0
    wanted = rows[3].prediction
    assert wanted is not None
    assert text(as_alice.get(f"{PAGE}?prediction={wanted.public_id}")).count('class="delivery"') == 1
    assert as_alice.get(f"{PAGE}?before=forged").status_code == 404
    assert as_alice.get(f"{PAGE}?state=%00&prediction=a%00b").status_code == 200


def test_the_log_asks_as_little_for_many_as_for_one(as_alice: Client, alice: User) -> None:
    make_delivery(alice)
    as_alice.get(PAGE)
    with CaptureQueriesContext(connection) as few:
        as_alice.get(PAGE)
    for _ in range(9):
        make_delivery(alice)
    with CaptureQueriesContext(connection) as many:
        as_alice.get(PAGE)
    assert len(many) == len(few)


def test_send_again_owes_it_once_more_and_says_so(as_alice: Client, alice: User) -> None:
    made = make_delivery(alice)
    answer = as_alice.post(f"{PAGE}{made.message_id}/resend/", headers=HTMX)
    made.refresh_from_db()
    assert answer.status_code == 200 and (made.state, made.resent) == ("owed", 1)
    assert "It is being sent already" in text(as_alice.post(f"{PAGE}{made.message_id}/resend/", headers=HTMX))
    plain = as_alice.post(f"{PAGE}{made.message_id}/resend/", follow=True)
    assert "It is being sent already" in text(plain)


def test_a_page_asks_what_became_of_a_message_and_not_for_ever(as_alice: Client, alice: User) -> None:
    made = make_delivery(alice, state="owed")
    address = f"{PAGE}{made.message_id}/line/"
    assert "asked=2" in text(as_alice.get(f"{address}?asked=1"))
    for asked in ("20", "x", "-1", "99999"):
        assert 'hx-trigger="load' not in text(as_alice.get(f"{address}?asked={asked}"))
    Delivery.objects.update(state="delivered")
    assert 'hx-trigger="load' not in text(as_alice.get(f"{address}?asked=1"))


def test_the_secret_is_shown_on_demand_alone_and_kept_nowhere(as_alice: Client, alice: User) -> None:
    key = signing_secrets.get_or_create(Account.objects.get(pk=alice.account_id))
    assert key not in text(as_alice.get(PAGE))
    for headers in ({}, HTMX):
        shown = as_alice.get(f"{PAGE}secret/", headers=headers)
        assert key in text(shown) and "no-store" in shown["Cache-Control"]


def test_the_secret_is_changed_by_a_post_alone(as_alice: Client, alice: User) -> None:
    account = Account.objects.get(pk=alice.account_id)
    key = signing_secrets.get_or_create(account)
    assert as_alice.get(f"{PAGE}rotate/").status_code == 405
    shown = text(as_alice.post(f"{PAGE}rotate/", headers=HTMX))
    account.refresh_from_db()
    assert account.webhook_secret in shown and account.webhook_secret != key == account.webhook_secret_old
    assert "carries the old signature too" in text(as_alice.get(PAGE))


def test_a_test_event_is_owed_and_its_line_comes_at_once(as_alice: Client, alice: User) -> None:
    answer = as_alice.post(
        f"{PAGE}test/", {"url": "https://hooks.example.org/", "event": "start"}, headers=HTMX
    )
    made = Delivery.objects.get()
    assert (made.event, made.url, made.account_id) == ("test", "https://hooks.example.org/", alice.account_id)
    assert made.message_id in text(answer) and "hx-swap-oob" in text(answer)
    assert as_alice.post(f"{PAGE}test/", {"url": "https://hooks.example.org/"})["Location"] == PAGE


@pytest.mark.parametrize("url", ["", "http://127.0.0.1/", "ftp://x.org/", "http://" + "a" * 2000, "nonsense"])
def test_a_test_event_to_an_address_that_may_not_be_reached_is_refused(as_alice: Client, url: str) -> None:
    for headers in ({}, HTMX):
        answer = as_alice.post(f"{PAGE}test/", {"url": url}, headers=headers)
        assert answer.status_code == 422 and 'class="wrong"' in text(answer)
    assert not Delivery.objects.exists()


@pytest.mark.parametrize("path", ["{0}/", "{0}/line/", "{0}/resend/"])
def test_strangers_find_nothing_and_visitors_are_asked_to_sign_in(
    alice: User, charlie: User, client_of: Callable[[User], Client], path: str
) -> None:
    address = PAGE + path.format(make_delivery(alice).message_id)
    ask = "post" if "resend" in path else "get"
    assert getattr(client_of(charlie), ask)(address).status_code == 404
    assert getattr(Client(), ask)(address)["Location"].startswith("/accounts/login/")
    assert "msg_" not in text(client_of(charlie).get(PAGE))


def test_a_picture_tells_its_owner_alone_of_its_webhook(
    as_alice: Client, client_of: Callable[[User], Client], alice: User, bob: User
) -> None:
    item = factories.make_item(alice, visibility="public")
    row = item.output.prediction
    Delivery.objects.create(
        account=row.account,
        prediction=row,
        event="completed",
        state="delivered",
        url="https://hooks.example.org/",
    )
    shown = text(as_alice.get(f"/library/{item.public_id}/"))
    assert "hooks.example.org" in shown and f"?prediction={row.public_id}" in shown
    assert "hooks.example.org" not in text(client_of(bob).get(f"/gallery/{item.public_id}/"))


def test_an_ended_prediction_without_a_picture_leads_to_its_webhooks(as_alice: Client, alice: User) -> None:
    made = make_delivery(alice)
    assert made.prediction is not None
    public_id = made.prediction.public_id
    assert as_alice.get(f"/p/{public_id}/")["Location"] == f"{PAGE}?prediction={public_id}"
