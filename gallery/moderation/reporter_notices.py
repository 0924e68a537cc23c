"""Notices to reporters: whether moderators acted on their report; no details, and never who decided.

Each reporter is notified once per case; again only where the decision was undone and came out differently.
Banned reporters get no notice, nor do moderators about cases that they decided themselves.
"""

from __future__ import annotations

from datetime import UTC

from django.db.models import F
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.notifications import notices
from gallery.models import Case, Collection, Comment, Item, Report
from gallery.moderation import cases


def notify(case: Case, moderator: User, *, acted: bool) -> int:
    """Notify everybody who reported it of the outcome; returns how many. In the decision's transaction."""
    outcome = Report.Outcome.ACTED if acted else Report.Outcome.LEFT
    rows = Report.objects.filter(case=case, reporter__is_active=True, reporter__erased_at__isnull=True)
    rows = rows.exclude(told=outcome).exclude(reporter=moderator).exclude(reporter=F("case__user"))
    unnotified = list(
        rows.select_related("reporter", "item", "comment__item", "collection").order_by("reporter", "id")
    )
    for report in unnotified:
        _notify_reporter(report, outcome)
    return Report.objects.filter(pk__in=[report.pk for report in unnotified]).update(told=outcome)


def _notify_reporter(report: Report, outcome: str) -> None:
    assert report.reporter is not None
    target = cases.subject_of(report)
    with translation.override(report.reporter.language or None):
        kind = _kind_label(target)
    notices.notify(
        report.reporter,
        f"report.{outcome}",
        link=_public_url(target) if outcome == Report.Outcome.LEFT else "",
        what=kind,
        reported_at=report.created_at.astimezone(UTC).isoformat(),
    )


def _kind_label(subject: cases.Subject | None) -> str:
    """The kind of the reported content. Not its name, which may be a prompt that only its owner may read."""
    if isinstance(subject, Comment):
        return _("a comment")
    return _("a collection") if isinstance(subject, Collection) else _("a picture")


def _public_url(target: cases.Subject | None) -> str:
    """The public page on which it is still visible; "" where there is none."""
    if isinstance(target, Comment):
        target = target.item
    if isinstance(target, Item) and target.is_open:
        return reverse("gallery_item", args=[target.public_id])
    is_open = isinstance(target, Collection) and target.hidden_at is None
    if is_open and isinstance(target, Collection) and target.visibility != Collection.Visibility.PRIVATE:
        return reverse("collection_public", args=[target.public_id])
    return ""
