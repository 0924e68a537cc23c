"""Price calculator: the ceiling before a prediction, the charge after it. Pure functions over a price row.

    price of a unit   = the price's amount, changed by its rules in order (`predictions.pricing.price_rules`)
    cost              = price of a unit × units, rounded up to a micro-credit once, then within `least` and `most`;
                        of that the percentage that the account's plan pays, rounded up again

Units: a run; an output file; a second of work as measured by the provider; a megapixel (1,000,000 pixels) of the
delivered outputs. The ceiling assumes the most that is possible: every output that the input asks for, the largest
size in the input or the schema, the whole work limit; where nothing gives it, `most` is the ceiling, and without
`most` the model has no price and is refused. Nothing delivered costs nothing. By run or second, the charge is reduced
to the delivered share of the outputs asked for. A charge never exceeds the held ceiling.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

from accounts.credits import LARGEST
from accounts.models import Account
from core.db.prepared import Prepared
from predictions.models import HostedModel, Price, Version
from predictions.pricing import price_rules
from predictions.pricing.price_rules import BadRules, Rule

COUNT_KEY = "num_outputs"
_OTHER_COUNTS = ("num_images", "number_of_images", "num_images_per_prompt", "num_samples", "n")
"""Other models' names for it, where their output is a list; the first one present counts."""
COUNT_KEYS = (COUNT_KEY, *_OTHER_COUNTS)
MEGAPIXEL = 1_000_000
FULL_PERCENT = 100
"""Percent of a price that an account without a plan pays."""
_SIDES = ("width", "height")


_NEWEST = Prepared[Price](lambda model: Price.objects.filter(model_id=model).order_by("-number")[:1])


class NoPrice(Exception):
    """The model has no price: it is refused, never free."""


@dataclass(frozen=True)
class Quote:
    """The price that a new prediction gets, what of it the account pays, and the most that it can cost."""

    price: Price
    percent: int
    """What the account pays of the price."""
    ceiling: int
    """Micro-credits."""
    outputs: int
    """Output files that the input asks for."""


@dataclass(frozen=True)
class Delivered:
    """What a success delivered. `expected`: how many files there should have been, 0 where that is unknown."""

    outputs: int
    expected: int = 0
    pixels: int = 0
    """Of all delivered pictures together."""
    seconds: Fraction | None = None
    """Seconds of work as measured by the provider; None where it did not report them."""


def quote(version: Version, inputs: Mapping[str, Any], account: Account) -> Quote:
    """What a new prediction with this input can cost the account at most. Raises NoPrice."""
    price, percent = current_price(version.model), account_percent(account)
    return Quote(price, percent, ceiling(price, version, inputs, percent), requested_outputs(version, inputs))


def current_price(model: HostedModel) -> Price:
    """The price of new predictions: the newest row. Raises NoPrice."""
    price = _NEWEST.first(model=model.pk)
    if price is None:
        raise NoPrice(model.ref)
    return price


def account_percent(account: Account) -> int:
    """Percent of every price that an account pays by its plan. A prediction keeps the value of its creation."""
    return FULL_PERCENT if account.plan is None else account.plan.price_percent


def requested_outputs(version: Version, inputs: Mapping[str, Any]) -> int:
    """How many output files the input asks for: its count, or the schema's default, or one."""
    name = count_key(version)
    if not name:
        return 1
    count = inputs.get(name, version.properties[name].get("default", 1))
    return int(count) if isinstance(count, int | float) and not isinstance(count, bool) else 1


def count_key(version: Version) -> str:
    """Name of the input for the number of outputs; empty where there is none."""
    properties = version.properties
    if COUNT_KEY in properties:
        return COUNT_KEY
    if not (version.gives_list and version.gives_files):
        return ""
    integers = (name for name in _OTHER_COUNTS if properties.get(name, {}).get("type") == "integer")
    return next(integers, "")


def unit_price(price: Price, version: Version, inputs: Mapping[str, Any]) -> Fraction:
    """The price of one unit for this input, in micro-credits, not rounded. Raises BadRules."""
    if not price.rules:
        return Fraction(price.amount)
    known = {name: rule["default"] for name, rule in version.properties.items() if "default" in rule}
    return price_rules.apply(_rules_of(price), price.amount, {**known, **inputs})


