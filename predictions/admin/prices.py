"""Admin of prices: a new version is simulated on past predictions before it is saved; old versions are kept."""

from __future__ import annotations

import hashlib
import json
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.credits import amounts
from accounts.credits.form_fields import AmountField
from accounts.models import User
from core.admin.cells import change_url, text_link
from core.admin.columns import value_column
from core.admin.model_admins import BaseAdmin, ReadOnlyInline
from predictions.models import HostedModel, Price
from predictions.pricing import price_rules, revisions, rule_syntax
from predictions.pricing.simulation import Preview, preview

_UNITS_WITH_MOST = (Price.Unit.SECOND, Price.Unit.MEGAPIXEL)


class PriceForm(forms.Form):
    """The next price of a model, in credits."""

    model = forms.ModelChoiceField(
        label=gettext_lazy("Model"),
        queryset=HostedModel.objects.order_by("position", "owner", "name"),
        widget=UnfoldAdminSelectWidget,
    )
    unit = forms.ChoiceField(
        label=gettext_lazy("Unit"), choices=Price.Unit.choices, widget=UnfoldAdminSelectWidget
    )
    credits = AmountField(
        label=gettext_lazy("Credits a unit"),
        required=True,
        max_length=30,
        error_messages={"negative": gettext_lazy("A price is not negative.")},
    )
    least = AmountField(
        label=gettext_lazy("At least"), help_text=gettext_lazy("Credits for a prediction that gave anything.")
    )
    most = AmountField(
        label=gettext_lazy("At most"),
        help_text=gettext_lazy(
            "Credits for a prediction. Needed by the second and by the megapixel: never more is held or charged."
        ),
    )
    rules = forms.CharField(
        label=gettext_lazy("Rules"),
        required=False,
        max_length=rule_syntax.LONGEST,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 6, "spellcheck": "false", "class": "font-mono"}),
        help_text=gettext_lazy(
            "One a line, applied in order to the price of a unit, in credits: “steps above 30: factor 1.5”, "
            "“quality is hd: add 0.4”, “size in 2K, 4K: set 2”, “width above 1024 each 256: add 0.05”."
        ),
    )
    source = forms.CharField(
        label=gettext_lazy("Reason"),
        required=False,
        max_length=300,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("Where the price comes from, or why it changes; for the record."),
    )

    def clean_source(self) -> str:
        return str(self.cleaned_data["source"]).replace("\x00", "")

    def clean_rules(self) -> list[dict[str, Any]]:
        """The rules in their stored form."""
        try:
            return rule_syntax.read(self.cleaned_data["rules"].replace("\r\n", "\n"))
        except price_rules.BadRules as error:
            raise forms.ValidationError(str(error)) from None

    def clean(self) -> dict[str, Any]:
        """Consistent bounds, and only rules on inputs that the model has."""
        cleaned: dict[str, Any] = super().clean() or {}
        least, most, model = cleaned.get("least") or 0, cleaned.get("most"), cleaned.get("model")
        if most is not None and least > most:
            self.add_error("most", _("It is less than the least."))
        if cleaned.get("unit") in _UNITS_WITH_MOST and most is None and "most" not in self.errors:
            self.add_error("most", _("By the second and by the megapixel a price needs its most."))
        if model is not None and "least" not in self.errors:
            try:
                revisions.require_least(model, str(cleaned.get("unit", "")), least)
            except revisions.NeedsLeast as error:
                message = _(
                    "%(names)s may not say how long work took, and nothing but the least would be charged then. "
                    "Name a least, or price by the run."
                )
                self.add_error("least", message % {"names": ", ".join(error.names)})
        if model is not None:
            known = {name for version in model.versions.all() for name in version.properties}
            for name in sorted({rule["input"] for rule in cleaned.get("rules") or []} - known):
                self.add_error("rules", _("This model has no input %(name)s.") % {"name": name})
        return cleaned

    def price(self) -> Price:
        """The price of a valid form, unsaved."""
        data = self.cleaned_data
        return Price(
            model=data["model"],
            unit=data["unit"],
            amount=data["credits"],
            rules=data["rules"],
            least=data["least"] or 0,
            most=data["most"],
            source=data["source"],
        )

    def digest(self) -> str:
        """Identifies the previewed price and the price that it follows: only what was previewed may be saved."""
        price = self.price()
        newest = (
            Price.objects.filter(model=price.model_id).order_by("-number").values_list("number", flat=True)
        )
        values = [price.model_id, newest.first(), *(getattr(price, name) for name in revisions.FIELDS)]
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


