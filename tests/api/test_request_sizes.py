"""Lists and bodies under `/api/` are measured before anything in them is looked at."""

from __future__ import annotations

from typing import Any

import pytest

from config.server import request_bodies
from core.api.serializer_fields import BoundedListField, ObjectField, Text
from core.http.json_body import MAX_OWN_API, MAX_VALUES, MalformedBody, loads
from predictions.models import Version
from tests.api.conftest import Frontend

LISTS: list[tuple[str, str, dict[str, Any]]] = [
    ("/api/items/bulk", "ids", {"action": "trash"}),
    ("/api/tokens", "scopes", {"name": "a"}),
    ("/api/tokens", "allowed_models", {"name": "a"}),
    ("/api/tokens", "networks", {"name": "a"}),
    ("/api/notices/read", "ids", {}),
    ("/api/quotes/batch", "wishes", {}),
]


@pytest.mark.parametrize(("path", "name", "beside"), LISTS)
def test_a_list_that_is_too_long_has_that_fault_alone(
    mine: Frontend, path: str, name: str, beside: dict[str, Any]
) -> None:
    answer = mine.post(path, {**beside, name: [{}] * 2_000})
    assert answer.status_code == 400
    assert list(answer.json()["faults"]) == [name]
    (fault,) = answer.json()["faults"][name]
    assert "no more than" in fault


def test_a_collection_looks_at_the_length_first_too(mine: Frontend) -> None:
    made = mine.post("/api/collections", {"title": "a"}).json()
    answer = mine.post(f"/api/collections/{made['id']}/items", {"ids": [{}] * 2_000})
    assert answer.status_code == 400
    assert answer.json()["faults"] == {"ids": ["Ensure this field has no more than 1000 elements."]}


def test_nothing_in_a_list_that_is_too_long_is_looked_at() -> None:
    seen: list[Any] = []

    class Counted(Text):
        def run_validation(self, data: Any = None) -> Any:
            seen.append(data)
            return data

    field = BoundedListField(child=Counted(), max_length=3)
    with pytest.raises(Exception, match="no more than 3"):
        field.run_validation(["a"] * 4)
    assert seen == []
    assert field.run_validation(["a"] * 3) == ["a"] * 3


@pytest.mark.parametrize("given", [[1], "a", 1, True])
def test_an_object_is_an_object(given: Any) -> None:
    with pytest.raises(Exception, match="dictionary"):
        ObjectField().run_validation(given)


def test_an_input_of_a_thousand_strange_keys_is_refused_as_the_create_would_be(
    mine: Frontend, version: Version
) -> None:
    wish = {"version": version.pk, "input": {f"x{number}": 1 for number in range(5_000)}}
    answer = mine.post("/api/quotes", wish)
    assert answer.status_code == 422
    assert "at most 1000 properties" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"[" + b"1," * MAX_VALUES + b"1]", "more than 100000 values"),
        (b'{"a":' + b"[" * 70 + b"]" * 70 + b"}", "deeper than 64 levels"),
        (b"[" * 100_000 + b"]" * 100_000, "deeper than 64 levels"),
        (b"[" + b"[]," * 1_000_000 + b"[]]", "more than 100000 values"),
        (b'{"a": 1e999}', "not JSON"),
        (b'{"a": NaN}', "not JSON"),
        (b"\xff", "not UTF-8"),
    ],
    ids=["wide", "deep", "deeper", "lists", "infinite", "nan", "bytes"],
)
def test_what_no_honest_client_sends_is_refused_in_words(mine: Frontend, body: bytes, words: str) -> None:
    answer = mine.client.post("/api/quotes", body, content_type="application/json", headers=mine.headers)
    assert answer.status_code == 400
    assert words in answer.json()["detail"]
    assert answer.json()["status"] == 400


def test_millions_of_values_are_refused_before_any_of_them_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "core.http.json_body.json.loads", lambda *args, **options: pytest.fail("it was parsed")
    )
    with pytest.raises(MalformedBody, match="values"):
        loads(b"[" + b"{}," * 1_000_000 + b"{}]")


def test_commas_of_a_long_text_are_no_values() -> None:
    text = "one, two, " * 20_000
    assert loads(b'"' + text.encode() + b'"') == text


@pytest.mark.parametrize("path", ["/api/tokens", "/api/items/bulk", "/api/quotes/", "/api/nowhere"])
def test_a_body_under_api_is_small(path: str) -> None:
    assert request_bodies.limit_for(path) == MAX_OWN_API == 256 * 1024


@pytest.mark.parametrize("path", ["/api/quotes", "/api/quotes/batch", "/v1/predictions"])
def test_a_body_that_may_carry_a_picture_is_not(path: str) -> None:
    assert request_bodies.limit_for(path) >= 14 * 1024 * 1024
