"""Why something was hidden, in words that its owner reads in their own language.

A moderator picks one or writes their own. What was picked is kept in English, as the record has it, and is translated
when it is shown; what was written stays as it is.
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
    """What a moderator most likely tells the owner of something that was reported for that."""
    return _OF_REPORTS.get(Report.Reason(reason), RULES) if reason in Report.Reason.values else RULES


def short(reason: str) -> str:
    """A reason of reports in two words, for a tile."""
    return str(_SHORT.get(reason, ""))


def choices() -> list[tuple[str, str]]:
    """The reasons to pick from: as they are kept, and in the reader's language."""
    return [(words, _(words)) for words in PRESETS]


def display(words: str) -> str:
    """What was told, in the reader's language where it was one of the reasons to pick from."""
    return _(words) if words in PRESETS else words


def for_user(words: str, user: User) -> str:
    """The same in the language that a member's mails are in."""
    with translation.override(user.language or None):
        return display(words)
