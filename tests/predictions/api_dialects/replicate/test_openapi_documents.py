"""The dialects' OpenAPI documents: every route is in them, nothing else is, and they say what is answered."""

from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest
from django.test import Client
from django.urls import URLPattern

from config import urls
from predictions.api_dialects.openai.urls import patterns as openai
from predictions.models import Version
from tests.fakes import FakeProvider
from tests.predictions.api_dialects.replicate.conftest import Api

pytestmark = pytest.mark.django_db

MOUNTS: dict[str, list[URLPattern]] = {"/v1": urls.v1, "/replicate/v1": urls.seeds, "/openai/v1": openai()}


def document(mount: str) -> Any:
    answer = Client().get(f"{mount}/openapi.json")
    assert answer.status_code == 200 and answer["Content-Type"] == "application/json"
    return answer.json()


def routes(patterns: list[URLPattern]) -> set[tuple[str, str]]:
    found = set()
    for pattern in patterns:
        route = str(pattern.pattern)
        if route == r"^[\s\S]*$":
            continue
        path = "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route)
        found |= {(path, method.lower()) for method in pattern.callback.methods}  # type: ignore[attr-defined]
    return found


@pytest.mark.parametrize("mount", MOUNTS)
def test_every_route_is_described_and_every_description_is_a_route(mount: str) -> None:
    described = {(path, method) for path, item in document(mount)["paths"].items() for method in item}
    assert described == routes(MOUNTS[mount])


@pytest.mark.parametrize("mount", MOUNTS)
def test_a_document_names_the_callers_own_address(mount: str) -> None:
    answer = Client().get(f"{mount}/openapi.json", headers={"Host": "pictures.example:8080"})
    assert answer.json()["servers"] == [{"url": f"http://pictures.example:8080{mount}"}]
    assert answer.json()["openapi"] == "3.1.0"


@pytest.mark.parametrize("mount", MOUNTS)
def test_a_document_holds_together(mount: str) -> None:
    shown = document(mount)
    names = [operation["operationId"] for item in shown["paths"].values() for operation in item.values()]
    assert len(names) == len(set(names))
    for pointer in pointers(shown):
        found: Any = shown
        for step in pointer.removeprefix("#/").split("/"):
            found = found[step]
    for schema in shown["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    for path, item in shown["paths"].items():
        for operation in item.values():
            assert set(re.findall(r"{(\w+)}", path)) == path_parameters(shown, operation), path


def pointers(value: Any) -> list[str]:
    if isinstance(value, list):
        return [one for inner in value for one in pointers(inner)]
    if not isinstance(value, dict):
        return []
    own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
    return own + [one for inner in value.values() for one in pointers(inner)]


def path_parameters(shown: Any, operation: Any) -> set[str]:
    found = set()
    for one in operation.get("parameters", []):
        one = shown["components"]["parameters"][one["$ref"].split("/")[-1]] if "$ref" in one else one
        if one["in"] == "path":
            found.add(one["name"])
    return found


def test_the_mounts_differ_in_the_codes_of_a_create_alone() -> None:
    v1, seeds = document("/v1"), document("/replicate/v1")
    create = ("paths", "/predictions", "post", "responses")
    assert {"201", "202"} <= set(dig(v1, create)) and not {"201", "202"} & set(dig(seeds, create))
    assert v1["components"] == seeds["components"] and set(v1["paths"]) == set(seeds["paths"])


def dig(value: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        value = value[key]
    return value


def check(value: Any, name: str) -> None:
    shown = document("/v1")
    schema = {"$ref": f"#/components/schemas/{name}", "components": shown["components"]}
    jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(value)


def test_what_is_answered_fits_its_schema(
    api: Api, ten_models: object, version: Version, provider: FakeProvider
) -> None:
    created = api.create(version.pk, {"prompt": "a cat"})
    check(created.json(), "Prediction")
    check(api.get("/predictions").json(), "PredictionsPage")
    check(api.get("/models").json(), "ModelsPage")
    check(api.get("/account").json(), "Account")
    check(api.get("/collections/text-to-image").json(), "CollectionWithModels")
    check(api.get("/search?query=stable").json(), "SearchResult")
    check(api.create(version.pk, {}).json(), "Problem")
    with pytest.raises(jsonschema.ValidationError):
        check({**created.json(), "status": "aborted"}, "Prediction")
