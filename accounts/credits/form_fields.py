"""Fields of the panel's forms."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.credits import amounts
from accounts.tokens import token_validation


class AmountField(forms.CharField):
    """An amount of credits that is not negative, as micro-credits; None where it is empty."""

    def __init__(self, **kwargs: Any) -> None:
        widget = UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"})
        super().__init__(required=False, max_length=40, widget=widget, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        """Micro-credits as credits; what somebody typed stays as it is."""
        return amounts.decimal_text(value) if isinstance(value, int) else value

    def clean(self, value: Any) -> int | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            micro = amounts.parse(text)
        except amounts.NotAnAmount as error:
            raise forms.ValidationError(str(error)) from None
        if micro < 0:
            raise forms.ValidationError(_("It must not be negative."))
        return micro

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(super().has_changed(self.prepare_value(initial), data))


_BEYOND = 20
"""Characters that no limit needs."""


class CreditsField(forms.CharField):
    """An amount of credits as people write it; micro-credits, or None for an empty field."""

    def __init__(self, label: Any) -> None:
        attributes = {"inputmode": "decimal", "placeholder": gettext_lazy("no limit"), "autocomplete": "off"}
        widget = forms.TextInput(attrs=attributes)
        super().__init__(label=label, required=False, max_length=_BEYOND, widget=widget)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        try:
            return token_validation.amount(amounts.parse(text))
        except amounts.NotAnAmount:
            raise forms.ValidationError(_("Write an amount of credits, such as 12 or 0.5.")) from None
        except token_validation.BadTerm as error:
            raise forms.ValidationError(str(error)) from None

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, int):
            return value
        return amounts.decimal_text(value).rstrip("0").rstrip(".")
