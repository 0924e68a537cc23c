"""What a moderator sends with a decision."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone

from gallery.models import Case
from gallery.moderation.decisions import LONGEST_NOTE, LONGEST_TOLD, Verdict

Decision = Case.Decision
MUTES = (1, 7, 30)
"""Days of silence to choose from; 0: until it is lifted."""
DEEDS: dict[str, dict[str, Any]] = {
    "allow": {"decision": Decision.ALLOW},
    "sensitive": {"decision": Decision.ALLOW, "sensitive": True},
    "hide": {"decision": Decision.HIDE},
    "warn": {"decision": Decision.HIDE, "sanction": "warn"},
    "mute": {"decision": Decision.HIDE, "sanction": "mute"},
    "ban": {"decision": Decision.HIDE, "sanction": "ban"},
    "remove": {"decision": Decision.REMOVE},
    "restore": {"decision": Decision.RESTORE},
    "uphold": {"decision": Decision.UPHOLD},
    "publish": {"decision": Decision.PUBLISH},
    "refuse": {"decision": Decision.REFUSE},
    "refuse_ban": {"decision": Decision.REFUSE, "sanction": "ban"},
}
"""What the buttons are called, and what each decides."""
ASKED = frozenset({"ban", "refuse_ban", "remove"})
"""Those that ask once, for what they end."""
BULK = ("allow", "hide", "ban", "restore", "uphold", "publish", "refuse")


class DecisionForm(forms.Form):
    """One decision, with what its owner is told and a note for the record."""

    deed = forms.ChoiceField(choices=[(name, name) for name in DEEDS])
    reason = forms.CharField(max_length=LONGEST_TOLD, required=False)
    own_words = forms.CharField(max_length=LONGEST_TOLD, required=False)
    note = forms.CharField(max_length=LONGEST_NOTE, required=False)
    days = forms.IntegerField(min_value=0, max_value=365, required=False)
    hide_public = forms.BooleanField(required=False)
    sure = forms.BooleanField(required=False)
    next = forms.IntegerField(min_value=1, max_value=2**62, required=False)

    def verdict(self) -> Verdict:
        """What it decides."""
        given = self.cleaned_data
        days = given.get("days")
        return Verdict(
            **DEEDS[given["deed"]],
            told=given["own_words"] or given["reason"],
            note=given["note"],
            until=_in(7 if days is None else days) if given["deed"] == "mute" else None,
            hide_public=given["hide_public"],
        )

    @property
    def bans(self) -> bool:
        """Whether it is a ban, whatever else is decided with it."""
        return DEEDS[self.cleaned_data["deed"]].get("sanction") == "ban"

    @property
    def is_to_be_asked(self) -> bool:
        """Whether the moderator has not yet said that they are sure."""
        return self.cleaned_data["deed"] in ASKED and not self.cleaned_data["sure"]


def _in(days: int) -> datetime | None:
    # A day more or less of the two clocks does not matter here; which it is in force is the database's word.
    return timezone.now() + timedelta(days=days) if days else None


class BulkForm(DecisionForm):
    """The same decision on several cases."""

    MOST = 200

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["deed"] = forms.ChoiceField(choices=[(name, name) for name in BULK])

    def numbers(self) -> list[int]:
        """The cases that were chosen; what is no number is left out."""
        given = self.data.getlist("case") if hasattr(self.data, "getlist") else []
        found = dict.fromkeys(int(one) for one in given if one.isascii() and one.isdigit() and len(one) < 19)
        return list(found)[: self.MOST]
