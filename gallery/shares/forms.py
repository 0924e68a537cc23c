"""Forms of share links: the owner's options, and the guest's password."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from gallery.shares import link_passwords

ENDS = [
    ("", _("Never")), ("1", _("In 1 day")), ("7", _("In 7 days")), ("30", _("In 30 days")), ("date", _("On a day")),
]  # fmt: skip
MAX_DAYS = 3660


class ShareForm(forms.Form):
    """Expiry, password and options of a share link. Days are those of the active time zone."""

    ends = forms.ChoiceField(label=_("Ends"), choices=ENDS, required=False)
    day = forms.DateField(
        label=_("Last day"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    password = forms.CharField(
        label=_("Password"),
        required=False,
        strip=False,
        min_length=link_passwords.MIN_LENGTH,
        max_length=link_passwords.MAX_LENGTH,
        help_text=_("Empty: whoever has the link may look. Tell it another way than the link."),
        # Not a password of the owner's own: they read it here to pass it on, and password managers should not
        # store it.
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    show_prompt = forms.BooleanField(
        label=_("Show the prompt"), required=False, widget=forms.CheckboxInput(attrs={"role": "switch"})
    )
    allow_download = forms.BooleanField(
        label=_("Allow downloading"),
        required=False,
        initial=True,
        widget=forms.CheckboxInput(attrs={"role": "switch"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Other forms on the page have fields of the same names.
        super().__init__(*args, **{"auto_id": "share_%s", **kwargs})

    def clean_day(self) -> date | None:
        """The last day, if that option was chosen: today or later."""
        if self.cleaned_data.get("ends") != "date":
            return None
        day: date | None = self.cleaned_data["day"]
        today = timezone.localdate()
        if day is None:
            raise forms.ValidationError(_("Choose the link's last day."))
        if not today <= day <= today + timedelta(days=MAX_DAYS):
            raise forms.ValidationError(_("Choose today or a later day, within ten years."))
        return day

    def expires_at(self) -> datetime | None:
        """When the link expires, None for never; a chosen day counts to its end."""
        ends = self.cleaned_data["ends"]
        if ends == "date":
            return timezone.make_aware(datetime.combine(self.cleaned_data["day"], time(23, 59, 59)))
        return timezone.now() + timedelta(days=int(ends)) if ends else None


class PasswordForm(forms.Form):
    """The password of a locked link. A longer one than any password may be is refused before hashing."""

    password = forms.CharField(
        label=_("Password"),
        strip=False,
        max_length=link_passwords.MAX_LENGTH,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "autofocus": True}),
    )
