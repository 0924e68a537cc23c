"""Deployments: aliases with fixed inputs, kept by operators."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from predictions.models import Deployment, Prediction, Version
from tests.fakes import FakeProvider
from tests.predictions.api_dialects.replicate.conftest import Api
from tests.predictions.api_dialects.replicate.official_client import official

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User], Client]


@pytest.fixture
def deployment(version: Version) -> Deployment:
    return Deployment.objects.create(owner="house", name="postcards", version=version, input={"width": 640})


def test_it_is_listed_and_read_in_the_shape_that_clients_know(api: Api, deployment: Deployment) -> None:
    shown = api.get("/deployments/house/postcards").json()
    release = shown["current_release"]
    assert (shown["owner"], shown["name"], release["number"]) == ("house", "postcards", 1)
    assert (release["model"], release["version"]) == (deployment.version.model.ref, deployment.version_id)
    assert release["created_by"]["username"] == "house" and release["created_at"].endswith("Z")
    assert set(release["configuration"]) == {"hardware", "min_instances", "max_instances"}
    assert api.get("/deployments").json() == {"next": None, "previous": None, "results": [shown]}


def test_a_prediction_by_it_takes_what_the_operator_fixed_before_what_the_caller_sends(
    api: Api, deployment: Deployment, provider: FakeProvider
) -> None:
    answer = api.post("/deployments/house/postcards/predictions", {"input": {"prompt": "a cat", "width": 64}})
    assert answer.status_code == 201
    shown = answer.json()
    assert shown["deployment"] == "house/postcards" and shown["input"] == {"prompt": "a cat", "width": 640}
    assert shown["version"] == deployment.version_id
    assert api.get(answer["Location"]).json()["deployment"] == "house/postcards"
    assert Prediction.objects.get().deployment == "house/postcards"


def test_a_prediction_by_a_model_names_no_deployment(
    api: Api, deployment: Deployment, provider: FakeProvider
) -> None:
    assert "deployment" not in api.create(deployment.version_id, {"prompt": "a cat"}).json()


def test_the_callers_own_inputs_are_checked_as_always(
    api: Api, deployment: Deployment, provider: FakeProvider
) -> None:
    path = "/deployments/house/postcards/predictions"
    assert api.post(path, {"input": {}}).json()["detail"] == "- input: prompt is required\n"
    refused = api.post(path, {"version": deployment.version_id, "input": {"prompt": "a cat"}})
    assert refused.json()["invalid_fields"][0]["type"] == "additional_property_not_allowed"
    assert not Prediction.objects.exists()


@pytest.mark.parametrize("closed", ["deployment", "version", "model"])
def test_one_that_is_switched_off_or_whose_model_is_gone_is_not_found(
    api: Api, deployment: Deployment, provider: FakeProvider, closed: str
) -> None:
    row: Any = {
        "deployment": deployment, "version": deployment.version, "model": deployment.version.model
    }[closed]  # fmt: skip
    row.enabled = False
    row.save()
    assert api.get("/deployments").json()["results"] == []
    assert api.get("/deployments/house/postcards").status_code == 404
    answer = api.post("/deployments/house/postcards/predictions", {"input": {"prompt": "a cat"}})
    assert (answer.status_code, answer.json()["title"]) == (404, "Not found")


def test_a_repeat_with_a_key_is_answered_even_after_it_was_switched_off(
    api: Api, deployment: Deployment, provider: FakeProvider
) -> None:
    def ask() -> Any:
        return api.post(
            "/deployments/house/postcards/predictions", {"input": {"prompt": "a cat"}}, Idempotency_Key="k1"
        )

    first = ask()
    Deployment.objects.update(enabled=False)
    again = ask()
    assert again.json()["id"] == first.json()["id"] and again["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/deployments"),
        ("PATCH", "/deployments/house/postcards"),
        ("DELETE", "/deployments/house/postcards"),
    ],
)
def test_callers_neither_make_nor_change_them(
    api: Api, deployment: Deployment, method: str, path: str
) -> None:
    answer = api.client.generic(method, f"/v1{path}", headers={"Authorization": f"Bearer {api.token}"})
    assert (answer.status_code, answer.json()["title"]) == (422, "Deployments are kept by operators")
    assert Deployment.objects.count() == 1


def form(of: Version, **fields: Any) -> dict[str, Any]:
    shown = {"owner": "house", "name": "cards", "version": of.pk, "input": {"width": 512}, **fields}
    return {**shown, "input": json.dumps(shown["input"]), "enabled": "on"}


def test_an_operator_makes_one_and_each_change_is_a_release(
    api: Api, staff: User, client_of: ClientOf, version: Version
) -> None:
    staff_client = client_of(staff)
    assert staff_client.post(reverse("admin:predictions_deployment_add"), form(version)).status_code == 302
    made = Deployment.objects.get()
    assert (made.ref, made.number, made.created_by) == ("house/cards", 1, staff)
    page = reverse("admin:predictions_deployment_change", args=[made.pk])
    assert staff_client.post(page, form(version, input={"width": 256})).status_code == 302
    assert staff_client.post(page, form(version, input={"width": 256}, name="postcards")).status_code == 302
    shown = api.get("/deployments/house/postcards").json()
    assert shown["current_release"]["number"] == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"owner": "a/b"}, {"name": ""}, {"name": "../x"}, {"name": "a:b"}, {"input": {"width": "wide"}},
        {"input": {"widht": 512}}, {"input": [1]}, {"input": "text"}, {"version": "0" * 64},
    ],
)  # fmt: skip
def test_an_operators_mistake_is_shown_and_nothing_is_kept(
    staff: User, client_of: ClientOf, version: Version, fields: dict[str, Any]
) -> None:
    answer = client_of(staff).post(reverse("admin:predictions_deployment_add"), form(version, **fields))
    assert answer.status_code == 200 and answer.context["adminform"].form.errors
    assert not Deployment.objects.exists()


@pytest.mark.parametrize(
    "text",
    ['{"prompt": "\\ud800"}', "[" * 3000 + "]" * 3000, '{"seed": ' + "9" * 6000 + "}", '{"a": 1e999}', "{"],
)
def test_inputs_that_cannot_be_kept_are_told_at_their_field(
    staff: User, client_of: ClientOf, version: Version, text: str
) -> None:
    answer = client_of(staff).post(
        reverse("admin:predictions_deployment_add"), {**form(version), "input": text}
    )
    assert answer.status_code == 200 and list(answer.context["adminform"].form.errors) == ["input"]


def test_a_stranger_cannot_open_the_desk(alice: User, client_of: ClientOf, version: Version) -> None:
    answer = client_of(alice).post(reverse("admin:predictions_deployment_add"), form(version))
    assert answer.status_code in {302, 403} and not Deployment.objects.exists()


def test_the_official_client_lists_reads_and_runs_them(
    api: Api, deployment: Deployment, provider: FakeProvider
) -> None:
    theirs = official(api)
    (listed,) = theirs.deployments.list()
    read = theirs.deployments.get("house/postcards")
    assert (listed.owner, listed.name) == (read.owner, read.name) == ("house", "postcards")
    assert read.current_release is not None and read.current_release.version == deployment.version_id
    made = theirs.deployments.predictions.create("house/postcards", input={"prompt": "a cat"})
    assert (made.status, made.input) == ("starting", {"prompt": "a cat", "width": 640})
    assert read.predictions.create(input={"prompt": "a dog"}).version == deployment.version_id
