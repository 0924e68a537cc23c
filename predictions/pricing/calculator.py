"""What a prediction costs: the ceiling before, the charge after. Pure functions over a price row.

    price of a unit   = the price's amount, changed by its rules in order (`predictions.pricing.price_rules`)
    cost              = price of a unit × units, rounded up to a micro-credit once, then within `least` and `most`;
                        of that the percentage that the account's plan pays, rounded up again

Units: a run; an output file; a second of work as the provider measured it; a megapixel (1,000,000 pixels) of what was
delivered. Before the run the most is taken that can come: every output asked for, the largest size that the input or
the schema names, the whole work limit; where nothing names it, `most` is the ceiling, and without that the model has no
price and is refused. Nothing delivered costs nothing. Of a run, or of seconds, as large a part is charged as outputs
came of those that should have. A charge is never above the ceiling that was held.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

from django.conf import settings

from accounts.credits import LARGEST
from accounts.models import Account
from core.db.prepared import Prepared
from predictions.models import HostedModel, Price, Version
from predictions.pricing import price_rules
from predictions.pricing.price_rules import BadRules, Rule

COUNT_KEY = "num_outputs"
_OTHER_COUNTS = ("num_images", "number_of_images", "num_images_per_prompt", "num_samples", "n")
"""What other models call it, where their output is a list; the first that is there counts."""
COUNT_KEYS = (COUNT_KEY, *_OTHER_COUNTS)
MEGAPIXEL = 1_000_000
WHOLE = 100
"""Percent of a price that an account without a plan pays."""
_SIDES = ("width", "height")


_NEWEST = Prepared[Price](
    lambda model: Price.objects.filter(model_id=model).order_by("-number")[:1], model=int
)


class NoPrice(Exception):
    """The model has no price: it is refused, never free."""


@dataclass(frozen=True)
class Delivered:
    """What a success came to. `asked`: how many files there should have been, 0 where nobody knows."""

    outputs: int
    asked: int = 0
    pixels: int = 0
    """Of all delivered pictures together."""
    seconds: Fraction | None = None
    """Of work, as the provider measured them; None where it did not say."""


def current_price(model: HostedModel) -> Price:
    """The price that a new prediction gets: the newest row. Raises NoPrice."""
    price = _NEWEST.first(model=model.pk)
    if price is None:
        raise NoPrice(model.ref)
    return price


def percent_of(account: Account) -> int:
    """What an account pays of every price, by its plan. A prediction keeps what held when it was made."""
    return WHOLE if account.plan is None else account.plan.price_percent


def asked_outputs(version: Version, given: Mapping[str, Any]) -> int:
    """How many output files the input asks for: its count, or the schema's default, or one."""
    name = count_key(version)
    if not name:
        return 1
    count = given.get(name, version.properties[name].get("default", 1))
    return int(count) if isinstance(count, int | float) and not isinstance(count, bool) else 1


def count_key(version: Version) -> str:
    """The input that says how many files are asked for; empty where none does."""
    properties = version.properties
    if COUNT_KEY in properties:
        return COUNT_KEY
    if not (version.gives_list and version.gives_files):
        return ""
    whole = (name for name in _OTHER_COUNTS if properties.get(name, {}).get("type") == "integer")
    return next(whole, "")


def unit_price(price: Price, version: Version, given: Mapping[str, Any]) -> Fraction:
    """The price of one unit for this input, in micro-credits, not rounded. Raises BadRules."""
    if not price.rules:
        return Fraction(price.amount)
    known = {name: rule["default"] for name, rule in version.properties.items() if "default" in rule}
    return price_rules.apply(_rules_of(price), price.amount, {**known, **given})


def ceiling(price: Price, version: Version, given: Mapping[str, Any], percent: int = WHOLE) -> int:
    """The most it can cost, in micro-credits. Raises NoPrice where nothing bounds it."""
    try:
        unit = unit_price(price, version, given)
    except BadRules as error:
        raise NoPrice(str(error)) from None
    units = _most_units(price, version, given)
    if units is None:
        if price.most is None:
            raise NoPrice(f"Price {price.number} says no most.")
        return part(max(0, price.most), percent)
    return part(_bounded(price, unit * units), percent)


