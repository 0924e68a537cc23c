"""The seeds' second answer: the images in OpenAI's form, for the very request that gives a prediction otherwise."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from accounts.models import MICRO, ApiToken, User
from accounts.tokens import api_tokens
from predictions.catalogue import loader
from predictions.models import Prediction, Version
from predictions.providers.base import Update
from predictions.waiting import waiters
from tests import factories
from tests.fakes import FakeProvider, done
from tests.predictions.api_dialects.openai.conftest import waited
from tests.predictions.api_dialects.replicate.conftest import Api
from tests.runner.sampling import one_of

pytestmark = pytest.mark.django_db(transaction=True)

SEED = {
    "version": "stability-ai/stable-diffusion:ac732df83cea7fff18b8472768c88ad041fa750ff7682a21affe81863cbe77e4",
    "input": {
        "width": 768,
        "height": 768,
        "prompt": "an astronaut riding a horse on mars, hd, dramatic lighting",
        "scheduler": "K_EULER",
        "num_outputs": 1,
        "guidance_scale": 7.5,
        "num_inference_steps": 50,
    },
}
HEADER = {"X_Darkroom_Answer": "openai"}


def json_body(answer: Any) -> Any:
    return json.loads(answer.content)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test under one of the two mounts of the dialect."""
    if "mount" in metafunc.fixturenames:
        mounts = one_of(("/v1", "/replicate/v1"), of=metafunc.function.__name__)
        metafunc.parametrize("mount", mounts)


@pytest.fixture
def api(alice: User, mount: str) -> Api:
    return Api(factories.make_token(alice), mount)


@pytest.fixture
def pictures_api(alice: User, mount: str) -> Api:
    """A caller whose token asks for pictures."""
    return Api(api_tokens.issue(alice, "pictures", answer=ApiToken.Answer.OPENAI)[1], mount)


def ask(way: str, api: Api, pictures_api: Api) -> Any:
    match way:
        case "header":
            return api.post("/predictions", SEED, X_Darkroom_Answer="OpenAI")
        case "query":
            return api.post("/predictions?answer=openai", SEED)
    return pictures_api.post("/predictions", SEED)


@pytest.mark.parametrize("way", ["header", "query", "token"])
def test_each_way_gives_the_answer_of_the_first_seed(
    api: Api, pictures_api: Api, alice: User, provider: FakeProvider, way: str
) -> None:
    loader.load()
    provider.updates = [done(2)]
    answer = waited(ask(way, api, pictures_api))
    row = Prediction.objects.get()
    shown = json_body(answer)
    assert answer.status_code == 200 and set(shown) == {"created", "data"}
    assert shown["created"] == int(row.created_at.timestamp())
    assert [one["url"] for one in shown["data"]] == [f"http://testserver{path}" for path in row.output]
    assert len(shown["data"]) == 2 and row.input == SEED["input"]
    assert [one["id"] for one in api.get("/predictions").json()["results"]] == [row.public_id]


def test_what_the_request_says_goes_before_what_the_token_says(
    pictures_api: Api, version: Version, provider: FakeProvider
) -> None:
    body = {"version": version.pk, "input": {"prompt": "a cat"}}
    assert (
        pictures_api.post("/predictions", body, X_Darkroom_Answer="prediction").json()["status"] == "starting"
    )
    assert pictures_api.post("/predictions?answer=prediction", body).json()["status"] == "starting"
    both = pictures_api.post("/predictions?answer=openai", body, X_Darkroom_Answer="prediction")
    assert both.json()["status"] == "starting"


def test_reading_is_the_same_with_every_token(
    pictures_api: Api, version: Version, provider: FakeProvider
) -> None:
    shown = waited(pictures_api.post("/predictions", {"version": version.pk, "input": {"prompt": "a cat"}}))
    read = pictures_api.get(f"/predictions/{shown['X-Darkroom-Predictions']}").json()
    assert read["status"] == "succeeded"
    assert pictures_api.get("/predictions/none").json()["title"] == "Not found"


def test_the_models_own_path_answers_so_too(api: Api, version: Version, provider: FakeProvider) -> None:
    path = f"/models/{version.model.ref}/predictions"
    shown = json_body(waited(api.post(path, {"input": {"prompt": "a cat"}}, **HEADER)))
    assert len(shown["data"]) == 1
    error = api.post("/models/no/body/predictions", {"input": {}}, **HEADER).json()["error"]
    assert (error["code"], error["param"]) == ("model_not_found", "model")


def test_prefer_changes_nothing_about_it(api: Api, version: Version, provider: FakeProvider) -> None:
    body = {"version": version.pk, "input": {"prompt": "a cat"}}
    assert waited(api.post("/predictions", body, Prefer="respond-async", **HEADER)).status_code == 200


