"""Credits are bought: an order, the provider's page, and the events that tell what became of it, in any order."""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import credits
from accounts.audit import checks
from accounts.billing import orders, reconciliation
from accounts.billing.provider_registry import is_selling
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
from accounts.organizations import management
from tests import factories
from tests.accounts.billing.billing_rows import make_purchase
from tests.runner.sampling import one_in
from tests.servers.stripe_double import KEY, SECRET, StripeDouble

ClientOf = Callable[[User], Client]
ONCE = "0123456789abcdef01234567"
DOOR = "/payments/stripe/webhook"


def order(client: Client, pack: CreditPack, once: str = ONCE) -> Any:
    return client.post("/account/credits/", {"pack": pack.pk, "once": once})


def tell(event: Any, **signing: Any) -> Any:
    """A webhook of Stripe's, with forgery protection as browsers meet it."""
    body, signature = StripeDouble.signed(event, **signing)
    return Client(enforce_csrf_checks=True).post(
        DOOR, body, content_type="application/json", headers={"Stripe-Signature": signature}
    )


def balance(user: User) -> int:
    return factories.account_of(user).balance


@pytest.fixture
def bought(charlie: User, client_of: ClientOf, pack: CreditPack) -> Purchase:
    """Charlie's order, waiting for the payment. He has no credits but these."""
    assert order(client_of(charlie), pack).status_code == 303
    return Purchase.objects.get()


def test_an_order_leads_to_the_providers_page(
    alice: User, client_of: ClientOf, pack: CreditPack, double: StripeDouble
) -> None:
    client = client_of(alice)
    shown = client.get("/account/credits/")
    assert "Buy for $5.00" in shown.content.decode()
    assert f"form-action 'self' {double.base};" in shown["Content-Security-Policy"]
    answer = order(client, pack)
    purchase = Purchase.objects.get()
    session = double.sessions[purchase.session]
    assert (answer.status_code, answer["Location"]) == (303, session["url"])
    assert (session["amount_total"], session["currency"]) == (500, "usd")
    assert session["metadata"] == {"purchase": purchase.reference}
    assert session["success_url"].endswith(f"/account/credits/{purchase.reference}/")
    assert balance(alice) == 100 * MICRO
    sent = double.requests[0][2]
    assert sent["payment_intent_data[metadata][purchase]"] == purchase.reference
    assert sent["customer_email"] == alice.email and KEY not in json.dumps(sent)


def test_a_form_sent_twice_is_one_order_and_one_page(
    alice: User, client_of: ClientOf, pack: CreditPack, double: StripeDouble
) -> None:
    client = client_of(alice)
    pages = {order(client, pack)["Location"] for _time in range(2)}
    assert len(pages) == len(double.sessions) == Purchase.objects.count() == 1
    assert order(client, pack, "f" * 24).status_code == 303
    assert Purchase.objects.count() == 2


def test_a_form_sent_again_in_another_language_opens_the_page_of_its_first_order(
    alice: User, client_of: ClientOf, pack: CreditPack, double: StripeDouble
) -> None:
    client = client_of(alice)
    first = order(client, pack)
    User.objects.filter(pk=alice.pk).update(language="zh-hans", email="elsewhere@example.org")
    client.cookies["django_language"] = "zh-hans"
    again = order(client, pack)
    assert (again.status_code, again["Location"]) == (303, first["Location"])
    assert Purchase.objects.get().status == "open" and len(double.sessions) == 1


def test_an_order_whose_answer_was_lost_is_asked_for_again_as_it_was(
    alice: User, client_of: ClientOf, pack: CreditPack, double: StripeDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(alice)
    with monkeypatch.context() as patch:
        patch.setattr(StripeDouble, "_answer", _done_and_broken_off)
        assert order(client, pack).status_code == 502
    User.objects.filter(pk=alice.pk).update(language="zh-hans")
    client.cookies["django_language"] = "zh-hans"
    assert order(client, pack).status_code == 303
    assert len(double.sessions) == Purchase.objects.count() == 1


def _done_and_broken_off(double: StripeDouble, handler: Any, method: str) -> None:
    body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0)).decode()
    double._done(handler, method, body, dict(parse_qsl(body, keep_blank_values=True)))
    handler.close_connection = True


