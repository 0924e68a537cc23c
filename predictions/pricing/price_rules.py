"""Price rules: how values of inputs change the price of a unit, in order. Pure functions, exact arithmetic.

A rule is a JSON object with the name of an input, a condition and one effect:

    {"input": "num_inference_steps", "above": 30, "factor": "1.5"}
    {"input": "quality", "is": "hd", "add": 400000}
    {"input": "size", "in": ["2K", "4K"], "set": 2000000}
    {"input": "width", "above": 1024, "each": 256, "add": 50000}

- Conditions: `is` (exactly this value), `in` (one of a list), `above` and `below` (a number, exclusive; both
  together are a range). Without one the rule always applies.
- Effects: `factor` (times a decimal number, written as text), `add` (micro-credits, may be negative), `set`
  (micro-credits). With `each` (a positive number) `add` counts once for every step of that size, partial ones
  included, by which the value exceeds `above`, or 0.
- Rules apply to the price of one unit, in order, each to the result of the one before. A price is never negative.
- A missing input counts as its default in the schema; without a default no condition on it holds.
- Nothing is rounded before the end: `predictions.pricing.calculator` rounds the cost of a prediction up to a whole
micro-credit.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.utils.translation import gettext as _

from accounts.credits import LARGEST

MOST = 50
"""Rules of one price."""
MOST_VALUES = 100
"""Values of one `in`."""
_LONGEST_NAME = 100
_LONGEST_VALUE = 200
_FACTOR = re.compile(r"[0-9]{1,4}(\.[0-9]{1,6})?")
_EFFECTS = ("factor", "add", "set")
_KEYS = frozenset({"input", "is", "in", "above", "below", "each", *_EFFECTS})
_WORST = 10**9
"""Largest absolute value of a number in a rule."""

Scalar = str | int | float | bool


class BadRules(ValueError):
    """The rules are invalid. The message names the rule by its place and says what is expected.

    Messages about what people write by hand are in the reader's language.
    """

    @classmethod
    def at(cls, where: str, fault: str) -> BadRules:
        """With the rule's place before the fault."""
        return cls(_("%(where)s: %(fault)s") % {"where": where, "fault": fault})


@dataclass(frozen=True)
class Rule:
    """One validated rule."""

    input: str
    values: tuple[Scalar, ...] | None = None
    above: Fraction | None = None
    below: Fraction | None = None
    each: Fraction | None = None
    factor: Fraction | None = None
    add: int | None = None
    set: int | None = None

    def applied(self, amount: Fraction, value: Any) -> Fraction:
        """The amount after this rule, where the input has this value (None where it is missing)."""
        if not self.holds(value):
            return amount
        if self.factor is not None:
            return amount * self.factor
        if self.set is not None:
            return Fraction(self.set)
        times = 1 if self.each is None else self._steps(value)
        return max(Fraction(0), amount + (self.add or 0) * times)

    def holds(self, value: Any) -> bool:
        """Whether the condition is met."""
        if self.values is not None and not any(_same(value, wanted) for wanted in self.values):
            return False
        if self.above is None and self.below is None and self.each is None:
            return True
        number = exact(value)
        if number is None or (self.above is not None and number <= self.above):
            return False
        return self.below is None or number < self.below

    def _steps(self, value: Any) -> int:
        number = exact(value)
        if number is None or self.each is None:
            return 0
        return max(0, math.ceil((number - (self.above or 0)) / self.each))


def parse(raw: Any) -> tuple[Rule, ...]:
    """The rules of a price's row. Raises BadRules."""
    if not isinstance(raw, list):
        raise BadRules("Rules are a list of objects.")
    if len(raw) > MOST:
        raise too_many()
    return tuple(
        parse_one(raw_rule, _("Rule %(number)s") % {"number": at}) for at, raw_rule in enumerate(raw, 1)
    )


def too_many() -> BadRules:
    """The error for a price with more than `MOST` rules."""
    return BadRules(_("There are at most %(most)s rules.") % {"most": MOST})


def apply(rules: Sequence[Rule], amount: int, inputs: Mapping[str, Any]) -> Fraction:
    """The price of one unit for an input. `inputs` must contain the defaults of missing inputs too."""
    price = Fraction(amount)
    for rule in rules:
        price = rule.applied(price, inputs.get(rule.input))
    return price


