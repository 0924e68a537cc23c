"""Price revisions: a change is always a new version, with an audit log entry; old predictions keep their price."""

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
    """The new price equals the present one."""


class NeedsLeast(ValueError):
    """A price per second without `least`, where providers may not report run times: it could charge nothing."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        super().__init__(f"Not known to say how long work took: {', '.join(names)}.")


def require_least(model: HostedModel, unit: str, least: int) -> None:
    """Raises NeedsLeast where such a price might charge nothing."""
    if unit == Price.Unit.SECOND and least <= 0:
        names = run_times.providers_without_run_time(model)
        if names:
            raise NeedsLeast(names)


def add(model: HostedModel, actor: User | None, **values: Any) -> Price:
    """The model's next price, valid from now on. Raises price_rules.BadRules, NeedsLeast and Unchanged."""
    price_rules.parse(values.get("rules", []))
    require_least(model, values.get("unit", ""), values.get("least") or 0)
    with transaction.atomic():
        HostedModel.objects.select_for_update().get(pk=model.pk)
        before = model.prices.order_by("-number").first()
        price = Price(model=model, created_by=actor, **values)
        if before is not None and all(getattr(before, name) == getattr(price, name) for name in FIELDS[:-1]):
            raise Unchanged
        # Concurrent calls cannot get the same number: the model's row is locked, and the database forbids
        # it.
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
    """A price's fields for the audit log."""
    return {"number": price.number, **{name: getattr(price, name) for name in FIELDS}}


def difference(before: Price | None, after: Price) -> list[tuple[str, str, str]]:
    """Changes between two versions: field, before, after; rules line by line."""
    changes = []
    for name in ("unit", "amount", "least", "most"):
        old, new = getattr(before, name, None), getattr(after, name)
        if old != new:
            changes.append((name, _label(name, old), _label(name, new)))
    old_lines = rule_syntax.write(before.rules).splitlines() if before is not None else []
    new_lines = rule_syntax.write(after.rules).splitlines()
    changes += [("rule", line, "–") for line in old_lines if line not in new_lines]
    changes += [("rule", "–", line) for line in new_lines if line not in old_lines]
    if not changes and old_lines != new_lines:
        changes.append(("order", " · ".join(old_lines), " · ".join(new_lines)))
    return changes


def _label(name: str, value: Any) -> str:
    from accounts.credits import amounts

    if value is None:
        return "–"
    return str(Price.Unit(value).label) if name == "unit" else amounts.display(value)