class PriceInline(ReadOnlyInline):
    """A model's prices, newest first."""

    model = Price
    fields = ("number", "unit", "credits", "rule_lines", "source", "created_by", "created_at")
    ordering = ("-number",)
    tab = True
    credits = value_column("amount", gettext_lazy("credits"), amounts.display)

    @display(description=gettext_lazy("rules"))
    def rule_lines(self, price: Price) -> str:
        return _rules_text(price)


@admin.register(Price)
class PriceAdmin(BaseAdmin):
    """Prices: new ones are added and old ones kept, because predictions refer to them."""

    list_display = ("model", "number", "unit", "amount_column", "rule_count", "source", "created_at")
    list_filter = ("model", "unit")
    list_select_related = ("model",)
    search_fields = ("model__owner", "model__name", "source")
    ordering = ("model__position", "model_id", "-number")
    fields = (
        "model", "number", "unit", "amount_column", "least_column", "most_column", "rule_lines", "source", "created_by",
        "created_at", "changed", "next_link",
    )  # fmt: skip
    readonly_fields = fields
    amount_column = value_column("amount", gettext_lazy("credits"), amounts.display)
    least_column = value_column("least", gettext_lazy("at least"), amounts.display, dash_zero=True)
    most_column = value_column("most", gettext_lazy("at most"), amounts.display)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """The next price: prefilled with the present one, simulated on past predictions, then saved."""
        if not self.has_add_permission(request):
            return cast(HttpResponse, super().add_view(request, form_url, extra_context))
        form = PriceForm(request.POST) if request.method == "POST" else PriceForm(initial=_present(request))
        simulated: Preview | None = None
        if request.method == "POST" and form.is_valid():
            if request.POST.get("seen") == form.digest():
                answer = self._save(request, form)
                if answer is not None:
                    return answer
            else:
                simulated = preview(form.cleaned_data["model"], form.price())
        return self._page(request, form, simulated)

    def _save(self, request: HttpRequest, form: PriceForm) -> HttpResponse | None:
        price = form.price()
        values = {name: getattr(price, name) for name in revisions.FIELDS}
        try:
            price_ = revisions.add(price.model, cast(User, request.user), **values)
        except revisions.Unchanged:
            form.add_error(None, _("The present price says the same. Nothing was saved."))
            return None
        message = _("%(model)s has price %(number)s now. What was asked for before keeps its own.")
        messages.success(request, message % {"model": price_.model.ref, "number": price_.number})
        return HttpResponseRedirect(change_url(price_))

    def _page(self, request: HttpRequest, form: PriceForm, simulated: Preview | None) -> TemplateResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("New price"),
            "form": form,
            "back": reverse("admin:predictions_price_changelist"),
            "seen": form.digest() if simulated is not None else "",
        }
        if simulated is not None:
            context |= _preview_context(form, simulated)
        return TemplateResponse(
            request, "admin/prices/edit.html", context, status=422 if form.errors else 200
        )

    @display(description=gettext_lazy("rules"))
    def rule_count(self, price: Price) -> int:
        return len(price.rules) if isinstance(price.rules, list) else 0

    @display(description=gettext_lazy("rules"))
    def rule_lines(self, price: Price) -> str:
        return _rules_text(price)

    @display(description=gettext_lazy("changed from the one before"))
    def changed(self, price: Price) -> str:
        before = price.model.prices.filter(number__lt=price.number).order_by("-number").first()
        if before is None:
            return _("The first price.")
        rows = ((_field(name), old, new) for name, old, new in revisions.difference(before, price))
        body = format_html_join("", "<div><b>{}</b>: <del>{}</del> → <ins>{}</ins></div>", rows)
        return body or _("Only the reason.")

    @display(description=gettext_lazy("change it"))
    def next_link(self, price: Price) -> str:
        url = f"{reverse('admin:predictions_price_add')}?model={price.model_id}"
        return text_link(url, _("Make the next version"))


