"""Admin of the catalogue: models and versions."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery, URLField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy
from unfold.decorators import action, display

from accounts.credits import amounts
from core.admin.columns import json_column
from core.admin.model_admins import BaseAdmin, ReadOnlyInline
from predictions.admin.model_import import import_model
from predictions.admin.prices import PriceInline
from predictions.models import HostedModel, Price, Version


class VersionInline(ReadOnlyInline):
    """A model's versions."""

    model = Version
    fields = ("id", "enabled", "source", "created_at")
    tab = True


@admin.register(HostedModel)
class HostedModelAdmin(BaseAdmin):
    """Models. They come from the project's data or an import; here they are enabled, disabled and described."""

    list_display = ("ref", "kind", "enabled", "price_now", "work_limit", "position")
    list_filter = ("enabled", "kind", "is_official")
    search_fields = ("owner", "name", "description")
    readonly_fields = ("owner", "name", "kind", "created_at")
    ordering = ("position", "owner", "name")
    inlines = (PriceInline, VersionInline)
    actions_list = ("bring_in",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        """Adds the page that imports a model by its schema."""
        view = self.admin_site.admin_view(import_model)
        return [path("import/", view, name="predictions_hostedmodel_import"), *super().get_urls()]

    @action(description=gettext_lazy("Bring in a model"), url_path="bring-in", permissions=["bring_in"])
    def bring_in(self, request: HttpRequest) -> HttpResponse:
        """Redirect to the import page."""
        return HttpResponseRedirect(reverse("admin:predictions_hostedmodel_import"))

    def has_bring_in_permission(self, request: HttpRequest) -> bool:
        """Requires adding both models and versions."""
        return request.user.has_perms(["predictions.add_hostedmodel", "predictions.add_version"])

    def get_queryset(self, request: HttpRequest) -> QuerySet[HostedModel]:
        latest = Price.objects.filter(model=OuterRef("pk")).order_by("-number")
        rows: QuerySet[HostedModel] = super().get_queryset(request)
        return rows.annotate(
            amount_now=Subquery(latest.values("amount")[:1]), unit_now=Subquery(latest.values("unit")[:1])
        )

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Assume https for URLs typed without a scheme."""
        if isinstance(db_field, URLField):
            kwargs["assume_scheme"] = "https"
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    @display(description=gettext_lazy("price"))
    def price_now(self, model: Any) -> str:
        if model.amount_now is None:
            return "–"
        return f"{amounts.display(model.amount_now)} {Price.Unit(model.unit_now).label}"


@admin.register(Version)
class VersionAdmin(BaseAdmin):
    """Versions: their schemas are read-only, only whether they are enabled can change."""

    list_display = ("id", "model", "enabled", "cog_version", "created_at")
    list_filter = ("enabled", "model")
    list_select_related = ("model",)
    search_fields = ("id", "model__owner", "model__name")
    fields = ("id", "model", "enabled", "cog_version", "source", "inputs", "outputs", "example", "created_at")
    readonly_fields = ("id", "model", "cog_version", "source", "inputs", "outputs", "example", "created_at")
    inputs = json_column("input_schema", gettext_lazy("input schema"))
    outputs = json_column("output_schema", gettext_lazy("output schema"))
    example = json_column("example_input", gettext_lazy("example"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False
