"""Choosing the model of an OpenAI request: `owner/name`, `owner/name:id`, or an alias for one of OpenAI's names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpResponse

from predictions import availability
from predictions.api_dialects.common.endpoint import TokenRequest
from predictions.api_dialects.common.image_errors import invalid, model_not_found
from predictions.api_dialects.common.image_results import ImageForm
from predictions.api_dialects.common.payloads import json_response
from predictions.catalogue import lookup
from predictions.models import HostedModel, Version
from predictions.submit.validation import sayable

ALIASES = {
    # Any size, and no choice of file format, as with OpenAI's own.
    "dall-e-2": "stability-ai/sdxl",
    "dall-e-3": "stability-ai/sdxl",
    # These take a file format and compression, which sdxl does not have.
    "gpt-image-1": "lucataco/flux-dev-lora",
    "gpt-image-1-mini": "lucataco/flux-dev-lora",
    "gpt-image-1.5": "lucataco/flux-dev-lora",
    "chatgpt-image-latest": "lucataco/flux-dev-lora",
}
"""Defaults of OpenAI's names, where the operator sets none (DARKROOM_OPENAI_ALIASES)."""
_IMAGE_KINDS = (HostedModel.Kind.IMAGE_TO_IMAGE, HostedModel.Kind.TEXT_TO_IMAGE)
_MASK_KINDS = (HostedModel.Kind.INPAINTING, *_IMAGE_KINDS)
DEFAULT = "default"
"""The alias for a request without a model."""


@dataclass(frozen=True)
class ModelChoice:
    """A version, and the defaults implied by the name that it was requested by."""

    version: Version
    form: ImageForm = "url"
    file_format: str | None = None
    """The file format that a caller expects who uses OpenAI's name of the model."""


def choose(name: str) -> ModelChoice:
    """The model of a request; an empty name is the default. Raises ImageError 404."""
    target = _alias(name or DEFAULT)
    version = lookup.find_version(target or name)
    if version is None:
        raise model_not_found(
            f"The model '{sayable(name)}' does not exist." if name else "There is no default model."
        )
    if target is None:
        return ModelChoice(version)
    return _by_alias(name, version)


def choose_for(name: str, *, mask: bool, prompt: bool) -> ModelChoice:
    """The model of a request with an image. Raises ImageError 404, or 400 for a model that takes none.

    An alias stands for the first served model that accepts what was sent: an image, with `mask` a mask beside it,
    with `prompt` a prompt.
    """
    aliases: dict[str, str] = settings.OPENAI_ALIASES
    if (name or DEFAULT) in aliases or name not in {*ALIASES, DEFAULT, ""}:
        chosen = choose(name)
        _refuse_unfit(chosen.version, mask)
        return chosen
    with_image_input = availability.refs_with_image_input()
    kinds = _MASK_KINDS if mask else _IMAGE_KINDS
    for model in HostedModel.objects.filter(enabled=True, kind__in=kinds):
        version = lookup.find_version(model.ref) if model.ref in with_image_input else None
        if version is not None and _fits(version, mask, prompt):
            return _by_alias(name, version)
    sent = "a picture with a mask" if mask else "a picture"
    raise model_not_found(f"No model of this server works from {sent} at present.")


def _by_alias(name: str, version: Version) -> ModelChoice:
    inlined = name.startswith(("gpt-image", "chatgpt-image"))
    return ModelChoice(version, "b64_json" if inlined else "url", "png")


def _fits(version: Version, mask: bool, prompt: bool) -> bool:
    """Whether it accepts the images, and requires no input that this dialect cannot express."""
    properties, required = version.properties, {*version.input_schema.get("required", [])}
    supplied = {"image", "prompt"} | ({"mask"} if mask else set())
    return (
        _takes(properties, "image")
        and (not mask or _takes(properties, "mask"))
        and (not prompt or "prompt" in properties)
        and required <= supplied
    )


def _takes(properties: dict[str, dict[str, Any]], name: str) -> bool:
    """Whether it has an input of that name for one file."""
    return properties.get(name, {}).get("format") == "uri"


def _refuse_unfit(version: Version, mask: bool) -> None:
    ref = version.model.ref
    if not _takes(version.properties, "image"):
        raise invalid(f"{ref} takes no picture.", "model")
    if mask and not _takes(version.properties, "mask"):
        raise invalid(f"{ref} takes no mask.", "mask")
    if ref in availability.served_refs() - availability.refs_with_image_input():
        raise invalid(
            f"What serves {ref} on this server paints it from words only, not from a picture.",
            "model",
            "model_not_found",
        )


def list_models(request: TokenRequest) -> HttpResponse:
    """GET /models: the whole catalogue, in the operator's order."""
    rows = HostedModel.objects.filter(enabled=True, versions__enabled=True).distinct()
    return json_response({"object": "list", "data": [_model_json(row, row.ref) for row in rows]})


def get_model(request: TokenRequest, model_id: str) -> HttpResponse:
    """GET /models/{id}: an `owner/name`, including the slash, or an alias, which keeps its own name."""
    version = lookup.find_version(_alias(model_id) or model_id)
    if version is None:
        raise model_not_found(f"The model '{sayable(model_id)}' does not exist.")
    return json_response(_model_json(version.model, model_id))


def _model_json(model: HostedModel, shown_id: str) -> dict[str, object]:
    created = int(model.created_at.timestamp())
    return {"id": shown_id, "object": "model", "created": created, "owned_by": model.owner}


def _alias(name: str) -> str | None:
    """The model that an alias stands for; None for other names.

    Built-in aliases, unlike the operator's, fall back to a served model.
    """
    aliases: dict[str, str] = settings.OPENAI_ALIASES
    if name in aliases:
        return aliases[name]
    if name == DEFAULT:
        return _alias("dall-e-2")
    target = ALIASES.get(name)
    if target is None:
        return None
    served = availability.served_refs()
    return target if target in served else _first_of(served) or target


def _first_of(served: set[str]) -> str | None:
    pictures = HostedModel.objects.filter(enabled=True, kind=HostedModel.Kind.TEXT_TO_IMAGE)
    return next((model.ref for model in pictures if model.ref in served), None)
