"""Base classes of ModelAdmins: audit log, large tables without counts, read-only rows; and their registration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import BadRequest, ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline
from unfold.paginator import InfinitePaginator

from core.admin import change_log
from core.admin.columns import Column


class AuditedAdmin(ModelAdmin):
    """Writes additions, changes, actions and deletions to the audit log too, beside Django's own log.

    An action that writes the audit log itself is not logged twice: one entry of a request about a row is enough.
    """

    allowed_lookups: ClassVar[tuple[str, ...]] = ()
    """Lookups with which other pages link to the list, beside those of its own filters."""

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Only lookups of the list's own filters. With `startswith` on any column a user could read keys, addresses
        and balances that no page shows, character by character, from whether rows are found.
        """
        if lookup in self.allowed_lookups:
            return True
        filters = self.get_list_filter(request)
        return any(_is_lookup_of(list_filter, lookup) for list_filter in filters) and bool(
            super().lookup_allowed(lookup, value, request)
        )

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The list. A time in the URL that overflows in some time zone is treated as an invalid filter."""
        try:
            changelist = super().get_changelist_instance(request)
            # Some overflow only when the query runs; the result is cached and used by the page.
            len(changelist.result_list)
        except OverflowError as error:
            raise IncorrectLookupParameters(str(error)) from error
        return changelist

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any], *args: Any) -> Any:
        """Run the chosen action on the selected rows; 400 where a selected value cannot be a key."""
        for key in request.POST.getlist(ACTION_CHECKBOX_NAME):
            try:
                self.opts.pk.clean(key, None)
            except ValidationError as error:
                raise BadRequest("This is no key of a row.") from error
        return super().response_action(request, queryset, *args)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        mark_log_position(request)
        return super().changelist_view(request, extra_context)

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        mark_log_position(request)
        return super().changeform_view(request, object_id, form_url, extra_context)

    # Both run in the transaction of the change. The audit log is written last, after all rows and Django's own log.
    def _changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        with change_log.current().gathered():
            return super()._changeform_view(request, *args, **kwargs)

    def _delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        with change_log.current().gathered():
            return super()._delete_view(request, *args, **kwargs)

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Any:
        """Django's message. The values before and after are kept on the request, for the audit log."""
        request._change_detail = _change_detail(form, formsets, add=add)  # type: ignore[attr-defined]
        return super().construct_change_message(request, form, formsets, add)

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        logged = super().log_addition(request, obj, message)
        self._log(request, obj, "add", message)
        return logged

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        logged = super().log_change(request, obj, message)
        self._log(request, obj, "change", message)
        return logged

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        logged = super().log_deletions(request, queryset)
        for row in queryset:
            self._log(request, row, "delete", "")
        return logged

    def _log(self, request: HttpRequest, row: Model, verb: str, message: Any) -> None:
        since = getattr(request, "_log_position", None)
        if since is not None and change_log.current().has_since(since, row):
            return
        detail = {**getattr(request, "_change_detail", {})}
        reason = message if isinstance(message, str) else ""
        action = f"{row._meta.model_name}.{verb}" if not reason else f"{row._meta.model_name}.act"
        change_log.current().write_change(request.user, action, row, reason=reason, detail=detail)


def _is_lookup_of(list_filter: Any, lookup: str) -> bool:
    """Whether a filter may set this lookup."""
    if isinstance(list_filter, type) and issubclass(list_filter, admin.SimpleListFilter):
        return lookup == list_filter.parameter_name
    name = list_filter[0] if isinstance(list_filter, list | tuple) else list_filter
    return lookup == name or lookup.startswith(f"{name}__")


def mark_log_position(request: HttpRequest) -> None:
    """Remember the newest audit entry before a POST, so that changes logged from now on are not logged twice."""
    if request.method == "POST":
        request._log_position = change_log.current().newest()  # type: ignore[attr-defined]


_SECRET_PARTS = ("password", "secret", "key", "token", "digest", "hash", "credential")
"""Parts of the names of fields whose values are never logged."""


def _change_detail(form: Any, formsets: Any, *, add: bool) -> dict[str, Any]:
    """The values that a form changed, before and after; of its inlines only the number of changed rows."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for name in form.changed_data:
        hidden = any(part in name for part in _SECRET_PARTS)
        if not add:
            before[name] = "…" if hidden else _plain_value(form.initial.get(name))
        after[name] = "…" if hidden else _plain_value(form.cleaned_data.get(name))
    detail: dict[str, Any] = {"after": after} if add else {"before": before, "after": after}
    inlines = {
        formset.model._meta.model_name: len(formset.new_objects) + len(formset.changed_objects)
        for formset in formsets or ()
        if formset.new_objects or formset.changed_objects
    }
    return {**detail, "below": inlines} if inlines else detail


def _plain_value(value: Any) -> Any:
    if isinstance(value, QuerySet | list | tuple | set):
        return sorted(str(item) for item in value)
    if value is None or isinstance(value, bool | int | dict):
        return value
    return str(value)


class BaseAdmin(AuditedAdmin):
    """Base of every ModelAdmin. Nothing is deleted in the admin: other rows and the ledger refer to it."""

    list_per_page = 50
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False
    warn_unsaved_form = True

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Columns that the database fills in are left out of the page that adds a row."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is not None:
            return fieldsets
        readonly = set(self.get_readonly_fields(request, obj))
        later = {field.name for field in self.model._meta.fields if field.has_db_default()} & readonly
        return [
            (title, {**options, "fields": [name for name in options["fields"] if name not in later]})
            for title, options in fieldsets
        ]


class LargeTableAdmin(BaseAdmin):
    """For tables with millions of rows: no COUNT and no sorting by any column; actions apply to the rows of the page
    alone.
    """

    paginator = InfinitePaginator
    list_disable_select_all = True
    sortable_by: ClassVar[tuple[str, ...]] = ()
    ordering: ClassVar[tuple[str, ...]] = ("-pk",)


class ReadOnlyAdmin(LargeTableAdmin):
    """For rows that are read and searched in the admin, never added or changed."""

    deferred: ClassVar[tuple[str, ...]] = ()
    """Large columns that are not read, also those of related rows (`prediction__input`)."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.defer(*self.deferred)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def register_read_only(
    model: type[Model],
    *,
    list_display: Sequence[str | Column],
    fields: Sequence[str | Column] | None = (),
    mixins: tuple[type, ...] = (),
    **options: Any,
) -> None:
    """Register a read-only admin for a model whose rows have no actions: its columns, and any options of ModelAdmin.

    `fields` of a row's page: by default those of the list; None: every field of the model. A name of a field that has
    a `Column` in the list is shown by that column. Related rows in columns are selected with the list.
    """
    columns = {column.name: column for column in list_display if isinstance(column, Column)}
    foreign_keys = {field.name for field in model._meta.fields if field.remote_field is not None}
    names = [column.name if isinstance(column, Column) else column for column in list_display]
    attributes: dict[str, Any] = {
        "list_display": list_display,
        "list_select_related": tuple(name for name in names if name in foreign_keys),
        **options,
    }
    if fields is not None:
        page_fields = tuple(columns.get(name, name) if isinstance(name, str) else name for name in fields)
        attributes["fields"] = page_fields or list_display
    admin.site.register(model, type(f"{model.__name__}Admin", (*mixins, ReadOnlyAdmin), attributes))


class ReadOnlyInline(TabularInline):
    """Read-only rows on the page of the row they belong to."""

    extra = 0
    can_delete = False
    show_change_link = True

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return self.fields

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
