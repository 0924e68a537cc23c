"""What an owner fills in to publish or to share."""

from __future__ import annotations

from datetime import datetime, timedelta

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

ENDS = [("", _("Never")), ("1", _("In 1 day")), ("7", _("In 7 days")), ("30", _("In 30 days"))]


class PublishForm(forms.Form):
    """Title and whether the prompt is shown."""

    title = forms.CharField(label=_("Title"), max_length=120, required=False)
    show_prompt = forms.BooleanField(label=_("Show the prompt"), required=False)


class ShareForm(forms.Form):
    """When the link ends and whether it shows the prompt."""

    ends = forms.ChoiceField(label=_("Ends"), choices=ENDS, required=False)
    show_prompt = forms.BooleanField(label=_("Show the prompt"), required=False)

    def expires_at(self) -> datetime | None:
        """The moment it ends, or None for never."""
        days = self.cleaned_data["ends"]
        return timezone.now() + timedelta(days=int(days)) if days else None
