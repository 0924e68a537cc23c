"""Endpoints beside predictions: search, collections, hardware, and those not offered."""

from __future__ import annotations

import pytest

from accounts.models import User
from accounts.organizations import management
from accounts.tokens import api_tokens
from predictions.catalogue import shipped_models
from tests.predictions.api_dialects.replicate.conftest import Api

pytestmark = pytest.mark.django_db


def query(api: Api, body: bytes, label: str) -> list[str]:
    answer = api.client.generic(
        "QUERY", "/v1/models", body, content_type=label, headers={"Authorization": f"Bearer {api.token}"}
    )
    assert answer.status_code == 200, answer.content
    return [model["name"] for model in answer.json()["results"]]


@pytest.mark.parametrize(
    ("body", "label"),
    [
        (b"FLUX", "text/plain"),
        (b'"flux"', "text/plain"),
        (b'"flux"', "application/json"),
        (b" flux lora ", "text/plain"),
    ],
)
def test_a_query_is_understood_bare_and_quoted(api: Api, ten_models: object, body: bytes, label: str) -> None:
    assert sorted(query(api, body, label)) == ["flux-dev-lora", "flux-schnell-lora"]


def test_an_empty_query_finds_all_and_a_ref_finds_one(api: Api, ten_models: object) -> None:
    assert len(query(api, b"", "text/plain")) == len(shipped_models.refs())
    assert query(api, b"cjwbw/rembg", "text/plain") == ["rembg"]
    assert query(api, b"\xff\x00", "text/plain") == []


def test_search_needs_words_and_keeps_its_limit(api: Api, ten_models: object) -> None:
    found = api.get("/search?query=stable&limit=2").json()
    assert found["query"] == "stable" and len(found["models"]) == 2 and found["pages"] == []
    assert api.get("/search").status_code == 400
    assert api.get("/search?query=a&limit=51").status_code == 400


def test_collections_are_the_kinds_of_models(api: Api, ten_models: object) -> None:
    listed = api.get("/collections").json()["results"]
    assert [one["slug"] for one in listed][:2] == ["text-to-image", "image-to-image"]
    assert all(isinstance(one[key], str) for one in listed for key in ("slug", "name", "description"))
    assert len(api.get("/collections/text-to-image").json()["models"]) == 4
    assert api.get("/collections/none").status_code == 404


def test_hardware_is_a_bare_array(api: Api) -> None:
    assert api.get("/hardware").json() == [{"sku": "cpu", "name": "CPU"}]


def test_a_readme_is_markdown_as_text(api: Api, ten_models: object) -> None:
    answer = api.get("/models/stability-ai/sdxl/readme")
    assert answer["Content-Type"] == "text/plain; charset=utf-8" and answer.content.startswith(
        b"# stability-ai/sdxl"
    )
    assert api.get("/models/stability-ai/sdxl/examples").json()["results"] == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/trainings", 200), ("GET", "/trainings/x", 404), ("POST", "/trainings/x/cancel", 404),
        ("POST", "/models/a/b/versions/c/trainings", 422), ("GET", "/deployments", 200),
        ("POST", "/deployments", 422), ("GET", "/deployments/a/b", 404), ("DELETE", "/deployments/a/b", 422),
        ("POST", "/models", 403), ("PATCH", "/models/a/b", 403), ("DELETE", "/models/a/b", 403),
        ("DELETE", "/models/a/b/versions/c", 403),
    ],
)  # fmt: skip
def test_what_is_not_offered_says_so(api: Api, method: str, path: str, status: int) -> None:
    answer = api.client.generic(method, f"/v1{path}", headers={"Authorization": f"Bearer {api.token}"})
    assert answer.status_code == status


def test_an_organisations_token_speaks_for_the_organisation(api: Api, alice: User) -> None:
    assert api.get("/account").json()["type"] == "user"
    shared = management.create(alice, "Studio Nord")
    token = api_tokens.issue(alice, account=shared, name="shop")[1]
    told = api.client.get("/v1/account", headers={"Authorization": f"Bearer {token}"}).json()
    assert (told["type"], told["username"], told["name"]) == ("organization", "alice", "Studio Nord")
