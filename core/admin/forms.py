"""Admin actions that ask for a reason first: the form, its page, and the row of a detail action."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextareaWidget


class ReasonForm(forms.Form):
    """The reason of an action."""

    reason = forms.CharField(
        label=_("Reason"), max_length=200, strip=True, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3})
    )


def object_or_404(model_admin: ModelAdmin, request: HttpRequest, object_id: str) -> Any:
    """The row of a detail action. Raises Http404."""
    row = model_admin.get_object(request, object_id)
    if row is None:
        raise Http404
    return row


def ask_page(
    model_admin: ModelAdmin,
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
    """An admin page with one form. With `chosen` and `action` the form posts a bulk action and its rows again."""
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.model._meta,
        "title": title,
        "words": words,
        "form": form,
        "button": button or _("Save"),
        "back": back
        or reverse(
            f"admin:{model_admin.model._meta.app_label}_{model_admin.model._meta.model_name}_changelist"
        ),
        "chosen": [row.pk for row in chosen] if chosen is not None else [],
        "checkbox_name": ACTION_CHECKBOX_NAME,
        "action": action,
    }
    return TemplateResponse(request, "admin/ask_reason.html", context, status=422 if form.errors else 200)
