"""What the admin panels of all apps share: rows of history, amounts, questions that want a reason, pages without
counts.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline
from unfold.paginator import InfinitePaginator
from unfold.widgets import UnfoldAdminTextareaWidget

_LONGEST_VALUE = 400


class Desk(ModelAdmin):
    """Base of every panel. Nothing is deleted here: rows that people or money hang on stay, and say what they are."""

    list_per_page = 50
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False
    warn_unsaved_form = True

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class HistoryDesk(Desk):
    """For what must stay as it was written: to be read and searched, never added to or changed."""

    # No COUNT over all history to draw a page, and no sorting of all of it by whatever column; an action is for
    # the rows that one sees.
    paginator = InfinitePaginator
    list_disable_select_all = True
    sortable_by = ()
    ordering: tuple[str, ...] = ("-id",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class HistoryInline(TabularInline):
    """Rows of history below what they belong to."""

    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReasonForm(forms.Form):
    """Asks why."""

    reason = forms.CharField(
        label=_("Reason"), max_length=200, strip=True, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3})
    )


def ask(
    desk: ModelAdmin,
    request: HttpRequest,
    form: forms.Form,
    *,
    title: str,
    words: str = "",
    button: str = "",
    back: str = "",
    chosen: QuerySet[Any] | None = None,
    action: str = "",
) -> TemplateResponse:
    """A page of the panel with one form. With `chosen` and `action` it sends the rows of a bulk action again."""
    context = {
        **desk.admin_site.each_context(request),
        "opts": desk.model._meta,
        "title": title,
        "words": words,
        "form": form,
        "button": button or _("Save"),
        "back": back
        or reverse(f"admin:{desk.model._meta.app_label}_{desk.model._meta.model_name}_changelist"),
        "chosen": [row.pk for row in chosen] if chosen is not None else [],
        "checkbox_name": ACTION_CHECKBOX_NAME,
        "action": action,
    }
    return TemplateResponse(request, "desk/ask.html", context, status=422 if form.errors else 200)


def link(row: Model | None, words: str = "") -> str:
    """A link to the row's own page in the panel; a dash for none."""
    if row is None:
        return "–"
    address = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    return format_html(
        '<a class="text-primary-600 dark:text-primary-400" href="{}">{}</a>', address, words or str(row)
    )


def moment(at: datetime | None) -> str:
    """A time in the reader's zone on one line, to the minute; a dash for none."""
    if at is None:
        return "–"
    local = timezone.localtime(at)
    shown = f"{local:%Y-%m-%d %H:%M}"
    return format_html('<time class="whitespace-nowrap" datetime="{}">{}</time>', local.isoformat(), shown)


def thumbnail(output_id: int, words: str, side: int = 72) -> str:
    """A small picture of an output, through the panel's own address: hidden ones are seen by moderators only."""
    address = reverse("admin:predictions_output_picture", args=[output_id])
    return format_html(
        '<a href="{0}?large=1" target="_blank" rel="noopener"><img src="{0}" alt="{1}" loading="lazy"'
        ' height="{2}" style="height:{2}px;max-width:{3}px;object-fit:cover;border-radius:4px"></a>',
        address,
        words[:120],
        side,
        side * 2,
    )


def pretty(value: Any) -> str:
    """JSON to be read by people; long strings such as data URIs are cut."""
    text = json.dumps(_cut(value), indent=2, ensure_ascii=False)
    return format_html('<pre style="white-space:pre-wrap;overflow-wrap:anywhere">{}</pre>', text)


def _cut(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _cut(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_cut(inner) for inner in value[:100]]
    if isinstance(value, str) and len(value) > _LONGEST_VALUE and " " not in value[:_LONGEST_VALUE]:
        return f"{value[:60]}… ({len(value)} characters)"
    return value
