"""Reports: a complaint about an item, a comment or a collection, once by each person, members and visitors."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from accounts.models import User
from gallery import safe_text
from gallery.models import Collection, Comment, Item, Report
from gallery.moderation import cases
from gallery.social.interaction_limits import Limits, check_recent, network_keys

Thing = Item | Comment | Collection
"""What is complained about."""
AGAIN = gettext_lazy("You reported this before. A moderator will look at it, or has done so already.")
"""What whoever reports a thing a second time is told."""
LONGEST = 2000
"""Characters of what somebody adds in their own words."""
LIMITS: Limits = ((10, timedelta(hours=1)), (40, timedelta(days=1)))
"""So many reports of one member, or of one network, in such a time."""
_NAMES: dict[type[Thing], str] = {Item: "item", Comment: "comment", Collection: "collection"}


@dataclass(frozen=True)
class Reporter:
    """A member, or a visitor's network as a keyed hash; `older`: the same, made with older secret keys."""

    user: User | None
    key: str = ""
    older: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """Whatever earlier reports of theirs may have."""
        return self.key, *self.older

    def reports(self) -> QuerySet[Report]:
        """Their open reports. Closed ones count no more, and the index is of the open ones."""
        if self.user is not None:
            return Report.objects.filter(reporter=self.user)
        return Report.objects.filter(reporter=None, reporter_key__in=self.keys, closed_at__isnull=True)


def reporter_of(request: HttpRequest) -> Reporter:
    """Who reports."""
    user = request.user
    return Reporter(user) if isinstance(user, User) else visitor(request)


def visitor(request: HttpRequest) -> Reporter:
    """Whoever asks, as nobody but their network."""
    key, *older = network_keys(request)
    return Reporter(None, key, tuple(older))


def report(thing: Thing, reporter: Reporter, reason: str, text: str = "") -> bool:
    """Write the complaint down; False where this person made it before. Raises TooMany; ValueError for no reason."""
    reason = Report.Reason(reason).value
    about = {_NAMES[type(thing)]: thing}
    with transaction.atomic():
        # One after the other, so that two clicks are one report.
        type(thing)._default_manager.select_for_update(no_key=True).filter(pk=thing.pk).first()
        before = Report.objects.filter(**about, reporter=reporter.user, reporter_key__in=reporter.keys)
        if reporter.user is None:
            # Behind one network are many: what one of them said is answered, another may see what is there by now.
            before = before.filter(closed_at__isnull=True)
        if before.exists():
            return False
        check_recent(LIMITS, reporter.reports())
        written = Report.objects.create(
            **about,
            reason=reason,
            words=safe_text.paragraphs(text, LONGEST),
            reporter=reporter.user,
            reporter_key=reporter.key,
        )
        cases.join(written)
    return True