@pytest.mark.parametrize(
    "form",
    [{"pack": "999999"}, {"pack": "x"}, {"pack": "-1"}, {"once": ""}, {"once": "z" * 24}, {"pack": "9" * 40}],
)
def test_an_order_of_nothing_is_refused(
    alice: User, client_of: ClientOf, pack: CreditPack, double: StripeDouble, form: dict[str, str]
) -> None:
    answer = client_of(alice).post("/account/credits/", {"pack": pack.pk, "once": ONCE} | form)
    assert answer.status_code == 409
    assert not Purchase.objects.exists() and not double.requests


def test_a_price_comes_from_the_pack_and_not_from_the_form(
    alice: User, client_of: ClientOf, pack: CreditPack, double: StripeDouble
) -> None:
    client_of(alice).post(
        "/account/credits/",
        {"pack": pack.pk, "once": ONCE, "price": "1", "credits": "9" * 9, "currency": "jpy"},
    )
    purchase = Purchase.objects.get()
    assert (purchase.price, purchase.credits, purchase.currency) == (500, 100 * MICRO, "usd")


def test_what_is_not_for_sale_or_switched_off_is_not_sold(
    alice: User, client_of: ClientOf, pack: CreditPack
) -> None:
    from accounts.site import site_rules

    site_rules.change(switches_off=["purchases"])
    assert not is_selling() and order(client_of(alice), pack).status_code == 409
    site_rules.change(switches_off=[])
    assert is_selling()
    CreditPack.objects.update(enabled=False)
    assert not is_selling() and order(client_of(alice), pack).status_code == 409
    assert not Purchase.objects.exists()


def test_a_suspended_account_buys_nothing(alice: User, client_of: ClientOf, pack: CreditPack) -> None:
    Account.objects.filter(pk=alice.account_id).update(status=Account.Status.SUSPENDED)
    assert order(client_of(alice), pack).status_code in {302, 403, 409}
    assert not Purchase.objects.exists()


def test_nobody_whose_own_account_is_suspended_buys_for_an_organisation(
    alice: User, client_of: ClientOf, pack: CreditPack
) -> None:
    club = management.create(alice, "club")
    Account.objects.filter(pk=management.personal_account_of(alice).pk).update(
        status=Account.Status.SUSPENDED
    )
    management.act_for(alice, club.pk)
    assert order(client_of(alice), pack).status_code == 409 and not Purchase.objects.exists()


def test_a_provider_that_fails_costs_nothing_and_tells_no_secret(
    alice: User, client_of: ClientOf, pack: CreditPack, double: StripeDouble, caplog: Any, capsys: Any
) -> None:
    double.fail_with = 402
    answer = order(client_of(alice), pack)
    assert answer.status_code == 502 and "Nothing was charged" in answer.content.decode()
    told = caplog.text + "".join(capsys.readouterr()) + answer.content.decode()
    assert KEY not in told and SECRET not in told
    double.fail_with = 0
    assert order(client_of(alice), pack, "1" * 24).status_code == 303
    assert Purchase.objects.filter(status="open").count() == 1


def test_a_provider_that_is_down_is_asked_again_for_the_same_order(
    alice: User, client_of: ClientOf, pack: CreditPack, double: StripeDouble
) -> None:
    double.fail_with = 429
    answer = order(client_of(alice), pack)
    assert answer.status_code == 502 and "does not answer" in answer.content.decode()
    double.fail_with = 0
    assert order(client_of(alice), pack).status_code == 303
    assert Purchase.objects.count() == 1 and not AuditEntry.objects.exists()


def test_what_the_provider_refuses_for_good_is_told_to_the_member_as_that_and_to_the_operator_with_the_reason(
    alice: User, client_of: ClientOf, pack: CreditPack, double: StripeDouble, settings: Any
) -> None:
    settings.PAYMENTS = {"stripe": settings.PAYMENTS["stripe"] | {"key": "sk_test_another_key"}}
    answer = order(client_of(alice), pack)
    page = answer.content.decode()
    assert answer.status_code == 502 and "cannot be paid here now. Nothing was charged" in page
    assert "does not answer" not in page and "waiting for payment" not in page and "not paid" in page
    entry = AuditEntry.objects.get(action="purchase.not_opened")
    assert entry.account_id == factories.account_of(alice).pk
    assert "AuthenticationError" in entry.reason and "401" in entry.reason
    assert not any("sk_test" in said for said in (entry.reason, json.dumps(entry.detail), page))


@pytest.fixture
def few_orders(monkeypatch: pytest.MonkeyPatch) -> int:
    """How many may be open: fewer than in service."""
    monkeypatch.setattr(orders, "MAX_OPEN", 3)
    return 3


