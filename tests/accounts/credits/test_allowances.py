"""What a plan gives: once each period of the billing zone's calendar, whatever clocks, zones and plans do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from django.test import Client

from accounts import credits
from accounts.audit import checks
from accounts.credits import allowances
from accounts.models import MICRO, Account, EndedAllowance, LedgerEntry, Plan, Purchase, User
from accounts.site import site_rules
from predictions.models import Version
from predictions.submit import acceptance, refusals, work_request
from tests import factories
from tests.runner.sampling import one_in, short_or_whole
from tests.support.races import together

DAY, MONTH = Plan.Every.DAY, Plan.Every.MONTH
NOON = datetime(2030, 3, 10, 12, tzinfo=UTC)


def plan(name: str = "plan", allowance: int = 10, every: str = DAY, ends: bool = True) -> Plan:
    return Plan.objects.create(name=name, allowance=allowance, allowance_every=every, allowance_ends=ends)


def member(chosen: Plan | None = None, credit: int = 0) -> Account:
    account = factories.account_of(factories.make_user())
    if credit:
        credits.grant(account, credit)
    credits.set_plan(account, chosen or plan())
    return account


def balance(account: Account) -> int:
    account.refresh_from_db()
    return account.balance


def spend(account: Account, amount: int, charge: int | None = None) -> None:
    reference = f"job-{LedgerEntry.objects.count()}"
    with transaction.atomic():
        credits.hold(account.pk, amount, reference)
        if charge is not None:
            credits.settle(account.pk, reference, charge)


@pytest.mark.parametrize(
    ("zone", "at", "day", "month", "next_day", "next_month"),
    [
        ("UTC", "2030-01-31T23:59:59Z", "2030-01-31", "2030-01", "2030-02-01T00:00:00Z", "2030-02-01T00:00:00Z"),
        ("Asia/Shanghai", "2030-01-31T16:00:00Z", "2030-02-01", "2030-02", "2030-02-01T16:00:00Z",
         "2030-02-28T16:00:00Z"),
        # Summer time begins: the day has 23 hours; and ends: it has 25.
        ("Europe/Berlin", "2030-03-30T23:00:00Z", "2030-03-31", "2030-03", "2030-03-31T22:00:00Z",
         "2030-03-31T22:00:00Z"),
        ("Europe/Berlin", "2030-10-26T22:00:00Z", "2030-10-27", "2030-10", "2030-10-27T23:00:00Z",
         "2030-10-31T23:00:00Z"),
        # Clocks skip midnight: the day begins at 1.
        ("America/Santiago", "2025-09-07T03:59:59Z", "2025-09-06", "2025-09", "2025-09-07T04:00:00Z",
         "2025-10-01T03:00:00Z"),
        ("Africa/Cairo", "2024-04-25T21:59:59Z", "2024-04-25", "2024-04", "2024-04-25T22:00:00Z",
         "2024-04-30T21:00:00Z"),
        # Midnight comes, and an hour later the hour before it comes again.
        ("America/Santiago", "2025-04-06T03:30:00Z", "2025-04-05", "2025-04", "2025-04-06T04:00:00Z",
         "2025-05-01T04:00:00Z"),
        # A whole day that never was.
        ("Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29", "2011-12", "2011-12-30T10:00:00Z",
         "2011-12-31T10:00:00Z"),
    ],
)  # fmt: skip
def test_a_period_follows_the_calendar_of_its_zone(
    zone: str, at: str, day: str, month: str, next_day: str, next_month: str
) -> None:
    moment, where = datetime.fromisoformat(at), ZoneInfo(zone)
    assert (allowances.period(DAY, moment, where), allowances.period(MONTH, moment, where)) == (day, month)
    for every, name, ends in ((DAY, day, next_day), (MONTH, month, next_month)):
        end = allowances.ends_at(every, moment, where)
        assert end == datetime.fromisoformat(ends)
        # The moment before still belongs to it, the end no more.
        assert allowances.period(every, end - timedelta(microseconds=1), where) == name
        assert allowances.period(every, end, where) > name


@pytest.mark.django_db
def test_it_is_given_once_a_period_and_ends_when_the_next_one_comes() -> None:
    account = member(credit=100)
    assert allowances.renew(account.pk, at=NOON)
    assert not allowances.renew(account.pk, at=NOON + timedelta(hours=11))
    assert balance(account) == 110
    spend(account, 4, charge=3)
    assert allowances.renew(account.pk, at=NOON + timedelta(days=1))
    # 3 of the 10 were used; the other 7 went, and 10 came.
    assert balance(account) == 100 + 10
    rows = LedgerEntry.objects.filter(kind="allowance").order_by("id")
    assert [(row.reference, row.balance_delta) for row in rows] == [
        (f"allowance-{account.pk}-2030-03-10", 10),
        (f"allowance-{account.pk}-2030-03-10-end", -7),
        (f"allowance-{account.pk}-2030-03-11", 10),
    ]
    assert list(checks.breaches()) == []


@pytest.mark.django_db
def test_what_is_on_hold_counts_as_used() -> None:
    account = member()
    allowances.renew(account.pk, at=NOON)
    spend(account, 6)
    allowances.renew(account.pk, at=NOON + timedelta(days=1))
    assert balance(account) == 10 and account.held == 6


def hold(account: Account, amount: int, name: str) -> None:
    with transaction.atomic():
        credits.hold(account.pk, amount, name)


def settle(account: Account, name: str, charge: int = 0) -> None:
    with transaction.atomic():
        credits.settle(account.pk, name, charge)


@pytest.mark.django_db
def test_no_hold_carries_an_allowance_over_the_end_of_its_period() -> None:
    account = member()
    allowances.renew(account.pk, at=NOON)
    for day in range(5):
        hold(account, 10, f"job-{day}")
        allowances.renew(account.pk, at=NOON + timedelta(days=day + 1))
        settle(account, f"job-{day}")
        assert (balance(account), account.held, list(checks.breaches())) == (10, 0, []), day
    assert not EndedAllowance.objects.exists()


@pytest.mark.django_db
def test_of_what_comes_back_after_its_period_only_the_allowance_goes() -> None:
    account = member(credit=100)
    allowances.renew(account.pk, at=NOON)
    hold(account, 60, "large")
    hold(account, 5, "small")
    allowances.renew(account.pk, at=NOON + timedelta(days=1))
    assert (balance(account), account.held) == (55, 65)
    # Of 65 ten were the allowance's, and they are used up last of all that is charged.
    settle(account, "large", 7)
    assert balance(account) == 55 + 53
    settle(account, "small", 0)
    assert balance(account) == 55 + 53 + 5 - 3
    rows = LedgerEntry.objects.filter(kind="allowance", balance_delta__lt=0)
    assert [row.balance_delta for row in rows] == [-3]
    assert list(checks.breaches()) == [] and not EndedAllowance.objects.exists()


@pytest.mark.django_db
def test_each_return_takes_what_its_own_allowance_left_however_many_periods_ago() -> None:
    account = member()
    for day in range(3):
        allowances.renew(account.pk, at=NOON + timedelta(days=day))
        hold(account, 10, f"job-{day}")
    allowances.renew(account.pk, at=NOON + timedelta(days=3))
    assert (balance(account), account.held) == (10, 30)
    for day, charge in ((1, 4), (0, 0), (2, 10)):
        settle(account, f"job-{day}", charge)
        assert balance(account) == 10
    assert list(checks.breaches()) == []


@pytest.mark.django_db
def test_a_plan_that_gives_nothing_any_more_ends_what_was_on_hold_too() -> None:
    chosen = plan()
    account = member(chosen)
    allowances.renew(account.pk, at=NOON)
    hold(account, 10, "job")
    Plan.objects.filter(pk=chosen.pk).update(allowance=0)
    for day in range(1, 4):
        Account.objects.filter(pk=account.pk).update(allowance_until=None)
        allowances.renew(account.pk, at=NOON + timedelta(days=day))
    settle(account, "job")
    assert balance(account) == 0 and list(checks.breaches()) == []


@pytest.mark.django_db
def test_what_came_back_is_taken_from_whoever_is_suspended_too() -> None:
    account = member()
    allowances.renew(account.pk, at=NOON)
    hold(account, 10, "job")
    allowances.renew(account.pk, at=NOON + timedelta(days=1))
    Account.objects.filter(pk=account.pk).update(status="suspended")
    settle(account, "job")
    assert balance(account) == 10


@pytest.mark.django_db
def test_many_that_come_back_give_no_allowance_twice() -> None:
    many = short_or_whole(10, 100)
    account = member(plan(allowance=many))
    allowances.renew(account.pk, at=NOON)
    for number in range(many):
        hold(account, 1, f"job-{number}")
    allowances.renew(account.pk, at=NOON + timedelta(days=1))
    for number in range(many):
        settle(account, f"job-{number}")
    Account.objects.filter(pk=account.pk).update(allowance_until=None)
    assert not allowances.renew(account.pk, at=NOON + timedelta(days=1, hours=1))
    assert balance(account) == many and list(checks.breaches()) == []


@pytest.mark.django_db
def test_the_audit_finds_an_ended_allowance_that_its_holds_do_not_explain() -> None:
    account = member()
    allowances.renew(account.pk, at=NOON)
    hold(account, 10, "job")
    allowances.renew(account.pk, at=NOON + timedelta(days=1))
    EndedAllowance.objects.update(left=3)
    (breach,) = checks.breaches()
    assert (breach.kind, breach.message) == (
        "allowance", "has 0.000003 left and 0.00001 on hold, which its holds do not explain",
    )  # fmt: skip


@pytest.mark.django_db
def test_the_panel_shows_an_ended_allowance_in_credits(
    staff: User, client_of: Callable[[User], Client]
) -> None:
    account = member(plan(allowance=10 * MICRO))
    allowances.renew(account.pk, at=NOON)
    hold(account, 4 * MICRO, "job")
    allowances.renew(account.pk, at=NOON + timedelta(days=1))
    ended = EndedAllowance.objects.get()
    for page in ("", f"{ended.pk}/change/"):
        shown = client_of(staff).get(f"/admin/accounts/endedallowance/{page}").content.decode()
        assert "10.00" in shown and "6.00" in shown and "4.00" in shown and "10000000" not in shown


@pytest.mark.django_db
def test_more_than_the_allowance_was_spent_takes_nothing_else_away() -> None:
    account = member(credit=100)
    allowances.renew(account.pk, at=NOON)
    spend(account, 50, charge=50)
    allowances.renew(account.pk, at=NOON + timedelta(days=1))
    assert balance(account) == 110 - 50 + 10


@pytest.mark.django_db
def test_it_never_takes_below_nothing() -> None:
    account = member()
    allowances.renew(account.pk, at=NOON)
    credits.adjust(account, -8, reason="taken by hand", actor=None)
    allowances.renew(account.pk, at=NOON + timedelta(days=1))
    assert balance(account) == 10


@pytest.mark.django_db
def test_one_that_does_not_end_adds_up() -> None:
    account = member(plan(ends=False))
    for number in range(3):
        allowances.renew(account.pk, at=NOON + timedelta(days=number))
    assert balance(account) == 30


@pytest.mark.django_db
def test_periods_that_were_missed_are_not_paid_later() -> None:
    account = member(plan(ends=False))
    allowances.renew(account.pk, at=NOON)
    allowances.renew(account.pk, at=NOON + timedelta(days=30))
    assert balance(account) == 20


@pytest.mark.django_db
def test_a_clock_that_is_set_back_gives_nothing_twice() -> None:
    account = member(plan(ends=False))
    for days in (0, 1, 0, 1, -5, 1):
        Account.objects.filter(pk=account.pk).update(allowance_until=None)
        allowances.renew(account.pk, at=NOON + timedelta(days=days))
    assert balance(account) == 20


@pytest.mark.django_db
@pytest.mark.parametrize("zone", ["Pacific/Auckland", "Pacific/Honolulu", "Asia/Shanghai"])
@pytest.mark.parametrize("every", [DAY, MONTH])
def test_another_zone_gives_nothing_twice_within_a_period(zone: str, every: str) -> None:
    account = member(plan(every=every, ends=False))
    at = datetime(2030, 3, 31, 12, tzinfo=UTC)
    allowances.renew(account.pk, at=at)
    for hours in one_in(3, range(12)):
        site_rules.change(billing_zone=zone if hours % 2 else "UTC")
        allowances.renew(account.pk, at=at + timedelta(hours=hours))
    assert balance(account) == 10
    site_rules.change(billing_zone=zone)
    allowances.renew(account.pk, at=at + timedelta(days=2))
    assert balance(account) == 20


@pytest.mark.django_db
def test_a_better_plan_gives_the_difference_once_and_a_worse_one_takes_nothing() -> None:
    small, large = plan("small", 10, MONTH), plan("large", 30, MONTH)
    account = member(small)
    allowances.renew(account.pk, at=NOON)
    for chosen in (large, small, large, small, large):
        credits.set_plan(account, chosen)
        allowances.renew(account.pk, at=NOON)
    assert balance(account) == 30
    spend(account, 5, charge=5)
    allowances.renew(account.pk, at=NOON + timedelta(days=31))
    assert balance(account) == 30
    assert list(checks.breaches()) == []


@pytest.mark.django_db
@pytest.mark.parametrize(("first", "second"), [(DAY, MONTH), (MONTH, DAY)])
def test_changing_between_days_and_months_gives_no_more_than_the_better_of_both(
    first: str, second: str
) -> None:
    one, other = plan("one", 10, first), plan("other", 25, second)
    account = member(one)
    allowances.renew(account.pk, at=NOON)
    for number, chosen in enumerate((other, one, other, one)):
        credits.set_plan(account, chosen)
        allowances.renew(account.pk, at=NOON + timedelta(minutes=number))
    assert balance(account) == 25
    credits.set_plan(account, other)
    allowances.renew(account.pk, at=NOON + timedelta(days=40))
    assert balance(account) == 25
    assert list(checks.breaches()) == []


@pytest.mark.django_db
@pytest.mark.parametrize("status", ["suspended", "closing", "closed"])
def test_who_is_shut_out_gets_none(status: str) -> None:
    account = member()
    Account.objects.filter(pk=account.pk).update(status=status)
    assert not allowances.renew(account.pk, at=NOON)
    while allowances.run_once():
        pass
    assert balance(account) == 0


@pytest.mark.django_db
def test_the_chore_gives_to_all_who_are_due_and_then_rests() -> None:
    chosen = plan()
    accounts = [member(chosen) for _n in range(5)]
    outsider = factories.account_of(factories.make_user())
    while allowances.run_once():
        pass
    assert [balance(account) for account in accounts] == [10] * 5 and balance(outsider) == 0
    assert not allowances.due().exists()
    # Its allowance was raised: looked at again, and the difference given.
    Plan.objects.filter(pk=chosen.pk).update(allowance=15)
    chosen.refresh_from_db()
    credits.plan_changed(chosen)
    while allowances.run_once():
        pass
    assert [balance(account) for account in accounts] == [15] * 5


@pytest.mark.usefixtures("provider")
@pytest.mark.django_db
def test_new_work_finds_the_allowance_that_the_chore_has_not_brought_yet(
    charlie: User, version: Version
) -> None:
    credits.set_plan(factories.account_of(charlie), plan(allowance=5 * MICRO))
    request = work_request.Request(
        factories.account_of(charlie), charlie, version, {"prompt": "a lighthouse"}
    )
    assert acceptance.accept(request).pk
    assert LedgerEntry.objects.filter(account=charlie.account, kind="allowance").count() == 1
    with pytest.raises(refusals.InsufficientCredit):
        for _n in range(9):
            acceptance.accept(request)
    assert list(checks.breaches()) == []


@pytest.mark.django_db(transaction=True)
def test_of_many_who_renew_at_once_one_gives() -> None:
    account = member()
    results = together([partial(allowances.renew, account.pk, at=NOON) for _n in range(20)])
    assert sorted(results) == [False] * 19 + [True]
    assert balance(account) == 10


@pytest.mark.django_db
def test_the_allowance_of_a_month_ends_once_though_the_plan_gives_by_the_day_since() -> None:
    account = member(plan("month", 10, MONTH), credit=50)
    allowances.renew(account.pk, at=NOON)
    credits.set_plan(account, plan("day", 2))
    for day in range(10):
        allowances.renew(account.pk, at=NOON + timedelta(days=day))
        # Of what was given or bought nothing is taken.
        assert balance(account) == 60, day
    allowances.renew(account.pk, at=NOON + timedelta(days=30))
    assert balance(account) == 52
    assert list(checks.breaches()) == []


@pytest.mark.django_db
def test_a_day_that_was_taken_when_its_hold_came_back_is_not_taken_again_with_the_month() -> None:
    days = plan("day")
    account = member(days)
    allowances.renew(account.pk, at=NOON)
    hold(account, 10, "job")
    allowances.renew(account.pk, at=NOON + timedelta(days=1))
    spend(account, 10, charge=10)
    settle(account, "job")
    assert balance(account) == 0
    credits.set_plan(account, plan("month", 20, MONTH))
    allowances.renew(account.pk, at=NOON + timedelta(days=1, minutes=1))
    credits.grant(account, 10)
    allowances.renew(account.pk, at=NOON + timedelta(days=31))
    # What was granted stays, and the new month's came.
    assert balance(account) == 10 + 20 and list(checks.breaches()) == []


@pytest.mark.django_db
def test_a_hold_that_two_ended_allowances_count_is_explained_in_both() -> None:
    account = member(plan("month", 10, MONTH))
    allowances.renew(account.pk, at=NOON)
    credits.set_plan(account, plan("day", 25))
    allowances.renew(account.pk, at=NOON + timedelta(minutes=1))
    hold(account, 20, "first")
    hold(account, 5, "second")
    # The day ends, and later the month, of which that day was a part.
    for days in (1, 2, 31):
        allowances.renew(account.pk, at=NOON + timedelta(days=days))
    assert EndedAllowance.objects.count() == 2
    settle(account, "first")
    assert list(checks.breaches()) == []
    settle(account, "second")
    assert list(checks.breaches()) == [] and not EndedAllowance.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(("owing", "spent", "kept"), [(10, 0, 10), (4, 6, 10), (4, 2, 10), (30, 0, 0)])
def test_what_of_an_allowance_paid_a_debt_is_not_taken_again_when_it_ends(
    owing: int, spent: int, kept: int
) -> None:
    account = member()
    purchase = Purchase.objects.create(
        account=account, user=User.objects.get(account=account), credits=owing, price=100, currency="usd",
        provider="stripe",
    )  # fmt: skip
    credits.take_back(purchase, owing, reason="refund")
    allowances.renew(account.pk, at=NOON)
    spend(account, spent, charge=spent)
    credits.grant(account, 10)
    # None of what came since is the allowance's.
    assert allowances.balance_without_allowance(Account.objects.get(pk=account.pk)) == kept
    allowances.renew(account.pk, at=NOON + timedelta(days=1))
    # The next allowance pays what is still owed.
    assert balance(account) == kept + (10 if owing <= 10 else 0)
    assert list(checks.breaches()) == []
