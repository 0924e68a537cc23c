"""Forms of the account pages."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _


class TokenForm(forms.Form):
    """Names a new API token."""

    name = forms.CharField(label=_("Name"), max_length=80, strip=True)
