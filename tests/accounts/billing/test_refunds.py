"""Refunds: reported at the same instant as the payment, returned by a bank, owed to a closed account."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import credits
from accounts.audit import checks
from accounts.billing import payment_events, refunds
from accounts.billing.provider_base import Event, EventType
from accounts.models import MICRO, Account, AuditEntry, Notice, PaymentEvent, Purchase, User
from tests import factories
from tests.accounts.billing.billing_rows import make_purchase
from tests.accounts.billing.checkout import balance, send_event
from tests.runner.sampling import one_in
from tests.servers.stripe_double import StripeDouble
from tests.support.races import together

ClientOf = Callable[[User], Client]


def run_due_job() -> bool:
    """One run of the job, whatever it waits for."""
    Purchase.objects.filter(look_at__isnull=False).update(look_at=timezone.now() - timedelta(days=2))
    return refunds.run_once()


def refund(double: StripeDouble, purchase: Purchase, amount: int) -> dict[str, Any]:
    """Stripe pays back, as the operator asked on Stripe's own pages."""
    made = double._refund({"payment_intent": f"pi_{purchase.session}", "amount": str(amount)})
    return double.refunds[double.refunds.index(made)]


# -- At the same instant -------------------------------------------------------------------------------------------


class Instant:
    """Holds the first event up that has done its work, before it commits, until the other waits for it or is done.

    On PostgreSQL alone: on SQLite an IMMEDIATE transaction lets nobody in before it ends.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.first, self.done = threading.Event(), threading.Event()
        if connection.vendor != "postgresql":
            self.first.set()
            return
        save = PaymentEvent.save

        def slow(row: PaymentEvent, **words: Any) -> None:
            save(row, **words)
            if words.get("update_fields") and not self.first.is_set():
                self.first.set()
                self._wait()

        monkeypatch.setattr(PaymentEvent, "save", slow)

    def _wait(self) -> None:
        own = "SELECT oid FROM pg_database WHERE datname = current_database()"
        for _time in range(3000):
            if self.done.wait(0.01):
                return
            with connection.cursor() as cursor:
                cursor.execute(
                    f"SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory' AND database = ({own})"
                )
                if cursor.fetchone()[0]:
                    return


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("what", [EventType.DISPUTED, EventType.DISPUTE_LOST, EventType.REFUNDED])
@pytest.mark.parametrize("leader", ["payment", "return"])
def test_a_return_at_the_instant_of_its_payment_leaves_no_credits(
    monkeypatch: pytest.MonkeyPatch, what: EventType, leader: str
) -> None:
    user = factories.make_user("charlie")
    purchase = make_purchase(user)
    paid = Event("evt_1", "paid", EventType.PAID, purchase.reference, purchase.session, "pi_1", 500, "usd")
    back = Event("evt_2", "back", what, payment="pi_1", amount=500, currency="usd", dispute="dp_1")
    events = [paid, back] if leader == "payment" else [back, paid]
    instant = Instant(monkeypatch)

    def follow() -> str:
        assert instant.first.wait(30)
        try:
            return payment_events.receive("stripe", events[1])
        finally:
            instant.done.set()

    outcomes = together([lambda: payment_events.receive("stripe", events[0]), follow])
    assert all(isinstance(outcome, str) for outcome in outcomes), outcomes
    purchase.refresh_from_db()
    assert (balance(user), purchase.taken_back) == (0, 100 * MICRO), outcomes
    assert list(checks.breaches()) == []


# -- Sent back by a bank -------------------------------------------------------------------------------------------


def test_a_payment_back_that_fails_gives_the_credits_again(
    charlie: User, bought: Purchase, double: StripeDouble
) -> None:
    send_event(double.pay(bought.session))
    made = refund(double, bought, 500)
    send_event(double.refunded(bought.session, 500))
    assert balance(charlie) == 0
    response = send_event(double.send_back(made))
    assert response.json()["outcome"] == "the provider is asked what was paid back"
    assert refunds.run_once() is True and refunds.run_once() is False
    bought.refresh_from_db()
    assert (bought.status, bought.refunded, bought.taken_back, bought.owed) == ("paid", 0, 0, 0)
    assert balance(charlie) == 100 * MICRO
    entry = AuditEntry.objects.get(action="purchase.refund_failed")
    assert (entry.detail["before"], entry.detail["after"]) == (500, 0)
    assert "credits.given_again" in Notice.objects.filter(user=charlie).values_list("kind", flat=True)
    assert list(checks.breaches()) == []


def test_only_what_was_taken_is_given_again(charlie: User, bought: Purchase, double: StripeDouble) -> None:
    send_event(double.pay(bought.session))
    credits.adjust(factories.account_of(charlie), -70 * MICRO, reason="spent", actor=None)
    made = refund(double, bought, 500)
    send_event(double.refunded(bought.session, 500))
    send_event(double.send_back(made))
    run_due_job()
    assert balance(charlie) == 30 * MICRO
    assert list(checks.breaches()) == []


def test_what_is_told_in_any_order_ends_at_what_the_provider_says(
    charlie: User, bought: Purchase, double: StripeDouble
) -> None:
    """Paid, 5.00 back, which fails, then 2.00 back, which does not: in every order, and reconciled after each."""
    paid = double.pay(bought.session)
    first = refund(double, bought, 500)
    events = [paid, double.refunded(bought.session, 500), double.send_back(first)]
    refund(double, bought, 200)
    events.append(double.refunded(bought.session, 200))
    for number, turn in one_in(12, enumerate(itertools.permutations(events)), lambda one: one[0]):
        start = balance(charlie)
        purchase = make_purchase(charlie, session=f"cs_{number}")
        for event in turn:
            inner = dict(event["data"]["object"]) | {"payment_intent": f"pi_{number}"}
            if inner["object"] != "refund":
                inner["metadata"] = {"purchase": purchase.reference}
            if inner["object"] == "checkout.session":
                inner |= {"id": f"cs_{number}", "client_reference_id": purchase.reference}
            sent = event | {"id": f"{event['id']}_{number}", "data": {"object": inner}}
            assert send_event(sent).status_code == 200
        double.sessions[str(number)] = double.sessions[bought.session]
        double.refunds.append({"payment_intent": f"pi_{number}", "amount": 200, "status": "succeeded"})
        run_due_job()
        purchase.refresh_from_db()
        ended = (purchase.status, purchase.refunded, purchase.taken_back, purchase.look_at)
        assert ended == ("paid", 200, 40 * MICRO, None), (number, [one["type"] for one in turn])
        assert balance(charlie) - start == 60 * MICRO
    assert list(checks.breaches()) == []


def test_an_answer_is_void_where_something_was_told_meanwhile(
    charlie: User, bought: Purchase, double: StripeDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_event(double.pay(bought.session))
    made = refund(double, bought, 500)
    send_event(double.refunded(bought.session, 500))
    send_event(double.send_back(made))
    real = payment_events.set_refunded

    def late(*words: Any, **more: Any) -> str:
        # Asked before the second payment back, answered after its event.
        monkeypatch.undo()
        refund(double, bought, 500)
        send_event(double.refunded(bought.session, 500))
        return real(*words, **more)

    monkeypatch.setattr(payment_events, "set_refunded", late)
    refunds.run_once()
    assert balance(charlie) == 0
    run_due_job()
    bought.refresh_from_db()
    assert (bought.status, bought.refunded, balance(charlie)) == ("refunded", 500, 0)


def test_a_provider_that_does_not_answer_is_asked_again_later_and_later(
    charlie: User, bought: Purchase, double: StripeDouble
) -> None:
    send_event(double.pay(bought.session))
    made = refund(double, bought, 500)
    send_event(double.refunded(bought.session, 500))
    send_event(double.send_back(made))
    double.fail_with = 500
    assert (refunds.run_once(), refunds.run_once()) == (True, False)
    waits = []
    for _time in range(14):
        assert run_due_job() is True
        bought.refresh_from_db()
        assert bought.look_at is not None
        waits.append(round((bought.look_at - timezone.now()).total_seconds() / 60))
    assert waits == sorted(waits) and waits[0] == 2 and waits[-2:] == [1440, 1440]
    double.fail_with = 0
    run_due_job()
    assert balance(charlie) == 100 * MICRO


def test_a_lost_dispute_stays_lost_whatever_became_of_a_payment_back(
    charlie: User, bought: Purchase, double: StripeDouble
) -> None:
    send_event(double.pay(bought.session))
    made = refund(double, bought, 100)
    send_event(double.refunded(bought.session, 100))
    send_event(double.dispute(bought.session, "created", "needs_response"))
    send_event(double.dispute(bought.session, "closed", "lost"))
    send_event(double.send_back(made))
    run_due_job()
    bought.refresh_from_db()
    assert (bought.status, bought.refunded, bought.returned(), balance(charlie)) == ("refunded", 0, 500, 0)


@pytest.mark.parametrize(
    ("kind", "status", "fails"),
    [
        ("refund.failed", "failed", True), ("charge.refund.updated", "failed", True),
        ("refund.updated", "canceled", True), ("refund.updated", "succeeded", False),
        ("charge.refund.updated", "pending", False),
    ],
)  # fmt: skip
def test_every_way_in_which_stripe_tells_that_it_failed(
    bought: Purchase, double: StripeDouble, kind: str, status: str, fails: bool
) -> None:
    send_event(double.pay(bought.session))
    made = refund(double, bought, 500) | {"status": status}
    send_event(double.event(kind, made))
    bought.refresh_from_db()
    assert (bought.refund_failed, bought.look_at is not None) == (fails, fails)


# -- Owed to a closed account --------------------------------------------------------------------------------------


@pytest.fixture
def closed(charlie: User, bought: Purchase, double: StripeDouble) -> Purchase:
    """A payment that came after its account was closed for good."""
    Account.objects.filter(pk=charlie.account_id).update(status=Account.Status.CLOSED)
    send_event(double.pay(bought.session))
    bought.refresh_from_db()
    assert (bought.status, bought.owed, balance(charlie)) == ("paid", 500, 0)
    return bought


def test_what_is_paid_for_a_closed_account_goes_back_once(
    charlie: User, closed: Purchase, double: StripeDouble
) -> None:
    assert refunds.run_once() is True and refunds.run_once() is False
    assert [one["amount"] for one in double.refunds] == [500]
    send_event(double.refunded(closed.session, 500))
    run_due_job()
    closed.refresh_from_db()
    assert (closed.status, closed.refunded, closed.owed, closed.look_at) == ("refunded", 500, 0, None)
    assert [one["amount"] for one in double.refunds] == [500] and list(checks.breaches()) == []


def test_a_lost_answer_pays_nothing_back_twice(
    closed: Purchase, double: StripeDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = double._refund

    def lost(form: dict[str, str]) -> dict[str, Any]:
        made(form)
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(double, "_refund", lost)
        assert refunds.run_once() is True
    closed.refresh_from_db()
    assert (closed.owed, len(double.refunds)) == (500, 1)
    run_due_job()
    closed.refresh_from_db()
    assert (closed.owed, closed.status, len(double.refunds)) == (0, "refunded", 1)


def test_what_staff_paid_back_in_part_is_left_out(closed: Purchase, double: StripeDouble) -> None:
    refund(double, closed, 120)
    refunds.run_once()
    assert [one["amount"] for one in double.refunds] == [120, 380]


def test_what_a_bank_sends_back_stays_owed_until_staff_have_seen_to_it(
    charlie: User, staff: User, closed: Purchase, double: StripeDouble, client_of: ClientOf
) -> None:
    refunds.run_once()
    send_event(double.send_back(double.refunds[0]))
    run_due_job()
    assert refunds.run_once() is False and len(double.refunds) == 1
    closed.refresh_from_db()
    assert (closed.status, closed.owed, closed.refunded, balance(charlie)) == ("paid", 500, 0, 0)
    client = client_of(staff)
    rows = client.get(reverse("admin:accounts_purchase_changelist"), {"owed": "yes"})
    assert [row.pk for row in rows.context["cl"].result_list] == [closed.pk]
    page = reverse("admin:accounts_purchase_paid_otherwise", args=[closed.pk])
    assert "$5.00 are owed" in client.get(page).content.decode()
    assert client.post(page, {"reason": "bank transfer of 20 November"}).status_code == 302
    closed.refresh_from_db()
    entry = AuditEntry.objects.get(action="purchase.paid_otherwise")
    assert (closed.owed, entry.actor, entry.detail["owed"]) == (0, staff, 500)
    assert client.post(page, {"reason": "again"}).status_code == 302
    assert AuditEntry.objects.filter(action="purchase.paid_otherwise").count() == 1


def test_a_refusal_is_on_record_once_and_tried_again(closed: Purchase, double: StripeDouble) -> None:
    double.fail_with = 402
    for _time in range(3):
        run_due_job()
    entry = AuditEntry.objects.get(action="purchase.refund_failed")
    assert (entry.actor, entry.detail["owed"]) == (None, 500)
    double.fail_with = 0
    run_due_job()
    assert [one["amount"] for one in double.refunds] == [500]
