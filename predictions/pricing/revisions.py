"""A new price for a model: always a new version, on record; what was asked for before keeps its own."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Max

from accounts.models import User
from accounts.staff import audit_log
from predictions.models import HostedModel, Price
from predictions.pricing import price_rules, rule_syntax, run_times

FIELDS = ("unit", "amount", "rules", "least", "most", "source")


class Unchanged(Exception):
    """It says what the present price says already."""


class NeedsLeast(ValueError):
    """By the second, of a model whose work nobody may time, and without a least: it could cost nothing."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        super().__init__(f"Not known to say how long work took: {', '.join(names)}.")


def ask_least(model: HostedModel, unit: str, least: int) -> None:
    """Raises NeedsLeast where such a price might come to nothing."""
    if unit == Price.Unit.SECOND and least <= 0:
        names = run_times.providers_without_run_time(model)
        if names:
            raise NeedsLeast(names)


def add(model: HostedModel, actor: User | None, **values: Any) -> Price:
    """The model's next price, from now on. Raises rules.BadRules, NeedsLeast and Unchanged."""
    price_rules.parse(values.get("rules", []))
    ask_least(model, values.get("unit", ""), values.get("least") or 0)
    with transaction.atomic():
        HostedModel.objects.select_for_update().get(pk=model.pk)
        before = model.prices.order_by("-number").first()
        price = Price(model=model, created_by=actor, **values)
        if before is not None and all(getattr(before, name) == getattr(price, name) for name in FIELDS[:-1]):
            raise Unchanged
        # Two at once cannot have the same number: the model's row is locked, and the database forbids it.
        price.number = (model.prices.aggregate(newest=Max("number"))["newest"] or 0) + 1
        price.save(force_insert=True)
        audit_log.write(
            actor,
            "price.add",
            price,
            reason=price.source,
            detail={"before": display(before) if before is not None else None, "after": display(price)},
        )
    return price


def display(price: Price) -> dict[str, Any]:
    """What a price says, for the record."""
    return {"number": price.number, **{name: getattr(price, name) for name in FIELDS}}


def difference(before: Price | None, after: Price) -> list[tuple[str, str, str]]:
    """What changed between two versions: field, before, after; rules line by line."""
    found = []
    for name in ("unit", "amount", "least", "most"):
        old, new = getattr(before, name, None), getattr(after, name)
        if old != new:
            found.append((name, _shown(name, old), _shown(name, new)))
    old_lines = rule_syntax.write(before.rules).splitlines() if before is not None else []
    new_lines = rule_syntax.write(after.rules).splitlines()
    found += [("rule", line, "–") for line in old_lines if line not in new_lines]
    found += [("rule", "–", line) for line in new_lines if line not in old_lines]
    if not found and old_lines != new_lines:
        found.append(("order", " · ".join(old_lines), " · ".join(new_lines)))
    return found


def _shown(name: str, value: Any) -> str:
    from accounts.credits import amounts

    if value is None:
        return "–"
    return str(Price.Unit(value).label) if name == "unit" else amounts.display(value)