def test_nobody_asks_the_provider_for_ever_for_what_it_refuses(
    alice: User, client_of: ClientOf, pack: CreditPack, double: StripeDouble, few_orders: int
) -> None:
    double.fail_with = 400
    client = client_of(alice)
    answers = [order(client, pack, f"{number:024x}") for number in range(few_orders + 2)]
    assert [answer.status_code for answer in answers] == [502] * few_orders + [409] * 2
    page = answers[-1].content.decode()
    assert "Your last orders were refused" in page and "still open" not in page
    assert len(double.requests) == AuditEntry.objects.count() == few_orders


def test_open_orders_are_few(alice: User, client_of: ClientOf, pack: CreditPack, few_orders: int) -> None:
    client = client_of(alice)
    answers = [order(client, pack, f"{number:024x}").status_code for number in range(few_orders + 2)]
    assert answers == [303] * few_orders + [409] * 2


def test_a_payment_adds_the_credits_once_however_often_it_is_told(
    charlie: User, bought: Purchase, double: StripeDouble
) -> None:
    event = double.pay(bought.session)
    assert tell(event).json()["outcome"] == "credits added"
    assert tell(event).json()["outcome"] == "seen before"
    assert tell(event | {"id": "evt_another"}).json()["outcome"] == "paid before"
    entry = LedgerEntry.objects.get(account=charlie.account, kind="purchase")
    assert (entry.balance_delta, entry.reference) == (100 * MICRO, f"purchase-{bought.reference}")
    bought.refresh_from_db()
    assert bought.status == "paid" and bought.paid_at and bought.payment == f"pi_{bought.session}"
    assert Notice.objects.get(user=charlie).kind == "credits.purchase"
    assert list(checks.breaches()) == []


def test_the_page_waits_until_the_provider_has_told(
    charlie: User, bought: Purchase, double: StripeDouble, client_of: ClientOf
) -> None:
    client, address = client_of(charlie), f"/account/credits/{bought.reference}/"
    waiting = client.get(address).content.decode()
    assert "Waiting for the payment" in waiting and 'hx-trigger="load delay:2s"' in waiting
    assert 'hx-get="?asked' not in client.get(f"{address}?asked=30").content.decode()
    tell(double.pay(bought.session))
    paid = client.get(address).content.decode()
    assert "Thank you" in paid and "$5.00" in paid and 'hx-get="?asked' not in paid


def test_a_strangers_order_is_not_found(alice: User, bought: Purchase, client_of: ClientOf) -> None:
    assert client_of(alice).get(f"/account/credits/{bought.reference}/").status_code == 404


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
    answer = tell(double.event("checkout.session.completed", session))
    assert (answer.status_code, answer.json()["outcome"]) == (200, why)
    assert balance(charlie) == 0
    bought.refresh_from_db()
    assert bought.status == "open"


def test_a_bank_that_takes_its_time(charlie: User, bought: Purchase, double: StripeDouble) -> None:
    tell(double.pay(bought.session, payment_status="unpaid"))
    assert balance(charlie) == 0
    double.sessions[bought.session]["payment_status"] = "paid"
    tell(double.event("checkout.session.async_payment_succeeded", double.sessions[bought.session]))
    assert balance(charlie) == 100 * MICRO


@pytest.mark.parametrize("kind", ["checkout.session.async_payment_failed", "checkout.session.expired"])
def test_an_order_that_was_not_paid_is_over_unless_it_was_paid(
    charlie: User, bought: Purchase, double: StripeDouble, kind: str
) -> None:
    tell(double.event(kind, double.sessions[bought.session]))
    bought.refresh_from_db()
    assert bought.status == "expired" and balance(charlie) == 0
    tell(double.pay(bought.session))
    tell(double.event(kind, double.sessions[bought.session]))
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
        DOOR, body, content_type="application/json", headers={"Stripe-Signature": signature}
    )
    assert answer.status_code == 400
    assert not PaymentEvent.objects.exists()


def test_a_large_body_is_not_read(pack: CreditPack) -> None:
    answer = Client().post(DOOR, b" " * 600_000, content_type="application/json")
    assert answer.status_code == 413


@pytest.mark.django_db
@pytest.mark.parametrize("path", [DOOR, "/payments/paypal/webhook"])
def test_a_house_that_sells_nothing_has_no_door(path: str) -> None:
    assert Client().post(path, b"{}", content_type="application/json").status_code == 404
    assert Client().get(path).status_code == 405