def test_an_unknown_answer_is_refused_by_name(api: Api, version: Version, provider: FakeProvider) -> None:
    body = {"version": version.pk, "input": {"prompt": "a cat"}}
    for answer, name in (
        (api.post("/predictions", body, X_Darkroom_Answer="xml"), "X-Darkroom-Answer"),
        (api.post("/predictions?answer=", body), "answer"),
    ):
        assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
        assert name in answer.json()["detail"]
    assert not Prediction.objects.exists()


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({"version": "no/body", "input": {}}, 404, "model_not_found", "version"),
        ({"input": {}}, 400, None, "version"),
        ({"version": "{version}", "input": {}}, 400, None, "prompt"),
        ({"version": "{version}", "input": {"prompt": "a", "width": "wide"}}, 400, None, "width"),
        ({"version": "{version}", "input": {"prompt": "a"}, "webhook": 7}, 400, None, "webhook"),
        ({"version": "{version}", "input": {"prompt": "a"}, "more": 7}, 400, None, None),
        ([], 400, None, None),
    ],
)
def test_its_errors_have_openais_form(
    api: Api,
    version: Version,
    provider: FakeProvider,
    body: Any,
    status: int,
    code: str | None,
    param: str | None,
) -> None:
    text = json.dumps(body).replace("{version}", version.pk)
    answer = api.post("/predictions", raw=text.encode(), **HEADER)
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/json")
    error = answer.json()["error"]
    assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", code, param)
    assert error["message"]
    assert not Prediction.objects.exists()


def test_a_wrong_key_is_told_in_the_form_that_was_asked_for(mount: str, db: None) -> None:
    stranger = Api("dr_" + "x" * 40, mount)
    assert stranger.post("/predictions", SEED, **HEADER).json()["error"]["code"] == "invalid_api_key"
    assert stranger.post("/predictions?answer=openai", SEED).json()["error"]["code"] == "invalid_api_key"
    assert stranger.post("/predictions", SEED).json()["title"] == "Unauthenticated"


def test_too_little_credit_and_a_failure_are_told_so(
    api: Api, alice: User, charlie: User, version: Version, provider: FakeProvider, mount: str
) -> None:
    body = {"version": version.pk, "input": {"prompt": "a cat"}}
    poor = Api(factories.make_token(charlie), mount).post("/predictions", body, **HEADER)
    assert (poor.status_code, poor.json()["error"]["code"]) == (429, "insufficient_quota")
    provider.updates = [Update("failed", error="It broke.")]
    failed = waited(api.post("/predictions", body, **HEADER))
    assert (failed.status_code, json_body(failed)["error"]["message"]) == (
        400,
        "It broke. Nothing was charged.",
    )
    assert factories.account_of(alice).balance == 100 * MICRO


def test_a_model_without_files_has_no_such_answer(api: Api, provider: FakeProvider) -> None:
    text = factories.make_version(output_schema={"type": "string"})
    answer = api.create(text.pk, {"prompt": "a cat"}, **HEADER)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "version")
    assert api.create(text.pk, {"prompt": "a cat"}).json()["status"] == "starting"


def test_without_room_to_wait_nothing_is_accepted(
    api: Api, version: Version, provider: FakeProvider, settings: LazySettings
) -> None:
    settings.HOLD_LIMIT = 0
    waiters.reset()
    answer = api.create(version.pk, {"prompt": "a cat"}, **HEADER)
    assert (answer.status_code, answer["Retry-After"]) == (429, "5")
    assert not Prediction.objects.exists()
    assert api.create(version.pk, {"prompt": "a cat"}).json()["status"] == "starting"


def test_a_token_says_on_its_page_and_in_the_api_what_it_wants(
    alice: User, client_of: Any, bearer: Any, db: None
) -> None:
    client = client_of(alice)
    client.post("/account/tokens/", {"name": "pictures", "answer": "openai"})
    client.post("/account/tokens/", {"name": "plain"})
    assert client.post("/account/tokens/", {"name": "odd", "answer": "xml"}).status_code == 422
    made = Client().post(
        "/api/tokens",
        {"name": "api", "answer": "openai"},
        content_type="application/json",
        headers=bearer(alice),
    )
    assert (made.status_code, made.json()["answer"]) == (201, "openai")
    found = dict(ApiToken.objects.exclude(name="test").values_list("name", "answer"))
    assert found == {"pictures": "openai", "plain": "prediction", "api": "openai"}
    refused = Client().post(
        "/api/tokens",
        {"name": "odd", "answer": "xml"},
        content_type="application/json",
        headers=bearer(alice),
    )
    assert refused.status_code == 400
