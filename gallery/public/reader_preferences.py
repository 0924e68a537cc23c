"""Who looks at the gallery, and what that leaves out: sensitive pictures by choice, and what they reported."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest

from accounts.models import User
from gallery.models import Collection, Item, ItemQuerySet, ReaderChoice, Report

Choice = ReaderChoice.Sensitive
_SESSION = "reported"
_SESSION_COLLECTIONS = "reported_collections"
_KEPT = 200
"""Reported things that a visitor's session remembers, and that a list names."""


@dataclass(frozen=True)
class Reader:
    """A member, or a visitor (`user` is None), who sees sensitive pictures blurred."""

    user: User | None
    sensitive: str
    reported: tuple[int, ...] = ()
    tiles_alone: bool = False
    """Whether lists are read for pages, which need no more than tiles show."""
    reported_collections: tuple[int, ...] = ()

    @property
    def shows(self) -> bool:
        """Whether sensitive pictures are shown without asking."""
        return self.sensitive == Choice.SHOW

    def within(self, items: ItemQuerySet) -> ItemQuerySet:
        """Of these items those that stand in this reader's lists."""
        return items.filter(self.conditions())

    def conditions(self, item: str = "") -> Q:
        """What an item must meet to stand in this reader's lists; `item` leads to it from another table (`item__`)."""
        wanted = Q(**{f"{item}sensitive": False}) if self.sensitive == Choice.HIDE else Q()
        if self.user is not None and len(self.reported) >= _KEPT:
            return wanted & ~Q(Exists(Report.objects.filter(reporter=self.user, item=OuterRef(f"{item}pk"))))
        return wanted & ~Q(**{f"{item}pk__in": self.reported}) if self.reported else wanted

    def has_reported(self, item: Item) -> bool:
        """Whether this reader reported the item."""
        if self.user is not None:
            return Report.objects.filter(reporter=self.user, item=item).exists()
        return item.pk in self.reported

    def collections(self, rows: QuerySet[Collection]) -> QuerySet[Collection]:
        """Of these collections those that the reader did not report."""
        if self.user is not None:
            return rows.filter(~Exists(Report.objects.filter(reporter=self.user, collection=OuterRef("pk"))))
        return rows.exclude(pk__in=self.reported_collections) if self.reported_collections else rows

    def has_reported_collection(self, collection: Collection) -> bool:
        """Whether this reader reported the collection as such."""
        if self.user is not None:
            return Report.objects.filter(reporter=self.user, collection=collection).exists()
        return collection.pk in self.reported_collections


def reader_of(request: HttpRequest) -> Reader:
    """The reader of a page of tiles, in two queries for members and none for visitors.

    Hardly anybody reported much: to name those few is cheaper for a list than to look for a report of each picture.
    """
    user = request.user
    if not isinstance(user, User):
        reported, collections = _remembered(request, _SESSION), _remembered(request, _SESSION_COLLECTIONS)
        return Reader(None, Choice.BLUR, tuple(reported), True, tuple(collections))
    chosen = ReaderChoice.objects.filter(user=user).values_list("sensitive", flat=True).first()
    return Reader(user, chosen or Choice.BLUR, reported_by(user), tiles_alone=True)


def reported_by(user: User) -> tuple[int, ...]:
    """The items that a member reported; where they are as many as are looked for, there may be more."""
    rows = Report.objects.filter(reporter=user, item__isnull=False).order_by()
    return tuple(rows.values_list("item_id", flat=True)[:_KEPT])


def choose(user: User, sensitive: str) -> None:
    """Remember how a member wants sensitive pictures. ValueError for what is no choice."""
    ReaderChoice.objects.update_or_create(user=user, defaults={"sensitive": Choice(sensitive).value})


def remember_report(request: HttpRequest, thing: Item | Collection) -> None:
    """Have a visitor's session leave out what they reported; a member's lists read the reports themselves."""
    if isinstance(request.user, User):
        return
    name = _SESSION if isinstance(thing, Item) else _SESSION_COLLECTIONS
    kept = [pk for pk in _remembered(request, name) if pk != thing.pk]
    request.session[name] = [*kept, thing.pk][-_KEPT:]


def _remembered(request: HttpRequest, name: str) -> list[int]:
    found = request.session.get(name, ())
    return [pk for pk in found if isinstance(pk, int)] if isinstance(found, list) else []
