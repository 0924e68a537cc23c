"""Credits that come, go and are given: once by their reference, never below nothing, never where they must not move."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from django.db import transaction

from accounts import credits
from accounts.credits import balance_updates
from accounts.credits.balance_updates import CEILING
from accounts.models import MICRO, Account, LedgerEntry, User
from tests import factories
from tests.support.races import together

Posting = Callable[..., LedgerEntry]
POSTINGS: dict[str, Posting] = {
    "redeem": credits.redeem,
    "purchase": credits.purchase,
    "refund": credits.refund,
    "allowance": credits.allow,
}


def balance(user: User) -> int:
    return factories.account_of(user).balance


@pytest.mark.parametrize("kind", POSTINGS)
def test_it_adds_what_it_says_under_its_own_kind(charlie: User, kind: str) -> None:
    entry = POSTINGS[kind](factories.account_of(charlie), 5, reference="one", reason="a \x00reason")
    assert (entry.kind, entry.balance_delta, entry.balance_after, entry.reason) == (kind, 5, 5, "a reason")
    assert balance(charlie) == 5


@pytest.mark.parametrize("kind", POSTINGS)
def test_a_second_one_with_its_reference_changes_nothing_and_brings_the_first(
    charlie: User, kind: str
) -> None:
    account = factories.account_of(charlie)
    first = POSTINGS[kind](account, 5, reference="one")
    with transaction.atomic():
        with pytest.raises(credits.AlreadyPosted) as again:
            POSTINGS[kind](account, 7, reference="one")
        # The transaction around it goes on.
        credits.grant(account, 1)
    assert again.value.entry == first and balance(charlie) == 6


@pytest.mark.parametrize("kind", POSTINGS)
@pytest.mark.parametrize("amount", [0, True, 1.5, "5", None, credits.LARGEST + 1, 2**70])
def test_it_takes_whole_amounts_that_are_not_too_large(charlie: User, kind: str, amount: Any) -> None:
    with pytest.raises(ValueError, match=r"amount|allowance"):
        POSTINGS[kind](factories.account_of(charlie), amount, reference="one")
    assert not LedgerEntry.objects.filter(account=charlie.account).exists()


@pytest.mark.parametrize("kind", POSTINGS)
def test_nothing_is_taken_by_a_negative_amount(charlie: User, kind: str) -> None:
    with pytest.raises(ValueError, match="amount"):
        POSTINGS[kind](factories.account_of(charlie), -1, reference="one")


@pytest.mark.parametrize("reference", ["", "x" * 56, "a\x00b"])
def test_it_wants_a_reference_that_fits(charlie: User, reference: str) -> None:
    with pytest.raises(ValueError, match="reference"):
        credits.redeem(factories.account_of(charlie), 5, reference=reference)


@pytest.mark.parametrize(
    ("kind", "closed_to"),
    [
        ("redeem", {"suspended", "closing", "closed"}),
        ("allowance", {"suspended", "closing", "closed"}),
        ("purchase", {"closed"}),
        ("refund", {"closed"}),
    ],
)
@pytest.mark.parametrize("status", ["active", "suspended", "closing", "closed"])
def test_who_is_shut_out_gets_only_what_is_theirs(
    charlie: User, kind: str, closed_to: set[str], status: str
) -> None:
    Account.objects.filter(pk=charlie.account_id).update(status=status)
    account = factories.account_of(charlie)
    if status in closed_to:
        with pytest.raises(credits.AccountClosed):
            POSTINGS[kind](account, 5, reference="one")
    else:
        POSTINGS[kind](account, 5, reference="one")
    assert balance(charlie) == (0 if status in closed_to else 5)


def test_nobody_has_more_than_the_database_counts_exactly(charlie: User) -> None:
    account = factories.account_of(charlie)
    Account.objects.filter(pk=account.pk).update(balance=CEILING - 1)
    with pytest.raises(credits.TooMuch):
        credits.grant(account, 2)
    assert credits.grant(account, 1).balance_after == CEILING


def test_a_gift_is_two_rows(alice: User, charlie: User) -> None:
    giver, receiver = factories.account_of(alice), factories.account_of(charlie)
    before = giver.balance
    out, came = credits.give(giver, receiver, MICRO, reference="abc", reason="thanks", actor=alice)
    assert (out.reference, came.reference) == ("gift-abc-out", "gift-abc-in")
    assert (out.balance_delta, came.balance_delta) == (-MICRO, MICRO)
    assert (balance(alice), balance(charlie)) == (before - MICRO, MICRO)
    with pytest.raises(credits.AlreadyPosted):
        credits.give(giver, receiver, MICRO, reference="abc")
    assert (balance(alice), balance(charlie)) == (before - MICRO, MICRO)


def test_nobody_gives_what_they_have_not_or_to_themselves(alice: User, charlie: User) -> None:
    giver, receiver = factories.account_of(charlie), factories.account_of(alice)
    before = receiver.balance
    with pytest.raises(credits.InsufficientCredits):
        credits.give(giver, receiver, 1, reference="abc")
    with pytest.raises(ValueError, match="somebody else"):
        credits.give(receiver, receiver, 1, reference="abc")
    assert balance(alice) == before and not LedgerEntry.objects.filter(kind="gift").exists()


@pytest.mark.parametrize("status", ["suspended", "closing", "closed"])
@pytest.mark.parametrize("shut", ["giver", "receiver"])
def test_nothing_is_given_by_or_to_who_is_shut_out(
    alice: User, charlie: User, status: str, shut: str
) -> None:
    user = alice if shut == "giver" else charlie
    Account.objects.filter(pk=user.account_id).update(status=status)
    before = balance(alice)
    with pytest.raises(credits.AccountClosed):
        credits.give(factories.account_of(alice), factories.account_of(charlie), 1, reference="abc")
    assert (balance(alice), balance(charlie)) == (before, 0)


def test_a_limit_of_gifts_counts_what_was_given_since(alice: User, charlie: User) -> None:
    giver, receiver = factories.account_of(alice), factories.account_of(charlie)
    since = datetime(2020, 1, 1, tzinfo=UTC)
    credits.give(giver, receiver, 6, reference="a", most=10, since=since)
    with pytest.raises(credits.GiftLimitReached) as reached:
        credits.give(giver, receiver, 5, reference="b", most=10, since=since)
    assert (reached.value.most, reached.value.left, balance(charlie)) == (10, 4, 6)


@pytest.mark.django_db(transaction=True)
def test_of_many_redemptions_under_one_reference_one_is_posted() -> None:
    account = factories.account_of(factories.make_user())
    results = together([partial(credits.redeem, account, MICRO, reference="code") for _n in range(16)])
    posted = [result for result in results if isinstance(result, LedgerEntry)]
    assert len(posted) == 1
    assert all(
        isinstance(r, credits.AlreadyPosted) and r.entry == posted[0] for r in results if r != posted[0]
    )
    account.refresh_from_db()
    assert account.balance == MICRO


@pytest.mark.django_db(transaction=True)
def test_members_who_give_to_each_other_at_once_neither_wait_for_ever_nor_lose_anything() -> None:
    accounts = [factories.account_of(factories.make_user(credit=10)) for _n in range(3)]
    calls = [
        partial(credits.give, accounts[n % 3], accounts[(n + 1 + n % 2) % 3], MICRO, reference=f"g{n}")
        for n in range(24)
    ]
    results = together(calls)
    assert not [
        r for r in results if isinstance(r, Exception) and not isinstance(r, credits.InsufficientCredits)
    ]
    assert sum(Account.objects.get(pk=a.pk).balance for a in accounts) == 30 * MICRO


@pytest.mark.django_db(transaction=True)
def test_gifts_at_once_keep_to_the_limit_together() -> None:
    giver = factories.account_of(factories.make_user(credit=10))
    receiver = factories.account_of(factories.make_user())
    since = datetime(2020, 1, 1, tzinfo=UTC)
    results = together(
        [
            partial(credits.give, giver, receiver, MICRO, reference=f"g{n}", most=3 * MICRO, since=since)
            for n in range(12)
        ]
    )
    assert sum(isinstance(r, credits.GiftLimitReached) for r in results) == 9
    receiver.refresh_from_db()
    assert receiver.balance == 3 * MICRO


def test_what_is_on_hold_counts_towards_the_most_that_an_account_may_have(charlie: User) -> None:
    Account.objects.filter(pk=charlie.account_id).update(held=CEILING - 1)
    credits.purchase(factories.account_of(charlie), 1, reference="the last")
    with pytest.raises(credits.TooMuch):
        credits.purchase(factories.account_of(charlie), 1, reference="one more")
    assert balance(charlie) == 1


def test_no_more_is_released_than_is_on_hold(charlie: User) -> None:
    account = factories.account_of(charlie)
    assert balance_updates.move(account.pk, balance_delta=1, held_delta=-1) is None
    account.refresh_from_db()
    assert (account.balance, account.held) == (0, 0)
