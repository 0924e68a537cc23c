"""Admin of deployments: a version under a name of its own, with inputs that override the caller's."""

from __future__ import annotations

import json
import re
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import F, QuerySet
from django.forms.fields import InvalidJSONInput
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from core.admin.model_admins import BaseAdmin
from predictions.models import Deployment, Version
from predictions.submit import validation, work_request

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class VersionField(forms.ModelChoiceField):
    """Choice of versions, labelled by model."""

    def label_from_instance(self, obj: Any) -> str:
        """`owner/name · 12 digits of the version`."""
        return f"{obj.model.ref} · {obj}"


class InputField(forms.JSONField):
    """JSON that can be stored and rendered: limited nesting, no infinite numbers, no lone surrogates."""

    def to_python(self, value: Any) -> Any:
        """The parsed value. Raises ValidationError."""
        try:
            parsed = super().to_python(value)
            json.dumps(parsed, ensure_ascii=False, allow_nan=False).encode()
        except (ValueError, RecursionError):
            raise forms.ValidationError(self.error_messages["invalid"], "invalid") from None
        return parsed

    def bound_data(self, data: Any, initial: Any) -> Any:
        """The submitted text; kept as typed where it is invalid."""
        try:
            self.to_python(data)
        except forms.ValidationError:
            return InvalidJSONInput(data or "")
        return super().bound_data(data, initial)


class DeploymentForm(forms.ModelForm):
    """Name, version, and fixed inputs that fit the version."""

    version = VersionField(
        label=gettext_lazy("Version"),
        queryset=Version.objects.select_related("model").order_by(
            "model__owner", "model__name", "-created_at"
        ),
        widget=UnfoldAdminSelectWidget,
    )

    class Meta:
        model = Deployment
        fields = ("owner", "name", "version", "input", "enabled")
        field_classes: ClassVar = {"input": InputField}

    def clean_owner(self) -> str:
        """Must be usable in a URL."""
        return _url_part(self.cleaned_data["owner"])

    def clean_name(self) -> str:
        """Must be usable in a URL."""
        return _url_part(self.cleaned_data["name"])

    def clean(self) -> dict[str, Any]:
        """The version must have every fixed input and accept its value; required inputs may be missing."""
        cleaned: dict[str, Any] = super().clean() or {}
        version, inputs = cleaned.get("version"), cleaned.get("input")
        if version is None or inputs is None:
            return cleaned
        if not isinstance(inputs, dict):
            self.add_error("input", _("The fixed inputs are an object, such as {“width”: 512}."))
            return cleaned
        for name in sorted(set(inputs) - set(version.properties)):
            self.add_error("input", _("This model has no input %(name)s.") % {"name": name})
        for fault in validation.check(version, work_request.without_nulls(inputs)):
            if fault.type != "required":
                self.add_error("input", fault.line.strip().removeprefix("- "))
        return cleaned


@admin.register(Deployment)
class DeploymentAdmin(BaseAdmin):
    """Deployments as callers see them at /deployments.

    Unneeded ones are disabled, not deleted: old predictions name them.
    """

    form = DeploymentForm
    list_display = ("ref", "model", "enabled", "number", "created_at")
    list_filter = ("enabled", "version__model")
    list_select_related = ("version__model",)
    search_fields = ("owner", "name", "version__model__owner", "version__model__name")
    fields = ("owner", "name", "version", "input", "enabled", "number", "created_at", "created_by")
    readonly_fields = ("number", "created_at", "created_by")
    ordering = ("owner", "name")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Deployment]:
        rows: QuerySet[Deployment] = super().get_queryset(request)
        return rows.select_related("version__model", "created_by")

    @display(description=gettext_lazy("model"))
    def model(self, deployment: Deployment) -> str:
        return deployment.version.model.ref

    def save_model(self, request: HttpRequest, obj: Deployment, form: DeploymentForm, change: bool) -> None:
        """Record who made it; a change of version or inputs is a new release."""
        if not change:
            obj.created_by = request.user  # type: ignore[assignment]
        elif (form.initial["version"], form.initial["input"]) != (obj.version_id, obj.input):
            obj.number = F("number") + 1
        super().save_model(request, obj, form, change)
        obj.refresh_from_db(fields=["number"])


def _url_part(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise forms.ValidationError(
            _("Letters, digits, dots, hyphens and underscores; it begins with a letter or digit.")
        )
    return text