def ceiling(price: Price, version: Version, inputs: Mapping[str, Any], percent: int = FULL_PERCENT) -> int:
    """The most it can cost, in micro-credits. Raises NoPrice where nothing bounds it."""
    try:
        unit = unit_price(price, version, inputs)
    except BadRules as error:
        raise NoPrice(str(error)) from None
    units = _most_units(price, version, inputs)
    if units is None:
        if price.most is None:
            raise NoPrice(f"Price {price.number} says no most.")
        return percent_of_amount(max(0, price.most), percent)
    return percent_of_amount(_bounded(price, unit * units), percent)


def charge(
    price: Price,
    version: Version,
    inputs: Mapping[str, Any],
    delivered: Delivered,
    percent: int = FULL_PERCENT,
) -> int:
    """What a success costs in micro-credits; the caller limits it to the hold. Nothing delivered costs nothing."""
    if delivered.outputs <= 0:
        return 0
    try:
        unit = unit_price(price, version, inputs)
    except BadRules:
        # Not reached with unreadable rules: those would have raised for the ceiling.
        unit = Fraction(price.amount)
    return percent_of_amount(_bounded(price, unit * _units(price, delivered)), percent)


def percent_of_amount(micro: int, percent: int) -> int:
    """A percentage of an amount, rounded up to a micro-credit."""
    return micro if percent == FULL_PERCENT else min(-(-micro * percent // FULL_PERCENT), LARGEST)


def seconds_of(metrics: Mapping[str, Any]) -> Fraction | None:
    """Seconds of work in a provider's metrics; None where they are missing or invalid."""
    seconds = price_rules.exact(metrics.get("predict_time"))
    return None if seconds is None or seconds < 0 else seconds


def _units(price: Price, delivered: Delivered) -> Fraction:
    if price.unit == Price.Unit.OUTPUT:
        return Fraction(delivered.outputs)
    if price.unit == Price.Unit.MEGAPIXEL:
        return Fraction(max(0, delivered.pixels), MEGAPIXEL)
    units = Fraction(1) if price.unit == Price.Unit.RUN else delivered.seconds or Fraction(0)
    if delivered.expected > delivered.outputs:
        return units * Fraction(delivered.outputs, delivered.expected)
    return units


def _most_units(price: Price, version: Version, inputs: Mapping[str, Any]) -> Fraction | None:
    """The most units possible; None where nothing gives it."""
    if price.unit == Price.Unit.RUN:
        return Fraction(1)
    if price.unit == Price.Unit.SECOND:
        return Fraction(version.model.work_limit_s)
    # Without an input for the number, there is still one output.
    expected = Fraction(max(1, requested_outputs(version, inputs)))
    if price.unit == Price.Unit.OUTPUT:
        return expected
    width, height = (_longest(version, inputs, side) for side in _SIDES)
    return None if width is None or height is None else expected * width * height / MEGAPIXEL


def _longest(version: Version, inputs: Mapping[str, Any], side: str) -> Fraction | None:
    """A side of the picture: from the input, or its default, or the schema's maximum."""
    rule = version.properties.get(side)
    if not isinstance(rule, dict):
        return None
    value = price_rules.exact(inputs.get(side, rule.get("default")))
    if value is not None and value > 0:
        return value
    largest = [
        price_rules.exact(rule.get("maximum")),
        *(price_rules.exact(option) for option in rule.get("enum") or []),
    ]
    return max((option for option in largest if option is not None and option > 0), default=None)


def _bounded(price: Price, cost: Fraction) -> int:
    """Round up to a micro-credit, then limit to `least` and `most`.

    Each step is monotonic, so that a ceiling for more units is never below a charge for fewer.
    """
    micro = max(math.ceil(cost), price.least)
    if price.most is not None:
        micro = min(micro, price.most)
    return max(0, min(micro, LARGEST))


def _rules_of(price: Price) -> Sequence[Rule]:
    # A saved row never changes; an unsaved one has no key to cache it by.
    return price_rules.parse(price.rules) if price.pk is None else _parsed(price.pk, _Rules(price.rules))


class _Rules:
    """Rules as an argument of a cached function: with a constant hash, since the price's key identifies them."""

    def __init__(self, raw: Any) -> None:
        self.raw = raw

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Rules) and self.raw == other.raw

    def __hash__(self) -> int:
        return 0


@lru_cache(maxsize=256)
def _parsed(price_pk: int, raw: _Rules) -> Sequence[Rule]:
    return price_rules.parse(raw.raw)
