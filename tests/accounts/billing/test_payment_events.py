"""Events of the payment provider: payments, refunds, disputes in any order; forged and lost ones; refunds by staff."""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import credits
from accounts.audit import checks
from accounts.billing import reconciliation
from accounts.credits import statement
from accounts.models import (
    MICRO,
    Account,
    AuditEntry,
    CreditPack,
    LedgerEntry,
    Notice,
    PaymentEvent,
    Purchase,
    User,
)
from tests import factories
from tests.accounts.billing.billing_rows import make_purchase
from tests.accounts.billing.checkout import ONCE, WEBHOOK_PATH, balance, send_event
from tests.runner.sampling import one_in
from tests.servers.stripe_double import KEY, StripeDouble

ClientOf = Callable[[User], Client]


def test_a_payment_adds_the_credits_once_however_often_it_is_told(
    charlie: User, bought: Purchase, double: StripeDouble
) -> None:
    event = double.pay(bought.session)
    assert send_event(event).json()["outcome"] == "credits added"
    assert send_event(event).json()["outcome"] == "seen before"
    assert send_event(event | {"id": "evt_another"}).json()["outcome"] == "paid before"
    entry = LedgerEntry.objects.get(account=charlie.account, kind="purchase")
    assert (entry.balance_delta, entry.reference) == (100 * MICRO, f"purchase-{bought.reference}")
    bought.refresh_from_db()
    assert bought.status == "paid" and bought.paid_at and bought.payment == f"pi_{bought.session}"
    assert Notice.objects.get(user=charlie).kind == "credits.purchase"
    assert list(checks.breaches()) == []


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"amount_total": 1}, "refused: another amount"),
        ({"amount_total": None}, "refused: another amount"),
        ({"currency": "jpy"}, "refused: another currency"),
        ({"id": "cs_other"}, "refused: another checkout"),
        ({"payment_status": "unpaid"}, "waiting for the bank"),
        (
            {"metadata": {"purchase": "f" * 20}, "client_reference_id": "f" * 20, "id": "cs_other"},
            "no such purchase",
        ),
    ],
)
def test_a_payment_that_does_not_fit_adds_nothing(
    charlie: User, bought: Purchase, double: StripeDouble, changed: dict[str, Any], why: str
) -> None:
    session = double.sessions[bought.session] | {"status": "complete", "payment_status": "paid"} | changed
    answer = send_event(double.event("checkout.session.completed", session))
    assert (answer.status_code, answer.json()["outcome"]) == (200, why)
    assert balance(charlie) == 0
    bought.refresh_from_db()
    assert bought.status == "open"


def test_a_bank_that_takes_its_time(charlie: User, bought: Purchase, double: StripeDouble) -> None:
    send_event(double.pay(bought.session, payment_status="unpaid"))
    assert balance(charlie) == 0
    double.sessions[bought.session]["payment_status"] = "paid"
    send_event(double.event("checkout.session.async_payment_succeeded", double.sessions[bought.session]))
    assert balance(charlie) == 100 * MICRO


@pytest.mark.parametrize("kind", ["checkout.session.async_payment_failed", "checkout.session.expired"])
def test_an_order_that_was_not_paid_is_over_unless_it_was_paid(
    charlie: User, bought: Purchase, double: StripeDouble, kind: str
) -> None:
    send_event(double.event(kind, double.sessions[bought.session]))
    bought.refresh_from_db()
    assert bought.status == "expired" and balance(charlie) == 0
    send_event(double.pay(bought.session))
    send_event(double.event(kind, double.sessions[bought.session]))
    bought.refresh_from_db()
    assert bought.status == "paid" and balance(charlie) == 100 * MICRO


