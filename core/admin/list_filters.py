"""Filters of admin lists that use an index, so that large tables are not scanned."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin
from django.db.models import DateTimeField, Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone

if TYPE_CHECKING:
    from unfold.admin import ModelAdmin
else:
    ModelAdmin = object

_CLOCK_SLACK = timedelta(hours=1)
"""How much earlier than a row with a lower key a row's time may be."""


class IndexedChoicesFilter(admin.ChoicesFieldListFilter):
    """Filter by a choice; a subclass says which index finds the rows."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        rows = cast("QuerySet[Any]", super().queryset(request, queryset))
        for value in self.lookup_val or ():
            rows = self.narrow(rows, value)
        return rows

    def narrow(self, rows: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Add the condition of the index that has the rows with this value."""
        return rows


class AwareDateFilter(admin.DateFieldListFilter):
    """Django's date filter that also accepts times without a zone in the URL: they are in the reader's zone."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, values in cast("dict[str, list[Any]]", self.used_parameters).items():
            self.used_parameters[name] = [
                (isinstance(value, str) and _parse_time(value)) or value for value in values
            ]


admin.FieldListFilter.register(
    lambda field: isinstance(field, DateTimeField), AwareDateFilter, take_priority=True
)


class NumberedDateFilter(AwareDateFilter):
    """Filter by a time that grows with the key: rows are found by the first key of the period."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        rows = cast("QuerySet[Any]", super().queryset(request, queryset))
        begin = _parse_time(self.date_params.get(self.lookup_kwarg_since))
        if begin is None:
            return rows
        first = first_since(queryset.model, self.field_path, begin - _CLOCK_SLACK)
        return rows.filter(pk__gte=first) if first is not None else rows.none()


def first_since(model: type[Model], column: str, at: datetime) -> int | None:
    """The key of a table's first row of that time or later, by binary search; None where there is none."""
    rows = model._base_manager.order_by("pk").values_list("pk", column)
    newest = rows.order_by("-pk").first()
    if newest is None or newest[1] < at:
        return None
    low, high = 0, newest[0]
    while low < high:
        middle = (low + high) // 2
        row = rows.filter(pk__gt=middle).first()
        if row is None or row[1] >= at:
            high = middle
        else:
            low = row[0]
    first = rows.filter(pk__gt=low).first()
    return int(first[0]) if first is not None else None


def _parse_time(text: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return at if timezone.is_aware(at) else timezone.make_aware(at)
