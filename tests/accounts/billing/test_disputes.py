"""Disputes of a payment: of a part, several at once, inquiries first, won, lost; in any order of events."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.audit import checks
from accounts.billing import payment_events, provider_registry, refunds
from accounts.billing.provider_base import EventType
from accounts.models import MICRO, Account, CreditPack, Dispute, Purchase, User
from tests import factories
from tests.accounts.billing.billing_rows import make_purchase
from tests.accounts.billing.checkout import place_order, send_event
from tests.accounts.billing.test_debts import balance_held_owed, paid, receive_event, taken_and_owed
from tests.accounts.billing.test_refunds import run_due_job
from tests.runner.sampling import one_in
from tests.servers.stripe_double import StripeDouble

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User], Client]
State = Dispute.State


@pytest.fixture
def bought(charlie: User, client_of: ClientOf, pack: CreditPack, double: StripeDouble) -> Purchase:
    """A hundred credits for 5.00, paid at Stripe. Charlie has no others."""
    assert place_order(client_of(charlie), pack).status_code == 303
    purchase = Purchase.objects.get()
    send_event(double.pay(purchase.session))
    purchase.refresh_from_db()
    return purchase


def status(purchase: Purchase) -> str:
    purchase.refresh_from_db()
    return str(purchase.status)


def audit_passes() -> bool:
    return [str(breach) for breach in checks.breaches()] == []


def test_a_dispute_of_a_part_takes_that_part(charlie: User, bought: Purchase, double: StripeDouble) -> None:
    send_event(double.dispute(bought.session, "created", "needs_response", amount=100))
    assert (status(bought), balance_held_owed(charlie), taken_and_owed(bought)) == (
        "disputed",
        (80, 0, 0),
        (20, 0),
    )
    send_event(double.dispute(bought.session, "closed", "lost", amount=100))
    assert (status(bought), balance_held_owed(charlie), bought.returned()) == (
        "paid",
        (80, 0, 0),
        100,
    ) and audit_passes()


def test_staff_can_pay_back_what_a_lost_dispute_left(
    staff: User, charlie: User, bought: Purchase, double: StripeDouble, client_of: ClientOf
) -> None:
    send_event(double.dispute(bought.session, "closed", "lost", amount=100))
    bought.refresh_from_db()
    assert refunds.is_refundable(bought) and bought.refundable() == 400
    page = reverse("admin:accounts_purchase_pay_back", args=[bought.pk])
    once = client_of(staff).get(page).context["form"]["once"].value()
    asked = {"reason": "a mistake of ours", "once": once}
    assert "At most $4.00" in client_of(staff).post(page, asked | {"amount": "5.00"}).content.decode()
    assert client_of(staff).post(page, asked | {"amount": ""}).status_code == 302
    assert [one["amount"] for one in double.refunds] == [400]
    send_event(double.refunded(bought.session, 400))
    assert (status(bought), balance_held_owed(charlie), taken_and_owed(bought)) == (
        "refunded",
        (0, 0, 0),
        (100, 0),
    ) and audit_passes()


def test_of_two_disputes_the_one_that_is_won_gives_back_its_own_part(
    charlie: User, bought: Purchase, double: StripeDouble
) -> None:
    send_event(double.dispute(bought.session, "created", "needs_response", id="dp_a", amount=200))
    send_event(double.dispute(bought.session, "created", "needs_response", id="dp_b", amount=300))
    assert (status(bought), balance_held_owed(charlie)) == ("disputed", (0, 0, 0))
    send_event(double.dispute(bought.session, "closed", "won", id="dp_a", amount=200))
    assert (status(bought), balance_held_owed(charlie), taken_and_owed(bought)) == (
        "disputed",
        (40, 0, 0),
        (60, 0),
    )
    send_event(double.dispute(bought.session, "closed", "lost", id="dp_b", amount=300))
    assert (status(bought), balance_held_owed(charlie), bought.returned()) == (
        "paid",
        (40, 0, 0),
        300,
    ) and audit_passes()


def test_disputes_and_refunds_take_no_more_than_was_bought(
    charlie: User, bought: Purchase, double: StripeDouble
) -> None:
    send_event(double.refunded(bought.session, 400))
    send_event(double.dispute(bought.session, "created", "needs_response"))
    assert (status(bought), balance_held_owed(charlie), bought.refundable()) == ("disputed", (0, 0, 0), 0)
    send_event(double.dispute(bought.session, "closed", "won"))
    assert (status(bought), balance_held_owed(charlie), taken_and_owed(bought)) == (
        "paid",
        (20, 0, 0),
        (80, 0),
    ) and audit_passes()


def test_the_buyer_reads_in_whose_favour_a_dispute_ended(
    charlie: User, bought: Purchase, double: StripeDouble, client_of: ClientOf
) -> None:
    send_event(double.dispute(bought.session, "closed", "won", id="dp_a", amount=200))
    send_event(double.dispute(bought.session, "closed", "lost", id="dp_b", amount=300))
    receipt = client_of(charlie).get(f"/account/credits/{bought.reference}/").content.decode()
    assert '$2.00 <span class="badge">decided in our favour' in receipt
    assert '$3.00 <span class="badge">decided in your favour' in receipt
    assert "Payment disputed, credits taken back" in client_of(charlie).get("/account/").content.decode()


def test_an_inquiry_takes_nothing_until_it_becomes_a_dispute(
    charlie: User, bought: Purchase, double: StripeDouble
) -> None:
    send_event(double.dispute(bought.session, "created", "warning_needs_response"))
    assert (status(bought), balance_held_owed(charlie)) == ("paid", (100, 0, 0))
    send_event(double.dispute(bought.session, "updated", "needs_response"))
    assert (status(bought), balance_held_owed(charlie)) == ("disputed", (0, 0, 0))
    send_event(double.dispute(bought.session, "funds_withdrawn", "needs_response"))
    send_event(double.dispute(bought.session, "updated", "under_review"))
    send_event(double.dispute(bought.session, "closed", "won"))
    send_event(double.dispute(bought.session, "funds_reinstated", "won"))
    assert (status(bought), balance_held_owed(charlie), taken_and_owed(bought)) == (
        "paid",
        (100, 0, 0),
        (0, 0),
    ) and audit_passes()


@pytest.mark.parametrize("kind", ["updated", "funds_withdrawn"])
def test_either_word_of_a_withdrawal_alone_takes_the_credits(
    charlie: User, bought: Purchase, double: StripeDouble, kind: str
) -> None:
    send_event(double.dispute(bought.session, "created", "warning_needs_response"))
    send_event(double.dispute(bought.session, kind, "needs_response"))
    assert balance_held_owed(charlie) == (0, 0, 0)


def test_an_inquiry_that_ends_moves_nothing(charlie: User, bought: Purchase, double: StripeDouble) -> None:
    send_event(double.dispute(bought.session, "created", "warning_needs_response"))
    send_event(double.dispute(bought.session, "updated", "warning_under_review"))
    send_event(double.dispute(bought.session, "closed", "warning_closed"))
    assert (status(bought), balance_held_owed(charlie)) == ("paid", (100, 0, 0)) and audit_passes()


def test_money_that_comes_back_gives_the_credits_again_before_the_dispute_is_closed(
    charlie: User, bought: Purchase, double: StripeDouble
) -> None:
    now = double.dispute(bought.session, "created", "needs_response")
    send_event(now)
    send_event(double.dispute(bought.session, "funds_reinstated", "under_review"))
    assert balance_held_owed(charlie) == (100, 0, 0)
    # The bank takes it once more, later.
    later = double.dispute(bought.session, "funds_withdrawn", "under_review") | {
        "created": now["created"] + 60
    }
    send_event(later)
    assert (status(bought), balance_held_owed(charlie)) == ("disputed", (0, 0, 0)) and audit_passes()


def receive(event: Any) -> None:
    """A webhook of Stripe's, without the server around it."""
    body, signature = StripeDouble.signed(event)
    provider: Any = provider_registry.provider("stripe")
    payment_events.receive("stripe", provider.verify({"Stripe-Signature": signature}, body))


