"""Repeated creates with an idempotency key: one prediction, one charge."""

from __future__ import annotations

from typing import Any

import pytest

from accounts import credits
from accounts.models import MICRO, Membership, User
from accounts.organizations import management
from accounts.tokens import api_tokens
from predictions.models import IdempotencyKey, Prediction, Version
from predictions.submit import acceptance, checks, work_request
from tests import factories, fakes
from tests.fakes import FakeProvider
from tests.predictions.api_dialects.replicate.conftest import Api
from tests.support import races

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_first_prediction_comes_again_in_its_present_state(
    api: Api, alice: User, version: Version, provider: FakeProvider
) -> None:
    first = api.create(version.pk, {"prompt": "a cat"}, Idempotency_Key="one")
    assert "Idempotent-Replayed" not in first
    fakes.work_off()
    again = api.create(version.pk, {"prompt": "a cat"}, Idempotency_Key="one")
    assert (again.status_code, again["Idempotent-Replayed"]) == (201, "true")
    assert (again.json()["id"], again.json()["status"]) == (first.json()["id"], "succeeded")
    assert (Prediction.objects.count(), factories.account_of(alice).balance) == (1, 99 * MICRO)


def test_the_same_key_with_another_body_is_refused(
    api: Api, version: Version, provider: FakeProvider
) -> None:
    api.create(version.pk, {"prompt": "a cat"}, Idempotency_Key="one")
    answer = api.create(version.pk, {"prompt": "a dog"}, Idempotency_Key="one")
    assert (answer.status_code, answer.json()["title"]) == (422, "Idempotency key reused")
    assert Prediction.objects.count() == 1


def test_a_repeat_is_answered_before_any_word_about_credit_or_version(
    api: Api, version: Version, provider: FakeProvider, alice: User
) -> None:
    user = factories.make_user("poor", credit=1)
    poor = Api(factories.make_token(user))
    first = poor.create(version.pk, {"prompt": "a cat"}, Idempotency_Key="one").json()
    version.__class__.objects.filter(pk=version.pk).update(enabled=False)
    assert poor.create(version.pk, {"prompt": "a cat"}, Idempotency_Key="one").json()["id"] == first["id"]


def test_fifty_at_once_make_one(api: Api, alice: User, version: Version, provider: FakeProvider) -> None:
    token = api.token

    def create() -> str:
        return str(Api(token).create(version.pk, {"prompt": "a cat"}, Idempotency_Key="one").json()["id"])

    ids = [one for _ in range(5) for one in races.together([create] * 10)]
    assert (len(ids), len(set(ids)), Prediction.objects.count()) == (50, 1, 1)
    assert factories.account_of(alice).held == MICRO


def test_a_repeat_at_once_is_answered_where_the_first_took_the_last_room(
    api: Api, version: Version, provider: FakeProvider, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WAITING_LIMIT = 1
    check, first = checks.check, list[Any]()

    def second(*args: Any, **named: Any) -> work_request.Offer:
        """The repeat has found its key unknown; the first is accepted before it goes on."""
        if not first:
            first.append(None)
            first[0] = Api(api.token).create(version.pk, {"prompt": "a cat"}, Idempotency_Key="one")
        return check(*args, **named)

    monkeypatch.setattr(acceptance, "check", second)
    again = api.create(version.pk, {"prompt": "a cat"}, Idempotency_Key="one")
    assert (first[0].status_code, again.status_code, again.headers.get("Idempotent-Replayed")) == (
        201,
        201,
        "true",
    )
    assert again.json()["id"] == first[0].json()["id"] and Prediction.objects.count() == 1
    other = api.create(version.pk, {"prompt": "a cat"}, Idempotency_Key="two")
    assert other.status_code == 429


def test_a_key_belongs_to_its_account_and_ends_after_a_day(
    api: Api, bob: User, version: Version, provider: FakeProvider
) -> None:
    first = api.create(version.pk, {"prompt": "a cat"}, Idempotency_Key="one").json()
    other = (
        Api(factories.make_token(bob)).create(version.pk, {"prompt": "a cat"}, Idempotency_Key="one").json()
    )
    IdempotencyKey.objects.update(created_at="2020-01-01T00:00:00Z")
    later = api.create(version.pk, {"prompt": "a dog"}, Idempotency_Key="one").json()
    assert len({first["id"], other["id"], later["id"]}) == 3


def test_a_key_belongs_to_its_member_also_where_an_account_is_shared(
    alice: User, bob: User, version: Version, provider: FakeProvider
) -> None:
    club = management.create(alice, "Studio Nord")
    credits.grant(club, 10 * MICRO)
    Membership.objects.create(account=club, user=bob, role=Membership.Role.MEMBER)
    alices, bobs = (Api(api_tokens.issue(user, "shop", account=club)[1]) for user in (alice, bob))
    first = alices.create(version.pk, {"prompt": "a cat"}, Idempotency_Key="1")
    same = bobs.create(version.pk, {"prompt": "a cat"}, Idempotency_Key="1")
    assert "Idempotent-Replayed" not in same and first.json()["id"] != same.json()["id"]
    other = alices.create(version.pk, {"prompt": "a dog"}, Idempotency_Key="2")
    assert bobs.create(version.pk, {"prompt": "a bird"}, Idempotency_Key="2").status_code == 201
    again = alices.create(version.pk, {"prompt": "a dog"}, Idempotency_Key="2")
    assert again["Idempotent-Replayed"] == "true" and again.json()["id"] == other.json()["id"]
    assert {row.user for row in Prediction.objects.all()} == {alice, bob}


@pytest.mark.parametrize("key", ["", "a" * 256, "a\tb"])
def test_a_key_that_is_none_is_refused(api: Api, version: Version, provider: FakeProvider, key: str) -> None:
    assert api.create(version.pk, {"prompt": "a cat"}, Idempotency_Key=key).status_code == 422
