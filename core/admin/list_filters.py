"""Filters of the admin's lists that never read a whole table, however many rows it has."""

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

_SLACK = timedelta(hours=1)
"""By so much a time may be before that of a row with a lower number."""


class IndexedChoicesFilter(admin.ChoicesFieldListFilter):
    """A choice of which a subclass says how rows with it are found."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        found = cast("QuerySet[Any]", super().queryset(request, queryset))
        for value in self.lookup_val or ():
            found = self.narrowed(found, value)
        return found

    def narrowed(self, rows: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Rows with that value, said so that an index is used."""
        return rows


class AwareDateFilter(admin.DateFieldListFilter):
    """Django's filter for times, where an address written by hand names one without a zone: the reader's is meant."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, values in cast("dict[str, list[Any]]", self.used_parameters).items():
            self.used_parameters[name] = [(isinstance(one, str) and _moment(one)) or one for one in values]


admin.FieldListFilter.register(
    lambda field: isinstance(field, DateTimeField), AwareDateFilter, take_priority=True
)


class NumberedDateFilter(AwareDateFilter):
    """A time that grows with the row's number: the rows are entered where the period begins."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        found = cast("QuerySet[Any]", super().queryset(request, queryset))
        begin = _moment(self.date_params.get(self.lookup_kwarg_since))
        if begin is None:
            return found
        first = first_since(queryset.model, self.field_path, begin - _SLACK)
        return found.filter(pk__gte=first) if first is not None else found.none()


def first_since(model: type[Model], column: str, at: datetime) -> int | None:
    """The number of a table's first row of that time or later, by halving; None where there is none."""
    rows = model._base_manager.order_by("pk").values_list("pk", column)
    newest = rows.order_by("-pk").first()
    if newest is None or newest[1] < at:
        return None
    low, high = 0, newest[0]
    while low < high:
        middle = (low + high) // 2
        found = rows.filter(pk__gt=middle).first()
        if found is None or found[1] >= at:
            high = middle
        else:
            low = found[0]
    first = rows.filter(pk__gt=low).first()
    return int(first[0]) if first is not None else None


def _moment(words: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(words))
    except ValueError:
        return None
    return found if timezone.is_aware(found) else timezone.make_aware(found)
