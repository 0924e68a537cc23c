"""Required inputs beyond the schema: shown at the button, and under the field after submitting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from predictions.models import Version
from studio.form import model_hints
from studio.form.input_fields import is_mask, picture_fields


@dataclass(frozen=True)
class MissingPicture:
    """A missing picture: its input, and the text of the button."""

    field: str
    words: str


def required_pictures(version: Version) -> list[str]:
    """The required pictures. A model without a prompt works on its picture, whatever its schema says."""
    required = version.input_schema.get("required", [])
    fields = picture_fields(version)
    found = [name for name in fields if name in required]
    if not found and fields and not any(name.startswith("prompt") for name in version.properties):
        return fields[:1]
    return found


def missing_picture(version: Version, inputs: Mapping[str, Any]) -> MissingPicture | None:
    """The first picture that is missing."""
    for name in required_pictures(version):
        if not inputs.get(name):
            return MissingPicture(
                name, _("Paint what should change") if is_mask(name) else _("Choose a picture first")
            )
    return None


def errors(version: Version, inputs: Mapping[str, Any]) -> dict[str, str]:
    """Field -> message for what is missing, beyond what the schema requires."""
    found: dict[str, str] = {}
    if "prompt" in version.properties and not str(inputs.get("prompt", "")).strip():
        found["prompt"] = _("Write what the picture should show.")
    for name in required_pictures(version):
        if not inputs.get(name):
            found[name] = _("Paint what should change.") if is_mask(name) else _("Choose a picture first.")
    if "mask" in version.properties and inputs.get("mask") and not inputs.get("image"):
        found["image"] = _("A mask needs the picture that it belongs to.")
    if model_hints.OBJECTS in version.properties:
        found |= _objects(str(inputs.get(model_hints.OBJECTS, "")))
    return found


def _objects(value: str) -> dict[str, str]:
    if not value:
        return {model_hints.OBJECTS: _("Choose at least one kind of thing to remove.")}
    unknown = [name for name in value.split(",") if name not in model_hints.NAMES]
    if unknown:
        message = _("This model does not know “%(name)s”. Choose from its list.") % {"name": unknown[0][:40]}
        return {model_hints.OBJECTS: message}
    return {}
