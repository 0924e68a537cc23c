"""Parsing of a Cog model's OpenAPI document; harmful ones are refused with a reason."""

from __future__ import annotations

import json
from typing import Any

import pytest

from predictions.catalogue import cog_import, cog_schema, loader, lookup
from predictions.models import HostedModel, Version
from tests import factories

INPUT: dict[str, Any] = {
    "type": "object",
    "title": "Input",
    "required": ["prompt"],
    "properties": {
        "prompt": {"type": "string", "title": "Prompt", "x-order": 0},
        "style": {"allOf": [{"$ref": "#/components/schemas/style"}], "default": "ink", "x-order": 1},
        "image": {
            "anyOf": [{"type": "string", "format": "uri"}, {"type": "null"}],
            "title": "Image",
            "x-order": 2,
        },
        "steps": {"type": "integer", "minimum": 1, "maximum": 50, "default": 20, "x-order": 3},
    },
}
OUTPUT: dict[str, Any] = {"type": "array", "items": {"type": "string", "format": "uri"}, "title": "Output"}
URI = {"type": "string", "format": "uri"}
STYLE = {"type": "string", "enum": ["ink", "oil"], "title": "style", "description": "An enumeration."}


def document(given: Any = None, made: Any = None, **more: Any) -> str:
    schemas = {
        "Input": INPUT if given is None else given,
        "Output": OUTPUT if made is None else made,
        "style": STYLE,
    }
    return json.dumps(
        {"openapi": "3.0.2", "info": {"title": "Cog"}, "components": {"schemas": schemas | more}}
    )


def test_references_and_optional_inputs_are_put_in_their_place() -> None:
    found = cog_schema.read(document())
    assert found.properties["style"] == {
        "type": "string",
        "enum": ["ink", "oil"],
        "title": "style",
        "description": "An enumeration.",
        "default": "ink",
        "x-order": 1,
    }
    assert found.properties["image"] == {"type": "string", "format": "uri", "title": "Image", "x-order": 2}
    assert found.input_schema["required"] == ["prompt"]
    assert found.output_schema == OUTPUT
    assert cog_import.guessed_kind("ink", found) == HostedModel.Kind.TEXT_TO_IMAGE


@pytest.mark.django_db
def test_every_document_that_this_house_publishes_is_read_back_as_its_schema() -> None:
    loader.load()
    for version in Version.objects.select_related("model"):
        found = cog_schema.read(json.dumps(lookup.openapi_schema(version)))
        assert list(found.properties) == list(version.properties), version.model.ref
        for name, rule in version.properties.items():
            kept = {
                key: rule[key]
                for key in ("type", "enum", "default", "minimum", "maximum", "format")
                if key in rule
            }
            assert {key: found.properties[name].get(key) for key in kept} == kept, (version.model.ref, name)
        assert cog_import.guessed_kind(version.model.name, found) in HostedModel.Kind.values


def inputs(**rules: Any) -> Any:
    return {"type": "object", "properties": rules}