def test_events_of_other_things_are_taken_and_do_nothing(pack: CreditPack, double: StripeDouble) -> None:
    answer = tell(double.event("customer.created", {"id": "cus_1"}))
    assert (answer.status_code, answer.json()["outcome"]) == (200, "not about a purchase")


def test_a_refund_takes_back_its_part(charlie: User, bought: Purchase, double: StripeDouble) -> None:
    tell(double.pay(bought.session))
    tell(double.refunded(bought.session, 125))
    bought.refresh_from_db()
    assert (bought.status, bought.refunded, bought.taken_back) == ("paid", 125, 25 * MICRO)
    tell(double.refunded(bought.session, 500))
    tell(double.refunded(bought.session, 300))
    bought.refresh_from_db()
    assert (bought.status, bought.refunded, bought.taken_back) == ("refunded", 500, 100 * MICRO)
    assert balance(charlie) == 0 and list(checks.breaches()) == []


def test_a_refund_that_comes_before_its_payment_is_remembered(
    charlie: User, bought: Purchase, double: StripeDouble
) -> None:
    paid = double.pay(bought.session)
    assert tell(double.refunded(bought.session, 500)).json()["outcome"] == "remembered until it is paid"
    assert not LedgerEntry.objects.filter(account=charlie.account).exists()
    tell(paid)
    bought.refresh_from_db()
    assert (bought.status, bought.taken_back, balance(charlie)) == ("refunded", 100 * MICRO, 0)
    assert list(checks.breaches()) == []


def test_what_was_spent_is_not_taken_back(charlie: User, bought: Purchase, double: StripeDouble) -> None:
    tell(double.pay(bought.session))
    credits.adjust(factories.account_of(charlie), -70 * MICRO, reason="spent", actor=None)
    tell(double.refunded(bought.session, 500))
    bought.refresh_from_db()
    assert (bought.taken_back, balance(charlie)) == (30 * MICRO, 0)
    assert list(checks.breaches()) == []


@pytest.mark.parametrize("changed", [{"amount_refunded": 501}, {"currency": "eur"}])
def test_a_refund_that_does_not_fit_takes_nothing(
    charlie: User, bought: Purchase, double: StripeDouble, changed: dict[str, Any]
) -> None:
    tell(double.pay(bought.session))
    assert tell(double.refunded(bought.session, 500, **changed)).json()["outcome"].startswith("refused")
    assert balance(charlie) == 100 * MICRO


def test_a_dispute_takes_all_and_a_won_one_gives_it_again(
    charlie: User, bought: Purchase, double: StripeDouble
) -> None:
    tell(double.pay(bought.session))
    tell(double.dispute(bought.session, "created", "needs_response"))
    bought.refresh_from_db()
    assert (bought.status, balance(charlie)) == ("disputed", 0)
    tell(double.dispute(bought.session, "closed", "won"))
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
    tell(double.pay(bought.session))
    tell(double.dispute(bought.session, "closed", "lost"))
    tell(double.dispute(bought.session, "created", "needs_response"))
    bought.refresh_from_db()
    assert (bought.status, bought.returned(), balance(charlie)) == ("refunded", 500, 0)


def test_a_dispute_that_comes_before_the_payment_is_remembered(
    charlie: User, bought: Purchase, double: StripeDouble
) -> None:
    paid = double.pay(bought.session)
    assert tell(double.dispute(bought.session, "created", "needs_response")).status_code == 200
    tell(paid)
    bought.refresh_from_db()
    assert (bought.status, balance(charlie)) == ("disputed", 0)


def test_a_dispute_that_comes_after_a_refund_and_before_the_payment_is_remembered(
    charlie: User, bought: Purchase, double: StripeDouble
) -> None:
    paid = double.pay(bought.session)
    tell(double.refunded(bought.session, 100))
    tell(double.dispute(bought.session, "created", "needs_response"))
    tell(paid)
    bought.refresh_from_db()
    assert (bought.status, bought.refunded, balance(charlie)) == ("disputed", 100, 0)
    assert list(checks.breaches()) == []