def forged() -> list[Any]:
    event = {"id": "evt_1", "object": "event", "type": "checkout.session.completed", "data": {"object": {}}}
    good, signature = StripeDouble.signed(event)
    old = StripeDouble.signed(event, at=int(time.time()) - 400)
    cut = [
        "[]", "{", "null", '{"object":"event"}', "x" * 10, "\ud83d".encode("utf-8", "surrogatepass").decode("latin-1"),
        json.dumps(event | {"id": 5}), json.dumps(event | {"data": []}), json.dumps(event | {"id": "e" * 300}),
        json.dumps(event | {"data": {"object": {"amount_total": "500", "payment_status": "paid"}}}),
        json.dumps(event | {"data": {"object": {"amount_total": 10**30}}}), "[" * 100_000,
    ]  # fmt: skip
    return [
        (good, ""), (good, "t=1,v1=00"), (good, signature + "\u00e9"), (good, "nonsense"), (good + b" ", signature),
        old, StripeDouble.signed(event, secret="whsec_other"), (good, f"t=,v1={'0' * 64}"),
        (b"\xff\xfe", signature), *(StripeDouble.signed(text) for text in cut),
    ]  # fmt: skip


@pytest.mark.parametrize("sent", forged())
def test_what_the_provider_did_not_send_does_nothing(pack: CreditPack, sent: tuple[bytes, str]) -> None:
    body, signature = sent
    answer = Client().post(
        WEBHOOK_PATH, body, content_type="application/json", headers={"Stripe-Signature": signature}
    )
    assert answer.status_code == 400
    assert not PaymentEvent.objects.exists()


def test_a_large_body_is_not_read(pack: CreditPack) -> None:
    answer = Client().post(WEBHOOK_PATH, b" " * 600_000, content_type="application/json")
    assert answer.status_code == 413


@pytest.mark.django_db
@pytest.mark.parametrize("path", [WEBHOOK_PATH, "/payments/paypal/webhook"])
def test_a_house_that_sells_nothing_has_no_door(path: str) -> None:
    assert Client().post(path, b"{}", content_type="application/json").status_code == 404
    assert Client().get(path).status_code == 405


def test_events_of_other_things_are_taken_and_do_nothing(pack: CreditPack, double: StripeDouble) -> None:
    answer = send_event(double.event("customer.created", {"id": "cus_1"}))
    assert (answer.status_code, answer.json()["outcome"]) == (200, "not about a purchase")


def test_a_refund_takes_back_its_part(charlie: User, bought: Purchase, double: StripeDouble) -> None:
    send_event(double.pay(bought.session))
    send_event(double.refunded(bought.session, 125))
    bought.refresh_from_db()
    assert (bought.status, bought.refunded, bought.taken_back) == ("paid", 125, 25 * MICRO)
    send_event(double.refunded(bought.session, 500))
    send_event(double.refunded(bought.session, 300))
    bought.refresh_from_db()
    assert (bought.status, bought.refunded, bought.taken_back) == ("refunded", 500, 100 * MICRO)
    assert balance(charlie) == 0 and list(checks.breaches()) == []


def test_a_refund_that_comes_before_its_payment_is_remembered(
    charlie: User, bought: Purchase, double: StripeDouble
) -> None:
    paid = double.pay(bought.session)
    assert send_event(double.refunded(bought.session, 500)).json()["outcome"] == "remembered until it is paid"
    assert not LedgerEntry.objects.filter(account=charlie.account).exists()
    send_event(paid)
    bought.refresh_from_db()
    assert (bought.status, bought.taken_back, balance(charlie)) == ("refunded", 100 * MICRO, 0)
    assert list(checks.breaches()) == []


def test_what_was_spent_is_not_taken_back(charlie: User, bought: Purchase, double: StripeDouble) -> None:
    send_event(double.pay(bought.session))
    credits.adjust(factories.account_of(charlie), -70 * MICRO, reason="spent", actor=None)
    send_event(double.refunded(bought.session, 500))
    bought.refresh_from_db()
    assert (bought.taken_back, balance(charlie)) == (30 * MICRO, 0)
    assert list(checks.breaches()) == []


@pytest.mark.parametrize("changed", [{"amount_refunded": 501}, {"currency": "eur"}])
def test_a_refund_that_does_not_fit_takes_nothing(
    charlie: User, bought: Purchase, double: StripeDouble, changed: dict[str, Any]
) -> None:
    send_event(double.pay(bought.session))
    assert send_event(double.refunded(bought.session, 500, **changed)).json()["outcome"].startswith("refused")
    assert balance(charlie) == 100 * MICRO


