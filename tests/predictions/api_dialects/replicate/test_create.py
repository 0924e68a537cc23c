"""Creating predictions: forms of the version, status codes of the mounts, fields of the object, money."""

from __future__ import annotations

import asyncio
import json
import re

import pytest

from accounts.models import MICRO, User
from predictions.models import Prediction, Version
from tests import factories, fakes
from tests.fakes import FakeProvider
from tests.predictions.api_dialects.replicate.conftest import Api
from tests.runner.sampling import short_or_whole
from tests.support import races

pytestmark = pytest.mark.django_db(transaction=True)

FIELDS = {
    "id", "model", "version", "input", "logs", "output", "data_removed", "error", "status", "source", "created_at",
    "started_at", "completed_at", "deadline", "metrics", "urls", "darkroom",
}  # fmt: skip


@pytest.mark.parametrize("form", ["{id}", "{ref}:{id}", "{ref}"])
def test_it_takes_every_form_of_a_version(
    api: Api, version: Version, provider: FakeProvider, form: str
) -> None:
    answer = api.create(form.format(id=version.pk, ref=version.model.ref), {"prompt": "a cat"})
    assert answer.status_code == 201
    assert answer.json()["version"] == version.pk and answer.json()["model"] == version.model.ref


def test_the_object_has_every_field_and_says_starting(
    api: Api, version: Version, provider: FakeProvider
) -> None:
    shown = api.create(version.pk, {"prompt": "a cat"}).json()
    assert set(shown) == FIELDS
    assert re.fullmatch(r"[a-z0-9]{26}", shown["id"])
    assert (shown["status"], shown["output"], shown["logs"], shown["error"]) == ("starting", None, "", None)
    assert shown["input"] == {"prompt": "a cat"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", shown["created_at"])
    assert all(
        isinstance(url, str) and url.startswith("http://testserver/") for url in shown["urls"].values()
    )
    assert set(shown["urls"]) == {"get", "cancel", "stream", "web"}


def test_the_seeds_mount_answers_200_and_keeps_its_own_addresses(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    api = Api(factories.make_token(alice), "/replicate/v1")
    answer = api.create(version.pk, {"prompt": "a cat"})
    assert answer.status_code == 200
    assert answer.json()["urls"]["get"] == f"http://testserver/replicate/v1/predictions/{answer.json()['id']}"
    assert answer["Location"] == answer.json()["urls"]["get"]
    assert api.get(answer.json()["urls"]["get"]).json()["id"] == answer.json()["id"]


@pytest.mark.parametrize(
    ("header", "status"), [("respond-async", 202), ("", 201), ("nonsense; a=b", 201), ("wait=0", 202)]
)
def test_the_status_follows_the_preference(
    api: Api, version: Version, provider: FakeProvider, header: str, status: int
) -> None:
    assert api.create(version.pk, {"prompt": "a cat"}, Prefer=header).status_code == status


def test_a_hold_that_cannot_be_held_says_starting(api: Api, version: Version, provider: FakeProvider) -> None:
    answer = api.create(version.pk, {"prompt": "a cat"}, Prefer="wait=5")
    assert (answer.status_code, answer.json()["status"]) == (202, "starting")
    assert answer["Preference-Applied"] == "wait=5"


def test_a_hold_whose_prediction_ends_is_answered_as_one_that_has(
    api: Api, version: Version, provider: FakeProvider
) -> None:
    held = api.create(version.pk, {"prompt": "a cat"}, Prefer="wait=5")
    fakes.work_off()
    answer = asyncio.run(held.until())
    assert (answer.status_code, json.loads(answer.content)["status"]) == (201, "succeeded")


def test_it_holds_the_price_and_shows_what_was_charged(
    api: Api, alice: User, version: Version, provider: FakeProvider
) -> None:
    created = api.create(version.pk, {"prompt": "a cat"}).json()
    assert factories.account_of(alice).held == MICRO
    fakes.work_off()
    ended = api.get(created["urls"]["get"]).json()
    assert ended["status"] == "succeeded" and ended["metrics"]["credits"] == 1
    assert ended["metrics"]["predict_time"] == 0.5 and ended["metrics"]["total_time"] >= 0
    assert ended["output"][0].startswith("http://testserver/f/")


def test_the_model_path_takes_the_latest_version(api: Api, version: Version, provider: FakeProvider) -> None:
    path = f"/models/{version.model.ref}/predictions"
    assert api.post(path, {"input": {"prompt": "a cat"}}).json()["version"] == version.pk
    refused = api.post(path, {"version": version.pk, "input": {"prompt": "a cat"}})
    assert refused.status_code == 422
    assert refused.json()["invalid_fields"][0]["type"] == "additional_property_not_allowed"
    assert api.post("/models/no/body/predictions", {"input": {}}).status_code == 404


@pytest.mark.parametrize(
    "label", ["application/x-www-form-urlencoded", "text/plain", "application/json; charset=utf-8"]
)
def test_the_label_of_the_body_does_not_matter(
    api: Api, version: Version, provider: FakeProvider, label: str
) -> None:
    body = f'{{"version": "{version.pk}", "input": {{"prompt": "a cat"}}}}'
    answer = api.client.post(
        "/v1/predictions", body, content_type=label, headers={"Authorization": f"token  {api.token}"}
    )
    assert answer.status_code == 201


def test_a_null_counts_as_not_given_and_unknown_inputs_pass(
    api: Api, version: Version, provider: FakeProvider
) -> None:
    given = {"prompt": "a cat", "seed": None, "safety_tolerance": 2, "width": 512.0}
    shown = api.create(version.pk, given).json()
    assert shown["input"] == {"prompt": "a cat", "safety_tolerance": 2, "width": 512.0}


def test_the_callers_token_never_stays_in_a_row(api: Api, version: Version, provider: FakeProvider) -> None:
    api.create(version.pk, {"prompt": "a cat", "auth": api.token, "deep": {"list": [api.token]}})
    assert api.token not in str(Prediction.objects.get().input)


def test_cancel_after_sets_a_deadline(api: Api, version: Version, provider: FakeProvider) -> None:
    shown = api.create(version.pk, {"prompt": "a cat"}, Cancel_After="1m30s").json()
    row = Prediction.objects.get()
    assert shown["deadline"] is not None
    assert 89 < (row.deadline - row.created_at).total_seconds() < 91  # type: ignore[operator]


@pytest.mark.parametrize("text", ["4s", "soon", "-5", "1h-3m", "99999999999999"])
def test_a_deadline_that_is_none_is_refused(
    api: Api, version: Version, provider: FakeProvider, text: str
) -> None:
    assert api.create(version.pk, {"prompt": "a cat"}, Cancel_After=text).status_code == 422
    assert not Prediction.objects.exists()


def test_many_creates_at_once_on_a_balance_for_ten_give_exactly_ten(
    provider: FakeProvider, version: Version
) -> None:
    user = factories.make_user("rush", credit=10)
    token = factories.make_token(user)

    def create() -> int:
        return Api(token).create(version.pk, {"prompt": "a cat"}).status_code

    rounds = short_or_whole(3, 10)
    codes = [code for _ in range(rounds) for code in races.together([create] * 20)]
    assert (codes.count(201), codes.count(402)) == (10, rounds * 20 - 10)
    account = factories.account_of(user)
    assert (account.balance, account.held, Prediction.objects.count()) == (0, 10 * MICRO, 10)


def test_it_is_seen_by_its_account_alone(
    api: Api, stranger: Api, version: Version, provider: FakeProvider
) -> None:
    shown = api.create(version.pk, {"prompt": "a cat"}).json()
    for path in (f"/predictions/{shown['id']}",):
        assert stranger.get(path).status_code == 404
        assert stranger.post(f"{path}/cancel").status_code == 404
    assert stranger.get("/predictions").json()["results"] == []
    assert Prediction.objects.get().status == "starting"


def test_cancel_ends_it_at_once_and_a_second_cancel_changes_nothing(
    api: Api, version: Version, provider: FakeProvider
) -> None:
    shown = api.create(version.pk, {"prompt": "a cat"}).json()
    first = api.post(f"/predictions/{shown['id']}/cancel")
    assert (first.status_code, first.json()["status"]) == (200, "canceled")
    assert first.json()["completed_at"] is not None and "predict_time" in first.json()["metrics"]
    assert api.post(f"/predictions/{shown['id']}/cancel").json() == first.json()
