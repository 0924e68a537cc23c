"""Every input fault, with the message and type of the contract."""

from __future__ import annotations

import json
from typing import Any

import pytest

from predictions.models import Version
from predictions.submit import validation

NO_TEXT = "Does not match format 'text'"
PROPERTIES: dict[str, Any] = {
    "count": {"type": "integer", "minimum": 1, "maximum": 4},
    "strength": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    "side": {"type": "integer", "multipleOf": 64},
    "share": {"type": "number", "multipleOf": 0.1},
    "scale": {"type": "number", "minimum": 1.0, "maximum": 20.5},
    "word": {"type": "string", "minLength": 2, "maxLength": 4},
    "colour": {"type": "string", "pattern": "^#[0-9a-f]{6}$"},
    "picture": {"type": "string", "format": "uri"},
    "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 2, "uniqueItems": True},
    "form": {"type": "string", "enum": ["webp", "jpg", 'é"']},
    "either": {"type": ["string", "integer"]},
    "flag": {"type": "boolean"},
    "deep": {"type": "object", "required": ["x"], "properties": {"x": {"type": "integer"}}},
}
SCHEMA = {
    "type": "object",
    "required": ["count"],
    "properties": {name: {**rule, "x-order": order} for order, (name, rule) in enumerate(PROPERTIES.items())},
}


def faults(**given: Any) -> list[tuple[str, str, str]]:
    version = Version(input_schema=SCHEMA, output_schema={"type": "string"})
    given = {"count": 1, **given}
    given = {name: value for name, value in given.items() if value is not ...}
    return [(one.type, one.field, one.description) for one in validation.check(version, given)]


def lists(rule: dict[str, Any], given: Any) -> list[tuple[str, str, str]]:
    schema = {"type": "object", "properties": {"list": {"type": "array", **rule}}}
    version = Version(input_schema=schema, output_schema={"type": "string"})
    return [(one.type, one.field, one.description) for one in validation.check(version, {"list": given})]


CASES: list[tuple[dict[str, Any], tuple[str, str, str]]] = [
    ({"count": ...}, ("required", "input", "count is required")),
    ({"count": 0}, ("number_gte", "input.count", "Must be greater than or equal to 1")),
    ({"count": 5}, ("number_lte", "input.count", "Must be less than or equal to 4")),
    ({"strength": 0}, ("number_gt", "input.strength", "Must be greater than 0")),
    ({"strength": 1}, ("number_lt", "input.strength", "Must be less than 1")),
    ({"side": 65}, ("multiple_of", "input.side", "Must be a multiple of 64")),
    ({"scale": 0.5}, ("number_gte", "input.scale", "Must be greater than or equal to 1")),
    ({"scale": 21}, ("number_lte", "input.scale", "Must be less than or equal to 20.5")),
    ({"scale": 10**400}, ("number_lte", "input.scale", "Must be less than or equal to 20.5")),
    ({"word": "a"}, ("string_gte", "input.word", "String length must be greater than or equal to 2")),
    ({"word": "abcde"}, ("string_lte", "input.word", "String length must be less than or equal to 4")),
    ({"colour": "red"}, ("pattern", "input.colour", "Does not match pattern '^#[0-9a-f]{6}$'")),
    ({"picture": "x"}, ("format", "input.picture", "Does not match format 'uri'")),
    ({"tags": []}, ("array_min_items", "input.tags", "Array must have at least 1 items")),
    ({"tags": ["a", "b", "c"]}, ("array_max_items", "input.tags", "Array must have at most 2 items")),
    ({"tags": ["a", "a"]}, ("unique", "input.tags", "array items must be unique")),
    ({"tags": [1]}, ("invalid_type", "input.tags.0", "Invalid type. Expected: string, given: integer")),
    ({"form": "png"}, ("enum", "input.form", 'form must be one of the following: "webp", "jpg", "é\\""')),
    ({"flag": 1}, ("invalid_type", "input.flag", "Invalid type. Expected: boolean, given: integer")),
    ({"count": True}, ("invalid_type", "input.count", "Invalid type. Expected: integer, given: boolean")),
    ({"count": "2"}, ("invalid_type", "input.count", "Invalid type. Expected: integer, given: string")),
    ({"count": 2.5}, ("invalid_type", "input.count", "Invalid type. Expected: integer, given: number")),
    ({"word": []}, ("invalid_type", "input.word", "Invalid type. Expected: string, given: array")),
    ({"word": {}}, ("invalid_type", "input.word", "Invalid type. Expected: string, given: object")),
    ({"either": 1.5}, ("invalid_type", "input.either", "Invalid type. Expected: string/integer, given: number")),
    ({"deep": {}}, ("required", "input.deep", "x is required")),
    ({"deep": {"x": "1"}}, ("invalid_type", "input.deep.x", "Invalid type. Expected: integer, given: string")),
    ({"more": ["a", {"b": "c\x00"}]}, ("format", "input.more.1.b", f"{NO_TEXT}: it holds a NUL character")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "fault"), CASES, ids=[f"{fault[0]}-{fault[1]}-{n}" for n, (_, fault) in enumerate(CASES)]
)
def test_a_fault_is_told_in_the_contracts_words(given: dict[str, Any], fault: tuple[str, str, str]) -> None:
    assert faults(**given) == [fault]


