"""Whatever is done in whatever order, the balance is the sum of the ledger and nobody goes below zero."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts import credits
from accounts.models import MICRO, Account, AppendOnlyError, LedgerEntry, User
from tests import factories
from tests.runner.sampling import short_or_whole


def sums(account: Account) -> tuple[int, int]:
    found = LedgerEntry.objects.filter(account=account).aggregate(Sum("balance_delta"), Sum("held_delta"))
    return found["balance_delta__sum"] or 0, found["held_delta__sum"] or 0


AMOUNTS = st.integers(min_value=-5, max_value=30)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("grant"), st.integers(1, 30)),
        st.tuples(st.just("adjust"), AMOUNTS.filter(bool)),
        st.tuples(st.just("hold"), st.integers(0, 30)),
        st.tuples(st.just("settle"), st.integers(0, 40)),
        st.tuples(st.just("settle again"), st.integers(0, 40)),
    ),
    max_size=30,
)


@settings(max_examples=short_or_whole(15, 60), deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
def test_it_adds_up_after_any_order_of_movements(charlie: User, steps: list[tuple[str, int]]) -> None:
    with transaction.atomic():
        account = Account.objects.create(name="any order")
        model = _Model()
        for number, (verb, amount) in enumerate(steps):
            _step(account, model, f"{account.pk}-{number}", verb, amount)
            account.refresh_from_db()
            assert (account.balance, account.held) == (model.balance, model.held)
            assert sums(account) == (account.balance, account.held)
            last = LedgerEntry.objects.filter(account=account).order_by("-id").first()
            if last is not None:
                assert (last.balance_after, last.held_after) == (account.balance, account.held)


class _Model:
    """The same rules in a dozen lines of plain arithmetic."""

    def __init__(self) -> None:
        self.balance = self.held = 0
        self.open: dict[str, int] = {}
        self.ended: list[str] = []

    def expects(self, verb: str, amount: int, reference: str) -> type[Exception] | None:
        if verb == "grant" or (verb == "adjust" and self.balance + amount >= 0):
            self.balance += amount
        elif verb == "hold" and self.balance >= amount:
            self.balance -= amount
            self.held += amount
            self.open[reference] = amount
        elif verb == "settle":
            held = self.open.pop(reference)
            self.held -= held
            self.balance += held - min(amount, held)
            self.ended.append(reference)
        else:
            return credits.InsufficientCredits
        return None


def _step(account: Account, model: _Model, reference: str, verb: str, amount: int) -> None:
    if verb == "settle again":
        if model.ended:
            with pytest.raises((IntegrityError, credits.InsufficientCredits)), transaction.atomic():
                credits.settle(account.pk, model.ended[0], amount)
        return
    if verb == "settle":
        if not model.open:
            return
        reference = next(iter(model.open))
    calls: dict[str, Callable[[], object]] = {
        "grant": lambda: credits.grant(account, amount),
        "adjust": lambda: credits.adjust(account, amount, reason="a reason", actor=None),
        "hold": lambda: credits.hold(account.pk, amount, reference),
        "settle": lambda: credits.settle(account.pk, reference, amount),
    }
    refused = model.expects(verb, amount, reference)
    if refused is None:
        calls[verb]()
    else:
        with pytest.raises(refused), transaction.atomic():
            calls[verb]()


def test_it_captures_at_most_what_was_held(alice: User) -> None:
    account = factories.account_of(alice)
    credits.hold(account.pk, 2 * MICRO, "job")
    entry = credits.settle(account.pk, "job", 50 * MICRO)
    assert (entry.captured, entry.released) == (2 * MICRO, 0)


def test_it_returns_what_was_not_used(alice: User) -> None:
    account = factories.account_of(alice)
    credits.hold(account.pk, 4 * MICRO, "job")
    entry = credits.settle(account.pk, "job", MICRO)
    assert (entry.captured, entry.released, entry.balance_after) == (MICRO, 3 * MICRO, 99 * MICRO)


def test_it_settles_a_reference_once(alice: User) -> None:
    account = factories.account_of(alice)
    credits.hold(account.pk, MICRO, "first")
    credits.hold(account.pk, MICRO, "second")
    credits.settle(account.pk, "first", 0)
    with pytest.raises(IntegrityError), transaction.atomic():
        credits.settle(account.pk, "first", MICRO)
    assert factories.account_of(alice).held == MICRO


def test_it_does_not_settle_the_hold_of_another_account(alice: User, bob: User) -> None:
    credits.hold(factories.account_of(alice).pk, MICRO, "job")
    with pytest.raises(LedgerEntry.DoesNotExist):
        credits.settle(factories.account_of(bob).pk, "job", 0)


def test_it_keeps_a_row_for_a_hold_of_nothing(charlie: User) -> None:
    account = factories.account_of(charlie)
    credits.hold(account.pk, 0, "free")
    credits.settle(account.pk, "free", 0)
    assert LedgerEntry.objects.filter(reference="free").count() == 2


@pytest.mark.parametrize("status", [Account.Status.SUSPENDED, Account.Status.CLOSING])
def test_it_holds_nothing_for_an_account_that_is_not_active(alice: User, status: str) -> None:
    account = factories.account_of(alice)
    Account.objects.filter(pk=account.pk).update(status=status)
    with pytest.raises(credits.AccountClosed):
        credits.hold(account.pk, MICRO, "job")


def test_it_refuses_an_adjustment_below_zero_and_one_without_a_reason(charlie: User) -> None:
    account = factories.account_of(charlie)
    with pytest.raises(credits.InsufficientCredits):
        credits.adjust(account, -1, reason="mistyped", actor=None)
    with pytest.raises(ValueError, match="reason"):
        credits.adjust(account, 1, reason="  ", actor=None)
    assert not LedgerEntry.objects.filter(account=account).exists()


def test_it_grants_a_reference_once(charlie: User) -> None:
    account = factories.account_of(charlie)
    credits.grant(account, MICRO, reference="gift")
    with pytest.raises(IntegrityError), transaction.atomic():
        credits.grant(account, MICRO, reference="gift")
    assert factories.account_of(charlie).balance == MICRO


def test_it_never_changes_or_deletes_a_row(alice: User) -> None:
    entry = LedgerEntry.objects.get(account=alice.account)
    entry.reason = "history rewritten"
    with pytest.raises(AppendOnlyError):
        entry.save()
    with pytest.raises(AppendOnlyError):
        entry.delete()
    with pytest.raises(AppendOnlyError):
        LedgerEntry.objects.all().delete()
    with pytest.raises(AppendOnlyError):
        LedgerEntry.objects.update(reason="history rewritten")


def test_the_database_itself_refuses_a_negative_balance(alice: User) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Account.objects.filter(pk=alice.account_id).update(balance=-1)