def test_a_dispute_takes_all_and_a_won_one_gives_it_again(
    charlie: User, bought: Purchase, double: StripeDouble
) -> None:
    send_event(double.pay(bought.session))
    send_event(double.dispute(bought.session, "created", "needs_response"))
    bought.refresh_from_db()
    assert (bought.status, balance(charlie)) == ("disputed", 0)
    send_event(double.dispute(bought.session, "closed", "won"))
    bought.refresh_from_db()
    assert (bought.status, bought.taken_back, balance(charlie)) == ("paid", 0, 100 * MICRO)
    assert list(checks.breaches()) == []
    rows = LedgerEntry.objects.filter(account=factories.account_of(charlie)).order_by("-id")
    # Nothing was bought a second time.
    assert [one.words for one in statement.lines(list(rows))] == [
        "Payment not returned after all, credits given again",
        "Payment disputed, credits taken back",
        "Credits bought",
    ]


def test_a_lost_dispute_is_a_refund(charlie: User, bought: Purchase, double: StripeDouble) -> None:
    send_event(double.pay(bought.session))
    send_event(double.dispute(bought.session, "closed", "lost"))
    send_event(double.dispute(bought.session, "created", "needs_response"))
    bought.refresh_from_db()
    assert (bought.status, bought.returned(), balance(charlie)) == ("refunded", 500, 0)


def test_a_dispute_that_comes_before_the_payment_is_remembered(
    charlie: User, bought: Purchase, double: StripeDouble
) -> None:
    paid = double.pay(bought.session)
    assert send_event(double.dispute(bought.session, "created", "needs_response")).status_code == 200
    send_event(paid)
    bought.refresh_from_db()
    assert (bought.status, balance(charlie)) == ("disputed", 0)


def test_a_dispute_that_comes_after_a_refund_and_before_the_payment_is_remembered(
    charlie: User, bought: Purchase, double: StripeDouble
) -> None:
    paid = double.pay(bought.session)
    send_event(double.refunded(bought.session, 100))
    send_event(double.dispute(bought.session, "created", "needs_response"))
    send_event(paid)
    bought.refresh_from_db()
    assert (bought.status, bought.refunded, balance(charlie)) == ("disputed", 100, 0)
    assert list(checks.breaches()) == []


def test_a_dispute_that_is_won_for_a_closed_account_ends(
    charlie: User, bought: Purchase, double: StripeDouble
) -> None:
    send_event(double.pay(bought.session))
    send_event(double.dispute(bought.session, "created", "needs_response"))
    Account.objects.filter(pk=charlie.account_id).update(status=Account.Status.CLOSED)
    answer = send_event(double.dispute(bought.session, "closed", "won"))
    assert answer.status_code == 200 and "closed" in answer.json()["outcome"]
    bought.refresh_from_db()
    assert (bought.status, balance(charlie)) == ("paid", 0)
    assert list(checks.breaches()) == []


def test_an_answer_that_is_refused_is_not_asked_for_without_end(
    charlie: User, bought: Purchase, double: StripeDouble
) -> None:
    double.pay(bought.session)
    double.sessions[bought.session]["amount_total"] = 1
    for days, state in ((1, "open"), (1, "open"), (20, "expired")):
        Purchase.objects.update(created_at=timezone.now() - timedelta(days=days))
        reconciliation._asked_to = 0
        assert reconciliation.run_once() is True
        bought.refresh_from_db()
        assert (bought.status, balance(charlie)) == (state, 0)


def test_every_order_of_events_ends_alike(charlie: User, bought: Purchase, double: StripeDouble) -> None:
    originals = [
        double.pay(bought.session),
        double.refunded(bought.session, 100),
        double.refunded(bought.session, 250),
    ]
    for number, events in one_in(2, enumerate(itertools.permutations(originals)), lambda one: one[0]):
        PaymentEvent.objects.all().delete()
        start = balance(charlie)
        purchase = make_purchase(charlie, session=f"cs_{number}")
        for event in events:
            inner = dict(event["data"]["object"])
            inner["metadata"] = {"purchase": purchase.reference}
            inner["payment_intent"] = f"pi_{number}"
            if inner["object"] == "checkout.session":
                inner |= {"id": f"cs_{number}", "client_reference_id": purchase.reference}
            assert send_event(event | {"data": {"object": inner}}).status_code == 200
        purchase.refresh_from_db()
        assert (purchase.status, purchase.refunded, purchase.taken_back) == ("paid", 250, 50 * MICRO), number
        assert balance(charlie) - start == 50 * MICRO
    assert list(checks.breaches()) == []


