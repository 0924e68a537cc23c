"""Body and `Cancel-After` header of a create request, validated in shape before anything else is done with them."""

from __future__ import annotations

import re
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
_DURATION = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?|(\d{1,7})", re.ASCII)


@dataclass(frozen=True)
class CreateBody:
    """The parsed body, and the seconds of `Cancel-After`. `version` is None at the models path; no webhook is empty."""

    version: str | None
    input: dict[str, Any]
    webhook: str
    webhook_events: tuple[str, ...]
    deadline_s: float | None


def parse_create(request: HttpRequest, *, with_version: bool) -> CreateBody:
    """Parse and validate the body of a create, then its `Cancel-After`. Raises MalformedBody or Problem 422."""
    body = parse_json(request)
    if not isinstance(body, dict):
        raise error_responses.faults([_type_fault("", "object", body)])
    faults_ = list(_body_faults(body, with_version))
    if faults_:
        raise error_responses.faults(faults_)
    version, inputs, deadline_s = body.get("version"), body["input"], cancel_after(request)
    if body.get("webhook") is None and body.get("webhook_completed") is not None:
        # The older spelling of a webhook for `completed` only.
        return CreateBody(version, inputs, body["webhook_completed"], ("completed",), deadline_s)
    events = body.get("webhook_events_filter")
    # A webhook without any event would be useless: an empty filter counts as none.
    chosen_events = EVENTS if not events else tuple(event for event in EVENTS if event in events)
    return CreateBody(version, inputs, body.get("webhook") or "", chosen_events, deadline_s)


def cancel_after(request: HttpRequest) -> float | None:
    """Seconds from `Cancel-After`, at least 5. Raises Problem 422."""
    text = request.headers.get("Cancel-After")
    if text is None:
        return None
    match = _DURATION.fullmatch(text.strip())
    seconds = 0.0
    if match:
        hours, minutes, rest, plain = (int(part or 0) for part in match.groups())
        seconds = float(hours * 3600 + minutes * 60 + rest + plain)
    if not 5 <= seconds <= 30 * 24 * 3600:
        raise error_responses.faults(
            [Fault("format", "Cancel-After", "Must be a duration of at least 5s, such as 90, 30s or 1h30m")]
        )
    return seconds


def _body_faults(body: dict[str, Any], with_version: bool) -> list[Fault]:
    faults_: list[Fault] = []
    known = _KNOWN if with_version else _KNOWN - {"version"}
    if with_version:
        faults_ += _required(body, "version", str, "string")
    faults_ += _required(body, "input", dict, "object")
    for name in islice((name for name in body if name not in known), MAX_FAULTS):
        text = f"Additional property {sayable(name)} is not allowed"
        faults_.append(Fault("additional_property_not_allowed", "", text))
    faults_ += _webhook_faults(body)
    stream = body.get("stream")
    if stream is not None and not isinstance(stream, bool):
        faults_.append(_type_fault("stream", "boolean", stream))
    return faults_


def _webhook_faults(body: dict[str, Any]) -> list[Fault]:
    faults_: list[Fault] = []
    for name in ("webhook", "webhook_completed"):
        value = body.get(name)
        if value is None:
            continue
        if not isinstance(value, str):
            faults_.append(_type_fault(name, "string", value))
        elif objection(value):
            faults_.append(
                Fault("format", name, "Does not match format 'uri': an http(s) address on the public network")
            )
    events = body.get("webhook_events_filter")
    if events is not None:
        if not isinstance(events, list):
            faults_.append(_type_fault("webhook_events_filter", "array", events))
        elif any(event not in EVENTS for event in events):
            choices = ", ".join(f'"{event}"' for event in EVENTS)
            text = f"webhook_events_filter must be one of the following: {choices}"
            faults_.append(Fault("enum", "webhook_events_filter", text))
    return faults_


def _required(body: dict[str, Any], name: str, kind: type, type_label: str) -> list[Fault]:
    if name not in body:
        return [Fault("required", "", f"{name} is required")]
    value = body[name]
    if not isinstance(value, kind):
        return [_type_fault(name, type_label, value)]
    if isinstance(value, str) and ("\x00" in value or not is_unicode(value)):
        return [Fault("format", name, "Does not match format 'text': it holds a NUL or half a character")]
    return []


def _type_fault(field: str, expected: str, given: Any) -> Fault:
    return Fault("invalid_type", field, f"Invalid type. Expected: {expected}, given: {type_name(given)}")
