"""Base classes of ModelAdmins: changes on record, long tables without counts, read-only rows."""

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


class RecordedAdmin(ModelAdmin):
    """Whatever is added, changed, done or deleted in a panel goes into the record too, beside Django's own log.

    Acts that write the log themselves are not written twice: what a request put there about a row is enough.
    """

    led_to_by: ClassVar[tuple[str, ...]] = ()
    """Lookups by which other pages lead to the list, beside those of its own filters."""

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """An address asks by what the list offers and by nothing else: the answer is one too, and whoever may ask by
        the beginning of any column reads keys, addresses and balances that no page shows them, sign by sign.
        """
        if lookup in self.led_to_by:
            return True
        return any(_asks(one, lookup) for one in self.get_list_filter(request)) and bool(
            super().lookup_allowed(lookup, value, request)
        )

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The list. A time by hand at either end of the calendar is no time in every zone: it is no filter, as what
        cannot be read is none.
        """
        try:
            found = super().get_changelist_instance(request)
            # Some are reckoned only when the rows are read, which the page does anyway: they are kept there.
            len(found.result_list)
        except OverflowError as error:
            raise IncorrectLookupParameters(str(error)) from error
        return found

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any], *args: Any) -> Any:
        """Does what was chosen to the rows that were. What is no key of any row was chosen on no page of ours: 400."""
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

    # Both run in the transaction of what they do. What they put on record comes behind all rows, Django's own log too.
    def _changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        with change_log.current().gathered():
            return super()._changeform_view(request, *args, **kwargs)

    def _delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        with change_log.current().gathered():
            return super()._delete_view(request, *args, **kwargs)

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Any:
        """Django's message; and what was there before and is now, kept for the record."""
        request._changed_here = _changed(form, formsets, add=add)  # type: ignore[attr-defined]
        return super().construct_change_message(request, form, formsets, add)

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        logged = super().log_addition(request, obj, message)
        self._record(request, obj, "add", message)
        return logged

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        logged = super().log_change(request, obj, message)
        self._record(request, obj, "change", message)
        return logged

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        logged = super().log_deletions(request, queryset)
        for row in queryset:
            self._record(request, row, "delete", "")
        return logged

    def _record(self, request: HttpRequest, row: Model, verb: str, message: Any) -> None:
        since = getattr(request, "_record_stood_at", None)
        if since is not None and change_log.current().has_since(since, row):
            return
        detail = {**getattr(request, "_changed_here", {})}
        words = message if isinstance(message, str) else ""
        action = f"{row._meta.model_name}.{verb}" if not words else f"{row._meta.model_name}.act"
        change_log.current().write_change(request.user, action, row, reason=words, detail=detail)


def _asks(list_filter: Any, lookup: str) -> bool:
    """Whether that is a lookup of that filter."""
    if isinstance(list_filter, type) and issubclass(list_filter, admin.SimpleListFilter):
        return lookup == list_filter.parameter_name
    name = list_filter[0] if isinstance(list_filter, list | tuple) else list_filter
    return lookup == name or lookup.startswith(f"{name}__")


def mark_log_position(request: HttpRequest) -> None:
    """Note where the record stands, before anything is done: what is written there from now on is not written twice."""
    if request.method == "POST":
        request._record_stood_at = change_log.current().newest()  # type: ignore[attr-defined]


_SECRET = ("password", "secret", "key", "token", "digest", "hash", "credential")
"""Parts of the names of fields whose values the record never tells."""


def _changed(form: Any, formsets: Any, *, add: bool) -> dict[str, Any]:
    """What a form changed, before and after; of rows below it, how many."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for name in form.changed_data:
        hidden = any(part in name for part in _SECRET)
        if not add:
            before[name] = "…" if hidden else _told(form.initial.get(name))
        after[name] = "…" if hidden else _told(form.cleaned_data.get(name))
    detail: dict[str, Any] = {"after": after} if add else {"before": before, "after": after}
    below = {
        formset.model._meta.model_name: len(formset.new_objects) + len(formset.changed_objects)
        for formset in formsets or ()
        if formset.new_objects or formset.changed_objects
    }
    return {**detail, "below": below} if below else detail


def _told(value: Any) -> Any:
    if isinstance(value, QuerySet | list | tuple | set):
        return sorted(str(one) for one in value)
    if value is None or isinstance(value, bool | int | dict):
        return value
    return str(value)


class BaseAdmin(RecordedAdmin):
    """Base of every panel. Nothing is deleted here: rows that people or money hang on stay, and say what they are."""

    list_per_page = 50
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False
    warn_unsaved_form = True

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """What the database fills in by itself is shown once there is a row; before, there is nothing to show."""
        found = super().get_fieldsets(request, obj)
        if obj is not None:
            return found
        shown = set(self.get_readonly_fields(request, obj))
        later = {field.name for field in self.model._meta.fields if field.has_db_default()} & shown
        return [
            (title, {**options, "fields": [name for name in options["fields"] if name not in later]})
            for title, options in found
        ]


class LargeTableAdmin(BaseAdmin):
    """For what there may be a million of: no COUNT over all of it to draw a page, no sorting of all of it by whatever
    column; an action is for the rows that one sees.
    """

    paginator = InfinitePaginator
    list_disable_select_all = True
    sortable_by: ClassVar[tuple[str, ...]] = ()
    ordering: ClassVar[tuple[str, ...]] = ("-pk",)


class ReadOnlyAdmin(LargeTableAdmin):
    """For what must stay as it was written: to be read and searched, never added to or changed."""

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
        shown = tuple(columns.get(name, name) if isinstance(name, str) else name for name in fields)
        attributes["fields"] = shown or list_display
    admin.site.register(model, type(f"{model.__name__}Admin", (*mixins, ReadOnlyAdmin), attributes))


class ReadOnlyInline(TabularInline):
    """Rows of history below what they belong to."""

    extra = 0
    can_delete = False
    show_change_link = True

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return self.fields

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
