"""Admin of plans: limits, allowance, allowed models, storage quotas and queue priority shared by several accounts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminTextareaWidget,
)

from accounts import credits
from accounts.credits import amounts
from accounts.credits.form_fields import AmountField
from accounts.models import Plan, User
from accounts.staff import audit_log
from accounts.tokens import token_validation
from core.admin.model_admins import BaseAdmin

_GIB = 1024**3
_MAX_PERCENT = 1000
_AT_LEAST_ONE = ("creates_per_minute", "requests_per_minute", "in_flight_limit", "waiting_limit")
_BYTE_FIELDS = {"room": "storage_quota", "upload_room": "upload_quota", "waiting_room": "waiting_bytes"}
"""Form fields in GiB, and the model columns in bytes that they set."""
_AUDITED_FIELDS = (
    "name", "creates_per_minute", "requests_per_minute", "in_flight_limit", "day_limit", "month_limit", "allowance",
    "allowance_every", "allowance_ends", "pays_organizations", "priority", "price_percent", "allowed_models",
    "storage_quota", "upload_quota", "waiting_limit", "waiting_bytes", "reviewed_first", "is_default",
)  # fmt: skip


class GibibytesField(forms.DecimalField):
    """An amount of bytes, entered in GiB; empty: no limit of the plan's own."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            required=False,
            min_value=Decimal("0.001"),
            max_value=Decimal(1_000_000),
            max_digits=10,
            decimal_places=3,
            widget=UnfoldAdminDecimalFieldWidget,
            **kwargs,
        )