def exact(value: Any) -> Fraction | None:
    """A number as it was written (0.1 is a tenth); None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int):
        return Fraction(value)
    return Fraction(Decimal(repr(value))) if math.isfinite(value) else None


def _same(value: Any, wanted: Scalar) -> bool:
    # Python equates 1, 1.0 and True: a number must not equal a boolean, though 1 and 1.0 are equal.
    if isinstance(value, bool) != isinstance(wanted, bool):
        return False
    return value is not None and not isinstance(value, list | dict) and bool(value == wanted)


def parse_one(raw: Any, where: str) -> Rule:
    """One rule; `where` is how messages name its place. Raises BadRules."""
    if not isinstance(raw, dict):
        raise BadRules.at(where, "a rule is an object.")
    unknown = sorted(str(key) for key in raw.keys() - _KEYS)
    if unknown:
        raise BadRules.at(where, f"“{unknown[0][:40]}” is no part of a rule.")
    name = raw.get("input")
    if not isinstance(name, str) or not name or len(name) > _LONGEST_NAME or "\x00" in name:
        raise BadRules.at(where, "“input” is the name of an input.")
    if "is" in raw and "in" in raw:
        raise BadRules.at(where, _("“is” and “in” do not stand together."))
    effects = [key for key in _EFFECTS if key in raw]
    if len(effects) != 1:
        raise BadRules.at(where, "one of “factor”, “add” and “set” says what it does.")
    if "each" in raw and effects != ["add"]:
        raise BadRules.at(where, _("“each” goes with “add”."))
    above, below = (_number(raw, key, where) for key in ("above", "below"))
    if above is not None and below is not None and above >= below:
        message = _("nothing is above %(above)s and below %(below)s.")
        raise BadRules.at(where, message % {"above": raw["above"], "below": raw["below"]})
    each = _number(raw, "each", where)
    if each is not None and each <= 0:
        raise BadRules.at(where, _("“each” is more than 0."))
    return Rule(
        name,
        _values(raw, where),
        above,
        below,
        each,
        _factor(raw, where),
        _micro(raw, "add", where, least=-LARGEST),
        _micro(raw, "set", where, least=0),
    )


def _values(raw: Mapping[str, Any], where: str) -> tuple[Scalar, ...] | None:
    if "is" in raw:
        return (_scalar(raw["is"], where),)
    if "in" not in raw:
        return None
    values = raw["in"]
    if not isinstance(values, list) or not values or len(values) > MOST_VALUES:
        raise BadRules.at(where, _("“in” is a list of 1 to %(most)s values.") % {"most": MOST_VALUES})
    return tuple(_scalar(one, where) for one in values)


def _scalar(value: Any, where: str) -> Scalar:
    if isinstance(value, str) and len(value) <= _LONGEST_VALUE and "\x00" not in value:
        return value
    if isinstance(value, bool) or exact(value) is not None:
        return value
    words = _("a value is a text of at most %(most)s characters, a number, true or false.")
    raise BadRules.at(where, words % {"most": _LONGEST_VALUE})


def _number(raw: Mapping[str, Any], key: str, where: str) -> Fraction | None:
    if key not in raw:
        return None
    number = exact(raw[key])
    if number is None or abs(number) > _WORST:
        words = _("“%(name)s” is a number of at most %(most)s.")
        raise BadRules.at(where, words % {"name": key, "most": f"{_WORST:,}"})
    return number


def _factor(raw: Mapping[str, Any], where: str) -> Fraction | None:
    if "factor" not in raw:
        return None
    text = raw["factor"]
    if not isinstance(text, str) or not _FACTOR.fullmatch(text):
        words = _('“factor” is a decimal number as text, such as "1.5", with at most six decimals.')
        raise BadRules.at(where, words)
    return Fraction(Decimal(text))


def _micro(raw: Mapping[str, Any], key: str, where: str, *, least: int) -> int | None:
    if key not in raw:
        return None
    value = raw[key]
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= LARGEST:
        if isinstance(value, int) and value < least == 0:
            raise BadRules.at(where, _("“%(name)s” is not negative.") % {"name": key})
        raise BadRules.at(where, f"“{key}” is a whole number of micro-credits.")
    return value
