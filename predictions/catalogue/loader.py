"""Fills the catalogue from the JSON of the models that ship: missing models, versions and first prices."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.db import transaction

from predictions.catalogue.shipped_models import DATA, ShippedModel, read
from predictions.models import HostedModel, Price, Version

_FIRST = datetime(2026, 1, 1, 10, tzinfo=UTC)
"""Creation time of the model at position 0. Each ten positions are an hour earlier: lists by date keep the order."""
_SOURCE = "predictions/catalogue/data/models/README.md"

Name = tuple[str, str]


def load(folder: Path = DATA) -> int:
    """Add what is missing: models, versions, first prices. Returns how many models were added.

    What an operator changed (enabled, position, later prices) stays as it is. Servers that start side by side may each
    add the same: the row of one of them stays.
    """
    shipped = read(folder)
    with transaction.atomic():
        there = _rows(shipped)
        missing = [_model(model) for model in shipped if (model.owner, model.name) not in there]
        if missing:
            HostedModel.objects.bulk_create(missing, ignore_conflicts=True)
            there = _rows(shipped)
        _add_versions(shipped, there)
        _add_prices(shipped, there)
    return len(missing)


def _rows(shipped: Sequence[ShippedModel]) -> dict[Name, HostedModel]:
    """The rows of those models that have one, by owner and name."""
    rows = HostedModel.objects.filter(owner__in={model.owner for model in shipped})
    return {(row.owner, row.name): row for row in rows}


def _model(model: ShippedModel) -> HostedModel:
    return HostedModel(
        owner=model.owner,
        name=model.name,
        description=model.description,
        kind=model.kind,
        position=model.position,
        created_at=_created_at(model),
    )


def _created_at(model: ShippedModel) -> datetime:
    return _FIRST - timedelta(hours=model.position / 10)


def _add_versions(shipped: Sequence[ShippedModel], rows: dict[Name, HostedModel]) -> None:
    there = set(
        Version.objects.filter(pk__in=[model.version for model in shipped]).values_list("pk", flat=True)
    )
    missing = [
        Version(
            id=model.version,
            model=rows[model.owner, model.name],
            input_schema=model.input_schema,
            output_schema=model.output_schema,
            example_input=model.example_input,
            source=_SOURCE,
            created_at=_created_at(model),
        )
        for model in shipped
        if model.version not in there
    ]
    if missing:
        Version.objects.bulk_create(missing, ignore_conflicts=True)


def _add_prices(shipped: Sequence[ShippedModel], rows: dict[Name, HostedModel]) -> None:
    priced = set(Price.objects.filter(model__in=rows.values()).values_list("model_id", flat=True))
    missing = [
        Price(
            model=row, number=1, unit=model.price.unit, amount=model.price.amount, source=model.price.source
        )
        for model in shipped
        if (row := rows[model.owner, model.name]).pk not in priced
    ]
    if missing:
        Price.objects.bulk_create(missing, ignore_conflicts=True)
