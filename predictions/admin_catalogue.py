"""The desk for the catalogue: models, versions and prices."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import Max, Model, OuterRef, QuerySet, Subquery, URLField
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts import amounts
from accounts.desk import Desk, HistoryInline, pretty
from predictions.models import HostedModel, Price, Version


class PriceForm(forms.ModelForm):
    """The next price of a model, in credits."""

    credits = forms.CharField(
        label=gettext_lazy("Credits"),
        max_length=30,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}),
    )

    class Meta:
        model = Price
        fields = ("model", "unit", "source")

    def clean_credits(self) -> int:
        """Micro-credits, not negative."""
        try:
            micro = amounts.parse(self.cleaned_data["credits"])
        except amounts.NotAnAmount as error:
            raise forms.ValidationError(str(error)) from None
        if micro < 0:
            raise forms.ValidationError(_("A price is not negative."))
        return micro


class PriceInline(HistoryInline):
    """A model's prices, newest first."""

    model = Price
    fields = ("number", "unit", "credits", "source", "created_at")
    readonly_fields = fields
    ordering = ("-number",)
    tab = True

    @display(description=gettext_lazy("credits"))
    def credits(self, price: Price) -> str:
        return amounts.shown(price.amount)


class VersionInline(HistoryInline):
    """A model's versions."""

    model = Version
    fields = ("id", "enabled", "source", "created_at")
    readonly_fields = fields
    tab = True


@admin.register(HostedModel)
class HostedModelDesk(Desk):
    """The catalogue. It is filled from the project's data; here models are switched on and off, and described."""

    list_display = ("ref", "kind", "enabled", "price_now", "work_limit", "position")
    list_filter = ("enabled", "kind", "is_official")
    search_fields = ("owner", "name", "description")
    readonly_fields = ("owner", "name", "kind", "created_at")
    ordering = ("position", "owner", "name")
    inlines = (PriceInline, VersionInline)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[HostedModel]:
        latest = Price.objects.filter(model=OuterRef("pk")).order_by("-number")
        rows: QuerySet[HostedModel] = super().get_queryset(request)
        return rows.annotate(
            amount_now=Subquery(latest.values("amount")[:1]), unit_now=Subquery(latest.values("unit")[:1])
        )

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """An address typed without a scheme means https."""
        if isinstance(db_field, URLField):
            kwargs["assume_scheme"] = "https"
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    @display(description=gettext_lazy("price"))
    def price_now(self, model: Any) -> str:
        if model.amount_now is None:
            return "–"
        return f"{amounts.shown(model.amount_now)} {Price.Unit(model.unit_now).label}"


@admin.register(Version)
class VersionDesk(Desk):
    """Versions: their schemas are fixed, whether they may be asked for is not."""

    list_display = ("id", "model", "enabled", "cog_version", "created_at")
    list_filter = ("enabled", "model")
    list_select_related = ("model",)
    search_fields = ("id", "model__owner", "model__name")
    fields = ("id", "model", "enabled", "cog_version", "source", "inputs", "outputs", "example", "created_at")
    readonly_fields = ("id", "model", "cog_version", "source", "inputs", "outputs", "example", "created_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @display(description=gettext_lazy("input schema"))
    def inputs(self, version: Version) -> str:
        return pretty(version.input_schema)

    @display(description=gettext_lazy("output schema"))
    def outputs(self, version: Version) -> str:
        return pretty(version.output_schema)

    @display(description=gettext_lazy("example"))
    def example(self, version: Version) -> str:
        return pretty(version.example_input)


@admin.register(Price)
class PriceDesk(Desk):
    """Prices: a new one is added, an old one stays, because predictions point at it."""

    form = PriceForm
    list_display = ("model", "number", "unit", "amount_shown", "source", "created_at")
    list_filter = ("model", "unit")
    list_select_related = ("model",)
    search_fields = ("model__owner", "model__name", "source")
    ordering = ("model__position", "model_id", "-number")

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        if obj is None:
            return ("model", "unit", "credits", "source")
        return ("model", "number", "unit", "amount_shown", "source", "created_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return () if obj is None else self.get_fields(request, obj)

    @display(description=gettext_lazy("credits"))
    def amount_shown(self, price: Price) -> str:
        return amounts.shown(price.amount)

    def save_model(self, request: HttpRequest, obj: Price, form: PriceForm, change: bool) -> None:
        """Number it after the newest one; two at once cannot have the same number, the database forbids it."""
        with transaction.atomic():
            HostedModel.objects.select_for_update().get(pk=obj.model_id)
            newest = (
                Price.objects.filter(model_id=obj.model_id).aggregate(newest=Max("number"))["newest"] or 0
            )
            obj.number, obj.amount = newest + 1, form.cleaned_data["credits"]
            super().save_model(request, obj, form, change)
