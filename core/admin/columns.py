"""Computed columns of admin lists and pages: times, links, JSON, badges of a choice, formatted values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from core.admin.cells import Badge, link, moment, pretty


class Column:
    """A label, and the cell of a row.

    It stands in `list_display` or `fields` itself, or as an attribute of a ModelAdmin that is named there. `name` is
    the model field that it is made of. With `badges`, colours by key, a cell is a `Badge`.
    """

    def __init__(
        self,
        name: str,
        label: Any,
        cell: Callable[[Any], Any],
        *,
        badges: Mapping[str, str] | None = None,
        ordering: str | None = None,
    ) -> None:
        self.name = name
        # Not the name of the field, whose help text Django would show.
        self.__name__ = f"{name}_column"
        self.cell = cell
        # The names that Django and Unfold read from the functions of a list.
        self.short_description = label
        self.label = badges
        self.admin_order_field = ordering

    def __call__(self, row: Any) -> Any:
        return self.cell(row)


def time_column(name: str, label: Any) -> Column:
    """A time to the minute in the reader's zone; a dash for none."""
    return Column(name, label, lambda row: moment(getattr(row, name)))


def link_column(name: str, label: Any) -> Column:
    """A link to the admin page of a related row; a dash for none."""
    return Column(name, label, lambda row: link(getattr(row, name)))


def json_column(name: str, label: Any) -> Column:
    """Indented JSON."""
    return Column(name, label, lambda row: pretty(getattr(row, name)))


def choice_column(name: str, label: Any, badges: Mapping[str, str]) -> Column:
    """The label of a choice as a badge."""

    def cell(row: Any) -> Badge:
        return Badge(getattr(row, name), getattr(row, f"get_{name}_display")())

    return Column(name, label, cell, badges=badges)


def value_column(
    name: str, label: Any, text: Callable[[Any], str], *, dash_zero: bool = False, ordering: str | None = None
) -> Column:
    """A value as `text` writes it, such as an amount; a dash for none, and with `dash_zero` for 0."""

    def cell(row: Any) -> str:
        value = getattr(row, name)
        return "–" if value is None or (dash_zero and not value) else text(value)

    return Column(name, label, cell, ordering=ordering)
