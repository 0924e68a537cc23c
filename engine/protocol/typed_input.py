"""Typed access to one input object.

The API has validated it against the published schema; the engine must not depend on its caller's care, and some limits
the published models find only at run time.
"""

from __future__ import annotations

import math
from typing import Any

from engine.protocol.job_output import Refusal


class TypedInput:
    """The input values of one request by type; all methods raise `Refusal` naming the input."""

    def __init__(self, values: dict[str, Any]) -> None:
        """`values` include the defaults. Null counts as absent."""
        self._values = {name: value for name, value in values.items() if value is not None}

    def has(self, name: str) -> bool:
        """Whether the input has a value, its default included."""
        return name in self._values

    def text(self, name: str) -> str:
        """A string."""
        value = self._values.get(name)
        if not isinstance(value, str):
            raise Refusal(f"Input {name} must be a text.")
        return value

    def flag(self, name: str) -> bool:
        """A boolean; numbers are refused."""
        value = self._values.get(name)
        if not isinstance(value, bool):
            raise Refusal(f"Input {name} must be true or false.")
        return value

    def integer(self, name: str, low: int | None = None, high: int | None = None) -> int:
        """A whole number between `low` and `high`, both included; also one written as `64.0`."""
        value = self._values.get(name)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise Refusal(f"Input {name} must be a whole number.")
        self._within(name, value, low, high)
        return value

    def number(self, name: str, low: float | None = None, high: float | None = None) -> float:
        """A finite number between `low` and `high`, both included."""
        value = self._values.get(name)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise Refusal(f"Input {name} must be a number.")
        self._within(name, value, low, high)
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise Refusal(f"Input {name} must be a finite number.")
        return number

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """A string from `choices`."""
        value = self.text(name)
        if value not in choices:
            raise Refusal(f"Input {name} must be one of {', '.join(choices)}.")
        return value

    @staticmethod
    def _within(name: str, value: float, low: float | None, high: float | None) -> None:
        # Written so that NaN, which compares false with everything, is refused too.
        if low is not None and high is not None and not low <= value <= high:
            raise Refusal(f"Input {name} must lie between {low} and {high}.")
