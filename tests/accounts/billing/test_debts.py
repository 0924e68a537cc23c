"""What a returned payment could not take is owed: whatever comes next pays it, and nothing can be spent before."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from accounts import credits
from accounts.audit import checks
from accounts.billing import payment_events, redeem_codes
from accounts.billing.provider_base import Event, EventType
from accounts.credits import balance_updates, gifts, statement
from accounts.models import MICRO, Account, LedgerEntry, Notice, Purchase, User
from accounts.site import site_rules
from gallery.privacy import closure, erasure
from predictions import lifecycle
from predictions.submit import acceptance, refusals, work_request
from tests import factories
from tests.accounts.billing.billing_rows import make_codes, make_purchase

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User], Client]
_events = itertools.count(1)


def receive_event(event_type: EventType, amount: int = 500, *, payment: str = "pi_1", **more: Any) -> str:
    """An event of Stripe's."""
    number = next(_events)
    return payment_events.receive(
        "stripe",
        Event(
            f"evt_{number}",
            event_type.value,
            event_type,
            payment=payment,
            amount=amount,
            currency="usd",
            **more,
        ),
    )


def paid(user: User, payment: str = "pi_1", **more: Any) -> Purchase:
    """A purchase of a hundred credits for 5.00, paid."""
    purchase = make_purchase(user, session=f"cs_{payment}", **more)
    receive_event(
        EventType.PAID,
        purchase.price,
        payment=payment,
        reference=purchase.reference,
        session=purchase.session,
    )
    purchase.refresh_from_db()
    assert purchase.paid_at is not None
    return purchase


def balance_held_owed(user: User) -> tuple[int, int, int]:
    """Balance, on hold and owed, in whole credits."""
    row = factories.account_of(user)
    return row.balance // MICRO, row.held // MICRO, row.owed // MICRO


def held(user: User, amount: int = 100, name: str = "job") -> None:
    with transaction.atomic():
        credits.hold(factories.account_of(user).pk, amount * MICRO, name)


def settled(user: User, charge: int = 0, name: str = "job") -> None:
    with transaction.atomic():
        credits.settle(factories.account_of(user).pk, name, charge * MICRO)


def taken_and_owed(purchase: Purchase) -> tuple[int, int]:
    purchase.refresh_from_db()
    return purchase.taken_back // MICRO, purchase.credits_owed // MICRO


def audit_passes() -> bool:
    return [str(breach) for breach in checks.breaches()] == []


# -- On hold ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event_type", [EventType.REFUNDED, EventType.DISPUTED, EventType.DISPUTE_LOST])
def test_what_is_on_hold_while_its_payment_is_returned_is_taken_when_it_comes_back(
    charlie: User, event_type: EventType
) -> None:
    purchase = paid(charlie)
    held(charlie)
    receive_event(event_type)
    assert (balance_held_owed(charlie), taken_and_owed(purchase)) == (
        (0, 100, 100),
        (0, 100),
    ) and audit_passes()
    settled(charlie)
    assert (balance_held_owed(charlie), taken_and_owed(purchase)) == ((0, 0, 0), (100, 0)) and audit_passes()


@pytest.mark.usefixtures("provider")
def test_nobody_keeps_a_refunded_payment_by_predictions_that_wait_and_are_canceled(
    charlie: User,
) -> None:
    purchase = paid(charlie)
    account, version = factories.account_of(charlie), factories.make_version(price=15 * MICRO)
    request = work_request.Request(account, charlie, version, {"prompt": "a lighthouse"})
    made = []
    with pytest.raises(refusals.InsufficientCredit):
        while True:
            made.append(acceptance.accept(request))
    left = factories.account_of(charlie).balance
    receive_event(EventType.REFUNDED)
    assert factories.account_of(charlie).owed == 100 * MICRO - left
    for one in made:
        lifecycle.cancel(one.public_id)
    assert balance_held_owed(charlie) == (0, 0, 0) and taken_and_owed(purchase) == (100, 0) and audit_passes()
    with pytest.raises(refusals.InsufficientCredit):
        acceptance.accept(request)


