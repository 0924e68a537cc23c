"""Dispatch order where tokens and plans have limits of their own."""

from __future__ import annotations

import pytest

from accounts.models import Account, ApiToken, Plan, User
from accounts.tokens import api_tokens
from predictions import lifecycle
from predictions.models import Prediction, Version
from tests import factories, fakes
from tests.fakes import FakeProvider
from tests.support import races

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _wide(provider: FakeProvider) -> None:
    """Providers are not what limits here."""
    provider.limit = 100


def limited(user: User, limit: int | None, name: str = "limited") -> ApiToken:
    token = api_tokens.issue(user, name)[0]
    ApiToken.objects.filter(pk=token.pk).update(in_flight_limit=limit)
    return token


def waiting(user: User, version: Version, count: int, token: ApiToken | None = None) -> list[Prediction]:
    return [factories.make_prediction(user, version, ceiling=0, token=token) for _ in range(count)]


def claimed(most: int = 16) -> list[int]:
    return [one.prediction.pk for one in lifecycle.claim_starts(most)]


def allow(user: User, limit: int) -> None:
    Account.objects.filter(pk=user.account_id).update(in_flight_limit=limit)


def test_a_token_has_no_more_in_flight_than_its_limit_and_the_rest_of_its_account_goes_on(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    allow(alice, 10)
    token, free = limited(alice, 2), limited(alice, None, "free")
    first = waiting(alice, version, 5, token)
    others = waiting(alice, version, 2, free) + waiting(alice, version, 1)
    expected = {row.pk for row in [*first[:2], *others]}
    assert set(claimed()) == expected
    assert claimed() == []


def test_a_token_goes_on_when_one_of_its_own_has_ended(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    token = limited(alice, 1)
    rows = waiting(alice, version, 3, token)
    first = lifecycle.claim_starts(16)
    assert [one.prediction.pk for one in first] == [rows[0].pk]
    lifecycle.fail(rows[0].pk, "It broke.")
    assert claimed() == [rows[1].pk]


def test_the_limit_of_an_account_counts_beside_that_of_its_token(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    allow(alice, 3)
    waiting(alice, version, 9, limited(alice, 8))
    assert len(claimed()) == 3


def test_a_token_shares_its_limit_among_models(alice: User, version: Version, provider: FakeProvider) -> None:
    allow(alice, 10)
    token = limited(alice, 3)
    for one in (version, factories.make_version(), factories.make_version()):
        waiting(alice, one, 3, token)
    assert len(claimed()) == 3


def test_within_a_lane_the_oldest_goes_first_also_beside_limited_tokens(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    allow(alice, 4)
    mine = waiting(alice, version, 1)
    held_back = waiting(alice, version, 3, limited(alice, 1))
    mine += waiting(alice, version, 4)
    assert sorted(claimed()) == [row.pk for row in [mine[0], held_back[0], mine[1], mine[2]]]


@pytest.mark.parametrize(("own", "plan", "expected"), [(None, 3, 3), (2, 3, 2), (5, 3, 5), (None, None, 4)])
def test_an_accounts_own_limit_goes_before_its_plans_and_that_before_the_servers(
    alice: User, version: Version, provider: FakeProvider, own: int | None, plan: int | None, expected: int
) -> None:
    chosen = Plan.objects.create(name="studio", in_flight_limit=plan)
    Account.objects.filter(pk=alice.account_id).update(plan=chosen, in_flight_limit=own)
    waiting(alice, version, 8)
    assert len(claimed()) == expected


def test_eight_workers_never_exceed_the_limits_of_tokens(
    version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes.use(monkeypatch, FakeProvider(limit=100))
    user = factories.make_user(credit=1)
    allow(user, 30)
    given = [limited(user, number, f"t{number}") for number in (1, 2, 3)]
    for token in given:
        waiting(user, version, 8, token)
    batches = races.together([lambda: [one.prediction for one in lifecycle.claim_starts(16)]] * 8)
    rows = [row for batch in batches for row in batch]
    assert [sum(row.token_id == token.pk for row in rows) for token in given] == [1, 2, 3]