def test_every_order_of_what_is_told_ends_alike(charlie: User, double: StripeDouble) -> None:
    """An inquiry, a dispute of 3.00, won or lost: in every order, a second apart at Stripe, the first twice."""
    for number, turn in one_in(10, enumerate(itertools.permutations(range(5)))):
        purchase = make_purchase(charlie, session=f"cs_{number}")
        double.sessions[purchase.session] = {
            "id": purchase.session, "object": "checkout.session", "amount_total": 500, "currency": "usd",
            "client_reference_id": purchase.reference, "metadata": {"purchase": purchase.reference},
        }  # fmt: skip
        steps = [
            double.pay(purchase.session),
            double.dispute(purchase.session, "created", "warning_needs_response", amount=300),
            double.dispute(purchase.session, "funds_withdrawn", "needs_response", amount=300),
            double.dispute(purchase.session, "updated", "under_review", amount=300),
            double.dispute(purchase.session, "closed", ("won", "lost")[number % 2], amount=300),
        ]
        start = factories.account_of(charlie).balance
        for step in (*turn, turn[0]):
            receive(steps[step] | {"created": 1_800_000_000 + step})
        taken_back = 60 * MICRO if number % 2 else 0
        purchase.refresh_from_db()
        assert (purchase.status, purchase.taken_back) == ("paid", taken_back), turn
        assert factories.account_of(charlie).balance - start == 100 * MICRO - taken_back
    assert audit_passes()


