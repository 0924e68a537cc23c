"""The form that sends a test event to a webhook address."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from predictions.inputs import user_urls
from predictions.webhooks import manual_delivery


class TestEventForm(forms.Form):
    """URL and kind of a test event."""

    __test__ = False
    url = forms.CharField(
        label=_("Address of your receiver"),
        max_length=user_urls.MAX_LENGTH,
        widget=forms.TextInput(
            attrs={
                "inputmode": "url",
                "placeholder": "https://hooks.example.org/darkroom",
                "autocomplete": "url",
            }
        ),
    )
    event = forms.ChoiceField(
        label=_("Event"),
        choices=[(one, one) for one in reversed(manual_delivery.TEST_EVENTS)],
        required=False,
    )

    def clean_url(self) -> str:
        """Refuse URLs that webhooks may not go to."""
        url = str(self.cleaned_data["url"])
        if user_urls.objection(url):
            raise forms.ValidationError(_("Give an http(s) address on the public network."))
        return url

    def clean_event(self) -> str:
        """`completed` where no event was chosen."""
        return self.cleaned_data["event"] or "completed"
