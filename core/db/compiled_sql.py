"""SQL that was compiled once, with the places of its arguments; and the cursor that PostgreSQL prepares it for."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db.models import Field, Value


class Argument(Value):
    """An expression for a value that each call gives: compiled to a parameter, which is the argument itself."""

    def __init__(self, name: str) -> None:
        super().__init__(None, output_field=Field())
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:  # type: ignore[override]
        """One parameter, sent as it is."""
        return "%s", [self]


def arguments(build: Callable[..., Any]) -> dict[str, Argument]:
    """An `Argument` for each parameter of this function."""
    return {name: Argument(name) for name in inspect.signature(build).parameters}


class Sql:
    """A compiled statement whose parameters are constants and arguments. ValueError where one of `names` is missing."""

    def __init__(self, text: str, params: Sequence[Any], names: Mapping[str, Any]) -> None:
        self.text = text
        self._names = names.keys()
        self._params = params
        self._places = [(n, param.name) for n, param in enumerate(params) if isinstance(param, Argument)]
        if lost := self._names - {name for _, name in self._places}:
            raise ValueError(f"Arguments that the statement does not use: {', '.join(sorted(lost))}.")

    def params(self, given: Mapping[str, Any]) -> list[Any]:
        """The parameters with these values. Raises TypeError where they are not exactly those it takes."""
        if given.keys() != self._names:
            raise TypeError(f"It takes {', '.join(self._names)}.")
        params = list(self._params)
        for number, name in self._places:
            params[number] = given[name]
        return params


def server_bound(connection: Any) -> Any:
    """A cursor that sends values apart from the SQL, so that PostgreSQL parses and plans a repeated one only once."""
    if connection.vendor != "postgresql":
        return connection.cursor()
    from django.db.backends.postgresql.base import ServerBindingCursor

    connection.ensure_connection()
    # Django's own wrapper, so that errors and recorded queries look as with any other cursor.
    return connection._prepare_cursor(ServerBindingCursor(connection.connection))  # type: ignore[call-arg]
