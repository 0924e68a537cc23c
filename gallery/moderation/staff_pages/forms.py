"""Forms of a moderator's decision on one case, and on several."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone

from gallery.models import Case
from gallery.moderation.decisions import MAX_NOTE, MAX_REASON, Verdict

Decision = Case.Decision
ACTIONS: dict[str, dict[str, Any]] = {
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
"""The actions of the buttons, and the decision each makes."""
TO_CONFIRM = frozenset({"ban", "refuse_ban", "remove"})
"""Actions to be confirmed first, because of what they end."""
BULK = ("allow", "hide", "ban", "restore", "uphold", "publish", "refuse")


class DecisionForm(forms.Form):
    """A decision, the reason for the owner and a note for the audit log."""

    deed = forms.ChoiceField(choices=[(name, name) for name in ACTIONS])
    reason = forms.CharField(max_length=MAX_REASON, required=False)
    own_words = forms.CharField(max_length=MAX_REASON, required=False)
    note = forms.CharField(max_length=MAX_NOTE, required=False)
    days = forms.IntegerField(min_value=0, max_value=365, required=False)
    hide_public = forms.BooleanField(required=False)
    sure = forms.BooleanField(required=False)
    next = forms.IntegerField(min_value=1, max_value=2**62, required=False)

    def verdict(self) -> Verdict:
        """The decision made by the form's action."""
        data = self.cleaned_data
        days = data.get("days")
        return Verdict(
            **ACTIONS[data["deed"]],
            message=data["own_words"] or data["reason"],
            note=data["note"],
            until=_days_from_now(7 if days is None else days) if data["deed"] == "mute" else None,
            hide_public=data["hide_public"],
        )

    @property
    def bans(self) -> bool:
        """Whether the action bans the member, whatever else it decides."""
        return ACTIONS[self.cleaned_data["deed"]].get("sanction") == "ban"

    @property
    def is_to_be_asked(self) -> bool:
        """Whether the action has still to be confirmed."""
        return self.cleaned_data["deed"] in TO_CONFIRM and not self.cleaned_data["sure"]


def _days_from_now(days: int) -> datetime | None:
    # The exact second does not matter here, so the process' clock will do; the database decides whether a
    # mute is in force.
    return timezone.now() + timedelta(days=days) if days else None


class BulkForm(DecisionForm):
    """The same decision on several cases."""

    MOST = 200

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["deed"] = forms.ChoiceField(choices=[(name, name) for name in BULK])

    def numbers(self) -> list[int]:
        """The ids of the selected cases; invalid ones are ignored."""
        values = self.data.getlist("case") if hasattr(self.data, "getlist") else []
        found = dict.fromkeys(
            int(value) for value in values if value.isascii() and value.isdigit() and len(value) < 19
        )
        return list(found)[: self.MOST]
