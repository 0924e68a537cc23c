"""Form to create and edit API tokens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Any, TypeVar

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.credits.form_fields import LimitField
from accounts.models import ApiToken
from accounts.models.tokens import all_scopes
from accounts.tokens import token_validation
from core import timezones

Value = TypeVar("Value")


class PaceField(forms.IntegerField):
    """A rate limit or limit of concurrent predictions; None for an empty field."""

    def __init__(self, label: Any) -> None:
        attributes = {"placeholder": gettext_lazy("no limit"), "autocomplete": "off"}
        widget = forms.NumberInput(attrs=attributes)
        super().__init__(
            label=label, required=False, min_value=1, max_value=token_validation.MAX_RATE, widget=widget
        )


class TokenForm(forms.Form):
    """Terms of an API token. Bound to a token, it shows and changes that one's."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=80, strip=True)
    answer = forms.ChoiceField(
        label=gettext_lazy("A create answers with"), choices=ApiToken.Answer, required=False
    )
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("It may"),
        choices=ApiToken.Scope,
        required=False,
        initial=all_scopes,
        widget=forms.CheckboxSelectMultiple,
    )
    day_limit = LimitField(gettext_lazy("Credits a day"))
    month_limit = LimitField(gettext_lazy("Credits a month"))
    total_limit = LimitField(gettext_lazy("Credits in all"))
    creates_per_minute = PaceField(gettext_lazy("New predictions a minute"))
    in_flight_limit = PaceField(gettext_lazy("Predictions at once"))
    expires = forms.DateField(
        label=gettext_lazy("Last day"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=gettext_lazy("Empty: it never ends by itself."),
    )
    networks = forms.CharField(
        label=gettext_lazy("Only from these networks"),
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "192.0.2.0/24", "spellcheck": "false"}),
        help_text=gettext_lazy("One a line, as an address or CIDR. Empty: from everywhere."),
    )
    allowed_models = forms.MultipleChoiceField(
        label=gettext_lazy("Only these models"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None chosen: all of them, those to come too."),
    )

    SPENDING = token_validation.SPENDING
    LIMITS = (
        *token_validation.SPENDING,
        *token_validation.PACE,
        "expires",
        "networks",
        "allowed_models",
        "scopes",
    )

    def __init__(self, data: Any = None, *, token: ApiToken | None = None) -> None:
        self.token = token
        super().__init__(data, initial=_initial(token) if token is not None else None)
        kept = token.allowed_models if token is not None else []
        refs = sorted({*token_validation.known_models(), *kept})
        models = self.fields["allowed_models"]
        models.choices = [(ref, ref) for ref in refs]  # type: ignore[attr-defined]

    @property
    def limits_at_fault(self) -> bool:
        """Whether an error is in a field of the collapsed section."""
        return any(name in self.errors for name in self.LIMITS)

    def clean_answer(self) -> str:
        """The choice, else the default that most clients expect."""
        return self.cleaned_data["answer"] or ApiToken.Answer.PREDICTION

    def clean_scopes(self) -> list[str]:
        """At least one; a form without the field, such as a script's, gets the default scopes."""
        names = self.cleaned_data["scopes"]
        if not names and "scopes_shown" not in self.data:
            return self.token.scopes if self.token is not None else all_scopes()
        return self._checked(token_validation.scopes, names)

    def clean_networks(self) -> list[str]:
        """Networks separated by blanks, commas or line breaks."""
        return self._checked(
            token_validation.network_list, self.cleaned_data["networks"].replace(",", " ").split()
        )

    def clean_allowed_models(self) -> list[str]:
        """Models that exist, or that the token allows already."""
        kept = self.token.allowed_models if self.token is not None else []
        return self._checked(
            lambda refs: token_validation.allowed_models(refs, kept=kept), self.cleaned_data["allowed_models"]
        )

    def clean_expires(self) -> Any:
        """The last day in the reader's zone, not in the past; an unchanged value may be."""
        day = self.cleaned_data["expires"]
        if day is None or "expires" not in self.changed_data:
            return day
        if not timezones.is_valid_day(day):
            raise forms.ValidationError(timezones.INVALID_DAY)
        if _end_of(day) <= timezone.now():
            raise forms.ValidationError(_("The date has passed."))
        return day

    def chosen(self) -> token_validation.TokenTerms:
        """The terms, for `api_tokens.issue` and `api_tokens.change`."""
        values: dict[str, Any] = {
            name: value for name, value in self.cleaned_data.items() if name != "expires"
        }
        if self.token is None or "expires" in self.changed_data:
            day = self.cleaned_data["expires"]
            values["expires_at"] = _end_of(day) if day is not None else None
        return values  # type: ignore[return-value]

    def _checked(self, check: Callable[[list[str]], Value], given: list[str]) -> Value:
        try:
            return check(given)
        except token_validation.BadTerm as error:
            raise forms.ValidationError(str(error)) from None


def _initial(token: ApiToken) -> dict[str, Any]:
    names = ("name", "answer", "scopes", "allowed_models", *token_validation.SPENDING, *token_validation.PACE)
    values: dict[str, Any] = {name: getattr(token, name) for name in names}
    if token.expires_at is not None:
        values["expires"] = timezone.localtime(token.expires_at - timedelta(microseconds=1)).date()
    return {**values, "networks": "\n".join(token.networks)}


def _end_of(day: Any) -> datetime:
    """Midnight after a day, in the reader's zone."""
    return timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min))
