"""Conversion between the studio's form fields and a model's input; and error messages per field."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from predictions import policy
from predictions.catalogue import input_labels
from predictions.catalogue.input_labels import TURNED
from predictions.models import Version
from predictions.submit import validation
from predictions.submit.validation import Fault
from studio.form import model_hints
from studio.form.controls import PROMPTS, to_text
from studio.form.input_fields import is_mask, picture_fields

# A switch that is off sends nothing: this field says that the form contained the switches.
SWITCHES = "switches"


def ordered_inputs(version: Version) -> dict[str, dict[str, Any]]:
    """The inputs in the schema's own order; PostgreSQL returns JSON keys in an order of its own."""
    return {name: version.properties[name] for name in input_labels.in_order(version, version.properties)}


def read(version: Version, form: Mapping[str, str]) -> dict[str, Any]:
    """The input in a form. Empty fields are left out; an invalid number stays text, for validation to reject."""
    inputs: dict[str, Any] = {}
    for name, rule in ordered_inputs(version).items():
        if rule.get("type") == "boolean":
            if SWITCHES in form:
                inputs[name] = (name in form) != _is_inverted(name)
            continue
        typed = field_text(form, name)
        if rule.get("type") == "string":
            typed = typed.replace("\r\n", "\n")
            if rule.get("format") == "uri":
                typed = typed.strip()
            if typed.strip() or (name in version.input_schema.get("required", []) and name not in form):
                inputs[name] = typed
        elif typed.strip():
            inputs[name] = _number(typed.strip(), rule)
    return {name: value for name, value in inputs.items() if value != ""}


def to_form(version: Version, inputs: Mapping[str, Any]) -> dict[str, str]:
    """The input of a prediction as form fields, for the controls."""
    return {name: to_text(value) for name, value in inputs.items() if not _is_data(value)}


def form_values(version: Version, form: Mapping[str, str]) -> dict[str, str]:
    """A form's own fields for the controls, with its switches as `true` and `false`."""
    inputs = read(version, form)
    values = {}
    for name, rule in ordered_inputs(version).items():
        if rule.get("type") == "boolean":
            if name in inputs:
                values[name] = to_text(inputs[name])
        elif name in form:
            values[name] = field_text(form, name)
    return values


def field_text(form: Mapping[str, str], name: str) -> str:
    """A field's text. Object names may come as several ticked boxes, or as one text."""
    if name != model_hints.OBJECTS:
        return form.get(name, "")
    texts = form.getlist(name) if isinstance(form, QueryDict) else [form.get(name, "")]
    names = [part.strip() for text in texts for part in str(text)[: policy.MAX_TEXT].split(",")]
    return ",".join(dict.fromkeys(part for part in names if part))


def carry_over(old: Version, new: Version, form: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """The values of a form that carry over to another model, and labels of changed ones that don't fit it.

    Defaults are not carried over: each model has its own.
    """
    values: dict[str, str] = {}
    left = []
    for name, value in form_values(old, form).items():
        if not value.strip() or value == to_text(old.properties[name].get("default")):
            continue
        target_name = _same_picture(old, new, name)
        if target_name in new.properties and _is_valid_for(
            new, target_name, form if target_name == name else {target_name: value}
        ):
            values[target_name] = value
        else:
            left.append(input_labels.label(name))
    return values, left


def _same_picture(old: Version, new: Version, name: str) -> str:
    """The name of an input in another model: the picture to work from has several names."""
    if name in new.properties or name not in picture_fields(old) or is_mask(name):
        return name
    return next((candidate for candidate in picture_fields(new) if not is_mask(candidate)), name)


def _is_valid_for(version: Version, name: str, form: Mapping[str, str]) -> bool:
    inputs = read(version, form)
    return name in inputs and not any(
        fault.field == f"input.{name}" for fault in validation.check(version, {name: inputs[name]})
    )


def _is_inverted(name: str) -> bool:
    """Whether the page shows the opposite of the field, since it is named as a negation."""
    return name.startswith(TURNED)


def _number(text_value: str, rule: dict[str, Any]) -> Any:
    try:
        value = float(text_value) if rule.get("type") == "number" or "." in text_value else int(text_value)
    except ValueError:
        return text_value
    if isinstance(value, float) and not math.isfinite(value):
        return text_value
    return int(value) if isinstance(value, float) and value.is_integer() else value


def error_messages(version: Version, inputs: Mapping[str, Any], faults: list[Fault]) -> dict[str, str]:
    """One message per field at fault: what it takes, and what it was given."""
    found: dict[str, str] = {}
    for fault in faults:
        if fault.type == "required":
            name = fault.description.split(" ")[0]
        else:
            name = fault.field.removeprefix("input.").split(".")[0]
        found.setdefault(name, _sentence(name, version.properties.get(name, {}), inputs.get(name), fault))
    return found


def _sentence(name: str, rule: dict[str, Any], value: Any, fault: Fault) -> str:
    label = input_labels.label(name)
    if fault.found:
        return _("This server does not allow “%(found)s”. Nothing was charged.") % {"found": fault.found}
    if fault.type == "required":
        return (
            _("Write what the picture should show.")
            if name in PROMPTS
            else _("%(field)s is needed.") % {"field": label}
        )
    low, high = rule.get("minimum"), rule.get("maximum")
    if low is not None and high is not None and fault.type.startswith(("number_", "invalid_type")):
        return _("%(field)s: from %(low)s to %(high)s. You gave %(value)s.") % {
            "field": label, "low": to_text(low), "high": to_text(high), "value": to_text(value)[:40],
        }  # fmt: skip
    if fault.type == "invalid_type":
        return _("%(field)s takes a number. You gave %(value)s.") % {
            "field": label,
            "value": to_text(value)[:40],
        }
    if fault.type == "too_many":
        return _("That's more pictures than can wait at once. Ask for fewer. Nothing was charged.")
    if fault.type == "enum":
        return _("%(field)s: choose one of the values listed.") % {"field": label}
    return fault.description


def _is_data(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("data:")
