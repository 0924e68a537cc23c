"""The body of a create, its own shape checked before anything is done with it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.http import HttpRequest

from core.http.json_body import is_unicode
from predictions.api_dialects.common.payloads import parse_json, type_name
from predictions.api_dialects.replicate import error_responses
from predictions.inputs.user_urls import objection
from predictions.submit.validation import MAX_FAULTS, Fault, sayable

EVENTS = ("start", "output", "logs", "completed")
_KNOWN = {"version", "input", "webhook", "webhook_events_filter", "webhook_completed", "stream"}


@dataclass(frozen=True)
class CreateBody:
    """The body of a create. `version` is None at the models path; `webhook` is empty where none is wanted."""

    version: str | None
    input: dict[str, Any]
    webhook: str
    webhook_events: tuple[str, ...]


def parse_create(request: HttpRequest, *, with_version: bool) -> CreateBody:
    """The body of a create, its own shape checked. Raises MalformedBody or Problem 422."""
    body = parse_json(request)
    if not isinstance(body, dict):
        raise error_responses.faults([_type_fault("", "object", body)])
    found = list(_body_faults(body, with_version))
    if found:
        raise error_responses.faults(found)
    if body.get("webhook") is None and body.get("webhook_completed") is not None:
        # The older spelling of the same wish: only the end.
        return CreateBody(body.get("version"), body["input"], body["webhook_completed"], ("completed",))
    events = body.get("webhook_events_filter")
    # A hook without any event would tell nobody anything: an empty filter is none.
    chosen = EVENTS if not events else tuple(event for event in EVENTS if event in events)
    return CreateBody(body.get("version"), body["input"], body.get("webhook") or "", chosen)


def _body_faults(body: dict[str, Any], with_version: bool) -> list[Fault]:
    found: list[Fault] = []
    known = _KNOWN if with_version else _KNOWN - {"version"}
    if with_version:
        found += _required(body, "version", str, "string")
    found += _required(body, "input", dict, "object")
    for name in islice((name for name in body if name not in known), MAX_FAULTS):
        text = f"Additional property {sayable(name)} is not allowed"
        found.append(Fault("additional_property_not_allowed", "", text))
    found += _webhook_faults(body)
    stream = body.get("stream")
    if stream is not None and not isinstance(stream, bool):
        found.append(_type_fault("stream", "boolean", stream))
    return found


def _webhook_faults(body: dict[str, Any]) -> list[Fault]:
    found: list[Fault] = []
    for name in ("webhook", "webhook_completed"):
        value = body.get(name)
        if value is None:
            continue
        if not isinstance(value, str):
            found.append(_type_fault(name, "string", value))
        elif objection(value):
            found.append(
                Fault("format", name, "Does not match format 'uri': an http(s) address on the public network")
            )
    events = body.get("webhook_events_filter")
    if events is not None:
        if not isinstance(events, list):
            found.append(_type_fault("webhook_events_filter", "array", events))
        elif any(event not in EVENTS for event in events):
            choices = ", ".join(f'"{event}"' for event in EVENTS)
            text = f"webhook_events_filter must be one of the following: {choices}"
            found.append(Fault("enum", "webhook_events_filter", text))
    return found


def _required(body: dict[str, Any], name: str, kind: type, shown: str) -> list[Fault]:
    if name not in body:
        return [Fault("required", "", f"{name} is required")]
    value = body[name]
    if not isinstance(value, kind):
        return [_type_fault(name, shown, value)]
    if isinstance(value, str) and ("\x00" in value or not is_unicode(value)):
        return [Fault("format", name, "Does not match format 'text': it holds a NUL or half a character")]
    return []


def _type_fault(field: str, expected: str, given: Any) -> Fault:
    return Fault("invalid_type", field, f"Invalid type. Expected: {expected}, given: {type_name(given)}")
