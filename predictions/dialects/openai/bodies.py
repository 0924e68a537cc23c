"""The body of an images request, checked by hand: every fault names its field."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest

from predictions.dialects.common.bodies import parse_json, type_name
from predictions.dialects.common.image_errors import ImageError, invalid
from predictions.dialects.common.images import Form
from predictions.dialects.openai import sizes
from predictions.validation import is_unicode

MAX_PROMPT = 32_000
MAX_COUNT = 10
MAX_TEXT = 256
FORMS: tuple[Form, ...] = ("url", "b64_json")
HINTS = ("quality", "style", "background", "moderation", "user", "safety_identifier", "complexity")
"""Taken from everybody, used where a model has an input of that name."""
UNSUPPORTED = ("frame_count", "frame_duration_ms", "svg")
"""Known to OpenAI's clients; what they ask for cannot be made here, and leaving it out would be a lie."""
_KNOWN = {
    "prompt", "model", "n", "size", "response_format", "output_format", "output_compression", "stream",
    "partial_images", *HINTS, *UNSUPPORTED,
}  # fmt: skip


@dataclass(frozen=True)
class ImagesBody:
    """What was asked for, in OpenAI's words; None and empty where the caller left it open."""

    prompt: str
    model: str = ""
    count: int = 1
    size: sizes.Size | None = None
    form: Form | None = None
    file_format: str | None = None
    compression: int | None = None
    hints: dict[str, str] = field(default_factory=dict)


def parse(request: HttpRequest) -> ImagesBody:
    """The body of POST /images/generations. Raises MalformedBody or ImageError 400."""
    body = parse_json(request)
    if not isinstance(body, dict):
        raise invalid(f"The body must be an object, not {type_name(body)}.")
    for name in body:
        if name not in _KNOWN:
            shown = name[:100] if is_unicode(name) and "\x00" not in name else "?"
            raise invalid(f"Unknown parameter: '{shown}'.", shown)
    given = {name: value for name, value in body.items() if value is not None}
    _refuse_unsupported(given)
    return ImagesBody(
        prompt=_prompt(given),
        model=_text(given, "model") or "",
        count=_integer(given, "n", 1, MAX_COUNT) or 1,
        size=_size(given),
        form=_form(given),
        file_format=_choice(given, "output_format", ("png", "jpeg", "webp")),
        compression=_integer(given, "output_compression", 0, 100),
        hints={name: text for name in HINTS if (text := _text(given, name)) is not None},
    )


def _refuse_unsupported(given: dict[str, Any]) -> None:
    stream = given.get("stream", False)
    if not isinstance(stream, bool):
        raise _mistyped("stream", "boolean", stream)
    if stream:
        raise _unsupported(
            "stream", "Streaming is not supported yet; leave stream out and wait for the answer."
        )
    if _integer(given, "partial_images", 0, 3):
        raise _unsupported("partial_images", "Partial images are not supported: they come with stream only.")
    for name in UNSUPPORTED:
        if name in given:
            raise _unsupported(name, f"{name} is not supported by any model of this server.")


def _prompt(given: dict[str, Any]) -> str:
    if "prompt" not in given:
        raise invalid("Missing required parameter: 'prompt'.", "prompt")
    prompt = _text(given, "prompt", MAX_PROMPT)
    if not prompt or not prompt.strip():
        raise invalid("prompt must not be empty.", "prompt")
    return prompt


def _size(given: dict[str, Any]) -> sizes.Size | None:
    try:
        return sizes.parse(_text(given, "size") or "auto")
    except sizes.NoSuchSize as fault:
        raise invalid(str(fault), "size") from None


def _form(given: dict[str, Any]) -> Form | None:
    chosen = _choice(given, "response_format", FORMS)
    return next((form for form in FORMS if form == chosen), None)


def _choice(given: dict[str, Any], name: str, choices: tuple[str, ...]) -> str | None:
    value = _text(given, name)
    if value is not None and value not in choices:
        raise invalid(f"{name} must be one of {', '.join(choices)}.", name)
    return value


def _text(given: dict[str, Any], name: str, longest: int = MAX_TEXT) -> str | None:
    value = given.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise _mistyped(name, "string", value)
    if "\x00" in value or not is_unicode(value):
        raise invalid(f"{name} holds a NUL or half a character.", name)
    if len(value) > longest:
        raise invalid(f"{name} must be at most {longest} characters long.", name)
    return value


def _integer(given: dict[str, Any], name: str, least: int, most: int) -> int | None:
    value = given.get(name)
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _mistyped(name, "integer", value)
    if not least <= value <= most:
        raise invalid(f"{name} must be from {least} to {most}.", name)
    return value


def _mistyped(name: str, expected: str, value: Any) -> ImageError:
    return invalid(f"Invalid type for '{name}': expected {expected}, got {type_name(value)}.", name)


def _unsupported(name: str, message: str) -> ImageError:
    return invalid(message, name, "unsupported_parameter")
