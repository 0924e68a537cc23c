"""Refused networks: every path answers them with a refusal, signed in or not."""

from __future__ import annotations

import pytest
from django.db import OperationalError
from django.test import Client

from accounts.models import User
from accounts.site import site_rules
from predictions.models import Prediction
from tests import factories

pytestmark = pytest.mark.django_db
HERE, ELSEWHERE = "203.0.113.77", "198.51.100.1"
PATHS = (
    "/", "/gallery/", "/accounts/signup/", "/accounts/login/", "/studio", "/admin/", "/account/", "/api/me",
    "/api/items", "/v1/account", "/replicate/v1/predictions", "/openai/v1/models", "/nowhere",
)  # fmt: skip


@pytest.fixture
def bob() -> User:
    return factories.make_user("bob", credit=50)


@pytest.fixture(autouse=True)
def refused() -> None:
    site_rules.change(refused_networks=["203.0.113.0/24", "2001:db8::/48"])


@pytest.mark.parametrize("path", PATHS)
def test_no_door_is_open_to_them(bob: User, path: str) -> None:
    token = factories.make_token(bob)
    client = Client(REMOTE_ADDR=HERE)
    client.force_login(bob)
    answer = client.get(path, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 403
    assert "network" in answer.content.decode()
    assert Client(REMOTE_ADDR="2001:db8::7").get(path).status_code == 403


def test_others_notice_nothing(bob: User) -> None:
    assert Client(REMOTE_ADDR=ELSEWHERE).get("/gallery/").status_code == 200


def test_nothing_is_made_there_and_nothing_charged(bob: User) -> None:
    token = factories.make_token(bob)
    answer = Client(REMOTE_ADDR=HERE).post(
        "/v1/predictions",
        {"version": "x", "input": {}},
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status_code == 403 and answer["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"].startswith("This server answers no requests from your network.")
    assert not Prediction.objects.exists()


def test_openai_clients_read_it_in_their_own_form() -> None:
    answer = Client(REMOTE_ADDR=HERE).get("/openai/v1/models")
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_who_looks_whether_the_house_stands_is_told() -> None:
    assert Client(REMOTE_ADDR=HERE).get("/health").status_code in (200, 503)


def test_while_the_database_is_away_each_door_says_so_in_its_own_words(
    bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise OperationalError("terminating connection due to administrator command")

    headers = {"Authorization": f"Bearer {factories.make_token(bob)}"}
    monkeypatch.setattr(site_rules, "current", away)
    asked = {"content_type": "application/json", "headers": headers}
    answer = Client().post("/v1/predictions", {"version": "x", "input": {}}, **asked)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["title"]) == (503, "Service unavailable")
    answer = Client().post("/openai/v1/images/generations", {"prompt": "x"}, **asked)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["error"]["type"]) == (503, "server_error")


def test_a_word_too_many_in_a_header_of_the_callers_does_not_let_them_in() -> None:
    client = Client(REMOTE_ADDR=HERE, headers={"X-Forwarded-For": ELSEWHERE})
    assert client.get("/gallery/").status_code == 403


def test_they_may_in_again_when_the_rule_is_taken_back() -> None:
    assert Client(REMOTE_ADDR=HERE).get("/gallery/").status_code == 403
    site_rules.change(refused_networks=[])
    assert Client(REMOTE_ADDR=HERE).get("/gallery/").status_code == 200
