"""Import of a model into the catalogue from its Cog schema: the model if new, and a version. It runs once priced."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from django.db import transaction

from accounts.models import User
from accounts.staff import audit_log
from predictions.catalogue.cog_schema import CogSchema
from predictions.models import HostedModel, Version

Kind = HostedModel.Kind
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_HEX64 = re.compile(r"[0-9a-f]{64}")
_FILM = re.compile(r"video|film|animat|movie|motion|mp4|t2v|i2v")
_POSITION = 1000
"""After the shipped models."""


class CannotImport(ValueError):
    """It cannot become a model here; the message says why."""


@dataclass(frozen=True)
class Imported:
    """What was made. `new`: the model was not there before."""

    version: Version
    new: bool


def checked_ref(owner: str, name: str) -> tuple[str, str]:
    """The parts of `owner/name`, each a part of an address. Raises CannotImport."""
    for part in (owner, name):
        if not _PART.fullmatch(part):
            raise CannotImport(
                f"“{part[:60]}” is no part of a name: letters, digits, dots, hyphens and underscores."
            )
    return owner, name


def checked_version(version: str) -> str:
    """The id of a version as its service knows it, or none. Raises CannotImport."""
    if version and not _HEX64.fullmatch(version):
        raise CannotImport("The id of a version is 64 hex digits.")
    return version


def checked_kind(kind: str) -> str:
    """A kind that there is, or none. Raises CannotImport."""
    if kind and kind not in Kind.values:
        raise CannotImport(f"There is no kind “{kind[:60]}”.")
    return kind


def version_id(owner: str, name: str, schema: CogSchema) -> str:
    """The id of a version without one: a digest of its name and schemas."""
    said = [owner, name, schema.input_schema, schema.output_schema]
    text = json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def guessed_kind(name: str, schema: CogSchema) -> str:
    """The model's kind, guessed from its inputs and output."""
    names = {one.lower() for one in schema.properties}
    files = [one for one, rule in schema.properties.items() if rule.get("format") == "uri"]
    made = schema.output_schema
    inner = made.get("items", made) if made.get("type") == "array" else made
    words = any("prompt" in one or one == "text" for one in names)
    if inner.get("format") != "uri":
        return Kind.TEXT
    if _FILM.search(name.lower()) or names & {"num_frames", "fps", "max_frames", "duration", "video_length"}:
        return Kind.VIDEO
    if not files:
        return Kind.TEXT_TO_IMAGE
    if any("mask" in one.lower() for one in files):
        return Kind.INPAINTING
    if any("remove" in one for one in names):
        return Kind.OBJECT_REMOVAL
    if words:
        required = set(schema.input_schema.get("required", []))
        return Kind.IMAGE_TO_IMAGE if required & set(files) else Kind.TEXT_TO_IMAGE
    return (
        Kind.BACKGROUND_REMOVAL
        if re.search(r"rembg|background|cutout|matting", name.lower())
        else Kind.IMAGE_TO_IMAGE
    )


def import_version(
    owner: str,
    name: str,
    schema: CogSchema,
    *,
    actor: User | None = None,
    kind: str = "",
    version: str = "",
    description: str = "",
    source: str = "",
) -> Imported:
    """Add a version of `owner/name`, and the model where there is none. Raises CannotImport.

    `version`: the id that the service which runs it knows it by, 64 hex digits; empty: one is computed.
    """
    checked_ref(owner, name)
    checked_kind(kind)
    identity = checked_version(version) or version_id(owner, name, schema)
    with transaction.atomic():
        model, new = HostedModel.objects.get_or_create(
            owner=owner,
            name=name,
            defaults={
                "kind": kind or guessed_kind(name, schema),
                "description": description.replace("\x00", "")[:2000],
                "position": _POSITION,
            },
        )
        made, fresh = Version.objects.get_or_create(
            id=identity,
            defaults={
                "model": model,
                "input_schema": schema.input_schema,
                "output_schema": schema.output_schema,
                "cog_version": schema.cog_version or "0.9.0",
                "source": source.replace("\x00", "")[:500],
            },
        )
        if not fresh:
            raise CannotImport(f"This very version is there already: {made.model.ref}:{identity[:12]}.")
        audit_log.write(
            actor,
            "model.import",
            model,
            reason=source,
            detail={"version": identity, "new": new, "kind": model.kind, "inputs": list(schema.properties)},
        )
    return Imported(made, new)


ControlRows = list[tuple[str, str, str]]
"""For each input, in the order of the page: its name, the label, and the sort of control in words."""
_drawers: list[Callable[[Version], ControlRows]] = []


def register_control_source(drawer: Callable[[Version], ControlRows]) -> None:
    """Register the function that lists the controls; called once when the studio app is ready."""
    _drawers[:] = [drawer]


def controls(version: Version) -> ControlRows:
    """The controls of a version, saved or not; without a registered function its inputs by type."""
    for drawer in _drawers:
        return drawer(version)
    return [(name, name, str(rule.get("type", ""))) for name, rule in version.properties.items()]
