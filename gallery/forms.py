"""What an owner fills in to publish or to share."""

from __future__ import annotations

from datetime import datetime, timedelta

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from predictions.delivery import addresses, sending

ENDS = [("", _("Never")), ("1", _("In 1 day")), ("7", _("In 7 days")), ("30", _("In 30 days"))]


class PublishForm(forms.Form):
    """Title and whether the prompt is shown."""

    title = forms.CharField(label=_("Title"), max_length=120, required=False)
    show_prompt = forms.BooleanField(label=_("Show the prompt"), required=False)


class TestEventForm(forms.Form):
    """Where a test event goes, and of which kind."""

    __test__ = False
    url = forms.CharField(
        label=_("Address of your receiver"),
        max_length=addresses.MAX_LENGTH,
        widget=forms.TextInput(
            attrs={
                "inputmode": "url",
                "placeholder": "https://hooks.example.org/darkroom",
                "autocomplete": "url",
            }
        ),
    )
    event = forms.ChoiceField(
        label=_("Event"), choices=[(one, one) for one in reversed(sending.TESTED)], required=False
    )

    def clean_url(self) -> str:
        """Refuse what no webhook may go to."""
        url = str(self.cleaned_data["url"])
        if addresses.objection(url):
            raise forms.ValidationError(_("Give an http(s) address on the public network."))
        return url

    def clean_event(self) -> str:
        """Where none was chosen, the end."""
        return self.cleaned_data["event"] or "completed"


class ShareForm(forms.Form):
    """When the link ends and whether it shows the prompt."""

    ends = forms.ChoiceField(label=_("Ends"), choices=ENDS, required=False)
    show_prompt = forms.BooleanField(label=_("Show the prompt"), required=False)

    def expires_at(self) -> datetime | None:
        """The moment it ends, or None for never."""
        days = self.cleaned_data["ends"]
        return timezone.now() + timedelta(days=int(days)) if days else None