def test_a_whole_number_may_be_written_with_a_point_and_more_keys_may_be_sent() -> None:
    assert faults(count=4.0, more=1, strength=0.5, scale=20, side=128.0, either="a") == []


def test_tenths_are_multiples_of_a_tenth() -> None:
    assert faults(share=0.3) == faults(share=0.7) == faults(share=-2.9) == []
    assert [one[0] for one in faults(share=0.35)] == ["multiple_of"]


def test_numbers_beyond_all_measure_are_faults_and_no_failures() -> None:
    huge = json.loads("1" + "0" * 400)
    assert [one[0] for one in faults(count=huge)] == ["number_lte"]
    assert [one[0] for one in faults(strength=huge)] == ["number_lt"]
    assert [one[0] for one in faults(strength=-huge)] == ["number_gt"]
    assert {one[0] for one in faults(side=huge + 1)} == {"multiple_of"}
    assert faults(share=huge) == []
    assert faults(more=huge) == []


def test_several_faults_come_in_the_order_of_the_schema() -> None:
    found = faults(form="png", word=1, count=9, scale=0)
    assert [one[1] for one in found] == ["input.count", "input.scale", "input.word", "input.form"]


def test_the_detail_is_a_line_for_each_fault() -> None:
    fault = validation.Fault("required", "", "version is required")
    assert fault.line == "- version is required\n"
    assert validation.Fault("number_lte", "input.n", "Must be less").line == "- input.n: Must be less\n"


def test_nothing_in_a_list_that_is_too_long_is_looked_at() -> None:
    rule = {"items": {"type": "string", "format": "uri"}, "maxItems": 2, "uniqueItems": True}
    assert lists(rule, [1, 1, {}] * 30_000) == [
        ("array_max_items", "input.list", "Array must have at most 2 items")
    ]


def test_a_list_without_a_limit_has_ours() -> None:
    rule = {"items": {"type": "string"}}
    most = validation.MAX_ITEMS
    assert lists(rule, ["a"] * most) == []
    fault = ("array_max_items", "input.list", f"Array must have at most {most} items")
    assert lists(rule, [1] * (most + 1)) == [fault]


def test_an_input_with_more_keys_than_any_model_has_is_refused() -> None:
    most = validation.MAX_KEYS
    assert faults(**{f"x{number}": 1 for number in range(most - 1)}) == []
    assert faults(**{f"x{number}": 1 for number in range(most)}) == [
        ("array_max_properties", "input", f"Must have at most {most} properties")
    ]


@pytest.mark.parametrize("given", ["\x00", 1, None], ids=["text", "type", "null"])
def test_an_answer_tells_so_many_faults_and_no_more(given: Any) -> None:
    assert len(lists({"items": {"type": "string"}}, [given] * 5_000)) == validation.MAX_FAULTS


def test_equal_items_of_a_mixed_list_are_found_without_comparing_each_with_each() -> None:
    mixed = [*range(3_000), *(f"{number}" for number in range(3_000)), {"a": [1]}, [True], [1], None]
    rule = {"uniqueItems": True}
    assert lists(rule, mixed) == []
    for twin in (5.0, "7", {"a": [1.0]}, None):
        assert lists(rule, [*mixed, twin]) == [("unique", "input.list", "array items must be unique")]
