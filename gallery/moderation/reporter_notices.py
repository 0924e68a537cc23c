"""What those who reported something are told of it: that we acted, or left it as it is; no more, and never by whom.

Each is told once for a case; again only where its decision was taken back and came out otherwise. Whoever is kept out
by a ban is told nothing, and neither is a moderator of what they decided themselves.
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
    """Tell everybody who reported it what came of it; how many. In the decision's transaction."""
    outcome = Report.Outcome.ACTED if acted else Report.Outcome.LEFT
    rows = Report.objects.filter(case=case, reporter__is_active=True, reporter__erased_at__isnull=True)
    rows = rows.exclude(told=outcome).exclude(reporter=moderator).exclude(reporter=F("case__user"))
    owed = list(
        rows.select_related("reporter", "item", "comment__item", "collection").order_by("reporter", "id")
    )
    for report in owed:
        _tell(report, outcome)
    return Report.objects.filter(pk__in=[report.pk for report in owed]).update(told=outcome)


def _tell(report: Report, outcome: str) -> None:
    assert report.reporter is not None
    thing = cases.thing_of(report)
    with translation.override(report.reporter.language or None):
        what = _what(thing)
    notices.notify(
        report.reporter,
        f"report.{outcome}",
        link=_way_to(thing) if outcome == Report.Outcome.LEFT else "",
        what=what,
        reported_at=report.created_at.astimezone(UTC).isoformat(),
    )


def _what(thing: cases.Thing | None) -> str:
    """What kind of thing it was. Not its name: that may be a prompt that only its owner reads."""
    if isinstance(thing, Comment):
        return _("a comment")
    return _("a collection") if isinstance(thing, Collection) else _("a picture")


def _way_to(thing: cases.Thing | None) -> str:
    """The page on which everybody still sees it; none where nobody does."""
    if isinstance(thing, Comment):
        thing = thing.item
    if isinstance(thing, Item) and thing.is_open:
        return reverse("gallery_item", args=[thing.public_id])
    is_open = isinstance(thing, Collection) and thing.hidden_at is None
    if is_open and isinstance(thing, Collection) and thing.visibility != Collection.Visibility.PRIVATE:
        return reverse("collection_public", args=[thing.public_id])
    return ""