def test_what_was_told_before_the_payment_of_several_disputes_is_done_when_it_comes(charlie: User) -> None:
    receive_event(EventType.DISPUTED, 200, dispute="dp_a")
    receive_event(EventType.DISPUTED, 100, dispute="dp_b")
    receive_event(EventType.DISPUTE_WON, 200, dispute="dp_a")
    purchase = paid(charlie)
    assert (purchase.status, balance_held_owed(charlie), taken_and_owed(purchase)) == (
        "disputed",
        (80, 0, 0),
        (20, 0),
    ) and audit_passes()


def test_a_lost_dispute_that_is_won_on_appeal_gives_the_credits_again(charlie: User) -> None:
    purchase = paid(charlie)
    receive_event(EventType.DISPUTE_LOST, dispute="dp_1", at=1_800_000_000)
    assert balance_held_owed(charlie) == (0, 0, 0)
    receive_event(EventType.DISPUTE_WON, dispute="dp_1", at=1_800_000_100)
    assert (status(purchase), balance_held_owed(charlie)) == ("paid", (100, 0, 0)) and audit_passes()


def test_the_desk_and_the_receipt_show_each_dispute(
    staff: User, charlie: User, bought: Purchase, double: StripeDouble, client_of: ClientOf
) -> None:
    send_event(double.dispute(bought.session, "created", "needs_response", id="dp_a", amount=200))
    send_event(double.dispute(bought.session, "closed", "lost", id="dp_b", amount=100))
    page = client_of(staff).get(reverse("admin:accounts_purchase_change", args=[bought.pk])).content.decode()
    assert "dp_a" in page and "dp_b" in page and "$2.00" in page
    receipt = client_of(charlie).get(f"/account/credits/{bought.reference}/").content.decode()
    assert "$2.00" in receipt and "$1.00" in receipt


def test_a_buyer_of_a_closed_account_is_not_paid_what_their_bank_takes(
    charlie: User, client_of: ClientOf, pack: CreditPack, double: StripeDouble
) -> None:
    assert place_order(client_of(charlie), pack).status_code == 303
    purchase = Purchase.objects.get()
    Account.objects.filter(pk=charlie.account_id).update(status=Account.Status.CLOSED)
    send_event(double.pay(purchase.session))
    send_event(double.dispute(purchase.session, "created", "needs_response", amount=200))
    run_due_job()
    assert double.refunds == []
    send_event(double.dispute(purchase.session, "closed", "lost", amount=200))
    run_due_job()
    assert [one["amount"] for one in double.refunds] == [300]
    purchase.refresh_from_db()
    assert (purchase.owed, purchase.status) == (0, "refunded") and audit_passes()


def test_a_dispute_of_nothing_known_is_no_error(db: Any) -> None:
    assert receive_event(EventType.DISPUTED, dispute="dp_1").startswith("later")
    assert receive_event(EventType.INQUIRY, payment="", dispute="dp_1") == "no such purchase"
    assert not Dispute.objects.exists()
