"""Orders of credit packs: the form, the page of the provider, the page of a purchase, and packs in the admin."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import pytest
from django.test import Client
from django.urls import reverse

from accounts.billing import orders
from accounts.billing.provider_registry import is_selling
from accounts.models import (
    MICRO,
    Account,
    AuditEntry,
    CreditPack,
    Purchase,
    User,
)
from accounts.organizations import management
from tests import factories
from tests.accounts.billing.checkout import ONCE, balance, place_order, send_event
from tests.servers.stripe_double import KEY, SECRET, StripeDouble

ClientOf = Callable[[User], Client]


def test_an_order_leads_to_the_providers_page(
    alice: User, client_of: ClientOf, pack: CreditPack, double: StripeDouble
) -> None:
    client = client_of(alice)
    shown = client.get("/account/credits/")
    assert "Buy for $5.00" in shown.content.decode()
    assert f"form-action 'self' {double.base};" in shown["Content-Security-Policy"]
    answer = place_order(client, pack)
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
    pages = {place_order(client, pack)["Location"] for _time in range(2)}
    assert len(pages) == len(double.sessions) == Purchase.objects.count() == 1
    assert place_order(client, pack, "f" * 24).status_code == 303
    assert Purchase.objects.count() == 2


def test_a_form_sent_again_in_another_language_opens_the_page_of_its_first_order(
    alice: User, client_of: ClientOf, pack: CreditPack, double: StripeDouble
) -> None:
    client = client_of(alice)
    first = place_order(client, pack)
    User.objects.filter(pk=alice.pk).update(language="zh-hans", email="elsewhere@example.org")
    client.cookies["django_language"] = "zh-hans"
    again = place_order(client, pack)
    assert (again.status_code, again["Location"]) == (303, first["Location"])
    assert Purchase.objects.get().status == "open" and len(double.sessions) == 1


def test_an_order_whose_answer_was_lost_is_asked_for_again_as_it_was(
    alice: User, client_of: ClientOf, pack: CreditPack, double: StripeDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(alice)
    with monkeypatch.context() as patch:
        patch.setattr(StripeDouble, "_answer", _done_and_broken_off)
        assert place_order(client, pack).status_code == 502
    User.objects.filter(pk=alice.pk).update(language="zh-hans")
    client.cookies["django_language"] = "zh-hans"
    assert place_order(client, pack).status_code == 303
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
    assert not is_selling() and place_order(client_of(alice), pack).status_code == 409
    site_rules.change(switches_off=[])
    assert is_selling()
    CreditPack.objects.update(enabled=False)
    assert not is_selling() and place_order(client_of(alice), pack).status_code == 409
    assert not Purchase.objects.exists()


def test_a_suspended_account_buys_nothing(alice: User, client_of: ClientOf, pack: CreditPack) -> None:
    Account.objects.filter(pk=alice.account_id).update(status=Account.Status.SUSPENDED)
    assert place_order(client_of(alice), pack).status_code in {302, 403, 409}
    assert not Purchase.objects.exists()


def test_nobody_whose_own_account_is_suspended_buys_for_an_organisation(
    alice: User, client_of: ClientOf, pack: CreditPack
) -> None:
    club = management.create(alice, "club")
    Account.objects.filter(pk=management.personal_account_of(alice).pk).update(
        status=Account.Status.SUSPENDED
    )
    management.act_for(alice, club.pk)
    assert place_order(client_of(alice), pack).status_code == 409 and not Purchase.objects.exists()


def test_a_provider_that_fails_costs_nothing_and_tells_no_secret(
    alice: User, client_of: ClientOf, pack: CreditPack, double: StripeDouble, caplog: Any, capsys: Any
) -> None:
    double.fail_with = 402
    answer = place_order(client_of(alice), pack)
    assert answer.status_code == 502 and "Nothing was charged" in answer.content.decode()
    output = caplog.text + "".join(capsys.readouterr()) + answer.content.decode()
    assert KEY not in output and SECRET not in output
    double.fail_with = 0
    assert place_order(client_of(alice), pack, "1" * 24).status_code == 303
    assert Purchase.objects.filter(status="open").count() == 1


def test_a_provider_that_is_down_is_asked_again_for_the_same_order(
    alice: User, client_of: ClientOf, pack: CreditPack, double: StripeDouble
) -> None:
    double.fail_with = 429
    answer = place_order(client_of(alice), pack)
    assert answer.status_code == 502 and "does not answer" in answer.content.decode()
    double.fail_with = 0
    assert place_order(client_of(alice), pack).status_code == 303
    assert Purchase.objects.count() == 1 and not AuditEntry.objects.exists()


def test_what_the_provider_refuses_for_good_is_told_to_the_member_as_that_and_to_the_operator_with_the_reason(
    alice: User, client_of: ClientOf, pack: CreditPack, double: StripeDouble, settings: Any
) -> None:
    settings.PAYMENTS = {"stripe": settings.PAYMENTS["stripe"] | {"key": "sk_test_another_key"}}
    answer = place_order(client_of(alice), pack)
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
    answers = [place_order(client, pack, f"{number:024x}") for number in range(few_orders + 2)]
    assert [answer.status_code for answer in answers] == [502] * few_orders + [409] * 2
    page = answers[-1].content.decode()
    assert "Your last orders were refused" in page and "still open" not in page
    assert len(double.requests) == AuditEntry.objects.count() == few_orders


def test_open_orders_are_few(alice: User, client_of: ClientOf, pack: CreditPack, few_orders: int) -> None:
    client = client_of(alice)
    answers = [place_order(client, pack, f"{number:024x}").status_code for number in range(few_orders + 2)]
    assert answers == [303] * few_orders + [409] * 2


def test_the_page_waits_until_the_provider_has_told(
    charlie: User, bought: Purchase, double: StripeDouble, client_of: ClientOf
) -> None:
    client, address = client_of(charlie), f"/account/credits/{bought.reference}/"
    waiting = client.get(address).content.decode()
    assert "Waiting for the payment" in waiting and 'hx-trigger="load delay:2s"' in waiting
    assert 'hx-get="?asked' not in client.get(f"{address}?asked=30").content.decode()
    send_event(double.pay(bought.session))
    paid = client.get(address).content.decode()
    assert "Thank you" in paid and "$5.00" in paid and 'hx-get="?asked' not in paid


def test_a_strangers_order_is_not_found(alice: User, bought: Purchase, client_of: ClientOf) -> None:
    assert client_of(alice).get(f"/account/credits/{bought.reference}/").status_code == 404


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
