"""Form fields for amounts of credits, cleaned to integer micro-credits; and a form that is applied once."""

from __future__ import annotations

import re
import secrets
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.credits import amounts
from accounts.tokens import token_validation


class AmountField(forms.CharField):
    """An amount of credits, cleaned to micro-credits; None where empty. Has the admin's widget unless given another.

    Refuses negative amounts unless `signed`. `error_messages` may set `invalid` (default: the parser's text) and
    `negative`.
    """

    default_error_messages: ClassVar[dict[str, Any]] = {"negative": gettext_lazy("It must not be negative.")}

    def __init__(self, *, signed: bool = False, required: bool = False, **kwargs: Any) -> None:
        self.signed = signed
        kwargs.setdefault("max_length", 40)
        kwargs.setdefault("widget", UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}))
        super().__init__(required=required, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        """Micro-credits as credits; text that was typed stays unchanged."""
        return amounts.decimal_text(value) if isinstance(value, int) else value

    def clean(self, value: Any) -> int | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            micro = amounts.parse(text.replace("\u2212", "-") if self.signed else text)
        except amounts.NotAnAmount as error:
            raise forms.ValidationError(self.error_messages.get("invalid") or str(error)) from None
        if micro < 0 and not self.signed:
            raise forms.ValidationError(self.error_messages["negative"])
        return micro

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(super().has_changed(self.prepare_value(initial), data))


_BEYOND = 20
"""Maximum length of a typed limit."""


def member_widget(**attributes: Any) -> forms.TextInput:
    """The input of an amount on the pages of members."""
    return forms.TextInput(attrs={"inputmode": "decimal", **attributes, "autocomplete": "off"})


WRITE_AN_AMOUNT = gettext_lazy("Write an amount of credits, such as 12 or 0.5.")


class LimitField(AmountField):
    """A spending limit; empty means none. Rendered without trailing zeros."""

    def __init__(self, label: Any) -> None:
        super().__init__(
            label=label,
            signed=True,
            max_length=_BEYOND,
            widget=member_widget(placeholder=gettext_lazy("no limit")),
            error_messages={"invalid": WRITE_AN_AMOUNT},
        )

    def clean(self, value: Any) -> int | None:
        try:
            return token_validation.amount(super().clean(value))
        except token_validation.BadTerm as error:
            raise forms.ValidationError(str(error)) from None

    def prepare_value(self, value: Any) -> Any:
        text = super().prepare_value(value)
        return text.rstrip("0").rstrip(".") if isinstance(value, int) else text


ONCE = re.compile(r"[0-9a-f]{24}")


class OnceForm(forms.Form):
    """A form applied once, however often it is submitted: `once` is a token made on rendering."""

    once = forms.CharField(widget=forms.HiddenInput, required=False, max_length=64)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["once"].initial = secrets.token_hex(12)

    def clean_once(self) -> str:
        """Accept only tokens of our own format."""
        if not ONCE.fullmatch(self.cleaned_data["once"]):
            raise forms.ValidationError(_("Open the form again."))
        return str(self.cleaned_data["once"])
