"""What accounts and their members may spend a day and a month: to the last micro-credit, as the ledger has it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts import credits
from accounts.audit import checks
from accounts.credits import spending_periods
from accounts.models import MICRO, Account, AccountSpending, LedgerEntry, Membership, Plan, User
from core.db import invariants
from predictions.models import Version
from predictions.submit import acceptance, refusals, work_request
from tests import factories
from tests.support.races import together


def hold(user: User, reference: str, amount: int, member: User | None = None) -> None:
    with transaction.atomic():
        credits.hold(factories.account_of(user).pk, amount, reference, member=member or user)


def settle(user: User, reference: str, charge: int) -> None:
    with transaction.atomic():
        credits.settle(factories.account_of(user).pk, reference, charge)


def limit(user: User, day: int | None = None, month: int | None = None) -> None:
    credits.limit_account(factories.account_of(user), day=day, month=month)


def meters(user: User) -> dict[str, int]:
    rows = AccountSpending.objects.filter(account=user.account, member=None)
    return dict(rows.values_list("period", "spent"))


def found() -> list[invariants.Breach]:
    return list(checks.breaches())


def today() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d}"


@pytest.mark.parametrize("name", ["day", "month"])
def test_a_limit_is_reached_to_the_last_micro_credit(alice: User, name: str) -> None:
    limit(alice, **{name: 10})
    hold(alice, "a", 7)
    with pytest.raises(credits.AccountLimitReached) as reached:
        hold(alice, "b", 4)
    assert (reached.value.limit, reached.value.most, reached.value.left) == (name, 10, 3)
    assert reached.value.ends_at == spending_periods.ends_at(name, datetime.now(UTC))
    hold(alice, "c", 3)
    assert found() == []


def test_what_a_settlement_releases_can_be_spent_again(alice: User) -> None:
    limit(alice, day=10, month=15)
    hold(alice, "a", 10)
    settle(alice, "a", 4)
    hold(alice, "b", 6)
    with pytest.raises(credits.AccountLimitReached):
        hold(alice, "c", 1)
    assert set(meters(alice).values()) == {10} and found() == []


def test_a_new_limit_begins_with_what_was_spent_before(alice: User) -> None:
    hold(alice, "a", 4)
    settle(alice, "a", 3)
    hold(alice, "b", 2)
    limit(alice, day=6)
    assert meters(alice) == {today(): 5}
    with pytest.raises(credits.AccountLimitReached):
        hold(alice, "c", 2)


def test_of_an_account_and_its_plan_the_lower_counts(alice: User) -> None:
    plan = Plan.objects.create(name="small", day_limit=5)
    credits.set_plan(factories.account_of(alice), plan)
    limit(alice, day=100)
    with pytest.raises(credits.AccountLimitReached) as reached:
        hold(alice, "a", 6)
    assert reached.value.most == 5
    limit(alice, day=3)
    with pytest.raises(credits.AccountLimitReached) as reached:
        hold(alice, "b", 4)
    assert reached.value.most == 3
    assert found() == []


def test_a_limit_that_a_plan_gets_later_counts_what_was_spent_before(alice: User) -> None:
    plan = Plan.objects.create(name="free")
    credits.set_plan(factories.account_of(alice), plan)
    hold(alice, "a", 4)
    assert not factories.account_of(alice).limits_tokens
    plan.month_limit = 6
    plan.save()
    credits.plan_changed(plan)
    with pytest.raises(credits.AccountLimitReached) as reached:
        hold(alice, "b", 3)
    assert reached.value.left == 2
    hold(alice, "c", 2)
    assert found() == []


def test_a_limit_that_comes_back_counts_what_was_spent_without_it(alice: User) -> None:
    plan = Plan.objects.create(name="now and then", day_limit=10)
    account = factories.account_of(alice)
    credits.set_plan(account, plan)
    hold(alice, "a", 4)
    credits.set_plan(account, None)
    hold(alice, "b", 5)
    credits.set_plan(account, plan)
    with pytest.raises(credits.AccountLimitReached) as reached:
        hold(alice, "c", 2)
    assert reached.value.left == 1 and found() == []


def test_each_member_has_a_limit_of_their_own_within_that_of_the_account(alice: User, bob: User) -> None:
    row = Membership.objects.create(account=factories.account_of(alice), user=bob, role="member")
    credits.limit_member(row, month=5)
    limit(alice, month=20)
    hold(alice, "a", 9)
    hold(alice, "b", 5, member=bob)
    with pytest.raises(credits.AccountLimitReached) as reached:
        hold(alice, "c", 1, member=bob)
    assert reached.value.of_member and (reached.value.most, reached.value.left) == (5, 0)
    settle(alice, "b", 1)
    hold(alice, "d", 4, member=bob)
    with pytest.raises(credits.AccountLimitReached) as reached:
        hold(alice, "e", 8)
    assert not reached.value.of_member and reached.value.left == 6
    assert LedgerEntry.objects.get(reference="b", kind="settle").member == bob
    assert found() == []


def test_a_refused_hold_leaves_nothing_behind(alice: User) -> None:
    limit(alice, day=5, month=3)
    before = factories.account_of(alice).balance
    with pytest.raises(credits.AccountLimitReached):
        hold(alice, "a", 4)
    assert factories.account_of(alice).balance == before and set(meters(alice).values()) == {0}


@pytest.mark.parametrize("most", [-1, True])
def test_a_limit_is_a_whole_number_that_is_not_negative(alice: User, most: int) -> None:
    with pytest.raises(ValueError, match="negative"):
        limit(alice, day=most)


def test_an_account_without_limits_pays_no_statement_for_those_of_others(alice: User, bob: User) -> None:
    def statements(user: User, reference: str) -> int:
        with (
            transaction.atomic(),
            CaptureQueriesContext(
                connection,
            ) as seen,
        ):
            credits.hold(user.account_id or 0, 1, reference, member=user)
        return len(seen)

    limit(bob, day=10)
    plain, limited = statements(alice, "a"), statements(bob, "b")
    assert plain == (1 if connection.vendor == "postgresql" else 2) < limited
    assert not AccountSpending.objects.filter(account=alice.account).exists()


def test_a_day_that_is_over_is_forgotten(alice: User) -> None:
    limit(alice, day=10)
    AccountSpending.objects.all().delete()
    AccountSpending.objects.create(account=factories.account_of(alice), period="2026-01-01", spent=0)
    hold(alice, "a", 3)
    assert meters(alice) == {today(): 3}


def test_a_late_settlement_leaves_the_present_day_alone(alice: User) -> None:
    hold(alice, "old", 5)
    rows = LedgerEntry.objects.filter(reference="old")
    super(type(rows), rows).update(created_at=datetime.now(UTC) - timedelta(days=40))  # type: ignore[misc]
    limit(alice, day=10, month=10)
    hold(alice, "new", 4)
    settle(alice, "old", 0)
    assert set(meters(alice).values()) == {4} and found() == []


def test_the_audit_finds_a_wrong_meter_and_a_limit_that_nobody_asks_and_mends_both(
    alice: User, bob: User
) -> None:
    limit(alice, day=10)
    hold(alice, "a", 3)
    AccountSpending.objects.filter(account=alice.account).update(spent=7)
    Account.objects.filter(pk=bob.account_id).update(plan=Plan.objects.create(name="x", day_limit=1))
    breaches = found()
    assert [breach.kind for breach in breaches] == ["limit", "limit"]
    for breach in breaches:
        assert breach.repair is not None and breach.repair()
    assert found() == [] and meters(alice) == {today(): 3}
    with pytest.raises(credits.AccountLimitReached):
        hold(bob, "b", 2)


@pytest.mark.usefixtures("provider")
def test_new_work_is_refused_with_words_that_say_until_when(alice: User, version: Version) -> None:
    limit(alice, month=MICRO // 2)
    with pytest.raises(
        refusals.InsufficientCredit, match=r"limit of this account.*a month.*0\.50 are left until"
    ) as no:
        acceptance.accept(work_request.Request(factories.account_of(alice), alice, version, {"prompt": "x"}))
    assert no.value.status == 402 and not LedgerEntry.objects.filter(kind="hold").exists()


@pytest.mark.usefixtures("provider")
def test_new_work_counts_towards_whoever_asked_for_it(alice: User, bob: User, version: Version) -> None:
    credits.limit_member(
        Membership.objects.create(account=factories.account_of(alice), user=bob, role="member"), month=MICRO
    )
    request = work_request.Request(factories.account_of(alice), bob, version, {"prompt": "x"})
    acceptance.accept(request)
    with pytest.raises(refusals.InsufficientCredit, match="Your spending limit in this account"):
        acceptance.accept(request)
    assert found() == []


@pytest.mark.django_db(transaction=True)
def test_parallel_holds_and_settlements_of_a_limited_account_never_pass_its_limit() -> None:
    user = factories.make_user(credit=100)
    limit(user, day=10 * MICRO, month=12 * MICRO)
    results = together([partial(hold, user, f"job-{n}", MICRO) for n in range(16)])
    assert sum(result is None for result in results) == 10
    assert sum(isinstance(result, credits.AccountLimitReached) for result in results) == 6
    going = list(LedgerEntry.objects.filter(kind="hold").values_list("reference", flat=True))
    together(
        [*(partial(settle, user, one, 0) for one in going[:5]), partial(limit, user, 8 * MICRO, 12 * MICRO)]
    )
    assert found() == [] and meters(user)[today()] == 5 * MICRO


def test_the_first_row_since_a_time_is_found_by_halving(alice: User, bob: User) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    numbers = []
    for hour in range(9):
        entry = credits.grant(factories.account_of(alice), 1)
        credits.grant(factories.account_of(bob), 1)
        rows = LedgerEntry.objects.filter(pk=entry.pk)
        super(type(rows), rows).update(created_at=start + timedelta(hours=hour))  # type: ignore[misc]
        numbers.append(entry.pk)
    mine = LedgerEntry.objects.filter(account=alice.account_id)
    first = mine.exclude(pk__in=numbers)
    super(type(first), first).update(created_at=start - timedelta(days=1))  # type: ignore[misc]
    for hour, number in enumerate(numbers):
        assert spending_periods.first_since(mine, start + timedelta(hours=hour)) == number
        assert spending_periods.first_since(mine, start + timedelta(hours=hour, minutes=-1)) == number
    assert spending_periods.first_since(mine, start + timedelta(hours=8, minutes=1)) is None