def test_what_is_charged_after_all_stays_owed(charlie: User) -> None:
    purchase = paid(charlie)
    held(charlie)
    receive_event(EventType.REFUNDED)
    settled(charlie, 30)
    assert (balance_held_owed(charlie), taken_and_owed(purchase)) == ((0, 0, 30), (70, 30)) and audit_passes()


# -- Given away ------------------------------------------------------------------------------------------------------


def test_what_was_given_away_before_its_payment_is_returned_is_owed(charlie: User, bob: User) -> None:
    site_rules.change(gifts=True)
    purchase = paid(charlie)
    gifts.give(charlie, factories.account_of(charlie), to="bob", amount=100 * MICRO, key="1")
    receive_event(EventType.REFUNDED)
    assert (balance_held_owed(charlie), taken_and_owed(purchase)) == (
        (0, 0, 100),
        (0, 100),
    ) and audit_passes()
    # A friend gives them back: they pay what is owed, and are nobody's to spend or to give.
    gifts.give(bob, factories.account_of(bob), to="charlie", amount=60 * MICRO, key="2")
    assert (balance_held_owed(charlie), taken_and_owed(purchase)) == ((0, 0, 40), (60, 40)) and audit_passes()
    assert gifts.giveable_balance(factories.account_of(charlie)) == 0


# -- What comes next -------------------------------------------------------------------------------------------------


def grant(user: User) -> None:
    credits.grant(factories.account_of(user), 40 * MICRO)


def redeem(user: User) -> None:
    redeem_codes.redeem_uncounted(user, factories.account_of(user), make_codes(worth=40 * MICRO)[0])


def buy(user: User) -> None:
    paid(user, "pi_2", credits=40 * MICRO, price=200)


def allow(user: User) -> None:
    account = factories.account_of(user)
    credits.allow(account, 40 * MICRO, reference=f"allowance-{account.pk}-2030-01")


def adjust(user: User) -> None:
    credits.adjust(factories.account_of(user), 40 * MICRO, reason="so", actor=None)


def refund(user: User) -> None:
    credits.refund(factories.account_of(user), 40 * MICRO, reference="job")


@pytest.mark.parametrize("come", [grant, redeem, buy, allow, adjust, refund])
def test_whatever_comes_next_pays_what_is_owed_first(charlie: User, come: Callable[[User], None]) -> None:
    purchase = paid(charlie)
    held(charlie)
    settled(charlie, 100)
    receive_event(EventType.REFUNDED, 300)
    assert (balance_held_owed(charlie), taken_and_owed(purchase)) == ((0, 0, 60), (0, 60))
    come(charlie)
    assert (balance_held_owed(charlie), taken_and_owed(purchase)) == ((0, 0, 20), (40, 20)) and audit_passes()
    credits.grant(factories.account_of(charlie), 50 * MICRO)
    assert (balance_held_owed(charlie), taken_and_owed(purchase)) == ((30, 0, 0), (60, 0)) and audit_passes()


def test_who_owes_something_can_neither_set_aside_nor_give_but_what_is_free_goes_on(
    charlie: User, bob: User
) -> None:
    account = factories.account_of(charlie)
    # As it never stands: what is there was not taken for what is owed.
    Account.objects.filter(pk=account.pk).update(balance=10, owed=6)
    with pytest.raises(credits.InsufficientCredits), transaction.atomic():
        credits.hold(account.pk, 5, "dear")
    with pytest.raises(credits.InsufficientCredits):
        credits.give(account, factories.account_of(bob), 5, reference="dear")
    with transaction.atomic():
        credits.hold(account.pk, 4, "cheap")
        credits.hold(account.pk, 0, "free")
    account.refresh_from_db()
    assert (account.balance, account.held) == (6, 4)


