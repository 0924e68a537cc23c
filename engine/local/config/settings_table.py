"""Typed access to one table of the local models file; each error is a sentence that names the field."""

from __future__ import annotations

import math
from typing import Any

MAX_TEXT = 4096


class LocalSettingsError(Exception):
    """The local models file is invalid; the text says why."""


class Table:
    """One table of the file. A field that was never read is an error: `finish` finds misspelt names."""

    def __init__(self, raw: Any, path: str) -> None:
        """`path` is its location in the file. Raises `LocalSettingsError` where it is not a table."""
        if not isinstance(raw, dict):
            raise LocalSettingsError(f"{path or 'the file'} must be a table.")
        self._raw = dict(raw)
        self._path = path

    def where(self, name: str) -> str:
        """The full name of a field in messages."""
        return f"{self._path}.{name}" if self._path else name

    def names(self) -> list[str]:
        """The names of the fields that have not been read."""
        return list(self._raw)

    def text(self, name: str, default: str = "") -> str:
        """A string."""
        return self._text(name, self._raw.pop(name, default))

    def texts(self, name: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """A list of strings."""
        value = self._raw.pop(name, list(default))
        if not isinstance(value, list):
            raise LocalSettingsError(f"{self.where(name)} must be a list of texts.")
        return tuple(self._text(name, one) for one in value)

    def strings(self, name: str) -> dict[str, str]:
        """A table of strings."""
        table = self.table(name)
        return {key: table.text(key) for key in table.names()}

    def table(self, name: str) -> Table:
        """A nested table; empty where it is absent."""
        return Table(self._raw.pop(name, {}), self.where(name))

    def tables(self, name: str) -> list[Table]:
        """A list of tables."""
        value = self._raw.pop(name, [])
        if not isinstance(value, list):
            raise LocalSettingsError(f"{self.where(name)} must be a list of tables.")
        return [Table(one, f"{self.where(name)}[{index}]") for index, one in enumerate(value)]

    def flag(self, name: str, default: bool) -> bool:
        """A boolean."""
        value = self._raw.pop(name, default)
        if not isinstance(value, bool):
            raise LocalSettingsError(f"{self.where(name)} must be true or false.")
        return value

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        """A string from `choices`."""
        value = self.text(name, default)
        if value not in choices:
            raise LocalSettingsError(f"{self.where(name)} must be one of {', '.join(choices)}.")
        return value

    def integer(self, name: str, default: int, *, low: int, high: int) -> int:
        """A whole number within the limits."""
        value = self._raw.pop(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise LocalSettingsError(f"{self.where(name)} must be a whole number between {low} and {high}.")
        return value

    def number(self, name: str, default: float, *, low: float, high: float = 1e6) -> float:
        """A finite number within the limits."""
        value = self._raw.pop(name, default)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not math.isfinite(value) or not low <= value <= high:
            raise LocalSettingsError(f"{self.where(name)} must be a number between {low:g} and {high:g}.")
        return float(value)

    def finish(self) -> None:
        """Raise `LocalSettingsError` where a field has not been read."""
        if self._raw:
            unknown = ", ".join(self.where(name)[:200] for name in self._raw)
            raise LocalSettingsError(f"{unknown}: there is no such setting.")

    def _text(self, name: str, value: Any) -> str:
        if not isinstance(value, str) or len(value) > MAX_TEXT:
            raise LocalSettingsError(f"{self.where(name)} must be a text of at most {MAX_TEXT} characters.")
        return value