def test_a_dispute_that_is_won_for_a_closed_account_ends(
    charlie: User, bought: Purchase, double: StripeDouble
) -> None:
    tell(double.pay(bought.session))
    tell(double.dispute(bought.session, "created", "needs_response"))
    Account.objects.filter(pk=charlie.account_id).update(status=Account.Status.CLOSED)
    answer = tell(double.dispute(bought.session, "closed", "won"))
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
    told = [
        double.pay(bought.session),
        double.refunded(bought.session, 100),
        double.refunded(bought.session, 250),
    ]
    for number, events in one_in(2, enumerate(itertools.permutations(told)), lambda one: one[0]):
        PaymentEvent.objects.all().delete()
        start = balance(charlie)
        purchase = make_purchase(charlie, session=f"cs_{number}")
        for event in events:
            inner = dict(event["data"]["object"])
            inner["metadata"] = {"purchase": purchase.reference}
            inner["payment_intent"] = f"pi_{number}"
            if inner["object"] == "checkout.session":
                inner |= {"id": f"cs_{number}", "client_reference_id": purchase.reference}
            assert tell(event | {"data": {"object": inner}}).status_code == 200
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
    tell(double.pay(bought.session))
    client, page = client_of(staff), reverse("admin:accounts_purchase_pay_back", args=[bought.pk])
    once = re.search(r'name="once" value="([0-9a-f]{24})"', client.get(page).content.decode())
    assert once is not None
    form = {"amount": "1.25", "reason": "A mistake", "once": once[1]}
    assert [client.post(page, form).status_code for _time in range(2)] == [302, 302]
    assert [one["amount"] for one in double.refunds] == [125]
    assert balance(charlie) == 100 * MICRO
    entry = AuditEntry.objects.filter(action="purchase.refund").first()
    assert entry is not None and (entry.actor, entry.reason) == (staff, "A mistake")
    tell(double.refunded(bought.session, 125))
    assert balance(charlie) == 75 * MICRO


@pytest.mark.parametrize("amount", ["0", "-1", "5.01", "1e2", "NaN", "1.001", "all"])
def test_no_more_than_was_paid_is_paid_back(
    staff: User, bought: Purchase, double: StripeDouble, client_of: ClientOf, amount: str
) -> None:
    tell(double.pay(bought.session))
    page = reverse("admin:accounts_purchase_pay_back", args=[bought.pk])
    answer = client_of(staff).post(page, {"amount": amount, "reason": "x", "once": ONCE})
    assert answer.status_code == 422 and double.refunds == []


def test_a_refund_that_the_provider_refuses_is_told_and_on_record(
    charlie: User, staff: User, bought: Purchase, double: StripeDouble, client_of: ClientOf
) -> None:
    tell(double.pay(bought.session))
    double.fail_with = 402
    page = reverse("admin:accounts_purchase_pay_back", args=[bought.pk])
    answer = client_of(staff).post(page, {"amount": "", "reason": "x", "once": ONCE})
    assert answer.status_code == 422 and KEY not in answer.content.decode()
    failed = AuditEntry.objects.get(action="purchase.refund_failed")
    assert KEY not in json.dumps(failed.detail) and balance(charlie) == 100 * MICRO


def test_who_may_only_look_pays_nothing_back(
    bought: Purchase, double: StripeDouble, client_of: ClientOf
) -> None:
    tell(double.pay(bought.session))
    helper = factories.make_user("helper", is_staff=True)
    helper.user_permissions.set(
        Permission.objects.filter(codename__in=["view_purchase", "change_creditpack"])
    )
    page = reverse("admin:accounts_purchase_pay_back", args=[bought.pk])
    assert client_of(helper).post(page, {"amount": "", "reason": "x", "once": ONCE}).status_code == 403
    assert double.refunds == []


def test_a_pack_is_priced_at_the_desk_on_record(staff: User, client_of: ClientOf) -> None:
    client = client_of(staff)
    form = {
        "name": "Big",
        "worth": "1000",
        "cost": "19.90",
        "currency": "EUR",
        "enabled": "on",
        "position": "5",
    }
    assert client.post(reverse("admin:accounts_creditpack_add"), form).status_code == 302
    pack = CreditPack.objects.get()
    assert (pack.credits, pack.price, pack.currency) == (1000 * MICRO, 1990, "eur")
    page = reverse("admin:accounts_creditpack_change", args=[pack.pk])
    assert client.post(page, form | {"cost": "25"}).status_code == 302
    assert AuditEntry.objects.get(action="pack.change").detail["before"]["price"] == 1990
    for wrong in (
        {"cost": "0"},
        {"cost": "-5"},
        {"cost": "1e3"},
        {"worth": "0"},
        {"worth": "NaN"},
        {"currency": "€"},
    ):
        assert client.post(page, form | wrong).status_code == 200, wrong
    pack.refresh_from_db()
    assert pack.price == 2500
