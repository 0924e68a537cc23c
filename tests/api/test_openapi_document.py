"""The OpenAPI document of `/api`: every operation with words, examples that are true to its schemas, and its errors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver
from django.utils import translation
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator

from accounts.models import User
from config.api import urls

pytestmark = pytest.mark.django_db
Json = dict[str, Any]


@pytest.fixture
def document(client: Client) -> Json:
    """The document as a frontend's tools get it."""
    found: Json = client.get("/api/schema", headers={"Accept": "application/json"}).json()
    return found


def operations(document: Json) -> Iterator[tuple[str, Json]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method in {"get", "post", "put", "patch", "delete"}:
                yield f"{method.upper()} {path}", operation


def bodies(operation: Json) -> Iterator[tuple[str, Json]]:
    """Every JSON body of an operation, sent or coming back."""
    if "requestBody" in operation:
        yield "request", operation["requestBody"]["content"]["application/json"]
    for status, answer in operation["responses"].items():
        if "application/json" in answer.get("content", {}):
            yield status, answer["content"]["application/json"]


def test_every_operation_says_what_it_is_for(document: Json) -> None:
    for name, operation in operations(document):
        assert operation.get("summary") and len(operation.get("description", "")) > 40, name
        assert operation["summary"][-1] != "." and operation["operationId"], name


def test_every_body_has_an_example_and_every_example_fits_its_schema(document: Json) -> None:
    wrong = []
    for name, operation in operations(document):
        for which, body in bodies(operation):
            examples = body.get("examples", {})
            if not examples:
                wrong.append(f"{name} {which}: no example")
            for title, example in examples.items():
                schema = {**body["schema"], "components": document["components"]}
                for fault in Draft202012Validator(schema).iter_errors(example["value"]):
                    wrong.append(f"{name} {which} {title}: {fault.json_path} {fault.message[:200]}")
    assert not wrong, "\n".join(wrong)


def test_every_operation_tells_its_errors(document: Json) -> None:
    for name, operation in operations(document):
        told = set(operation["responses"])
        assert "429" in told, name
        if {} not in operation["security"]:
            assert {"401", "403"} <= told, name
        if "{" in name:
            assert "404" in told, name
        if "requestBody" in operation:
            assert {"400", "413", "415"} <= told, name
        for status, answer in operation["responses"].items():
            assert answer["description"] or status < "400", (name, status)
            if status >= "400":
                schema = answer["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Problem"}, (name, status)


def test_every_list_has_a_cursor(document: Json) -> None:
    for name, operation in operations(document):
        for which, body in bodies(operation):
            reference = body["schema"].get("$ref", "").rpartition("/")[2]
            shape = document["components"]["schemas"].get(reference, {}).get("properties", {})
            if which == "200" and "results" in shape and name.startswith("GET"):
                assert "next" in shape, name
                assert {"cursor", "limit"} <= {parameter["name"] for parameter in operation["parameters"]}, (
                    name
                )


def test_every_address_is_described(document: Json) -> None:
    described = {path.removeprefix("/api/") for path in document["paths"]}
    mounted = next(entry for entry in get_resolver().url_patterns if str(entry.pattern) == "api/")
    routes = {
        str(entry.pattern).replace("<int:", "{").replace("<str:", "{").replace(">", "}")
        for entry in mounted.url_patterns
        if entry.name
    }
    assert routes - described == {"schema", "docs"}
    assert described <= routes


def test_it_is_made_once_for_each_language_and_form_whoever_asks(
    client: Client,
    alice: User,
    staff: User,
    client_of: Callable[[User], Client],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    urls._described.cache_clear()
    made: list[str | None] = []
    parse = SchemaGenerator.get_schema

    def counted(self: SchemaGenerator, *given: Any, **named: Any) -> Any:
        made.append(translation.get_language())
        return parse(self, *given, **named)

    monkeypatch.setattr(SchemaGenerator, "get_schema", counted)

    def asked(path: str = "/api/schema", by: Client = client, language: str = "en") -> bytes:
        answer = by.get(path, headers={"Accept": "application/json", "Accept-Language": language})
        assert answer.status_code == 200 and answer["Cache-Control"] == "no-store"
        return answer.content

    english = asked()
    chinese = asked(language="zh-CN")
    assert english != chinese and made == ["en", "zh-hans"]
    assert asked(by=client_of(alice)) == asked(by=client_of(staff)) == english
    assert asked("/api/schema?lang=zh-hans") == asked("/api/schema?lang=zh-CN") == chinese
    for rubbish in ("xx", "%00..%2f", "z" * 600):
        assert asked(f"/api/schema?lang={rubbish}") == english
    assert asked("/api/schema?version=9%0d%0aX-Made-Up: 1") == english
    assert made == ["en", "zh-hans"]
    in_yaml = client.get("/api/schema", headers={"Accept": "application/yaml"})
    assert in_yaml["Content-Type"] == "application/yaml; charset=utf-8"
    assert in_yaml["Content-Disposition"] == 'inline; filename="Darkroom.yaml"'
    paths = [
        line.strip()[:-1] for line in in_yaml.content.decode().splitlines() if line.startswith("  /api/")
    ]
    assert paths == [*json.loads(english)["paths"]] != []
    assert made == ["en", "zh-hans", "en"]


def test_a_changed_setting_is_described(client: Client, settings: Any, document: Json) -> None:
    settings.SESSION_COOKIE_NAME = "elsewhere"
    changed = client.get("/api/schema", headers={"Accept": "application/json"}).json()
    found = [one["components"]["securitySchemes"]["cookieAuth"].pop("name") for one in (document, changed)]
    assert found == ["sessionid", "elsewhere"] and document == changed


def test_the_reader_keeps_the_content_policy(client: Client) -> None:
    page = client.get("/api/docs")
    policy = page["Content-Security-Policy"]
    assert "default-src 'self'" in policy and "unsafe-eval" not in policy
    text = page.content.decode()
    assert "<style>" not in text and "<script>" not in text
    script = client.get("/api/docs?script=")
    assert script["Content-Type"].startswith("application/javascript") and b"/api/schema" in script.content
