"""Forms of comments and reports."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from gallery.models import Report
from gallery.social import abuse_reports, discussion


class CommentForm(forms.Form):
    """One comment."""

    text = forms.CharField(
        label=_("Your comment"),
        max_length=discussion.MAX_LENGTH,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": _("Say something about it"), "dir": "auto"}),
    )


class ReportForm(forms.Form):
    """The reason of a report, and the reporter's own text."""

    reason = forms.ChoiceField(
        label=_("What is wrong with it?"), choices=Report.Reason.choices, widget=forms.RadioSelect
    )
    words = forms.CharField(
        label=_("In your own words, if you like"),
        max_length=abuse_reports.MAX_LENGTH,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
    )
