"""Readers of the gallery and what their lists leave out: sensitive items by choice, and what they reported."""

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
"""Reported targets that a visitor's session remembers, and that a query lists by key."""


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
        """Those of these items that this reader's lists show."""
        return items.filter(self.conditions())

    def conditions(self, item: str = "") -> Q:
        """The condition for an item in this reader's lists; `item` is the relation from another table
        (`item__`)."""
        condition = Q(**{f"{item}sensitive": False}) if self.sensitive == Choice.HIDE else Q()
        if self.user is not None and len(self.reported) >= _KEPT:
            return condition & ~Q(
                Exists(Report.objects.filter(reporter=self.user, item=OuterRef(f"{item}pk")))
            )
        return condition & ~Q(**{f"{item}pk__in": self.reported}) if self.reported else condition

    def has_reported(self, item: Item) -> bool:
        """Whether this reader reported the item."""
        if self.user is not None:
            return Report.objects.filter(reporter=self.user, item=item).exists()
        return item.pk in self.reported

    def collections(self, rows: QuerySet[Collection]) -> QuerySet[Collection]:
        """Those of these collections that the reader did not report."""
        if self.user is not None:
            return rows.filter(~Exists(Report.objects.filter(reporter=self.user, collection=OuterRef("pk"))))
        return rows.exclude(pk__in=self.reported_collections) if self.reported_collections else rows

    def has_reported_collection(self, collection: Collection) -> bool:
        """Whether this reader reported the collection itself."""
        if self.user is not None:
            return Report.objects.filter(reporter=self.user, collection=collection).exists()
        return collection.pk in self.reported_collections


def reader_of(request: HttpRequest) -> Reader:
    """The reader of a page of tiles; two queries for members, none for visitors.

    Hardly anybody reports much: listing those few keys is cheaper for a list than a subquery per item.
    """
    user = request.user
    if not isinstance(user, User):
        reported, collections = _remembered(request, _SESSION), _remembered(request, _SESSION_COLLECTIONS)
        return Reader(None, Choice.BLUR, tuple(reported), True, tuple(collections))
    sensitive = ReaderChoice.objects.filter(user=user).values_list("sensitive", flat=True).first()
    return Reader(user, sensitive or Choice.BLUR, reported_by(user), tiles_alone=True)


def reported_by(user: User) -> tuple[int, ...]:
    """The items that a member reported; with as many as `_KEPT` there may be more."""
    rows = Report.objects.filter(reporter=user, item__isnull=False).order_by()
    return tuple(rows.values_list("item_id", flat=True)[:_KEPT])


def set_sensitive(user: User, sensitive: str) -> None:
    """Store how a member wants sensitive pictures shown. ValueError for an invalid choice."""
    ReaderChoice.objects.update_or_create(user=user, defaults={"sensitive": Choice(sensitive).value})


def remember_report(request: HttpRequest, target: Item | Collection) -> None:
    """Make a visitor's session remember what they reported; members' lists read the reports themselves."""
    if isinstance(request.user, User):
        return
    name = _SESSION if isinstance(target, Item) else _SESSION_COLLECTIONS
    pks = [pk for pk in _remembered(request, name) if pk != target.pk]
    request.session[name] = [*pks, target.pk][-_KEPT:]


def _remembered(request: HttpRequest, name: str) -> list[int]:
    found = request.session.get(name, ())
    return [pk for pk in found if isinstance(pk, int)] if isinstance(found, list) else []
