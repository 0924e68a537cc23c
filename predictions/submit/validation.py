"""Validates an input against a version's JSON schema, with the messages and types that Replicate's clients know.

Pure, without queries. Faults are reported together, in the schema's order.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.validators import extend

from accounts.tokens.api_tokens import looks_like_token
from core.http.json_body import is_unicode
from predictions.models import Version
from predictions.pricing.price_rules import exact

MAX_DATA_URI = 14 * 1024 * 1024
"""Characters of a data URI: 10 MB decoded, as Base64."""
MAX_FAULTS = 50
"""The most faults that one response lists."""
MAX_KEYS = 1_000
"""The most keys of an input, unknown ones included."""
MAX_ITEMS = 10_000
"""The most items of a list for which the schema sets no limit."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong with an input. `field` is `input`, `input.NAME`, or empty for the body itself."""

    type: str
    field: str
    description: str
    found: str = ""
    """What a rule does not allow, for pages that translate it; empty where the text is the rule's own."""

    @property
    def line(self) -> str:
        """The fault's line in `detail`, with its line feed."""
        return f"- {self.field}: {self.description}\n" if self.field else f"- {self.description}\n"

    def as_json(self) -> dict[str, str]:
        """The fault as an entry of `invalid_fields`."""
        return {"type": self.type, "field": self.field, "description": self.description}


def check(version: Version, inputs: dict[str, Any]) -> list[Fault]:
    """The faults of `inputs` (nulls already dropped), at most `MAX_FAULTS`. Unknown keys are no fault.

    Lists and objects that are too long get that one fault; their contents are not checked.
    """
    if len(inputs) > MAX_KEYS:
        return [Fault("array_max_properties", "input", f"Must have at most {MAX_KEYS} properties")]
    faults = list(islice(_nul_faults(inputs, "input"), MAX_FAULTS))
    faulty = {fault.field for fault in faults}
    validator = _Validator(version.input_schema, format_checker=_FORMATS)
    errors = (error for error in validator.iter_errors(inputs) if error.validator != "additionalProperties")
    order = {name: rule.get("x-order", 0) for name, rule in version.properties.items()}
    found = list(islice((fault for error in errors for fault in _translate(error)), MAX_FAULTS))
    # A value of the wrong type gets that one fault; its limits and choices are not reported too.
    mistyped = {fault.field for fault in found if fault.type == "invalid_type"}
    faults += [
        fault
        for fault in found
        if fault.field not in faulty and (fault.type == "invalid_type" or fault.field not in mistyped)
    ]
    return sorted(faults, key=lambda fault: order.get(_named(fault), -1))[:MAX_FAULTS]


def _named(fault: Fault) -> str:
    if fault.type == "required":
        return fault.description.removesuffix(" is required")
    return fault.field.removeprefix("input.").split(".")[0]