def _present(request: HttpRequest) -> dict[str, Any]:
    """Initial values: the present price of the model in the query string."""
    raw = request.GET.get("model", "")
    if not (raw.isascii() and raw.isdigit() and len(raw) < 19):
        return {}
    newest = Price.objects.filter(model=int(raw)).order_by("-number").first()
    if newest is None:
        return {"model": raw}
    return {
        "model": raw,
        "unit": newest.unit,
        "credits": amounts.decimal_text(newest.amount),
        "least": newest.least or None,
        "most": newest.most,
        "rules": rule_syntax.write(newest.rules),
    }


def _preview_context(form: PriceForm, simulated: Preview) -> dict[str, Any]:
    model = form.cleaned_data["model"]
    before = model.prices.order_by("-number").first()
    change = simulated.new - simulated.old
    figures = [
        (_("They were charged"), amounts.display(simulated.old)),
        (_("They would be charged"), amounts.display(simulated.new)),
        (pgettext("amount", "Change"), _percent(change, simulated.old)),
        (
            _("Dearer, cheaper, the same"),
            f"{simulated.dearer} · {simulated.cheaper} · {len(simulated.lines) - simulated.dearer - simulated.cheaper}",
        ),
    ]
    margins = simulated.margins()
    if margins is not None:
        cost, old, new = margins
        figures += [
            (_("Paid upstream for them"), amounts.display(cost)),
            (_("Left then, left now"), f"{amounts.display(old)} → {amounts.display(new)}"),
        ]
    return {
        "figures": figures,
        "count": len(simulated.lines),
        "intro": ngettext(
            "The newest request of this model, with this price:",
            "The newest %(n)d requests of this model, with this price:",
            len(simulated.lines),
        )
        % {"n": len(simulated.lines)},
        "refused": simulated.refused,
        "untimed": simulated.untimed if form.price().unit == Price.Unit.SECOND else 0,
        "least": amounts.display(form.price().least),
        "loses": margins is not None and margins[2] < 0,
        "difference": [(_field(name), old, new) for name, old, new in revisions.difference(before, form.price())],
        "changes": {
            "headers": [
                _("Prediction"), _("Inputs"), _("Held then"), _("Held now"), _("Charged then"), _("Charged now"),
            ],
            "rows": [
                [
                    format_html('<span class="font-mono">{}</span>', line.public_id),
                    ", ".join(f"{name} {str(value)[:40]}" for name, value in line.inputs.items()) or "–",
                    amounts.display(line.old_ceiling),
                    _("refused") if line.ceiling is None else amounts.display(line.ceiling),
                    amounts.display(line.old),
                    amounts.display(line.new),
                ]
                for line in simulated.largest
            ],
        },
    }  # fmt: skip


def _percent(change: int, before: int) -> str:
    text = amounts.display_change(change) if change else "0"
    return f"{text} ({change * 100 / before:+.1f} %)" if before else text


def _field(name: str) -> str:
    return str({
        "unit": _("unit"), "amount": _("credits"), "least": _("at least"), "most": _("at most"), "rule": _("rule"),
        "order": _("order of the rules"),
    }[name])  # fmt: skip


def _rules_text(price: Price) -> str:
    if not price.rules:
        return "–"
    return format_html(
        '<pre style="white-space:pre-wrap;overflow-wrap:anywhere">{}</pre>', rule_syntax.write(price.rules)
    )
