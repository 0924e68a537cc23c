"""Reports of items, comments and collections, by members and visitors; one per person and target."""

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

Target = Item | Comment | Collection
"""What can be reported."""
ALREADY_REPORTED = gettext_lazy(
    "You reported this before. A moderator will look at it, or has done so already."
)
"""Message to a person who reports the same target again."""
MAX_LENGTH = 2000
"""Characters of the reporter's own text."""
LIMITS: Limits = ((10, timedelta(hours=1)), (40, timedelta(days=1)))
"""Reports per member, or per visitor's network, in a period."""
_NAMES: dict[type[Target], str] = {Item: "item", Comment: "comment", Collection: "collection"}


@dataclass(frozen=True)
class Reporter:
    """A member, or a visitor identified by a keyed hash of their network; `older`: its hashes with former
    secret keys."""

    user: User | None
    key: str = ""
    older: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys that earlier reports of theirs may have."""
        return self.key, *self.older

    def reports(self) -> QuerySet[Report]:
        """Reports that count towards the limits: all of a member; of a network the open ones only, as the index
        has them."""
        if self.user is not None:
            return Report.objects.filter(reporter=self.user)
        return Report.objects.filter(reporter=None, reporter_key__in=self.keys, closed_at__isnull=True)


def reporter_of(request: HttpRequest) -> Reporter:
    """The reporter behind a request."""
    user = request.user
    return Reporter(user) if isinstance(user, User) else visitor(request)


def visitor(request: HttpRequest) -> Reporter:
    """The visitor behind a request, known by network alone."""
    key, *older = network_keys(request)
    return Reporter(None, key, tuple(older))


def report(thing: Target, reporter: Reporter, reason: str, text: str = "") -> bool:
    """Store the report; returns False where this person reported the target before. Raises TooMany, and
    ValueError for an unknown reason."""
    reason = Report.Reason(reason).value
    about = {_NAMES[type(thing)]: thing}
    with transaction.atomic():
        # Serialised on the target, so that a double click is one report.
        type(thing)._default_manager.select_for_update(no_key=True).filter(pk=thing.pk).first()
        before = Report.objects.filter(**about, reporter=reporter.user, reporter_key__in=reporter.keys)
        if reporter.user is None:
            # Many people share a network: once a report is closed, another of them may report what is there
            # by now.
            before = before.filter(closed_at__isnull=True)
        if before.exists():
            return False
        check_recent(LIMITS, reporter.reports())
        written = Report.objects.create(
            **about,
            reason=reason,
            words=safe_text.paragraphs(text, MAX_LENGTH),
            reporter=reporter.user,
            reporter_key=reporter.key,
        )
        cases.join(written)
    return True
