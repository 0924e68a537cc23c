"""What a token may not do is refused in each dialect's error format, and nothing is held."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from accounts.models import MICRO, LedgerEntry, TokenSpending, User
from accounts.tokens import api_tokens
from predictions import lifecycle
from predictions.models import Prediction, Version
from tests import factories
from tests.fakes import FakeProvider
from tests.predictions.api_dialects.replicate.conftest import Api

pytestmark = pytest.mark.django_db


def limited(user: User, **terms: Any) -> Api:
    return Api(api_tokens.issue(user, "limited", **terms)[1])


def images(api: Api, version: Version) -> Any:
    return Client().post(
        "/openai/v1/images/generations",
        {"model": version.model.ref, "prompt": "a"},
        content_type="application/json",
        headers={"Authorization": f"Bearer {api.token}"},
    )


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ({"day_limit": MICRO}, r"spend 1\.00 credits a day, of which 0\.00 are left until \d{4}-\d\d-\d\dT00:00:00Z"),
        ({"month_limit": MICRO}, r"1\.00 credits a month, of which 0\.00 are left until \d{4}-\d\d-01T00:00:00Z"),
        ({"total_limit": MICRO}, r"1\.00 credits in all, of which 0\.00 are left, and this can cost up to 1\.00\."),
    ],
)  # fmt: skip
def test_a_spent_limit_refuses_and_says_which_and_until_when(
    alice: User, version: Version, provider: FakeProvider, terms: dict[str, int], words: str
) -> None:
    api = limited(alice, **terms)
    assert api.create(version.pk, {"prompt": "a"}).status_code == 201
    answer = api.create(version.pk, {"prompt": "a"})
    assert (answer.status_code, answer["x-should-retry"]) == (402, "false")
    assert answer.json()["title"] == "Insufficient credit" and re.search(words, answer.json()["detail"])
    refused = images(api, version)
    error = refused.json()["error"]
    assert (refused.status_code, error["code"], refused["x-should-retry"]) == (
        429,
        "insufficient_quota",
        "false",
    )
    assert re.search(words, error["message"])
    assert Prediction.objects.count() == 1 == LedgerEntry.objects.filter(kind="hold").count()


def test_another_token_and_the_studio_go_on(alice: User, version: Version, provider: FakeProvider) -> None:
    api = limited(alice, total_limit=0)
    assert api.create(version.pk, {"prompt": "a"}).status_code == 402
    assert Api(factories.make_token(alice)).create(version.pk, {"prompt": "a"}).status_code == 201


def test_a_canceled_prediction_leaves_the_limit_as_it_was(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    api = limited(alice, day_limit=MICRO)
    made = api.create(version.pk, {"prompt": "a"}).json()
    lifecycle.cancel(made["id"])
    assert set(TokenSpending.objects.values_list("spent", flat=True)) == {0}
    assert api.create(version.pk, {"prompt": "a"}).status_code == 201


def test_too_little_on_the_account_is_told_as_before(
    charlie: User, version: Version, provider: FakeProvider
) -> None:
    answer = limited(charlie, day_limit=MICRO).create(version.pk, {"prompt": "a"})
    assert answer.status_code == 402 and "You have insufficient credit" in answer.json()["detail"]


def test_a_repeat_with_its_key_costs_the_limit_once(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    api = limited(alice, day_limit=MICRO)
    ids = {api.create(version.pk, {"prompt": "a"}, Idempotency_Key="k").json()["id"] for _ in range(3)}
    assert len(ids) == 1 and set(TokenSpending.objects.values_list("spent", flat=True)) == {MICRO}


def test_another_model_than_the_allowed_is_refused_at_every_door(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    other = factories.make_version()
    api = limited(alice, allowed_models=[version.model.ref])
    doors = [
        api.create(other.pk, {"prompt": "a"}),
        api.create(f"{other.model.ref}:{other.pk}", {"wrong": 1}),
        api.post(f"/models/{other.model.ref}/predictions", {"input": {"prompt": "a"}}),
    ]
    for answer in doors:
        assert (answer.status_code, answer.json()["title"]) == (422, "Invalid version or not permitted")
        assert other.model.ref in answer.json()["detail"] and version.model.ref in answer.json()["detail"]
    refused = images(api, other)
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "model_not_found")
    assert Prediction.objects.count() == 0
    assert api.create(version.pk, {"prompt": "a"}).status_code == 201


def test_the_lists_of_models_are_whole_for_such_a_token(alice: User, version: Version) -> None:
    other = factories.make_version()
    api = limited(alice, allowed_models=[version.model.ref])
    names = {f"{row['owner']}/{row['name']}" for row in api.get("/models").json()["results"]}
    assert other.model.ref in names
    assert api.get(f"/models/{other.model.ref}").status_code == 200


def test_a_missing_scope_is_named_in_each_dialects_words(alice: User, version: Version) -> None:
    api = limited(alice, scopes=["read"])
    answer = api.create(version.pk, {"prompt": "a"})
    assert (answer.status_code, answer.json()["title"]) == (403, "Forbidden")
    assert "`predict`" in answer.json()["detail"]
    error = images(api, version).json()["error"]
    assert (error["code"], error["type"]) == ("missing_scope", "invalid_request_error")


def test_a_refusal_for_a_scope_counts_against_no_rate(alice: User, settings: Any) -> None:
    settings.RATE_LIMITS = {"create": 1, "poll": 1, "other": 1}
    api = limited(alice, scopes=["predict"])
    assert {api.get("/account").status_code for _ in range(3)} == {403}


def test_the_ledger_names_the_token_of_a_hold_and_its_settlement(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    api = Api(factories.make_token(alice))
    made = api.create(version.pk, {"prompt": "a"}).json()
    lifecycle.cancel(made["id"])
    rows = LedgerEntry.objects.filter(reference=made["id"])
    token = api_tokens.look_up(api.token)
    assert token is not None
    assert {(row.kind, row.token_id) for row in rows} == {("hold", token.pk), ("settle", token.pk)}
