"""Reasons for decisions, shown to the owner in their own language.

A moderator picks a preset or writes their own. Presets are stored in English, as the audit log has them, and
translated for display; own texts are shown as written.
"""

from __future__ import annotations

from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from accounts.models import User
from gallery.models import Report

SENSITIVE = gettext_noop("sexual, or not marked as sensitive")
VIOLENT = gettext_noop("violent or gory")
HATEFUL = gettext_noop("hate or harassment")
PERSON = gettext_noop("shows a real person who did not agree")
COPIED = gettext_noop("copied work")
SPAM = gettext_noop("spam")
RULES = gettext_noop("against the rules of this site")
PRESETS = (SENSITIVE, VIOLENT, HATEFUL, PERSON, COPIED, SPAM, RULES)
_OF_REPORTS = {
    Report.Reason.SEXUAL: SENSITIVE,
    Report.Reason.VIOLENCE: VIOLENT,
    Report.Reason.HATE: HATEFUL,
    Report.Reason.PERSON: PERSON,
    Report.Reason.COPIED: COPIED,
}
_SHORT: dict[str, Promise] = {
    Report.Reason.SEXUAL: gettext_lazy("Sensitive, not marked"),
    Report.Reason.VIOLENCE: gettext_lazy("Violent"),
    Report.Reason.HATE: gettext_lazy("Harassment"),
    Report.Reason.PERSON: gettext_lazy("Real person"),
    Report.Reason.COPIED: gettext_lazy("Copied work"),
    Report.Reason.OTHER: gettext_lazy("Other"),
}


def suggested(reason: str) -> str:
    """The preset that fits content reported for that reason."""
    return _OF_REPORTS.get(Report.Reason(reason), RULES) if reason in Report.Reason.values else RULES


def short(reason: str) -> str:
    """A report's reason in two words, for tiles."""
    return str(_SHORT.get(reason, ""))


def choices() -> list[tuple[str, str]]:
    """The presets: as stored, and in the active language."""
    return [(reason, _(reason)) for reason in PRESETS]


def display(reason: str) -> str:
    """A stored reason for display: presets in the active language, own texts as they are."""
    return _(reason) if reason in PRESETS else reason


def for_user(reason: str, user: User) -> str:
    """The same in the member's own language."""
    with translation.override(user.language or None):
        return display(reason)