def test_a_lost_event_is_asked_for(charlie: User, bought: Purchase, double: StripeDouble) -> None:
    double.pay(bought.session)
    assert reconciliation.run_once() is False and balance(charlie) == 0
    Purchase.objects.update(created_at=timezone.now() - timedelta(hours=2))
    assert reconciliation.run_once() is True
    assert balance(charlie) == 100 * MICRO
    assert reconciliation.run_once() is False


def test_an_open_order_is_asked_about_in_each_round_and_ends_by_age(
    charlie: User, bought: Purchase, double: StripeDouble
) -> None:
    Purchase.objects.update(created_at=timezone.now() - timedelta(hours=2))
    double.fail_with = 500
    assert [reconciliation.run_once(), reconciliation.run_once()] == [True, False]
    double.fail_with = 0
    assert [reconciliation.run_once(), reconciliation.run_once()] == [True, False]
    bought.refresh_from_db()
    assert bought.status == "open"
    double.sessions[bought.session]["status"] = "expired"
    reconciliation.run_once()
    bought.refresh_from_db()
    assert bought.status == "expired"
    Purchase.objects.update(status="open", session="", created_at=timezone.now() - timedelta(days=2))
    reconciliation._asked_to = 0
    reconciliation.run_once()
    bought.refresh_from_db()
    assert bought.status == "expired"


def test_staff_pays_back_and_the_event_takes_the_credits(
    charlie: User, staff: User, bought: Purchase, double: StripeDouble, client_of: ClientOf
) -> None:
    send_event(double.pay(bought.session))
    client, page = client_of(staff), reverse("admin:accounts_purchase_pay_back", args=[bought.pk])
    once = re.search(r'name="once" value="([0-9a-f]{24})"', client.get(page).content.decode())
    assert once is not None
    form = {"amount": "1.25", "reason": "A mistake", "once": once[1]}
    assert [client.post(page, form).status_code for _time in range(2)] == [302, 302]
    assert [one["amount"] for one in double.refunds] == [125]
    assert balance(charlie) == 100 * MICRO
    entry = AuditEntry.objects.filter(action="purchase.refund").first()
    assert entry is not None and (entry.actor, entry.reason) == (staff, "A mistake")
    send_event(double.refunded(bought.session, 125))
    assert balance(charlie) == 75 * MICRO


@pytest.mark.parametrize("amount", ["0", "-1", "5.01", "1e2", "NaN", "1.001", "all"])
def test_no_more_than_was_paid_is_paid_back(
    staff: User, bought: Purchase, double: StripeDouble, client_of: ClientOf, amount: str
) -> None:
    send_event(double.pay(bought.session))
    page = reverse("admin:accounts_purchase_pay_back", args=[bought.pk])
    answer = client_of(staff).post(page, {"amount": amount, "reason": "x", "once": ONCE})
    assert answer.status_code == 422 and double.refunds == []


def test_a_refund_that_the_provider_refuses_is_told_and_on_record(
    charlie: User, staff: User, bought: Purchase, double: StripeDouble, client_of: ClientOf
) -> None:
    send_event(double.pay(bought.session))
    double.fail_with = 402
    page = reverse("admin:accounts_purchase_pay_back", args=[bought.pk])
    answer = client_of(staff).post(page, {"amount": "", "reason": "x", "once": ONCE})
    assert answer.status_code == 422 and KEY not in answer.content.decode()
    failed = AuditEntry.objects.get(action="purchase.refund_failed")
    assert KEY not in json.dumps(failed.detail) and balance(charlie) == 100 * MICRO


def test_who_may_only_look_pays_nothing_back(
    bought: Purchase, double: StripeDouble, client_of: ClientOf
) -> None:
    send_event(double.pay(bought.session))
    helper = factories.make_user("helper", is_staff=True)
    helper.user_permissions.set(
        Permission.objects.filter(codename__in=["view_purchase", "change_creditpack"])
    )
    page = reverse("admin:accounts_purchase_pay_back", args=[bought.pk])
    assert client_of(helper).post(page, {"amount": "", "reason": "x", "once": ONCE}).status_code == 403
    assert double.refunds == []
