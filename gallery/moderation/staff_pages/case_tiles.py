"""A case as a tile: picture or text, reason, age, and the decision."""

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

NOT_BLURRED = frozenset({Report.Reason.COPIED, Report.Reason.PERSON, Report.Reason.HATE})
"""Reasons for which the picture is shown as it is; for all others it is blurred while blurring is on."""
DECISION_LABELS: dict[str, tuple[str, str | Promise]] = {
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
    """The item that represents it: its own, or the cover of its collection."""
    if case.item is not None:
        return case.item
    return case.collection.cover if case.collection is not None else None


def thumbnail_of(case: Case) -> StoredFile | None:
    """The thumbnail of the uploaded file that it, or the appealed decision, is about."""
    if case.look is not None:
        return case.look
    return case.parent.look if case.parent is not None else None


def title(case: Case) -> str:
    """Its kind or reason, in two words."""
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


def is_blurred(case: Case) -> bool:
    """Whether its picture is to be blurred."""
    item = picture_of(case)
    if thumbnail_of(case) is not None:
        return True
    if item is None:
        return False
    if item.sensitive or case.kind == Case.Kind.FLAG:
        return True
    if case.kind == Case.Kind.REVIEW:
        return bool(case.wish.get("sensitive"))
    named = set(case.marks.get("reasons", {})) | ({case.reason} if case.reason else set())
    return bool(named - NOT_BLURRED)


def age(since: datetime) -> str:
    """The time since then, as short as possible: `11 min`."""
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
    """A case in the grid."""

    case: Case
    address: str

    @property
    def picture(self) -> Item | None:
        return picture_of(self.case)

    @property
    def look(self) -> StoredFile | None:
        return thumbnail_of(self.case)

    @property
    def look_ratio(self) -> float:
        """The aspect ratio of the uploaded file's thumbnail."""
        look = self.look
        return (look.width or 1) / (look.height or 1) if look is not None else 1.0

    @property
    def small(self) -> str:
        """The URL of its picture."""
        return reverse("moderation_picture", args=[self.case.pk, "medium"])

    @property
    def style(self) -> str:
        """The placeholder until the picture has loaded, as CSS."""
        item = self.picture
        return tiles.placeholder(item) if item is not None else ""

    @property
    def covered(self) -> bool:
        return is_blurred(self.case)

    @property
    def title(self) -> str:
        return title(self.case)

    @property
    def text(self) -> str:
        """The text where there is no picture."""
        case = self.case
        if case.comment is not None:
            return case.comment.text[:300]
        if case.sanction_id is not None or case.marks.get("all"):
            return case.words[:300] or case.about
        return case.about or _("It is gone.")

    @property
    def icon(self) -> str:
        """An icon for the kind of subject, where there is no picture."""
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
        """The decision in a word; empty while it is open."""
        return str(DECISION_LABELS[self.case.decision][1]) if self.case.decision else ""

    @property
    def done_icon(self) -> str:
        return DECISION_LABELS[self.case.decision][0] if self.case.decision else ""

    @property
    def label(self) -> str:
        """The label for screen readers."""
        parts = [self.title, self.case.about or self.text[:60], self.age]
        if self.case.count > 1:
            parts.insert(
                1, ngettext("%(n)d report", "%(n)d reports", self.case.count) % {"n": self.case.count}
            )
        if self.done:
            parts.append(self.done)
        return ", ".join(part for part in parts if part)
