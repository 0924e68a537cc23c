"""The models that ship with Darkroom, read from one JSON each: order, price, schemas, studio texts, sample, demo use.

`data/models/README.md` describes the fields. The engine reads its share of the same files in `engine.published_models`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from accounts.models import MICRO
from engine import published_models

DATA = published_models.FOLDER
CENTS_PER_DOLLAR = 100


@dataclass(frozen=True)
class FirstPrice:
    """What a model costs until an operator prices it: `usd` as published, or `credits` of our own."""

    unit: str
    """One of `Price.Unit`."""
    source: str
    usd: float | None = None
    credits: float | None = None

    @property
    def amount(self) -> int:
        """Micro-credits a unit; a credit is one US cent."""
        exact = Decimal(str(self.credits)) if self.usd is None else Decimal(str(self.usd)) * CENTS_PER_DOLLAR
        return int(exact * MICRO)


@dataclass(frozen=True)
class StudioTexts:
    """What the studio says of a model beyond its schema. Texts are English msgids: translate them when showing them."""

    sentence: str
    """What it is for."""
    note: str = ""
    """What it always does, whatever is asked."""
    limits: dict[str, list[float]] = field(default_factory=dict)
    """Least and greatest value of inputs that the model limits at run time although its schema does not."""
    ratio_sizes: bool = False
    """Whether its aspect ratios are as large as `engine.published_models.RATIOS` has them."""


@dataclass(frozen=True)
class DemoUse:
    """How `manage.py demo` uses a model."""

    weight: float
    """How often it is asked for, among all."""
    seconds: float
    """How long it works."""
    cost_share: float
    """Which part of its price its upstreams take."""


@dataclass(frozen=True)
class ShippedModel:
    """One JSON."""

    owner: str
    name: str
    version: str
    description: str
    kind: str
    """One of `HostedModel.Kind`."""
    position: int
    """Place in lists, in steps of ten; what comes first counts as created last."""
    price: FirstPrice
    input_schema: dict[str, Any]
    output_schema: dict[str, Any]
    example_input: dict[str, Any]
    studio: StudioTexts | None = None
    """None for a fixture model."""
    demo: DemoUse | None = None
    sample: dict[str, Any] | None = None
    """What `predictions.catalogue.samples` reads."""

    @property
    def ref(self) -> str:
        """`owner/name`."""
        return f"{self.owner}/{self.name}"


def read(folder: Path) -> list[ShippedModel]:
    """The models of a folder, by file name. Raises KeyError or TypeError where a field is missing or unknown."""
    return [_model(json.loads(path.read_text(encoding="utf-8"))) for path in sorted(folder.glob("*.json"))]


def find(ref: str) -> ShippedModel | None:
    """The shipped model `owner/name`; None for any other."""
    return _by_ref().get(ref)


def all_models() -> tuple[ShippedModel, ...]:
    """Every shipped model, in the order in which lists show them."""
    return tuple(_by_ref().values())


def refs() -> tuple[str, ...]:
    """`owner/name` of every shipped model, in that order."""
    return tuple(_by_ref())


def translatable(entry: dict[str, Any]) -> Iterator[str]:
    """The texts in a model's JSON that pages show in the reader's language; `makemessages` extracts them."""
    studio = entry.get("studio", {})
    return (studio[name] for name in ("sentence", "note") if name in studio)


@cache
def _by_ref() -> dict[str, ShippedModel]:
    return {model.ref: model for model in sorted(read(DATA), key=lambda model: model.position)}


def _model(entry: dict[str, Any]) -> ShippedModel:
    plain = ("owner", "name", "version", "description", "kind", "position")
    schemas = ("input_schema", "output_schema", "example_input")
    return ShippedModel(
        **{name: entry[name] for name in (*plain, *schemas)},
        price=FirstPrice(**entry["price"]),
        studio=StudioTexts(**entry["studio"]) if "studio" in entry else None,
        demo=DemoUse(**entry["demo"]) if "demo" in entry else None,
        sample=entry.get("sample"),
    )
