"""Notices of a low balance: one each time it falls below the threshold."""

from __future__ import annotations

import pytest
from django.db import transaction

from accounts import credits
from accounts.models import MICRO, Account, Membership, Notice, User
from accounts.notifications import low_balance
from accounts.site import site_rules
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def from_the_first_on() -> None:
    low_balance.restart_scan()
    site_rules.change(low_balance=5 * MICRO)


def spender(credit: int, spent: int) -> User:
    user = factories.make_user(credit=credit)
    with transaction.atomic():
        credits.hold(user.account_id or 0, spent * MICRO, f"job-{user.pk}")
        credits.settle(user.account_id or 0, f"job-{user.pk}", spent * MICRO)
    return user


def notified_users() -> list[str]:
    while low_balance.run_once():
        pass
    return [
        notice.user.username
        for notice in Notice.objects.filter(kind="credits.low").order_by("id")
        if notice.user
    ]


def test_it_is_told_once_until_there_was_more_again() -> None:
    user = spender(10, 6)
    assert notified_users() == notified_users() == [user.username]
    factories.give(user, 10)
    assert notified_users() == [user.username]
    credits.adjust(factories.account_of(user), -12 * MICRO, reason="so", actor=None)
    assert notified_users() == [user.username] * 2


def test_who_has_enough_never_spent_or_is_shut_out_is_told_nothing() -> None:
    spender(10, 5)
    factories.make_user()
    shut = spender(10, 9)
    Account.objects.filter(pk=shut.account_id).update(status="suspended")
    assert notified_users() == []


@pytest.mark.parametrize(
    ("own", "site_mark", "notice_count"), [(0, 5, 0), (7, 0, 1), (None, 0, 0), (None, 5, 1), (2, 5, 0)]
)
def test_the_accounts_own_mark_goes_before_that_of_the_house(
    own: int | None, site_mark: int, notice_count: int
) -> None:
    site_rules.change(low_balance=site_mark * MICRO)
    user = spender(10, 6)
    Account.objects.filter(pk=user.account_id).update(low_at=None if own is None else own * MICRO)
    assert len(notified_users()) == notice_count


def test_those_who_pay_for_an_organisation_are_told_and_its_members_are_not() -> None:
    owner = spender(10, 8)
    account = factories.account_of(owner)
    for role in ("billing", "member"):
        Membership.objects.create(account=account, user=factories.make_user(f"the-{role}"), role=role)
    assert sorted(notified_users()) == sorted([owner.username, "the-billing"])
    notice = Notice.objects.filter(user=owner).get()
    assert (notice.params["balance_micro"], notice.params["account"]) == (2 * MICRO, account.name)


def test_it_goes_through_all_accounts_portion_by_portion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(low_balance, "PORTION", 2)
    users = [spender(10, 9) for _n in range(7)]
    assert sorted(notified_users()) == sorted(user.username for user in users)


def test_a_turn_that_is_out_of_time_goes_on_behind_the_last_who_was_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(low_balance, "ROUND_S", -1.0)
    users = [spender(10, 9) for _n in range(4)]
    assert low_balance.run_once() and Notice.objects.filter(kind="credits.low").count() == 1
    assert sorted(notified_users()) == sorted(user.username for user in users)