LOOP = {"A": {"allOf": [{"$ref": "#/components/schemas/B"}]}, "B": {"$ref": "#/components/schemas/A"}}
CHAIN = {f"C{n}": {"$ref": f"#/components/schemas/C{n + 1}"} for n in range(30)} | {"C30": {"type": "string"}}
NEST: dict[str, Any] = {
    f"N{n}": {"type": "array", "items": {"$ref": f"#/components/schemas/N{n}"}} for n in range(2)
}
WIDE = {
    f"W{n}": {"properties": {f"p{m}": {"$ref": f"#/components/schemas/W{n + 1}"} for m in range(20)}}
    for n in range(9)
}
WIDE |= {"W9": {"type": "string"}}
LONG = {"L": {"type": "string", "enum": [f"{n:0900}" for n in range(500)]}}
"""A list that is long once is endless where a hundred inputs refer to it."""
MANY = {"M": {f"x-{n}": n for n in range(50_000)}}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no JSON"),
        ("[1, 2]", "no JSON object"),
        ("{}", "no components.schemas"),
        ('{"components": {"schemas": {"Input": {}}}}', "schemas.Output is missing"),
        ('{"components": {"schemas": []}}', "no components.schemas"),
        ('{"a": NaN}', "no number of JSON"),
        ('{"a": ' + "9" * 5000 + "}", "more than 30 digits"),
        ("[" * 100_000, "nested more than 40 deep"),
        ('{"a":' * 60 + "1" + "}" * 60, "nested more than 40 deep"),
        ("x" * (1024 * 1024 + 1), "1,048,577 bytes"),
        (document([]), "schemas.Input is missing"),
        (document({"type": "array"}), "no object with properties"),
        (document({"type": "object", "properties": []}), "no object with properties"),
        (document(inputs(x=3)), "described by no object"),
        (document(inputs(**{"a b": {}})), "no name of an input"),
        (document(inputs(**{f"p{n}": {} for n in range(101)})), "takes 101 inputs"),
        (document({"type": "object", "properties": {}, "required": ["x"]}), "something that is no input"),
        (document(inputs(x={"type": "tuple"})), "no type “tuple”"),
        (document(inputs(x={"type": ["string", "null"]})), "no type"),
        (document(inputs(x={"enum": list(range(501))})), "1 to 500 values"),
        (document(inputs(x={"enum": ["a" * 1001]})), "at most 1,000 characters"),
        (document(inputs(x={"enum": [{"a": 1}]})), "a number or a text"),
        (document(inputs(x={"minimum": "low"})), "“minimum” is a number"),
        (document(inputs(x={"description": "a" * 5001})), "at most 5,000 characters"),
        (document(inputs(x={"title": "a\x00b"})), "a text of at most"),
        (document(inputs(x={"default": "a" * 30_000})), "default is too long"),
        (document(inputs(x={"default": "a\x00b"})), "default is too long"),
        (document(inputs(x={"title": "a\ud800b"})), "half a character"),
        (document(inputs(x={"enum": ["MOST"]})).replace('"MOST"', "1e999"), "too large"),
        (document(inputs(x={"$ref": "http://example.org/s.json"})), "leads out of the document"),
        (document(inputs(x={"$ref": "#/info"})), "leads out of the document"),
        (document(inputs(x={"$ref": "#/components/schemas/none"})), "there is no none"),
        (document(inputs(x={"$ref": "#/components/schemas/A"}), **LOOP), "lead in a circle"),
        (document(inputs(x={"$ref": "#/components/schemas/C0"}), **CHAIN), "lead from one to the next"),
        (document(inputs(x={"$ref": "#/components/schemas/N0"}), **NEST), "larger than any model's"),
        (document(inputs(x={"$ref": "#/components/schemas/W0"}), **WIDE), "larger than any model's"),
        (
            document(inputs(**{f"p{n}": {"$ref": "#/components/schemas/L"} for n in range(100)}), **LONG),
            "references followed it is larger",
        ),
        (document(inputs(x={"$ref": "#/components/schemas/M"}), **MANY), "more than 200 parts"),
        (document(inputs(x=MANY["M"])), "more than 200 parts"),
        (document(inputs(x={"anyOf": [{"type": "null"}] * 50_000})), "more than 20 things"),
        (document(inputs(x={"allOf": [{}] * 6})), "more than five others"),
        (document(inputs(x={"anyOf": [{}] * 21})), "more than 20 things"),
        (document(inputs(x={"type": "string", "minLength": -1})), "no JSON Schema"),
    ],
)  # fmt: skip
def test_what_is_no_such_document_or_would_do_harm_is_refused(text: str, words: str) -> None:
    with pytest.raises(cog_schema.NotCog, match=words):
        cog_schema.read(text)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(cog_schema.NotCog, match="UTF-8"):
        cog_schema.read(b"\xff\xfe{}")


def test_a_pattern_is_left_to_the_model() -> None:
    found = cog_schema.read(document(inputs(x={"type": "string", "pattern": "(a+)+$"})))
    assert "pattern" not in found.properties["x"]
    assert found.notes == ["x: its pattern is not checked here; the model checks it."]


@pytest.mark.parametrize(
    ("name", "rules", "made", "kind"),
    [
        ("x", {"prompt": {"type": "string"}}, OUTPUT, "text-to-image"),
        ("x", {"prompt": {"type": "string"}}, {"type": "string"}, "text"),
        ("video-01", {"prompt": {"type": "string"}}, {"type": "string", "format": "uri"}, "video"),
        ("x", {"image": URI, "mask": URI}, OUTPUT, "inpainting"),
        ("rembg", {"image": URI}, OUTPUT, "background-removal"),
        ("upscale", {"image": URI}, OUTPUT, "image-to-image"),
    ],
)  # fmt: skip
def test_the_kind_is_guessed(name: str, rules: Any, made: Any, kind: str) -> None:
    assert cog_import.guessed_kind(name, cog_schema.read(document(inputs(**rules), made))) == kind


@pytest.mark.django_db
def test_the_same_schema_is_one_version_and_another_one_a_new_one() -> None:
    first = cog_import.import_version("acme", "ink", cog_schema.read(document()))
    assert first.new and len(first.version.pk) == 64
    with pytest.raises(cog_import.CannotImport, match="there already"):
        cog_import.import_version("acme", "ink", cog_schema.read(document()))
    again = cog_import.import_version(
        "acme", "ink", cog_schema.read(document(made={"type": "string", "format": "uri"}))
    )
    assert not again.new
    assert HostedModel.objects.count() == 1
    assert lookup.find_version("acme/ink") == again.version
    assert lookup.find_version(first.version.pk) == first.version


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("owner", "name", "more", "words"),
    [
        ("a/b", "c", {}, "no part of a name"),
        ("", "c", {}, "no part of a name"),
        ("a", "..", {}, "no part of a name"),
        ("a", "c", {"version": "xyz"}, "64 hex digits"),
        ("a", "c", {"kind": "sound"}, "no kind"),
    ],
)
def test_names_and_ids_are_checked_and_nothing_is_left_behind(
    owner: str, name: str, more: dict[str, str], words: str
) -> None:
    with pytest.raises(cog_import.CannotImport, match=words):
        cog_import.import_version(owner, name, cog_schema.read(document()), **more)
    assert not HostedModel.objects.exists()


@pytest.mark.django_db
def test_a_version_of_another_model_is_not_taken_over() -> None:
    other = factories.make_version()
    with pytest.raises(cog_import.CannotImport, match=other.model.ref):
        cog_import.import_version("acme", "ink", cog_schema.read(document()), version=other.pk)
    assert not HostedModel.objects.filter(name="ink").exists()