def test_the_oldest_debt_is_paid_first(charlie: User) -> None:
    first, second = paid(charlie), paid(charlie, "pi_2")
    held(charlie, 200)
    settled(charlie, 200)
    receive_event(EventType.REFUNDED, payment="pi_2")
    receive_event(EventType.REFUNDED)
    credits.grant(factories.account_of(charlie), 130 * MICRO)
    assert (taken_and_owed(first), taken_and_owed(second), balance_held_owed(charlie)) == (
        (100, 0),
        (30, 70),
        (0, 0, 70),
    ) and audit_passes()


def test_what_is_won_back_is_written_off_before_anything_is_given_again(charlie: User) -> None:
    purchase = paid(charlie)
    held(charlie, 70)
    settled(charlie, 70)
    receive_event(EventType.DISPUTED, dispute="dp_1")
    assert (balance_held_owed(charlie), taken_and_owed(purchase)) == ((0, 0, 70), (30, 70))
    receive_event(EventType.DISPUTE_WON, dispute="dp_1")
    assert (balance_held_owed(charlie), taken_and_owed(purchase)) == ((30, 0, 0), (0, 0)) and audit_passes()


def test_what_is_given_again_pays_what_is_owed_for_another_purchase(charlie: User) -> None:
    first, second = paid(charlie), paid(charlie, "pi_2")
    receive_event(EventType.DISPUTED, dispute="dp_1")
    held(charlie)
    settled(charlie, 100)
    receive_event(EventType.REFUNDED, payment="pi_2")
    receive_event(EventType.DISPUTE_WON, dispute="dp_1")
    assert (taken_and_owed(first), taken_and_owed(second), balance_held_owed(charlie)) == (
        (0, 0),
        (100, 0),
        (0, 0, 0),
    ) and audit_passes()


# -- Told ------------------------------------------------------------------------------------------------------------


def test_it_is_told_in_plain_words_wherever_the_balance_is(
    charlie: User, staff: User, client_of: ClientOf
) -> None:
    purchase = paid(charlie)
    held(charlie, 80)
    receive_event(EventType.REFUNDED)
    settled(charlie, 50)
    client = client_of(charlie)
    page = client.get("/account/").content.decode()
    assert '<dt>Owed</dt><dd class="tnum">50.0</dd>' in page and "50 credits are still owed" in page
    receipt = client.get(f"/account/credits/{purchase.reference}/").content.decode()
    assert "Credits owed" in receipt and "50.00" in receipt and "that were gone are still owed" in receipt
    assert (
        "50 credits are still owed for a returned payment" in client.get("/account/credits/").content.decode()
    )
    said = client.get("/api/me").json()
    assert (said["balance"], said["held"], said["owed"]) == (0, 0, 50 * MICRO)
    rows = LedgerEntry.objects.filter(account=charlie.account).order_by("id")
    assert [one.words for one in statement.lines(list(rows))] == [
        "Credits bought", "Set aside for a prediction", "Payment returned, credits taken back",
        "Prediction charged, the rest returned", "Paid off: credits owed for a returned payment",
    ]  # fmt: skip
    kinds = set(Notice.objects.filter(user=charlie).values_list("kind", flat=True))
    assert {"credits.taken_back", "credits.owed"} <= kinds
    admin_client = client_of(staff)
    row = admin_client.get(
        reverse("admin:accounts_account_change", args=[charlie.account_id])
    ).content.decode()
    assert "50.00" in row
    bought = admin_client.get(reverse("admin:accounts_purchase_change", args=[purchase.pk])).content.decode()
    assert "credits owed" in bought.lower()
    assert "20 of 100 credits taken back, 80 owed" in bought
    listed = admin_client.get(reverse("admin:accounts_purchase_changelist"), {"credits_owed": "yes"})
    assert [one.pk for one in listed.context["cl"].result_list] == [purchase.pk]
    assert "50" in admin_client.get(f"/admin/members/{charlie.pk}/").content.decode()


# -- Audit -----------------------------------------------------------------------------------------------------------


