"""Fields of the panel's forms."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts import amounts


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
