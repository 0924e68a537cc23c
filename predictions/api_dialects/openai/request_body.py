"""Body of an images request, validated by hand so that every fault names its field."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest

from core.http.json_body import is_unicode
from predictions.api_dialects.common.image_errors import ImageError, invalid
from predictions.api_dialects.common.image_results import ImageForm
from predictions.api_dialects.common.payloads import parse_json, type_name
from predictions.api_dialects.openai import image_sizes
from predictions.submit.validation import sayable

MAX_PROMPT = 32_000
MAX_COUNT = 10
MAX_TEXT = 256
MAX_PARTIALS = 3
RESPONSE_FORMATS: tuple[ImageForm, ...] = ("url", "b64_json")
HINTS = ("quality", "style", "background", "moderation", "user", "safety_identifier", "complexity")
"""Accepted always, used where a model has an input of that name."""
UNSUPPORTED = ("frame_count", "frame_duration_ms", "svg")
"""Known to OpenAI's clients but impossible here; ignoring them silently would mislead."""
SHARED = {
    "model", "n", "size", "response_format", "output_format", "output_compression", "stream",
    "partial_images", *HINTS, *UNSUPPORTED,
}  # fmt: skip
_KNOWN = SHARED | {"prompt"}


@dataclass(frozen=True)
class ImagesBody:
    """The parsed request in OpenAI's terms; None or empty where left out."""

    prompt: str
    model: str = ""
    count: int = 1
    size: image_sizes.Size | None = None
    form: ImageForm | None = None
    file_format: str | None = None
    compression: int | None = None
    hints: dict[str, str] = field(default_factory=dict)
    stream: bool = False
    partials: int = 0
    """Previews of each unfinished picture, in a streamed response."""


def parse(request: HttpRequest) -> ImagesBody:
    """Parse the body of POST /images/generations. Raises MalformedBody or ImageError 400."""
    body = parse_json(request)
    if not isinstance(body, dict):
        raise invalid(f"The body must be an object, not {type_name(body)}.")
    fields = known_fields(body, _KNOWN)
    return ImagesBody(prompt=required_prompt(fields), **shared_fields(fields))


def known_fields(body: dict[str, Any], names: Set[str]) -> dict[str, Any]:
    """The non-null fields of a body. Raises ImageError 400 for a name that is not among `names`."""
    for name in body:
        if name not in names:
            display_name = sayable(name)
            raise invalid(f"Unknown parameter: '{display_name}'.", display_name)
    return {name: value for name, value in body.items() if value is not None}


def shared_fields(body: dict[str, Any]) -> dict[str, Any]:
    """The fields of `ImagesBody` that all images requests have, by their names there. Raises ImageError 400."""
    for name in UNSUPPORTED:
        if name in body:
            raise _unsupported(name, f"{name} is not supported by any model of this server.")
    stream, form = _boolean(body, "stream"), _form(body)
    partials = _integer(body, "partial_images", 0, MAX_PARTIALS) or 0
    if partials and not stream:
        raise invalid("partial_images come with stream only; send stream: true as well.", "partial_images")
    if stream and form == "url":
        raise invalid(
            "A stream carries its pictures as b64_json; leave response_format out.", "response_format"
        )
    return {
        "model": text_field(body, "model") or "",
        "count": _integer(body, "n", 1, MAX_COUNT) or 1,
        "size": _size(body),
        "form": form,
        "file_format": _choice(body, "output_format", ("png", "jpeg", "webp")),
        "compression": _integer(body, "output_compression", 0, 100),
        "hints": {name: hint for name in HINTS if (hint := text_field(body, name)) is not None},
        "stream": stream,
        "partials": partials,
    }


def required_prompt(body: dict[str, Any]) -> str:
    """The prompt, which is required. Raises ImageError 400."""
    if "prompt" not in body:
        raise invalid("Missing required parameter: 'prompt'.", "prompt")
    prompt = text_field(body, "prompt", MAX_PROMPT)
    if not prompt or not prompt.strip():
        raise invalid("prompt must not be empty.", "prompt")
    return prompt


def _size(body: dict[str, Any]) -> image_sizes.Size | None:
    try:
        size = text_field(body, "size")
        return image_sizes.parse("auto" if size is None else size)
    except image_sizes.NoSuchSize as fault:
        raise invalid(str(fault), "size") from None


def _form(body: dict[str, Any]) -> ImageForm | None:
    chosen = _choice(body, "response_format", RESPONSE_FORMATS)
    return next((form for form in RESPONSE_FORMATS if form == chosen), None)


def _choice(body: dict[str, Any], name: str, choices: tuple[str, ...]) -> str | None:
    value = text_field(body, name)
    if value is not None and value not in choices:
        raise invalid(f"{name} must be one of {', '.join(choices)}.", name)
    return value


def text_field(body: dict[str, Any], name: str, longest: int = MAX_TEXT) -> str | None:
    """A text field; None where it was left out. Raises ImageError 400."""
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise wrong_type(name, "string", type_name(value))
    if "\x00" in value or not is_unicode(value):
        raise invalid(f"{name} holds a NUL or half a character.", name)
    if len(value) > longest:
        raise invalid(f"{name} must be at most {longest} characters long.", name)
    return value


def _boolean(body: dict[str, Any], name: str) -> bool:
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise wrong_type(name, "boolean", type_name(value))
    return value


def _integer(body: dict[str, Any], name: str, least: int, most: int) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type(name, "integer", type_name(value))
    if not least <= value <= most:
        raise invalid(f"{name} must be from {least} to {most}.", name)
    return value


def wrong_type(name: str, expected: str, actual: str) -> ImageError:
    """400: a field of the wrong type."""
    return invalid(f"Invalid type for '{name}': expected {expected}, got {actual}.", name)


def _unsupported(name: str, message: str) -> ImageError:
    return invalid(message, name, "unsupported_parameter")
