"""Fills the catalogue from the schemas we ship, and finds a version by what a caller wrote."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import MICRO
from core.db.prepared import Prepared
from predictions.models import Deployment, HostedModel, Price, Version

DATA = Path(__file__).parent / "data" / "models"
CENTS_PER_DOLLAR = 100
# Order of the shop window; also the order of creation times, so that lists by date look the same.
ORDER = (
    "stability-ai/stable-diffusion",
    "stability-ai/sdxl",
    "lucataco/flux-schnell-lora",
    "lucataco/flux-dev-lora",
    "stability-ai/stable-diffusion-img2img",
    "stability-ai/stable-diffusion-inpainting",
    "andreasjansson/stable-diffusion-animation",
    "lucataco/animate-diff",
    "sujaykhandekar/object-removal",
    "cjwbw/rembg",
)
# Prices of our own, in credits, where none was published.
OWN_PRICES = {"cjwbw/rembg": Decimal("0.22"), "sujaykhandekar/object-removal": Decimal("0.05")}
PICTURE_KINDS = {"text-to-image", "image-to-image", "inpainting"}
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_HEX64 = re.compile(r"[0-9a-f]{64}")
_REF = re.compile(r"([^/:\s]{1,100})/([^/:\s]{1,100})(?::([0-9a-f]{64}))?")


def _usable(**where: str) -> QuerySet[Version]:
    rows = Version.objects.filter(enabled=True, model__enabled=True, **where).select_related("model")
    return rows.order_by("-created_at", "id")[:1]


_BY_ID = Prepared[Version](lambda version: _usable(pk=version), version=str)
_NEWEST = Prepared[Version](
    lambda owner, name: _usable(model__owner=owner, model__name=name), owner=str, name=str
)
_BY_REF_AND_ID = Prepared[Version](
    lambda owner, name, version: _usable(model__owner=owner, model__name=name, pk=version),
    owner=str,
    name=str,
    version=str,
)


def load(folder: Path = DATA) -> int:
    """Add what is missing: models, versions, first prices. Returns how many models were added.

    What an operator changed (enabled, position, later prices) stays as it is. Servers that start side by side may each
    add the same: the row of one of them stays.
    """
    entries = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    with transaction.atomic():
        there = _models(entries)
        missing = [_model(entry) for entry in entries if _name(entry) not in there]
        if missing:
            HostedModel.objects.bulk_create(missing, ignore_conflicts=True)
            there = _models(entries)
        _add_versions(entries, there)
        _add_prices(entries, there)
    return len(missing)


Name = tuple[str, str]


def _name(entry: dict[str, Any]) -> Name:
    return entry["owner"], entry["name"]


def _models(entries: list[dict[str, Any]]) -> dict[Name, HostedModel]:
    """The rows of those entries that have one, by owner and name."""
    rows = HostedModel.objects.filter(owner__in={entry["owner"] for entry in entries})
    return {(row.owner, row.name): row for row in rows}


def _model(entry: dict[str, Any]) -> HostedModel:
    position = _position(entry)
    return HostedModel(
        owner=entry["owner"],
        name=entry["name"],
        description=entry["description"],
        kind=entry["kind"],
        position=position * 10,
        created_at=_created_at(position),
    )


def _position(entry: dict[str, Any]) -> int:
    ref = "/".join(_name(entry))
    return ORDER.index(ref) if ref in ORDER else len(ORDER)


def _created_at(position: int) -> datetime:
    return _EPOCH + timedelta(hours=len(ORDER) - position)


def _add_versions(entries: list[dict[str, Any]], models: dict[Name, HostedModel]) -> None:
    there = set(
        Version.objects.filter(pk__in=[entry["version"] for entry in entries]).values_list("pk", flat=True)
    )
    missing = [
        Version(
            id=entry["version"],
            model=models[_name(entry)],
            input_schema=entry["input_schema"],
            output_schema=entry["output_schema"],
            example_input=entry["example_input"],
            source="predictions/catalogue/data/models/README.md",
            created_at=_created_at(_position(entry)),
        )
        for entry in entries
        if entry["version"] not in there
    ]
    if missing:
        Version.objects.bulk_create(missing, ignore_conflicts=True)


def _add_prices(entries: list[dict[str, Any]], models: dict[Name, HostedModel]) -> None:
    priced = set(Price.objects.filter(model__in=models.values()).values_list("model_id", flat=True))
    missing = [
        Price(model=model, number=1, **_first_price("/".join(_name(entry)), entry))
        for entry in entries
        if (model := models[_name(entry)]).pk not in priced
    ]
    if missing:
        Price.objects.bulk_create(missing, ignore_conflicts=True)


def _first_price(ref: str, entry: dict[str, Any]) -> dict[str, Any]:
    usd = entry.get("usd_per_run")
    if usd is None:
        credits, source = OWN_PRICES[ref], "Darkroom's own: none was published"
    else:
        credits, source = (
            Decimal(str(usd)) * CENTS_PER_DOLLAR,
            entry.get("figures", {}).get("usd_source") or "",
        )
    unit = Price.Unit.OUTPUT if entry["kind"] in PICTURE_KINDS else Price.Unit.RUN
    return {"unit": unit, "amount": int(credits * MICRO), "source": source[:300]}


def refs() -> list[str]:
    """`owner/name` of every enabled model, in the order of the shop window."""
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
    """The model that takes the ground away; None where there is none."""
    models = HostedModel.objects.filter(kind=HostedModel.Kind.BACKGROUND_REMOVAL, enabled=True)
    return models.order_by("position", "owner", "name").first()
