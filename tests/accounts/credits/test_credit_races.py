"""Money under fire: threads with connections of their own, on whatever database the suite runs on."""

from __future__ import annotations

from functools import partial

import pytest
from django.db import IntegrityError, transaction

from accounts import credits
from accounts.models import MICRO, LedgerEntry
from accounts.registration import welcome_credits
from tests import factories
from tests.support.races import together

pytestmark = pytest.mark.django_db(transaction=True)


def hold(account_id: int, reference: str) -> LedgerEntry:
    with transaction.atomic():
        credits.hold(account_id, MICRO, reference)
    return LedgerEntry.objects.get(kind="hold", reference=reference)


def settle(account_id: int, reference: str, charge: int) -> LedgerEntry:
    with transaction.atomic():
        return credits.settle(account_id, reference, charge)


def test_many_parallel_holds_on_a_balance_for_ten_give_exactly_ten() -> None:
    account = factories.account_of(factories.make_user(credit=10))
    results = together([partial(hold, account.pk, f"job-{n}") for n in range(20)])
    assert sum(isinstance(result, LedgerEntry) for result in results) == 10
    assert sum(isinstance(result, credits.InsufficientCredits) for result in results) == 10
    account.refresh_from_db()
    assert (account.balance, account.held) == (0, 10 * MICRO)


def test_of_many_settles_of_one_hold_one_wins() -> None:
    account = factories.account_of(factories.make_user(credit=10))
    hold(account.pk, "job")
    hold(account.pk, "other")
    results = together([partial(settle, account.pk, "job", charge) for charge in (0, MICRO) * 6])
    won = [result for result in results if isinstance(result, LedgerEntry)]
    assert len(won) == 1
    assert all(
        isinstance(r, IntegrityError | credits.InsufficientCredits) for r in results if r is not won[0]
    )
    account.refresh_from_db()
    assert (account.balance, account.held) == (9 * MICRO - (won[0].captured or 0), MICRO)


def test_holds_settles_and_adjustments_together_still_add_up() -> None:
    user = factories.make_user(credit=20)
    account = factories.account_of(user)
    for number in range(8):
        hold(account.pk, f"open-{number}")
    calls = [partial(settle, account.pk, f"open-{n}", MICRO // 2) for n in range(8)]
    calls += [partial(hold, account.pk, f"new-{n}") for n in range(8)]
    take = partial(credits.adjust, account, -MICRO, reason="race", actor=None)
    results = together([*calls, take, take, take])
    assert not [result for result in results if isinstance(result, Exception)]
    account.refresh_from_db()
    rows = LedgerEntry.objects.filter(account=account)
    assert account.balance == sum(row.balance_delta for row in rows) == 5 * MICRO
    assert account.held == sum(row.held_delta for row in rows) == 8 * MICRO


def test_a_welcome_comes_once_however_often_it_is_said() -> None:
    user = factories.make_user()
    results = together([partial(welcome_credits.grant_welcome, user)] * 6)
    assert sum(isinstance(result, LedgerEntry) for result in results) == 1
    assert LedgerEntry.objects.filter(account=user.account).count() == 1
