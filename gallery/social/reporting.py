"""Reports: a complaint about an item, a comment or a collection, once by each person, members and visitors."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.clock import Now
from accounts.models import User
from gallery import words
from gallery.models import Collection, Comment, Item, Report
from gallery.social.manners import Limits, network_key, within

Thing = Item | Comment | Collection
"""What is complained about."""
LONGEST = 2000
"""Characters of what somebody adds in their own words."""
LIMITS: Limits = ((10, timedelta(hours=1)), (40, timedelta(days=1)))
"""So many reports of one member, or of one network, in such a time."""
_NAMES: dict[type[Thing], str] = {Item: "item", Comment: "comment", Collection: "collection"}


@dataclass(frozen=True)
class Reporter:
    """A member, or a visitor's network as a keyed hash."""

    user: User | None
    key: str = ""

    def reports(self) -> QuerySet[Report]:
        """Their open reports. Closed ones count no more, and the index is of the open ones."""
        if self.user is not None:
            return Report.objects.filter(reporter=self.user)
        return Report.objects.filter(reporter=None, reporter_key=self.key, closed_at__isnull=True)


def reporter_of(request: HttpRequest) -> Reporter:
    """Who reports."""
    user = request.user
    return Reporter(user) if isinstance(user, User) else Reporter(None, network_key(request))


def report(thing: Thing, reporter: Reporter, reason: str, text: str = "") -> bool:
    """Write the complaint down; False where this person made it before. Raises TooMany; ValueError for no reason."""
    reason = Report.Reason(reason).value
    about = {_NAMES[type(thing)]: thing}
    with transaction.atomic():
        # One after the other, so that two clicks are one report.
        type(thing)._default_manager.select_for_update(no_key=True).filter(pk=thing.pk).first()
        before = Report.objects.filter(**about, reporter=reporter.user, reporter_key=reporter.key)
        if before.exists():
            return False
        within(LIMITS, reporter.reports())
        Report.objects.create(
            **about,
            reason=reason,
            words=words.paragraphs(text, LONGEST),
            reporter=reporter.user,
            reporter_key=reporter.key,
        )
    return True


def close_all(collection: Collection, moderator: User) -> int:
    """Put away whatever is open about a collection; how many there were."""
    rows = Report.objects.filter(collection=collection, closed_at__isnull=True)
    return rows.update(closed_at=Now(), closed_by=moderator)


def close(report: Report, moderator: User) -> bool:
    """Put it away; whether it was open."""
    open_one = Report.objects.filter(pk=report.pk, closed_at__isnull=True)
    return bool(open_one.update(closed_at=Now(), closed_by=moderator))