def charge(
    price: Price, version: Version, given: Mapping[str, Any], delivered: Delivered, percent: int = WHOLE
) -> int:
    """What a success costs, in micro-credits; the caller caps it by what was held. Nothing delivered costs nothing."""
    if delivered.outputs <= 0:
        return 0
    try:
        unit = unit_price(price, version, given)
    except BadRules:
        # Nobody gets this far with rules that could not be read when the ceiling was named.
        unit = Fraction(price.amount)
    return part(_bounded(price, unit * _units(price, delivered)), percent)


def part(micro: int, percent: int) -> int:
    """So much of an amount, rounded up to a micro-credit."""
    return micro if percent == WHOLE else min(-(-micro * percent // WHOLE), LARGEST)


def seconds_of(metrics: Mapping[str, Any]) -> Fraction | None:
    """The seconds of work that a provider says; None where it says none, or nonsense."""
    found = price_rules.exact(metrics.get("predict_time"))
    return None if found is None or found < 0 else found


def _units(price: Price, delivered: Delivered) -> Fraction:
    if price.unit == Price.Unit.OUTPUT:
        return Fraction(delivered.outputs)
    if price.unit == Price.Unit.MEGAPIXEL:
        return Fraction(max(0, delivered.pixels), MEGAPIXEL)
    whole = Fraction(1) if price.unit == Price.Unit.RUN else delivered.seconds or Fraction(0)
    if delivered.asked > delivered.outputs:
        return whole * Fraction(delivered.outputs, delivered.asked)
    return whole


def _most_units(price: Price, version: Version, given: Mapping[str, Any]) -> Fraction | None:
    """The most units that can come; None where nothing says."""
    if price.unit == Price.Unit.RUN:
        return Fraction(1)
    if price.unit == Price.Unit.SECOND:
        return Fraction(version.model.work_limit or settings.WORK_LIMIT)
    # A schema that lets nothing be asked for does not keep something from coming.
    asked = Fraction(max(1, asked_outputs(version, given)))
    if price.unit == Price.Unit.OUTPUT:
        return asked
    width, height = (_longest(version, given, side) for side in _SIDES)
    return None if width is None or height is None else asked * width * height / MEGAPIXEL


def _longest(version: Version, given: Mapping[str, Any], side: str) -> Fraction | None:
    """A side of the picture as the input has it, or its default, or the most that the schema allows."""
    rule = version.properties.get(side)
    if not isinstance(rule, dict):
        return None
    found = price_rules.exact(given.get(side, rule.get("default")))
    if found is not None and found > 0:
        return found
    largest = [
        price_rules.exact(rule.get("maximum")),
        *(price_rules.exact(one) for one in rule.get("enum") or []),
    ]
    return max((one for one in largest if one is not None and one > 0), default=None)


def _bounded(price: Price, cost: Fraction) -> int:
    """Rounded up to a micro-credit, then within `least` and `most`. Every step grows with the cost, so that a ceiling
    over more units is never below a charge over fewer.
    """
    whole = max(math.ceil(cost), price.least)
    if price.most is not None:
        whole = min(whole, price.most)
    return max(0, min(whole, LARGEST))


def _rules_of(price: Price) -> Sequence[Rule]:
    # A row never changes once it is written; one that is only being tried out has no key yet.
    return price_rules.parse(price.rules) if price.pk is None else _kept(price.pk, _Rules(price.rules))


class _Rules:
    """Rules on their way into the cache: all of a price's are the same, so they are never looked at there."""

    def __init__(self, raw: Any) -> None:
        self.raw = raw

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Rules) and self.raw == other.raw

    def __hash__(self) -> int:
        return 0


@lru_cache(maxsize=256)
def _kept(price_pk: int, raw: _Rules) -> Sequence[Rule]:
    return price_rules.parse(raw.raw)