class PlanForm(forms.ModelForm):
    """Plan form. A limit is empty or at least 1; amounts in credits, storage in GiB, one model a line."""

    day_limit = AmountField(
        label=gettext_lazy("Spending a day"),
        help_text=gettext_lazy("Credits; each account's own limit may be lower. Empty: no limit."),
    )
    month_limit = AmountField(
        label=gettext_lazy("Spending a month"), help_text=gettext_lazy("Credits. Empty: no limit.")
    )
    allowance = AmountField(
        label=gettext_lazy("Allowance"),
        help_text=gettext_lazy("Credits that each period brings; empty: none."),
    )
    room = GibibytesField(
        label=gettext_lazy("Room"),
        help_text=gettext_lazy("GiB for pictures and uploads. Leave empty for the server's limit."),
    )
    upload_room = GibibytesField(
        label=gettext_lazy("Room for uploads"),
        help_text=gettext_lazy("GiB for uploads. Leave empty for the server's limit."),
    )
    waiting_room = GibibytesField(
        label=gettext_lazy("Inputs waiting"),
        help_text=gettext_lazy(
            "GiB for the inputs of predictions that haven't ended. Leave empty for the server's limit."
        ),
    )
    models = forms.CharField(
        label=gettext_lazy("Models"),
        required=False,
        max_length=20_000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4, "spellcheck": "false"}),
        help_text=gettext_lazy("owner/name of each that it includes, one a line; empty: all of them."),
    )

    class Meta:
        model = Plan
        fields = (
            "name", "is_default", "creates_per_minute", "requests_per_minute", "in_flight_limit", "waiting_limit",
            "priority", "price_percent", "day_limit", "month_limit", "allowance", "allowance_every", "allowance_ends",
            "pays_organizations", "reviewed_first",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("priority", "price_percent", "allowance_every"):
            self.fields[name].required = False
        plan = self.instance
        for name, column in _BYTE_FIELDS.items():
            size = getattr(plan, column)
            if size is not None:
                self.initial[name] = (Decimal(size) / _GIB).quantize(Decimal("0.001"))
        self.initial["models"] = "\n".join(plan.allowed_models or [])
        known = token_validation.known_models()
        if known:
            self.fields["models"].help_text = _(
                "owner/name of each that it includes, one a line; empty: all of them. There are: %(models)s."
            ) % {"models": ", ".join(known[:30])}

    def clean_allowance(self) -> int:
        return self.cleaned_data["allowance"] or 0

    def clean_priority(self) -> int:
        """Head start in the queue, in predictions in flight; negative goes after others."""
        priority = int(self.cleaned_data["priority"] or 0)
        if not -1000 <= priority <= 1000:
            raise forms.ValidationError(_("A priority is from -1000 to 1000."))
        return priority

    def clean_price_percent(self) -> int:
        """Empty means 100, the listed price; 0 (free) is allowed."""
        percent = self.cleaned_data["price_percent"]
        if percent is not None and percent > _MAX_PERCENT:
            raise forms.ValidationError(_("At most %(n)d percent.") % {"n": _MAX_PERCENT})
        return 100 if percent is None else int(percent)

    def clean_allowance_every(self) -> str:
        return str(self.cleaned_data["allowance_every"] or Plan.Every.MONTH)

    def clean_models(self) -> list[str]:
        """Model references that exist, or that the plan names already."""
        refs = list(dict.fromkeys(self.cleaned_data["models"].replace(",", "\n").split()))
        known = {*token_validation.known_models(), *(self.instance.allowed_models or [])}
        unknown = [ref for ref in refs if ref not in known]
        if unknown:
            raise forms.ValidationError(_("There is no model %(name)s.") % {"name": unknown[0][:100]})
        return refs

    def clean(self) -> dict[str, Any]:
        """Refuse 0 as a limit.

        Some code would read it as no limit, some as nothing allowed. An empty field is the server's limit.
        """
        cleaned: dict[str, Any] = super().clean() or {}
        for name in _AT_LEAST_ONE:
            if cleaned.get(name) == 0:
                self.add_error(name, _("A limit is at least 1; leave it empty for the server's own."))
        return cleaned

    def _post_clean(self) -> None:
        for name, column in _BYTE_FIELDS.items():
            size = self.cleaned_data.get(name)
            setattr(self.instance, column, None if size is None else int(size * _GIB))
        self.instance.allowed_models = self.cleaned_data.get("models") or []
        super()._post_clean()  # type: ignore[misc]

    def _get_validation_exclusions(self) -> set[str]:
        # The unique default plan is handled in save_model, which unsets the previous one.
        return {*super()._get_validation_exclusions(), "is_default"}  # type: ignore[misc]


@admin.register(Plan)
class PlanAdmin(BaseAdmin):
    """Plans, with the number of their accounts."""

    form = PlanForm
    list_display = (
        "name", "is_default", "allowance_column", "creates_per_minute", "in_flight_limit", "priority", "models_column",
        "accounts_count",
    )  # fmt: skip
    search_fields = ("name",)
    fieldsets = (
        (None, {"fields": ("name", "is_default")}),
        (
            gettext_lazy("Allowance and spending"),
            {
                "fields": (
                    "allowance",
                    "allowance_every",
                    "allowance_ends",
                    "pays_organizations",
                    "price_percent",
                    "day_limit",
                    "month_limit",
                )
            },
        ),
        (
            gettext_lazy("Pace"),
            {
                "fields": (
                    "creates_per_minute",
                    "requests_per_minute",
                    "in_flight_limit",
                    "waiting_limit",
                    "waiting_room",
                    "priority",
                )
            },
        ),
        (gettext_lazy("What it may"), {"fields": ("models", "room", "upload_room", "reviewed_first")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Plan]:
        """Annotated with the number of accounts."""
        rows: QuerySet[Plan] = super().get_queryset(request)
        return rows.annotate(accounts_count=Count("accounts"))

    def save_model(self, request: HttpRequest, obj: Plan, form: Any, change: bool) -> None:
        """Save and write the audit log; then have every account of the plan check limits and allowance again."""
        before = Plan.objects.filter(pk=obj.pk).values(*_AUDITED_FIELDS).first() if change else None
        with transaction.atomic():
            if obj.is_default:
                Plan.objects.filter(is_default=True).exclude(pk=obj.pk).update(is_default=False)
            super().save_model(request, obj, form, change)
            after = Plan.objects.filter(pk=obj.pk).values(*_AUDITED_FIELDS).get()
            audit_log.write(
                cast(User, request.user),
                "plan.change" if change else "plan.add",
                obj,
                detail={"before": before, "after": after},
            )
        credits.plan_changed(obj)

    @display(description=gettext_lazy("allowance"))
    def allowance_column(self, plan: Plan) -> str:
        if not plan.allowance:
            return "–"
        return f"{amounts.display(plan.allowance)} {plan.get_allowance_every_display()}"

    @display(description=gettext_lazy("models"))
    def models_column(self, plan: Plan) -> str:
        return str(len(plan.allowed_models)) if plan.allowed_models else _("all")

    @display(description=gettext_lazy("accounts"))
    def accounts_count(self, plan: Any) -> int:
        return int(plan.accounts_count)