def _nul_faults(value: Any, path: str) -> Iterator[Fault]:
    if isinstance(value, str):
        if "\x00" in value:
            yield Fault("format", path, "Does not match format 'text': it holds a NUL character")
        elif not is_unicode(value):
            yield Fault("format", path, "Does not match format 'text': it holds half of a surrogate pair")
    elif isinstance(value, dict):
        for key, inner in value.items():
            if "\x00" in key or not is_unicode(key):
                yield Fault(
                    "format", path, "Does not match format 'text': a key holds a NUL or half a character"
                )
            else:
                yield from _nul_faults(inner, f"{path}.{sayable(key)}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _nul_faults(inner, f"{path}.{index}")


def sayable(name: str) -> str:
    """A caller's field name as an error may repeat it: truncated, and redacted where it could be a token."""
    if "\x00" in name or not is_unicode(name) or looks_like_token(name):
        return "?"
    return name[:100]


def _translate(error: ValidationError) -> Iterator[Fault]:
    field = ".".join(["input", *(str(part) for part in error.absolute_path)])
    rule = str(error.validator)
    value: Any = error.validator_value
    if rule == "required":
        for name in value:
            if (
                isinstance(error.instance, dict)
                and name not in error.instance
                and f"'{name}'" in error.message
            ):
                yield Fault("required", field, f"{name} is required")
        return
    name = str(error.absolute_path[-1]) if error.absolute_path else "input"
    kind, text = _WORDS.get(rule, _other)(name, value, error.instance)
    yield Fault(kind, field, text)


def _number(value: Any) -> str:
    if isinstance(value, float) and value.is_integer() and math.isfinite(value):
        return str(int(value))
    return str(value)


def _type_of(value: Any) -> str:
    if value is None:
        return "null"
    names = ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"), (list, "array"))
    return next((name for kind, name in names if isinstance(value, kind)), "object")


def _expected(value: Any) -> str:
    return "/".join(value) if isinstance(value, list) else str(value)


def _other(name: str, value: Any, instance: Any) -> tuple[str, str]:
    return "invalid", f"{name} does not fit the model's schema"


_WORDS: dict[str, Any] = {
    "type": lambda n, v, i: ("invalid_type", f"Invalid type. Expected: {_expected(v)}, given: {_type_of(i)}"),
    "enum": lambda n, v, i: (
        "enum",
        f"{n} must be one of the following: {', '.join(json.dumps(x, ensure_ascii=False) for x in v)}",
    ),
    "minimum": lambda n, v, i: ("number_gte", f"Must be greater than or equal to {_number(v)}"),
    "maximum": lambda n, v, i: ("number_lte", f"Must be less than or equal to {_number(v)}"),
    "exclusiveMinimum": lambda n, v, i: ("number_gt", f"Must be greater than {_number(v)}"),
    "exclusiveMaximum": lambda n, v, i: ("number_lt", f"Must be less than {_number(v)}"),
    "multipleOf": lambda n, v, i: ("multiple_of", f"Must be a multiple of {_number(v)}"),
    "minLength": lambda n, v, i: ("string_gte", f"String length must be greater than or equal to {v}"),
    "maxLength": lambda n, v, i: ("string_lte", f"String length must be less than or equal to {v}"),
    "pattern": lambda n, v, i: ("pattern", f"Does not match pattern '{v}'"),
    "format": lambda n, v, i: ("format", f"Does not match format '{v}'"),
    "minItems": lambda n, v, i: ("array_min_items", f"Array must have at least {v} items"),
    "maxItems": lambda n, v, i: ("array_max_items", f"Array must have at most {v} items"),
    "uniqueItems": lambda n, v, i: ("unique", "array items must be unique"),
}

_FORMATS = FormatChecker(formats=())
_DATA_URI = re.compile(r"data:[\w.+/;=\"-]{0,200},", re.ASCII)


@_FORMATS.checks("uri")
def _is_uri(value: object) -> bool:
    if not isinstance(value, str):
        return True
    if value.startswith("data:"):
        return len(value) <= MAX_DATA_URI and _DATA_URI.match(value) is not None
    if len(value) > 8192 or any(ord(letter) <= 32 or ord(letter) == 127 for letter in value):
        return False
    try:
        parts = urlsplit(value)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_integer(checker: Any, value: Any) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (
        isinstance(value, float) and math.isfinite(value) and value.is_integer()
    )


def _is_number(checker: Any, value: Any) -> bool:
    # Integers are unbounded in Python: `isfinite` would overflow for large ones.
    if isinstance(value, bool | int):
        return not isinstance(value, bool)
    return isinstance(value, float) and math.isfinite(value)


def _multiple_of(validator: Any, step: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
    # Exact decimal arithmetic, as both are written: 0.3 is three tenths, whatever the number of digits.
    number, divisor = exact(value), exact(step)
    if number is not None and divisor and number % divisor:
        yield ValidationError(f"no multiple of {step}")


def _items(validator: Any, rule: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
    if not validator.is_type(value, "array"):
        return
    if len(value) <= schema.get("maxItems", MAX_ITEMS):
        yield from Draft202012Validator.VALIDATORS["items"](validator, rule, value, schema)
    elif "maxItems" not in schema:
        yield ValidationError("too many items", validator="maxItems", validator_value=MAX_ITEMS)


def _unique_items(validator: Any, rule: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
    # The library's own check is quadratic for items of mixed types.
    if not (rule and validator.is_type(value, "array")) or len(value) > schema.get("maxItems", MAX_ITEMS):
        return
    if len({_hashable(one) for one in value}) < len(value):
        yield ValidationError("not unique")


def _hashable(value: Any) -> Any:
    """A hashable form with JSON's equality: 1 equals 1.0, but 1 does not equal true."""
    if isinstance(value, list):
        return tuple(_hashable(one) for one in value)
    if isinstance(value, dict):
        return frozenset((name, _hashable(one)) for name, one in value.items())
    return (bool, value) if isinstance(value, bool) else value


_Validator = extend(
    Draft202012Validator,
    {"multipleOf": _multiple_of, "items": _items, "uniqueItems": _unique_items},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"integer": _is_integer, "number": _is_number}
    ),
)
