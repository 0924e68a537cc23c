"""CSV export of admin lists: the rows that search and filters find, newest first, streamed and logged.

Cells are escaped so that no spreadsheet runs them as formulas (`core.http.csv_rows`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import PAGE_VAR
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy
from unfold.decorators import action

from core.admin import change_log
from core.http import csv_rows

if TYPE_CHECKING:
    from unfold.admin import ModelAdmin
else:
    ModelAdmin = object

_BATCH = 1000


@dataclass(frozen=True)
class CsvLayout:
    """The columns of a file, and the function that gives a row's cells. `related`: for `select_related`."""

    columns: list[str]
    cells: Callable[[Any], list[csv_rows.Cell]]
    related: tuple[str, ...] = ()


def filtered_rows(model_admin: ModelAdmin, request: HttpRequest) -> QuerySet[Any] | None:
    """The rows that the search and filters of the URL find; None where the URL has an invalid one."""
    try:
        rows: QuerySet[Any] = model_admin.get_changelist_instance(request).get_queryset(request)
    except IncorrectLookupParameters:
        return None
    return rows


def keep_filters_in_button(response: Any, request: HttpRequest, url_suffix: str) -> Any:
    """The list's response; the button whose URL ends so gets the search and filters, without the page number."""
    query = request.GET.copy()
    query.pop(PAGE_VAR, None)
    for button in (getattr(response, "context_data", None) or {}).get("actions_list", ()):
        if query and str(button["path"]).endswith(url_suffix):
            button["path"] += f"?{query.urlencode()}"
    return response


class CsvExportAdmin(ModelAdmin):
    """Mixin of a ModelAdmin that adds the CSV button. A subclass sets `csv_layout`."""

    actions_list = ("download_csv",)
    csv_layout: ClassVar[CsvLayout]

    @action(
        description=gettext_lazy("Download as CSV"), url_path="csv", icon="download", permissions=["download"]
    )
    def download_csv(self, request: HttpRequest) -> HttpResponseBase:
        """All rows that the list's search and filters find."""
        name = str(self.model._meta.model_name)
        rows = filtered_rows(self, request)
        if rows is None:
            return HttpResponseRedirect(reverse(f"admin:{self.model._meta.app_label}_{name}_changelist"))
        change_log.current().write_change(
            request.user, f"{name}.export", detail={"filters": dict(request.GET.lists())}
        )
        return csv_rows.download(
            f"{name}-{timezone.now():%Y-%m-%d}", self.csv_layout.columns, self._rows(rows)
        )

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """The list; its CSV button keeps the search and filters."""
        return keep_filters_in_button(super().changelist_view(request, extra_context), request, "csv/")

    def has_download_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """The view permission is enough."""
        return bool(self.has_view_permission(request))

    def _rows(self, rows: QuerySet[Model]) -> Iterator[list[csv_rows.Cell]]:
        rows = rows.order_by("-pk")
        if self.csv_layout.related:
            rows = rows.select_related(*self.csv_layout.related)
        before: int | None = None
        while True:
            batch = list((rows.filter(pk__lt=before) if before is not None else rows)[:_BATCH])
            for row in batch:
                yield self.csv_layout.cells(row)
            if len(batch) < _BATCH:
                return
            before = batch[-1].pk
