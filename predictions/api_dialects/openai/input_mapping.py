"""Mapping an OpenAI images request to model inputs: one input for each job that it needs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from predictions.api_dialects.common.image_errors import invalid
from predictions.api_dialects.common.image_results import require_file_output
from predictions.api_dialects.openai import image_sizes
from predictions.api_dialects.openai.model_choice import ModelChoice
from predictions.api_dialects.openai.request_body import MAX_COUNT, ImagesBody
from predictions.models import HostedModel, Version
from predictions.pricing import calculator
from predictions.submit import work_request

FORMAT_KEY, QUALITY_KEY = "output_format", "output_quality"


def inputs(
    body: ImagesBody, chosen: ModelChoice, pictures: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Inputs of the jobs, which together make the number of pictures asked for. Raises ImageError 400.

    `pictures`: URLs by input, for edits and variations; a model without a prompt is accepted then.
    """
    version = chosen.version
    _refuse_unfit(version, pictures is not None)
    shared = {
        **({"prompt": body.prompt} if "prompt" in version.properties else {}),
        **(pictures or {}),
        **_size(body, version),
        **_file(body, chosen),
        **{name: text for name, text in body.hints.items() if _takes(version, name, text)},
    }
    return [{**shared, **share} for share in _shares(body.count, version)]


def retry_identities(first: work_request.RetryIdentity) -> list[work_request.RetryIdentity]:
    """Retry identity of each job that a request can have.

    By keys derived from the caller's key, or else by the request as a whole.
    """
    key = first.idempotency
    if key is None:
        return [first] * MAX_COUNT
    names = [hashlib.sha256(f"{key.key}\n{number}".encode()).hexdigest() for number in range(1, MAX_COUNT)]
    return [
        first,
        *(work_request.RetryIdentity(work_request.Idempotency(name, key.body_hash)) for name in names),
    ]


def _refuse_unfit(version: Version, has_pictures: bool) -> None:
    require_file_output(version)
    if version.model.kind == HostedModel.Kind.VIDEO:
        raise invalid(f"{version.model.ref} makes videos, not pictures.", "model")
    if "prompt" not in version.properties and not has_pictures:
        raise invalid(f"{version.model.ref} takes no prompt.", "model")


def _size(body: ImagesBody, version: Version) -> dict[str, Any]:
    if body.size is None:
        return {}
    try:
        return image_sizes.inputs_for(body.size, version.properties)
    except image_sizes.NoSuchSize as fault:
        raise invalid(str(fault), "size") from None


def _takes(version: Version, name: str, text: str) -> bool:
    """Whether the model has such an input and accepts the value: these are hints, not worth an error."""
    rule = version.properties.get(name, {})
    return rule.get("type") == "string" and text in rule.get("enum", [text])


def _file(body: ImagesBody, chosen: ModelChoice) -> dict[str, Any]:
    """The model's output format and quality. Refuses what it cannot produce, except what it produces by default."""
    inputs_: dict[str, Any] = {}
    properties = chosen.version.properties
    formats = properties.get(FORMAT_KEY, {}).get("enum", [])
    file_format = body.file_format or chosen.file_format
    accepted = next((name for name in _spellings(file_format) if name in formats), None)
    if accepted:
        inputs_[FORMAT_KEY] = accepted
    elif body.file_format and (formats or body.file_format != "png"):
        raise invalid(f"{chosen.version.model.ref} makes no {body.file_format} files.", "output_format")
    if body.compression is not None:
        if QUALITY_KEY in properties:
            inputs_[QUALITY_KEY] = body.compression
        elif body.compression != 100:
            raise invalid(f"{chosen.version.model.ref} does not compress its files.", "output_compression")
    return inputs_


def _spellings(name: str | None) -> tuple[str, ...]:
    return ("jpeg", "jpg") if name == "jpeg" else (name,) if name else ()


def _shares(count: int, version: Version) -> list[dict[str, Any]]:
    """Number of pictures for each job: as many as the model makes at once, or one where it has no such input."""
    name = calculator.count_key(version)
    if not name:
        return [{} for _ in range(count)]
    most = max(1, int(version.properties[name].get("maximum", count)))
    full, rest = divmod(count, most)
    return [{name: most}] * full + ([{name: rest}] if rest else [])
