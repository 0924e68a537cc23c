"""A token's spending limits: never a micro-credit more than they say, and always what the ledger adds up to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts import credits
from accounts.audit import checks
from accounts.credits import spending_periods
from accounts.models import MICRO, ApiToken, LedgerEntry, TokenSpending, User
from accounts.tokens import api_tokens
from tests import factories
from tests.runner.sampling import short_or_whole
from tests.support.races import together

LIMITS = ("day", "month", "total")


@pytest.fixture
def token(alice: User) -> ApiToken:
    return api_tokens.issue(alice, "limited")[0]


def limit(token: ApiToken, **limits: int) -> None:
    credits.limit(token, **{name: limits.get(name) for name in LIMITS})  # type: ignore[arg-type]


def hold(token: ApiToken, reference: str, amount: int = MICRO) -> LedgerEntry:
    fresh = ApiToken.objects.get(pk=token.pk)
    with transaction.atomic():
        credits.hold(token.account_id, amount, reference, token=fresh)
    return LedgerEntry.objects.get(kind="hold", reference=reference)


def settle(token: ApiToken, reference: str, charge: int) -> LedgerEntry:
    with transaction.atomic():
        return credits.settle(token.account_id, reference, charge)


def spent(token: ApiToken) -> dict[str, int]:
    return dict(TokenSpending.objects.filter(token=token).values_list("period", "spent"))


def breaches() -> list[str]:
    return [str(breach) for breach in checks.breaches()]


@pytest.fixture
def on_day() -> Iterator[Callable[[str, int], None]]:
    """A function that moves the rows of one reference to another moment: days before now."""

    def move(reference: str, days: int) -> None:
        at = datetime.now(UTC) - timedelta(days=days)
        rows = LedgerEntry.objects.filter(reference=reference)
        super(type(rows), rows).update(created_at=at)  # type: ignore[misc]

    yield move


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_is_reached_to_the_last_micro_credit(token: ApiToken, name: str) -> None:
    limit(token, **{name: 2 * MICRO})
    hold(token, "a", 2 * MICRO - 1)
    with pytest.raises(credits.TokenLimitReached) as refused:
        hold(token, "b", 2)
    assert (refused.value.limit, refused.value.most, refused.value.left) == (name, 2 * MICRO, 1)
    hold(token, "c", 1)
    assert set(spent(token).values()) == {2 * MICRO}
    assert LedgerEntry.objects.filter(reference="b").count() == 0
    assert breaches() == []


def test_it_names_the_narrowest_limit_and_its_end(token: ApiToken) -> None:
    limit(token, day=MICRO, month=MICRO, total=MICRO)
    with pytest.raises(credits.TokenLimitReached) as refused:
        hold(token, "a", 2 * MICRO)
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    assert refused.value.limit == "day"
    assert refused.value.ends_at is not None and refused.value.ends_at.date() == tomorrow


def test_a_limit_in_all_never_ends() -> None:
    at = datetime(2026, 12, 31, 23, 59, tzinfo=UTC)
    assert spending_periods.ends_at("total", at) is None
    assert (
        spending_periods.ends_at("month", at)
        == datetime(2027, 1, 1, tzinfo=UTC)
        == spending_periods.ends_at("day", at)
    )


def test_what_a_settlement_releases_can_be_spent_again(token: ApiToken) -> None:
    limit(token, day=2 * MICRO, total=2 * MICRO)
    hold(token, "a", 2 * MICRO)
    settle(token, "a", MICRO // 2)
    assert set(spent(token).values()) == {MICRO // 2}
    hold(token, "b", MICRO + MICRO // 2)
    assert breaches() == []


def test_a_limit_of_nothing_lets_only_free_work_through(token: ApiToken) -> None:
    limit(token, total=0)
    hold(token, "free", 0)
    with pytest.raises(credits.TokenLimitReached):
        hold(token, "paid", 1)


def test_one_token_does_not_use_up_the_limit_of_another(token: ApiToken, alice: User) -> None:
    other = api_tokens.issue(alice, "other")[0]
    limit(token, day=MICRO)
    limit(other, day=MICRO)
    hold(token, "a")
    hold(other, "b")
    with transaction.atomic():
        credits.hold(token.account_id, MICRO, "in the studio")
    assert list(spent(token).values()) == list(spent(other).values()) == [MICRO]


def test_a_token_without_limits_has_nothing_written_but_its_ledger(token: ApiToken) -> None:
    with CaptureQueriesContext(connection) as asked:
        hold(token, "a")
        settle(token, "a", 0)
    written = [query["sql"] for query in asked if "tokenspending" in query["sql"].lower()]
    assert not [sql for sql in written if sql.startswith("INSERT")]
    assert TokenSpending.objects.count() == 0
    assert set(LedgerEntry.objects.filter(reference="a").values_list("token_id", flat=True)) == {token.pk}


def test_a_new_limit_begins_with_what_was_spent_before(token: ApiToken) -> None:
    hold(token, "a", 3 * MICRO)
    settle(token, "a", 2 * MICRO)
    hold(token, "b", MICRO)
    limit(token, day=4 * MICRO)
    assert list(spent(token).values()) == [3 * MICRO]
    with pytest.raises(credits.TokenLimitReached):
        hold(token, "c", 2 * MICRO)


def test_a_limit_below_what_was_spent_stops_it_and_says_that_nothing_is_left(token: ApiToken) -> None:
    hold(token, "a", 3 * MICRO)
    limit(token, day=MICRO)
    with pytest.raises(credits.TokenLimitReached) as refused:
        hold(token, "b", 1)
    assert refused.value.left == 0


def test_a_limit_that_is_lifted_stops_nobody_and_counts_when_it_comes_back(token: ApiToken) -> None:
    limit(token, day=MICRO)
    hold(token, "a")
    limit(token)
    assert spent(token) == {}
    hold(token, "b", 5 * MICRO)
    limit(token, month=10 * MICRO)
    assert list(spent(token).values()) == [6 * MICRO]


def test_a_request_that_came_before_the_limit_is_counted_by_it(token: ApiToken) -> None:
    """It was let in with a token that had no limit then."""
    limit(token, day=2 * MICRO)
    stale = ApiToken.objects.get(pk=token.pk)
    stale.day_limit = None
    for reference in ("a", "b"):
        with transaction.atomic():
            credits.hold(token.account_id, MICRO, reference, token=stale)
    with pytest.raises(credits.TokenLimitReached), transaction.atomic():
        credits.hold(token.account_id, MICRO, "c", token=stale)


def test_a_day_and_a_month_begin_anew(token: ApiToken, on_day: Callable[[str, int], None]) -> None:
    hold(token, "long ago", 5 * MICRO)
    on_day("long ago", 40)
    limit(token, day=MICRO, month=2 * MICRO, total=9 * MICRO)
    now = datetime.now(UTC)
    assert spent(token) == {f"{now:%Y-%m-%d}": 0, f"{now:%Y-%m}": 0, "total": 5 * MICRO}
    TokenSpending.objects.filter(token=token, period=f"{now:%Y-%m-%d}").delete()
    TokenSpending.objects.create(token=token, period="2026-01-01", spent=MICRO)
    hold(token, "today")
    assert f"{now:%Y-%m-%d}" in spent(token) and "2026-01-01" not in spent(token)
    assert breaches() == []


def test_a_late_settlement_gives_back_to_the_day_of_its_hold(
    token: ApiToken, on_day: Callable[[str, int], None]
) -> None:
    limit(token, day=5 * MICRO, total=5 * MICRO)
    hold(token, "a", 2 * MICRO)
    on_day("a", 2)
    credits.recount(token)
    hold(token, "b", MICRO)
    settle(token, "a", 0)
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    assert spent(token) == {today: MICRO, "total": MICRO}
    assert breaches() == []


def test_the_audit_finds_a_meter_that_is_wrong_and_mends_it(token: ApiToken) -> None:
    limit(token, day=5 * MICRO, total=9 * MICRO)
    hold(token, "a", 2 * MICRO)
    TokenSpending.objects.filter(token=token, period="total").update(spent=7)
    found = list(checks.breaches())
    assert [breach.kind for breach in found] == ["token"]
    assert found[0].repair is not None and found[0].repair()
    assert breaches() == [] and spent(token)["total"] == 2 * MICRO


def test_the_audit_finds_a_limit_that_no_hold_would_ask_and_mends_it(token: ApiToken) -> None:
    hold(token, "before", MICRO)
    ApiToken.objects.filter(pk=token.pk).update(total_limit=MICRO)
    found = list(checks.breaches())
    assert [breach.kind for breach in found] == ["token"]
    assert found[0].repair is not None and found[0].repair()
    assert breaches() == []
    with pytest.raises(credits.TokenLimitReached):
        hold(token, "after", 1)


def test_a_wrong_meter_does_not_keep_a_prediction_from_ending(token: ApiToken) -> None:
    limit(token, total=9 * MICRO)
    hold(token, "a", 2 * MICRO)
    TokenSpending.objects.filter(token=token).update(spent=1)
    assert settle(token, "a", 0).released == 2 * MICRO


@pytest.mark.django_db(transaction=True)
def test_of_many_parallel_holds_a_limit_for_ten_lets_ten_through() -> None:
    token = api_tokens.issue(factories.make_user(credit=1000), "racing")[0]
    limit(token, day=10 * MICRO, month=10 * MICRO, total=10 * MICRO)
    results: list[Any] = []
    batches, holds = short_or_whole(2, 4), short_or_whole(20, 50)
    for batch in range(batches):
        results += together([partial(hold, token, f"job-{batch}-{n}") for n in range(holds)])
    assert sum(isinstance(result, LedgerEntry) for result in results) == 10
    assert sum(isinstance(result, credits.TokenLimitReached) for result in results) == batches * holds - 10
    assert set(spent(token).values()) == {10 * MICRO}
    account = factories.account_of(token.user)
    assert (account.balance, account.held) == (990 * MICRO, 10 * MICRO)
    assert breaches() == []


@pytest.mark.django_db(transaction=True)
def test_a_limit_set_among_parallel_holds_and_settlements_counts_them_all() -> None:
    token = api_tokens.issue(factories.make_user(credit=1000), "racing")[0]
    for number in range(10):
        hold(token, f"open-{number}")
    calls: list[Callable[[], Any]] = [partial(hold, token, f"new-{n}") for n in range(12)]
    calls += [partial(settle, token, f"open-{n}", 0) for n in range(10)]
    calls[6:6] = [partial(limit, token, day=15 * MICRO, total=100 * MICRO)]
    together(calls)
    held = LedgerEntry.objects.filter(kind="hold", reference__startswith="new").count()
    assert set(spent(token).values()) == {held * MICRO}
    assert breaches() == []
