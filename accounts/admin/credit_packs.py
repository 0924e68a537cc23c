"""Admin of credit packs: the packs for sale and their prices."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.billing.currencies import format_money, parse, plain_amount
from accounts.credits import amounts
from accounts.credits.form_fields import AmountField
from accounts.models import CreditPack, User
from accounts.staff import audit_log
from core.admin.columns import value_column
from core.admin.model_admins import BaseAdmin


class PackForm(forms.ModelForm):
    """A pack, with amounts in decimal notation."""

    worth = AmountField(label=gettext_lazy("Credits"), required=True, signed=True, max_length=30)
    cost = forms.CharField(
        label=gettext_lazy("Price"),
        max_length=20,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}),
        help_text=gettext_lazy("In the currency itself, such as 5.00."),
    )

    class Meta:
        model = CreditPack
        fields = ("name", "currency", "enabled", "position")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["worth"].initial = amounts.decimal_text(self.instance.credits)
            self.fields["cost"].initial = plain_amount(self.instance.price, self.instance.currency)

    def clean_worth(self) -> int:
        """Micro-credits, above 0."""
        micro = int(self.cleaned_data["worth"])
        if micro <= 0:
            raise forms.ValidationError(_("A pack has more than nothing in it."))
        return micro

    def clean_currency(self) -> str:
        """Three lower-case letters."""
        name = str(self.cleaned_data["currency"]).strip().lower()
        if not (len(name) == 3 and name.isascii() and name.isalpha()):
            raise forms.ValidationError(_("A currency is three letters, such as usd."))
        return name

    def clean(self) -> dict[str, Any]:
        """The price in the smallest unit of its currency."""
        cleaned: dict[str, Any] = super().clean() or {}
        if "cost" in cleaned and "currency" in cleaned:
            try:
                cleaned["price"] = parse(cleaned["cost"], cleaned["currency"])
            except ValueError:
                self.add_error("cost", _("Write a price such as 5.00, more than nothing."))
        return cleaned


@admin.register(CreditPack)
class CreditPackAdmin(BaseAdmin):
    """Packs for sale. Purchases keep their own amounts."""

    form = PackForm
    list_display = ("name", "worth_column", "price_column", "enabled", "position")
    fields = ("name", "worth", "cost", "currency", "enabled", "position")
    worth_column = value_column("credits", gettext_lazy("credits"), amounts.display)

    def save_model(self, request: HttpRequest, obj: CreditPack, form: Any, change: bool) -> None:
        """Save, with the former values in the change log."""
        before = CreditPack.objects.filter(pk=obj.pk).values(*_AUDITED_FIELDS).first() if change else None
        obj.credits, obj.price = form.cleaned_data["worth"], form.cleaned_data["price"]
        super().save_model(request, obj, form, change)
        after = {name: getattr(obj, name) for name in _AUDITED_FIELDS}
        verb = "pack.change" if change else "pack.add"
        audit_log.write(cast(User, request.user), verb, obj, detail={"before": before, "after": after})

    @display(description=gettext_lazy("price"))
    def price_column(self, pack: CreditPack) -> str:
        return format_money(pack.price, pack.currency)


_AUDITED_FIELDS = ("name", "credits", "price", "currency", "enabled", "position")
