"""Disputes of before there were rows for them: nobody owes more by the migration than what was known, nor less."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps

from accounts import audit, credits
from accounts.models import MICRO, Account, Dispute, PaymentEvent, Purchase, User
from accounts.payments.base import What
from tests import factories
from tests.accounts.money.test_debts import paid, stands, told

pytestmark = pytest.mark.django_db


def migrate() -> None:
    import_module("accounts.migrations.0024_debts_and_disputes_of_before").fill(apps, None)


def before(
    user: User, *outcomes: str, spent: int = 0, status: str = "refunded", refunded: int = 0
) -> Purchase:
    """A purchase as it stood: what its events did, and of its hundred credits all taken back but what was spent."""
    purchase = paid(user)
    account = factories.account_of(user)
    credits.adjust(account, (100 - spent) * MICRO - account.balance, reason="spent", actor=None)
    credits.take_back(purchase, (100 - spent) * MICRO, reason="dispute")
    for outcome in outcomes:
        PaymentEvent.objects.create(
            provider="stripe",
            event_id=f"old_{outcome}",
            kind="charge.dispute",
            outcome=outcome,
            purchase=purchase,
        )
    Purchase.objects.filter(pk=purchase.pk).update(status=status, refunded=refunded)
    return purchase


def test_a_lost_dispute_is_of_what_was_taken_for_it_and_the_rest_can_be_paid_back(alice: User) -> None:
    # A dispute of a part; then, all was to be taken back, and what was not there was forgotten.
    purchase = before(
        alice,
        "disputed: 10000000 of 100000000 taken back dp_1",
        "dispute lost: 0 of 90000000 taken back dp_1",
        spent=90,
        refunded=500,
    )
    migrate()
    row = Dispute.objects.get()
    assert (row.number, row.state, row.amount) == ("dp_1", "lost", 50)
    purchase.refresh_from_db()
    assert (purchase.status, purchase.refunded, purchase.refundable()) == ("paid", 0, 450)
    assert stands(alice) == (0, 0, 0) and list(audit.breaches()) == []


@pytest.mark.parametrize("price", [500, 333, 7])
def test_a_lost_dispute_makes_no_debt_that_is_worth_the_smallest_coin(alice: User, price: int) -> None:
    purchase = before(alice, "dispute lost: nothing to take back", spent=77, refunded=500)
    Purchase.objects.filter(pk=purchase.pk).update(price=price, refunded=price)
    migrate()
    owed = Account.objects.get(pk=purchase.account_id).owed
    assert 0 <= owed < purchase.credits / price
    assert Dispute.objects.get().number == "" and list(audit.breaches()) == []


def test_each_dispute_that_is_open_has_a_row_and_one_that_is_won_gives_nothing_before_the_other(
    alice: User,
) -> None:
    before(
        alice,
        "disputed: 0 of 100000000 taken back dp_0",
        "dispute won: 100000000 given again dp_0",
        "disputed: 100000000 of 100000000 taken back dp_1",
        "disputed: nothing to take back dp_2",
        "nothing: the dispute is over dp_0",
        status="disputed",
    )
    migrate()
    assert sorted(Dispute.objects.values_list("number", "state")) == [("dp_1", "open"), ("dp_2", "open")]
    assert stands(alice) == (0, 0, 0) and list(audit.breaches()) == []
    told(What.DISPUTE_WON, dispute="dp_2")
    assert stands(alice) == (0, 0, 0)
    told(What.DISPUTE_WON, dispute="dp_1")
    assert stands(alice) == (100, 0, 0) and list(audit.breaches()) == []


def test_one_that_was_lost_beside_one_that_is_open_stays_lost(alice: User) -> None:
    before(
        alice,
        "disputed: 100000000 of 100000000 taken back dp_1",
        "dispute lost: nothing to take back dp_1",
        "disputed: nothing to take back dp_2",
        status="disputed",
        refunded=500,
    )
    migrate()
    assert sorted(Dispute.objects.values_list("number", "state")) == [("dp_1", "lost"), ("dp_2", "open")]
    told(What.DISPUTE_WON, dispute="dp_2")
    assert stands(alice) == (0, 0, 0) and list(audit.breaches()) == []
