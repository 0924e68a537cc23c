"""What a prediction costs: the ceiling before, the charge after. Pure functions over a price row."""

from __future__ import annotations

from typing import Any

from accounts.prepared import Prepared
from predictions.models import HostedModel, Price, Version

COUNT_KEY = "num_outputs"


_NEWEST = Prepared[Price](
    lambda model: Price.objects.filter(model_id=model).order_by("-number")[:1], model=int
)


class NoPrice(Exception):
    """The model has no price: it is refused, never free."""


def current_price(model: HostedModel) -> Price:
    """The price that a new prediction gets: the newest row. Raises NoPrice."""
    price = _NEWEST.first(model=model.pk)
    if price is None:
        raise NoPrice(model.ref)
    return price


def asked_outputs(version: Version, given: dict[str, Any]) -> int:
    """How many output files the input asks for: its count, or the schema's default, or one."""
    rule = version.properties.get(COUNT_KEY)
    if rule is None:
        return 1
    count = given.get(COUNT_KEY, rule.get("default", 1))
    return int(count) if isinstance(count, int | float) and not isinstance(count, bool) else 1


def ceiling(price: Price, version: Version, given: dict[str, Any]) -> int:
    """The most it can cost, in micro-credits."""
    if price.unit == Price.Unit.OUTPUT:
        return price.amount * asked_outputs(version, given)
    return price.amount


def charge(price: Price, delivered: int) -> int:
    """What a success with `delivered` output files costs, in micro-credits. Nothing delivered costs nothing."""
    if price.unit == Price.Unit.OUTPUT:
        return price.amount * delivered
    return price.amount if delivered else 0
