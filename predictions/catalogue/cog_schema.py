"""Parser of a Cog model's OpenAPI document: input and output as plain JSON Schemas without references.

The document is untrusted: its size is checked first, then its depth, then its references, which are followed only
within it, to a bounded depth and never in a cycle. The result is bounded, is a valid JSON Schema, and has no regular
expression that could run for ever.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

LARGEST = 1024 * 1024
"""Bytes of a document."""
DEEPEST = 40
MOST_INPUTS = 100
MOST_VALUES = 500
"""Choices of one input."""
LONGEST_TEXT = 5000
LONGEST_VALUE = 1000
_CHAIN = 10
"""References that lead from one to the next."""
_NODES = 5000
"""Parts of one schema after its references were followed."""
_PARTS = 200
"""Words of one part: Cog writes about ten."""
_REF = re.compile(r"#/components/schemas/([^/~%]{1,200})")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")
_TYPES = frozenset({"string", "integer", "number", "boolean", "array", "object"})
_NUMBERS = frozenset({
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "minItems",
    "maxItems", "x-order",
})  # fmt: skip
_TEXTS = frozenset({"title", "description", "format", "x-cog-array-type", "x-cog-array-display"})
_FLAGS = frozenset({"nullable", "deprecated", "writeOnly", "x-cog-secret"})


class NotCog(ValueError):
    """The document cannot be used; the message says why, and where."""


@dataclass(frozen=True)
class CogSchema:
    """The validated schemas of a document. `notes`: what was left out of it."""

    input_schema: dict[str, Any]
    output_schema: dict[str, Any]
    cog_version: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def properties(self) -> dict[str, dict[str, Any]]:
        """The inputs by name."""
        found: dict[str, dict[str, Any]] = self.input_schema["properties"]
        return found


def read(document: bytes | str) -> CogSchema:
    """What such a document says. Raises NotCog."""
    raw = document.encode("utf-8", "replace") if isinstance(document, str) else document
    if len(raw) > LARGEST:
        raise NotCog(f"The document has {len(raw):,} bytes: at most {LARGEST:,} are read.")
    decoded = _decoded(raw)
    if not isinstance(decoded, dict):
        raise NotCog("The document is no JSON object.")
    _look_how_deep(decoded)
    _look_at_values(decoded)
    components = decoded.get("components")
    schemas = components.get("schemas") if isinstance(components, dict) else None
    if not isinstance(schemas, dict):
        raise NotCog("It holds no components.schemas, so it is no OpenAPI document of a Cog model.")
    for name in ("Input", "Output"):
        if not isinstance(schemas.get(name), dict):
            raise NotCog(
                f"components.schemas.{name} is missing, so it is no OpenAPI document of a Cog model."
            )
    reader = _Reader(schemas)
    given, made = reader.inputs(), reader.schema(schemas["Output"], "Output")
    if "type" not in made and "anyOf" not in made:
        made = {"type": "object", "title": "Output", **made}
    for schema in (given, made):
        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            raise NotCog(f"It is no JSON Schema: {error.message[:200]}.") from None
    return CogSchema(given, made, _cog_version(decoded), reader.notes)


def _decoded(raw: bytes) -> Any:
    def number(text: str) -> Any:
        raise NotCog(f"{text} is no number of JSON.")

    def whole(text: str) -> int:
        if len(text) > 30:
            raise NotCog("A number has more than 30 digits.")
        return int(text)

    try:
        return json.loads(raw.decode("utf-8"), parse_constant=number, parse_int=whole)
    except UnicodeDecodeError:
        raise NotCog("The document is no text in UTF-8.") from None
    except RecursionError:
        raise NotCog(f"The document is nested more than {DEEPEST} deep.") from None
    except NotCog:
        raise
    except ValueError as error:
        raise NotCog(f"The document is no JSON: {error}.") from None


def _look_how_deep(document: Any) -> None:
    layer = [document]
    for _depth in range(DEEPEST):
        layer = [
            inner
            for one in layer
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, dict | list)
        ]
        if not layer:
            return
    raise NotCog(f"The document is nested more than {DEEPEST} deep.")


def _look_at_values(document: Any) -> None:
    """Half a surrogate pair, or a number such as 1e999, can be read but not kept."""
    try:
        json.dumps(document, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except UnicodeEncodeError:
        raise NotCog("The document holds half a character.") from None
    except ValueError:
        raise NotCog("The document holds a number that is too large.") from None


def _cog_version(document: Mapping[str, Any]) -> str:
    info = document.get("info")
    found = info.get("x-cog-version") if isinstance(info, dict) else None
    return found[:20].replace("\x00", "") if isinstance(found, str) else ""


class _Reader:
    """Schemas without references, part by part."""

    def __init__(self, schemas: Mapping[str, Any]) -> None:
        self._schemas = schemas
        self._nodes = self._size = 0
        self.notes: list[str] = []

    def inputs(self) -> dict[str, Any]:
        """The input schema: an object of named inputs."""
        given = self._followed(self._schemas["Input"], "Input")
        properties = given.get("properties", {})
        if given.get("type", "object") != "object" or not isinstance(properties, dict):
            raise NotCog("components.schemas.Input is no object with properties.")
        if len(properties) > MOST_INPUTS:
            raise NotCog(f"It takes {len(properties)} inputs: at most {MOST_INPUTS} are shown.")
        found: dict[str, Any] = {}
        for name, rule in properties.items():
            if not _NAME.fullmatch(name):
                raise NotCog(f"“{_shown(name)}” is no name of an input.")
            if not isinstance(rule, dict):
                raise NotCog(f"{name} is described by no object.")
            found[name] = self.schema(rule, name)
        required = given.get("required", [])
        if not isinstance(required, list) or any(
            not isinstance(one, str) or one not in found for one in required
        ):
            raise NotCog("“required” names something that is no input.")
        schema: dict[str, Any] = {"type": "object", "title": "Input", "properties": found}
        if required:
            schema["required"] = list(dict.fromkeys(required))
        return schema

    def schema(self, raw: Any, where: str, depth: int = 0) -> dict[str, Any]:
        """One schema, with what it refers to in its place."""
        self._nodes += 1
        if self._nodes > _NODES or depth > DEEPEST:
            raise NotCog(f"{where} is larger than any model's.")
        rule = self._optional(self._followed(raw, where), where)
        found: dict[str, Any] = {}
        for key, value in rule.items():
            self._weigh(key, value, where)
            if key in _TEXTS or key in _NUMBERS or key in _FLAGS:
                found[key] = _plain(key, value, where)
            elif key == "type":
                found[key] = _type(value, where)
            elif key == "enum":
                found[key] = _enum(value, where)
            elif key == "default":
                _default(value, where)
                found[key] = value
            elif key == "items":
                found[key] = self.schema(value, f"{where}.items", depth + 1)
            elif key == "properties" and isinstance(value, dict):
                if len(value) > MOST_INPUTS:
                    raise NotCog(f"{where} has more than {MOST_INPUTS} properties.")
                found[key] = {
                    _shown(name): self.schema(inner, f"{where}.{_shown(name)}", depth + 1)
                    for name, inner in value.items()
                }
            elif key in ("anyOf", "oneOf") and isinstance(value, list):
                if len(value) > 20:
                    raise NotCog(f"{where} may be one of more than 20 things.")
                found["anyOf"] = [self.schema(inner, where, depth + 1) for inner in value]
            elif key == "pattern":
                self.notes.append(f"{where}: its pattern is not checked here; the model checks it.")
        return found

    def _weigh(self, key: str, value: Any, where: str) -> None:
        """What many parts refer to counts for each of them, as it is written for each."""
        if key in ("default", "enum"):
            self._size += len(json.dumps(value))
        elif key in _TEXTS and isinstance(value, str):
            self._size += len(value)
        if self._size > LARGEST:
            raise NotCog(f"{where}: with its references followed it is larger than {LARGEST:,} characters.")

    def _followed(self, raw: Any, where: str) -> dict[str, Any]:
        """The rule with what `$ref` and a single `allOf` lead to; its own words win."""
        seen: set[str] = set()
        if not isinstance(raw, dict):
            raise NotCog(f"{where} is described by no object.")
        rule = dict(raw)
        for _step in range(_CHAIN + 1):
            parts = rule.pop("allOf", [])
            if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
                raise NotCog(f"{where}: “allOf” is no list of objects.")
            if len(parts) > 5:
                raise NotCog(f"{where} is made of more than five others.")
            merged: dict[str, Any] = {}
            for part in parts:
                merged |= part
            rule = {**merged, **rule}
            if len(rule) > _PARTS:
                raise NotCog(f"{where} has more than {_PARTS} parts.")
            ref = rule.pop("$ref", None)
            if ref is None and "allOf" not in rule:
                return rule
            if ref is not None:
                name = self._named(ref, where)
                if name in seen:
                    raise NotCog(f"{where}: its references lead in a circle.")
                seen.add(name)
                rule = {**self._schemas[name], **rule}
        raise NotCog(f"{where}: more than {_CHAIN} references lead from one to the next.")

    def _named(self, ref: Any, where: str) -> str:
        match = _REF.fullmatch(ref) if isinstance(ref, str) else None
        if match is None:
            raise NotCog(f"{where}: “{_shown(ref)}” leads out of the document.")
        if not isinstance(self._schemas.get(match[1]), dict):
            raise NotCog(f"{where}: there is no {_shown(match[1])} in components.schemas.")
        return match[1]

    def _optional(self, rule: dict[str, Any], where: str) -> dict[str, Any]:
        """Newer Cog writes an optional input as one of its type and null: it is its type."""
        either = rule.get("anyOf")
        if not isinstance(either, list):
            return rule
        if len(either) > 20:
            raise NotCog(f"{where} may be one of more than 20 things.")
        real = [one for one in either if not (isinstance(one, dict) and one.get("type") == "null")]
        if len(real) == 1 and len(either) == 2:
            kept = {key: value for key, value in rule.items() if key != "anyOf"}
            return {**self._followed(real[0], where), **kept}
        return rule


def _plain(key: str, value: Any, where: str) -> Any:
    if key in _TEXTS:
        if not isinstance(value, str) or len(value) > LONGEST_TEXT or "\x00" in value:
            raise NotCog(f"{where}: “{key}” is a text of at most {LONGEST_TEXT:,} characters.")
    elif key in _FLAGS:
        if not isinstance(value, bool):
            raise NotCog(f"{where}: “{key}” is true or false.")
    elif isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise NotCog(f"{where}: “{key}” is a number.")
    return value


def _type(value: Any, where: str) -> str:
    if not isinstance(value, str) or value not in _TYPES:
        raise NotCog(f"{where}: there is no type “{_shown(value)}”.")
    return value


def _enum(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list) or not value or len(value) > MOST_VALUES:
        raise NotCog(f"{where}: its choices are a list of 1 to {MOST_VALUES} values.")
    for one in value:
        _scalar(one, where)
    return value


def _scalar(value: Any, where: str) -> None:
    if isinstance(value, dict | list) or (
        isinstance(value, str) and (len(value) > LONGEST_VALUE or "\x00" in value)
    ):
        raise NotCog(f"{where}: a choice is a number or a text of at most {LONGEST_VALUE:,} characters.")


def _default(value: Any, where: str) -> None:
    text = json.dumps(value)
    if len(text) > 20_000 or "\\u0000" in text:
        raise NotCog(f"{where}: its default is too long.")


def _shown(value: Any) -> str:
    return str(value)[:60].replace("\x00", "")
