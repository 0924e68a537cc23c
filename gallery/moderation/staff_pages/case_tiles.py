"""A case as a tile: its picture or its words, why it is here, since when, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from gallery.items import tiles
from gallery.models import Case, Item, Report
from gallery.moderation import reasons, upload_cases
from predictions.models import StoredFile

CLEAR = frozenset({Report.Reason.COPIED, Report.Reason.PERSON, Report.Reason.HATE})
"""Reasons for which nobody needs to be spared the picture; all others are blurred while the switch is on."""
DONE: dict[str, tuple[str, str | Promise]] = {
    Case.Decision.ALLOW: ("check", gettext_lazy("Allowed")),
    Case.Decision.HIDE: ("eye-off", gettext_lazy("Hidden")),
    Case.Decision.REMOVE: ("trash-2", gettext_lazy("Removed")),
    Case.Decision.RESTORE: ("rotate-ccw", gettext_lazy("Restored")),
    Case.Decision.UPHOLD: ("gavel", gettext_lazy("Stands")),
    Case.Decision.PUBLISH: ("globe", gettext_lazy("Published")),
    Case.Decision.REFUSE: ("lock", gettext_lazy("Not published")),
    Case.Decision.GONE: ("circle-slash", gettext_lazy("Taken back")),
}


def picture_of(case: Case) -> Item | None:
    """The picture that stands for it: its own, or the cover of its collection."""
    if case.item is not None:
        return case.item
    return case.collection.cover if case.collection is not None else None


def look_of(case: Case) -> StoredFile | None:
    """What a sent file looks like that it is about, or that an appeal is about."""
    if case.look is not None:
        return case.look
    return case.parent.look if case.parent is not None else None


def title(case: Case) -> str:
    """Why it is here, in two words."""
    if case.kind == Case.Kind.APPEAL:
        if case.sanction is not None:
            return {"ban": _("Appeal: ban"), "mute": _("Appeal: mute")}.get(
                case.sanction.kind, _("Appeal: warning")
            )
        return _("Appeal")
    if case.kind == Case.Kind.REVIEW:
        return _("Wants to publish")
    if upload_cases.is_upload_case(case):
        return _("Sent file")
    if case.kind == Case.Kind.FLAG:
        return _("Found by a rule")
    if case.marks.get("all"):
        return _("All pictures")
    return reasons.short(case.reason) or _("By a moderator")


def covered(case: Case) -> bool:
    """Whether its picture is one to be spared."""
    item = picture_of(case)
    if look_of(case) is not None:
        return True
    if item is None:
        return False
    if item.sensitive or case.kind == Case.Kind.FLAG:
        return True
    if case.kind == Case.Kind.REVIEW:
        return bool(case.wish.get("sensitive"))
    named = set(case.marks.get("reasons", {})) | ({case.reason} if case.reason else set())
    return bool(named - CLEAR)


def age(since: datetime) -> str:
    """How long ago, as short as can be: `11 min`."""
    minutes = max(0, int((timezone.now() - since).total_seconds() // 60))
    if minutes < 1:
        return _("now")
    if minutes < 60:
        return _("%(n)d min") % {"n": minutes}
    if minutes < 60 * 24:
        return _("%(n)d h") % {"n": minutes // 60}
    return ngettext("%(n)d day", "%(n)d days", minutes // 1440) % {"n": minutes // 1440}


@dataclass(frozen=True)
class CaseTile:
    """What the grid shows of a case."""

    case: Case
    address: str

    @property
    def picture(self) -> Item | None:
        return picture_of(self.case)

    @property
    def look(self) -> StoredFile | None:
        return look_of(self.case)

    @property
    def look_ratio(self) -> float:
        """Width divided by height of what a sent file looks like."""
        look = self.look
        return (look.width or 1) / (look.height or 1) if look is not None else 1.0

    @property
    def small(self) -> str:
        """The address of its small picture."""
        return reverse("moderation_picture", args=[self.case.pk, "medium"])

    @property
    def style(self) -> str:
        """What holds the picture's place; nothing for those to be spared, for the blur shows them too."""
        item = self.picture
        return tiles.placeholder(item) if item is not None else ""

    @property
    def covered(self) -> bool:
        return covered(self.case)

    @property
    def title(self) -> str:
        return title(self.case)

    @property
    def text(self) -> str:
        """The words of what has no picture."""
        case = self.case
        if case.comment is not None:
            return case.comment.text[:300]
        if case.sanction_id is not None or case.marks.get("all"):
            return case.words[:300] or case.about
        return case.about or _("It is gone.")

    @property
    def icon(self) -> str:
        """What kind of thing it is, where there is no picture to say so."""
        if self.case.comment_id is not None:
            return "message-circle"
        if self.case.collection_id is not None:
            return "layers"
        return (
            "user-round" if self.case.sanction_id is not None or self.case.marks.get("all") else "image-plus"
        )

    @property
    def age(self) -> str:
        return age(self.case.decided_at or self.case.opened_at)

    @property
    def done(self) -> str:
        """What was decided, in a word; empty while it is open."""
        return str(DONE[self.case.decision][1]) if self.case.decision else ""

    @property
    def done_icon(self) -> str:
        return DONE[self.case.decision][0] if self.case.decision else ""

    @property
    def label(self) -> str:
        """What a screen reader says of it."""
        parts = [self.title, self.case.about or self.text[:60], self.age]
        if self.case.count > 1:
            parts.insert(
                1, ngettext("%(n)d report", "%(n)d reports", self.case.count) % {"n": self.case.count}
            )
        if self.done:
            parts.append(self.done)
        return ", ".join(part for part in parts if part)
