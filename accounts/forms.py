"""Forms of the account pages."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import ApiToken


class TokenForm(forms.Form):
    """Names a new API token, and says what it wants to be answered with."""

    name = forms.CharField(label=_("Name"), max_length=80, strip=True)
    answer = forms.ChoiceField(label=_("A create answers with"), choices=ApiToken.Answer, required=False)

    def clean_answer(self) -> str:
        """The choice, or what most programs expect."""
        return self.cleaned_data["answer"] or ApiToken.Answer.PREDICTION
