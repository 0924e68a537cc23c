"""The rules of a price: what values of inputs change, in order. Pure functions, exact to the last micro-credit.

A rule is a JSON object with the name of an input, a condition and one effect:

    {"input": "num_inference_steps", "above": 30, "factor": "1.5"}
    {"input": "quality", "is": "hd", "add": 400000}
    {"input": "size", "in": ["2K", "4K"], "set": 2000000}
    {"input": "width", "above": 1024, "each": 256, "add": 50000}

- Conditions: `is` (this very value), `in` (one of a list), `above` and `below` (a number, neither included; both
  together are a range). Without one the rule always applies.
- Effects: `factor` (times a decimal number, written as text), `add` (micro-credits, may be negative), `set`
  (micro-credits). With `each` (a positive number) `add` counts once for every step of that size, begun ones included,
  that the value has above `above`, or above 0.
- Rules work on the price of one unit, in order, each on what the one before left. A price is never less than nothing.
- An input that was not given counts as its default in the schema; without one no condition on it holds.
- Nothing is rounded before the end: `predictions.pricing.calculator` rounds what a prediction costs up to a whole
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
"""A number in a rule is at most this far from nothing."""

Scalar = str | int | float | bool


class BadRules(ValueError):
    """The rules cannot be read. The message names the rule by its place and says what is wanted; in the reader's
    language where people can write what is wrong by hand.
    """

    @classmethod
    def at(cls, where: str, fault: str) -> BadRules:
        """With the place before the fault."""
        return cls(_("%(where)s: %(fault)s") % {"where": where, "fault": fault})


@dataclass(frozen=True)
class Rule:
    """One rule, checked."""

    input: str
    values: tuple[Scalar, ...] | None = None
    above: Fraction | None = None
    below: Fraction | None = None
    each: Fraction | None = None
    factor: Fraction | None = None
    add: int | None = None
    set: int | None = None

    def applied(self, amount: Fraction, value: Any) -> Fraction:
        """The amount after this rule, where the input has this value (None: none at all)."""
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
        if self.values is not None and not any(_same(value, one) for one in self.values):
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
    """The rules as they stand in a price's row. Raises BadRules."""
    if not isinstance(raw, list):
        raise BadRules("Rules are a list of objects.")
    if len(raw) > MOST:
        raise too_many()
    return tuple(parse_one(one, _("Rule %(number)s") % {"number": at}) for at, one in enumerate(raw, 1))


def too_many() -> BadRules:
    """What is said where a price has more rules than are kept."""
    return BadRules(_("There are at most %(most)s rules.") % {"most": MOST})


def apply(rules: Sequence[Rule], amount: int, given: Mapping[str, Any]) -> Fraction:
    """The price of one unit for an input. `given` holds the defaults of what was not given too."""
    price = Fraction(amount)
    for rule in rules:
        price = rule.applied(price, given.get(rule.input))
    return price


def exact(value: Any) -> Fraction | None:
    """A number as it was written (0.1 is a tenth); None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int):
        return Fraction(value)
    return Fraction(Decimal(repr(value))) if math.isfinite(value) else None


def _same(value: Any, wanted: Scalar) -> bool:
    # 1, 1.0 and True are one to Python: a number is no truth value, though the same number is the same.
    if isinstance(value, bool) != isinstance(wanted, bool):
        return False
    return value is not None and not isinstance(value, list | dict) and bool(value == wanted)


def parse_one(raw: Any, where: str) -> Rule:
    """One of them; `where` is what its place is called. Raises BadRules."""
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
        words = _("nothing is above %(above)s and below %(below)s.")
        raise BadRules.at(where, words % {"above": raw["above"], "below": raw["below"]})
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
