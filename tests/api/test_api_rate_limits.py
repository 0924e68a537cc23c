"""Rate limits under `/api/`: as in the dialects, with the same headers; by address where nobody is asked."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts import credits
from accounts.models import MICRO, Membership, Plan, User
from accounts.organizations import management
from accounts.tokens import api_tokens
from tests import factories
from tests.api.conftest import Frontend

pytestmark = pytest.mark.django_db


@pytest.fixture
def two_a_minute(settings: Any) -> None:
    settings.RATE_LIMITS = {"create": 0, "poll": 2, "other": 2}


def test_the_third_request_is_refused_with_its_waiting_time(mine: Frontend, two_a_minute: None) -> None:
    answers = [mine.get("/api/me") for _number in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer["ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]
    assert {answer["ratelimit-limit"] for answer in answers} == {"2"}
    refused = answers[-1]
    assert 1 <= int(refused["Retry-After"]) <= 10 and refused.json()["title"] == "Too Many Requests"


def test_a_dialect_and_the_own_api_share_one_count(mine: Frontend, two_a_minute: None) -> None:
    assert mine.get("/v1/account").status_code == 200
    assert [mine.get("/api/me").status_code for _number in range(2)] == [200, 429]


def test_each_prediction_is_polled_by_its_own_count(mine: Frontend, alice: User, two_a_minute: None) -> None:
    paths = [f"/api/predictions/{factories.make_prediction(alice).public_id}" for _number in range(2)]
    assert [mine.get(path).status_code for path in paths * 2] == [200] * 4
    assert mine.get(paths[0]).status_code == 429


def test_another_account_is_not_held_up(mine: Frontend, theirs: Frontend, two_a_minute: None) -> None:
    for _number in range(3):
        mine.get("/api/me")
    assert theirs.get("/api/me").status_code == 200


def test_visitors_of_the_gallery_are_counted_by_address(two_a_minute: None) -> None:
    client = Client()
    codes = [client.get("/api/gallery", REMOTE_ADDR="192.0.2.1").status_code for _number in range(3)]
    assert codes == [200, 200, 429]
    assert client.get("/api/gallery", REMOTE_ADDR="192.0.2.2").status_code == 200


def test_no_limit_tells_nothing(mine: Frontend, settings: Any) -> None:
    settings.RATE_LIMITS = {"create": 0, "poll": 0, "other": 0}
    assert "ratelimit-limit" not in mine.get("/api/me")


def test_what_the_spending_limits_of_the_account_leave_is_told_before_they_refuse(
    mine: Frontend, alice: User
) -> None:
    assert mine.get("/api/me").json()["spending"] == []
    account = factories.account_of(alice)
    plan = Plan.objects.create(name="Studio", day_limit=3 * MICRO, month_limit=80 * MICRO)
    credits.set_plan(account, plan)
    credits.limit_account(factories.account_of(alice), day=None, month=50 * MICRO)
    credits.hold(account.pk, MICRO, "a" * 26)
    told = [
        (one["limit"], one["most"], one["spent"], one["left"])
        for one in mine.get("/api/me").json()["spending"]
    ]
    assert told == [
        ("day", 3 * MICRO, MICRO, 2 * MICRO),
        ("month", 50 * MICRO, MICRO, 49 * MICRO),
    ]


def test_plain_members_are_told_no_limit_of_their_organisation(
    mine: Frontend, alice: User, bob: User
) -> None:
    shared = management.create(alice, "Studio Nord")
    Membership.objects.create(account=shared, user=bob, role=Membership.Role.MEMBER)
    credits.limit_account(shared, day=MICRO, month=None)

    def spending(user: User) -> Any:
        program = {"Authorization": f"Bearer {api_tokens.issue(user, account=shared, name='shop')[1]}"}
        return mine.client.get("/api/me", headers=program).json()["spending"]

    assert [one["most"] for one in spending(alice)] == [MICRO]
    assert spending(bob) == []
