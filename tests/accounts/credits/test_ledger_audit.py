"""The audit finds what codes, gifts, purchases and allowances say and the ledger does not, and the other way round."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts import credits
from accounts.audit import checks, ledger_rows
from accounts.models import AuditMark, CodeBatch, Gift, LedgerEntry, Purchase, RedeemCode, Redemption, User
from tests import factories
from tests.runner.sampling import one_in

pytestmark = pytest.mark.django_db


def sql(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def found() -> list[str]:
    return [str(breach) for breach in checks.breaches()]


@pytest.fixture
def gift(alice: User, charlie: User) -> Gift:
    giver, receiver = factories.account_of(alice), factories.account_of(charlie)
    row = Gift.objects.create(giver=giver, receiver=receiver, amount=5, user=alice)
    credits.give(giver, receiver, 5, reference=row.reference)
    assert found() == []
    return row


@pytest.fixture
def redemption(alice: User) -> Redemption:
    batch = CodeBatch.objects.create(name="batch", credits=5)
    code = RedeemCode.objects.create(batch=batch, digest="x", uses_left=0)
    row = Redemption.objects.create(code=code, account=factories.account_of(alice), user=alice)
    credits.redeem(row.account, 5, reference=f"redeem-{row.pk}")
    assert found() == []
    return row


@pytest.fixture
def purchase(alice: User) -> Purchase:
    row = Purchase.objects.create(
        account=factories.account_of(alice), user=alice, credits=10, price=500, currency="usd", provider="test",
        status="paid", paid_at=timezone.now(),
    )  # fmt: skip
    credits.purchase(row.account, 10, reference=f"purchase-{row.reference}")
    assert found() == []
    return row


def test_it_finds_a_gift_that_stands_nowhere(gift: Gift) -> None:
    Gift.objects.create(giver=gift.giver, receiver=gift.receiver, amount=7, user=gift.user, reference="lost")
    assert found() == ["gift lost: of 0.000007 does not stand in both accounts"]


def test_it_finds_half_a_gift(gift: Gift) -> None:
    sql(
        "UPDATE accounts_ledgerentry SET reference = 'gift-x-in' WHERE reference = %s",
        f"gift-{gift.reference}-in",
    )
    assert [line.split(":")[0] for line in found()] == [
        f"gift {gift.reference}",
        f"gift gift-{gift.reference}-out",
        "gift gift-x-in",
    ]


def test_it_finds_a_gift_of_another_amount(gift: Gift) -> None:
    Gift.objects.filter(pk=gift.pk).update(amount=4)
    assert found() == [f"gift {gift.reference}: of 0.000004 does not stand in both accounts"]


def test_it_finds_a_code_that_gave_nothing_and_credits_of_no_code(redemption: Redemption) -> None:
    sql("UPDATE accounts_ledgerentry SET reference = 'redeem-0' WHERE kind = 'redeem'")
    assert found() == [
        f"redeem redemption {redemption.pk}: gave no credits",
        "redeem redeem-0: added 0.000005, but no code was redeemed for it",
    ]


def test_it_finds_money_without_credits_and_credits_without_money(purchase: Purchase) -> None:
    sql("UPDATE accounts_ledgerentry SET reference = 'purchase-x' WHERE kind = 'purchase'")
    assert found() == [
        f"purchase {purchase.reference}: was paid, but gave no credits or others than it says",
        "purchase purchase-x: added 0.00001, but nothing was paid for it",
    ]


def test_money_for_an_account_that_is_closed_is_no_breach(purchase: Purchase) -> None:
    sql("UPDATE accounts_account SET status = 'closed' WHERE id = %s", purchase.account_id)
    Purchase.objects.create(
        account=purchase.account, user=purchase.user, credits=10, price=500, currency="usd", provider="test",
        status="paid", paid_at=timezone.now(), reference="late",
    )  # fmt: skip
    assert found() == []


def test_it_knows_what_was_taken_back_and_given_again(purchase: Purchase) -> None:
    Purchase.objects.update(refunded=500)
    credits.take_back(purchase, 10, reason="refund")
    assert found() == []
    Purchase.objects.update(refunded=0)
    credits.take_back(purchase, 0, reason="refund")
    assert found() == []
    Purchase.objects.update(taken_back=10, to_take_back=10)
    assert f"purchase {purchase.reference}: says that 0.00001 was taken back, the ledger 0.00" in found()


def test_it_finds_an_allowance_of_somebody_else(alice: User) -> None:
    credits.allow(factories.account_of(alice), 5, reference="allowance-0-2030-01")
    assert found() == ["allowance allowance-0-2030-01: is not named after its account"]


def test_a_quick_one_begins_where_the_last_one_was_content(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = factories.account_of(alice)
    first, second = credits.grant(account, 1), credits.grant(account, 1)
    sql("UPDATE accounts_ledgerentry SET created_at = '2026-01-01 00:00:00' WHERE id <= %s", second.pk)
    newest = credits.grant(account, 1)
    assert found() == []
    # The newest is too young to be sure that none with a lower number comes behind it.
    assert AuditMark.objects.get().upto == second.pk < newest.pk
    sql(
        "UPDATE accounts_ledgerentry SET balance_delta = balance_delta + 7 WHERE id IN (%s, %s)",
        first.pk,
        newest.pk,
    )
    sql("UPDATE accounts_account SET balance = balance + 1 WHERE id = %s", account.pk)
    quick = [str(breach) for breach in checks.breaches(quick=True)]
    assert [line.split(" (")[0] for line in quick] == [
        f"ledger row {newest.pk}",
        f"balance account {account.pk}",
    ]
    assert [line.split(" (")[0] for line in found()][:2] == [
        f"ledger row {first.pk}",
        f"ledger row {newest.pk}",
    ]
    # A breach keeps the mark where it was.
    assert AuditMark.objects.get().upto == second.pk


def test_its_portions_miss_no_row(alice: User, bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = [factories.account_of(alice), factories.account_of(bob)]
    rows = [credits.grant(accounts[n % 2], 1).pk for n in range(12)]
    for size, row in one_in(4, itertools.product((1, 2, 5, 100), (0, 5, 11))):
        monkeypatch.setattr(ledger_rows, "PORTION", size)
        assert found() == []
        number = rows[row]
        sql("UPDATE accounts_ledgerentry SET balance_after = balance_after + 1 WHERE id = %s", number)
        follower = (
            LedgerEntry.objects.filter(account=LedgerEntry.objects.get(pk=number).account, pk__gt=number)
            .order_by("pk")
            .first()
        )
        expected = [number, *([follower.pk] if follower else [])]
        lines = [line for line in found() if line.startswith("ledger row")]
        assert [int(line.split()[2]) for line in lines] == expected
        sql("UPDATE accounts_ledgerentry SET balance_after = balance_after - 1 WHERE id = %s", number)
