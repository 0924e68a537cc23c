"""Look-up of models, versions and deployments by a caller's reference, and their OpenAPI documents."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

from django.db.models import QuerySet

from core.db.prepared import Prepared
from predictions.models import Deployment, HostedModel, Version

_HEX64 = re.compile(r"[0-9a-f]{64}")
_REF = re.compile(r"([^/:\s]{1,100})/([^/:\s]{1,100})(?::([0-9a-f]{64}))?")


def _usable(**where: str) -> QuerySet[Version]:
    rows = Version.objects.filter(enabled=True, model__enabled=True, **where).select_related("model")
    return rows.order_by("-created_at", "id")[:1]


_BY_ID = Prepared[Version](lambda version: _usable(pk=version))
_NEWEST = Prepared[Version](lambda owner, name: _usable(model__owner=owner, model__name=name))
_BY_REF_AND_ID = Prepared[Version](
    lambda owner, name, version: _usable(model__owner=owner, model__name=name, pk=version)
)


def refs() -> list[str]:
    """`owner/name` of every enabled model, in the order of the catalogue."""
    rows = HostedModel.objects.filter(enabled=True).values_list("owner", "name")
    return [f"{owner}/{name}" for owner, name in rows]


def deployments() -> QuerySet[Deployment]:
    """What operators offer under a name of its own: enabled, of a version that can be asked for."""
    rows = Deployment.objects.filter(enabled=True, version__enabled=True, version__model__enabled=True)
    return rows.select_related("version__model")


def find_deployment(owner: str, name: str) -> Deployment | None:
    """The usable deployment of that name; None where there is none."""
    return deployments().filter(owner=owner, name=name).first()


def find_version(text: str) -> Version | None:
    """The enabled version for `64-hex`, `owner/name:64-hex` or `owner/name` (its newest); None where there is none."""
    if _HEX64.fullmatch(text):
        return _BY_ID.first(version=text)
    match = _REF.fullmatch(text)
    if not match:
        return None
    owner, name, version = match.groups()
    if version:
        return _BY_REF_AND_ID.first(owner=owner, name=name, version=version)
    return _NEWEST.first(owner=owner, name=name)


@lru_cache(maxsize=256)
def _openapi(version_id: str, input_json: str, output_json: str) -> dict[str, Any]:
    return _build_openapi(json.loads(input_json), json.loads(output_json))


def openapi_schema(version: Version) -> dict[str, Any]:
    """The OpenAPI document of a version as Cog publishes it: choices as `$ref` to a named component."""
    return _openapi(version.pk, json.dumps(version.input_schema), json.dumps(version.output_schema))


def _build_openapi(input_schema: dict[str, Any], output_schema: dict[str, Any]) -> dict[str, Any]:
    schemas: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    for name, given in input_schema.get("properties", {}).items():
        rule = dict(given)
        if "enum" in rule:
            schemas[name] = {
                "enum": rule.pop("enum"),
                "type": rule.pop("type", "string"),
                "title": name,
                "description": "An enumeration.",
            }
            rule.pop("title", None)
            rule = {"allOf": [{"$ref": f"#/components/schemas/{name}"}], **rule}
        properties[name] = rule
    published: dict[str, Any] = {"type": "object", "title": "Input", "properties": properties}
    if input_schema.get("required"):
        published["required"] = input_schema["required"]
    schemas["Input"] = published
    schemas["Output"] = output_schema
    return {
        "openapi": "3.0.2",
        "info": {"title": "Cog", "version": "0.1.0"},
        "paths": {},
        "components": {"schemas": schemas},
    }


def background_removal_model() -> HostedModel | None:
    """The model that removes backgrounds; None where there is none."""
    models = HostedModel.objects.filter(kind=HostedModel.Kind.BACKGROUND_REMOVAL, enabled=True)
    return models.order_by("position", "owner", "name").first()