def found() -> list[str]:
    return [str(breach).split(": ", 1)[1] for breach in checks.breaches()]


def test_the_audit_finds_what_should_have_been_taken_and_was_not_and_can_take_it(charlie: User) -> None:
    purchase = paid(charlie)
    Purchase.objects.filter(pk=purchase.pk).update(refunded=500, to_take_back=100 * MICRO)
    assert found() == ["owes 0.00, but its purchases come to 100.00"]
    Account.objects.filter(pk=charlie.account_id).update(owed=100 * MICRO)
    assert found() == ["owes 100.00 and has 100.00 that were not taken for it"]
    (breach,) = checks.breaches()
    assert breach.repair is not None and breach.repair() == "100.00 taken for what was owed"
    assert audit_passes() and balance_held_owed(charlie) == (0, 0, 0) and taken_and_owed(purchase) == (100, 0)


def test_the_audit_finds_a_purchase_that_takes_back_another_part_than_was_returned(charlie: User) -> None:
    purchase = paid(charlie)
    Purchase.objects.filter(pk=purchase.pk).update(refunded=250)
    assert found() == ["has 0.00 to be taken back where 50.00 follows from what was paid back and disputed"]


# -- Closed accounts -------------------------------------------------------------------------------------------------


def test_an_account_that_is_closed_owes_nothing_and_what_it_cost_stands_at_its_purchase(
    charlie: User,
) -> None:
    purchase = paid(charlie)
    held(charlie)
    settled(charlie, 100)
    receive_event(EventType.REFUNDED, 250)
    assert balance_held_owed(charlie) == (0, 0, 50)
    Account.objects.filter(pk=charlie.account_id).update(status=Account.Status.CLOSED)
    credits.clear(factories.account_of(charlie), reason="deleted")
    receive_event(EventType.REFUNDED, 500)
    assert balance_held_owed(charlie) == (0, 0, 0) and taken_and_owed(purchase) == (0, 100) and audit_passes()


def test_nothing_is_owed_for_credits_that_never_came(charlie: User) -> None:
    Account.objects.filter(pk=charlie.account_id).update(status=Account.Status.CLOSED)
    purchase = paid(charlie)
    receive_event(EventType.REFUNDED)
    assert balance_held_owed(charlie) == (0, 0, 0) and taken_and_owed(purchase) == (0, 0) and audit_passes()


@pytest.mark.django_db(transaction=True)
def test_a_payment_at_the_moment_at_which_its_account_is_closed_goes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user = factories.make_user("leaving")
    purchase = make_purchase(user, session="cs_pi_1")
    credits.grant(factories.account_of(user), 5)
    closure_request = closure.request_closure(user)
    erasure.begin(closure_request)
    move, payment = balance_updates.move, threading.Thread(target=_paid_for, args=[purchase], daemon=True)

    def clear(account_id: int, **deltas: Any) -> Any:
        """The balance was read: now comes the payment, and is through or waits."""
        if deltas["balance_delta"] == -5:
            payment.start()
            _until_it_waits(payment)
        return move(account_id, **deltas)

    monkeypatch.setattr(balance_updates, "move", clear)
    erasure._finish(closure_request)
    payment.join(60)
    assert not payment.is_alive()
    row = Account.objects.get(pk=purchase.account_id)
    purchase.refresh_from_db()
    assert (row.status, row.balance, purchase.owed) == ("closed", 0, purchase.price)


def _paid_for(purchase: Purchase) -> None:
    try:
        receive_event(EventType.PAID, purchase.price, reference=purchase.reference, session=purchase.session)
    finally:
        connection.close()


def _until_it_waits(thread: threading.Thread) -> None:
    """On SQLite it waits for the write lock, which nothing shows."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    for _time in range(3000 if connection.vendor == "postgresql" else 0):
        thread.join(0.01)
        if not thread.is_alive():
            return
        with connection.cursor() as cursor:
            cursor.execute(waiting)
            if cursor.fetchone()[0]:
                return
