"""Rate limits under `/api/`: as in the dialects, with the same headers; by address where nobody is asked."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
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
