"""Filters of the library: parsed from the query string, applied to the queryset, shown as chips.

A filter value that matches nothing (an unknown model, somebody else's collection) gives an empty list; an
invalid one is ignored, so that old bookmarks still open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Exists, OuterRef, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from accounts.models import Membership, User
from gallery.collections import querysets
from gallery.models import CollectionItem, Item, ItemQuerySet, Like, ShareLink
from predictions.models import HostedModel

MAX_TEXT = 200
_FIRST, _LAST = date(1971, 1, 1), date(9000, 1, 1)
_NOBODY = 0
"""A primary key that no row has."""


@dataclass(frozen=True)
class Chip:
    """An active filter: its label, and the URL of the same list without it."""

    words: str
    url: str


@dataclass(frozen=True)
class Filter:
    """Filters of the library, combined with AND; an empty value does not filter."""

    text: str = ""
    model: str = ""
    since: date | None = None
    until: date | None = None
    kind: str = ""
    show: str = ""
    liked: bool = False
    shared: bool = False
    collection: str = ""
    asof: datetime | None = None
    """Excludes items created later. For bulk actions on all that matches; never part of a URL."""

    def params(self) -> dict[str, str]:
        """The filter as query parameters."""
        values = {
            "q": self.text,
            "model": self.model,
            "from": self.since.isoformat() if self.since else "",
            "to": self.until.isoformat() if self.until else "",
            "kind": self.kind,
            "show": self.show,
            "liked": "1" if self.liked else "",
            "shared": "1" if self.shared else "",
            "in": self.collection,
        }
        return {name: value for name, value in values.items() if value}

    @property
    def query(self) -> str:
        """The filter as a query string, without the question mark."""
        return urlencode(self.params())

    def __bool__(self) -> bool:
        return bool(self.params())


def from_params(params: Mapping[str, str]) -> Filter:
    """The filter in these query parameters."""
    since, until = _day(params.get("from", "")), _day(params.get("to", ""))
    owner, slash, name = params.get("model", "")[:201].partition("/")
    return Filter(
        text=" ".join(params.get("q", "")[:MAX_TEXT].replace("\0", "").split()),
        model=f"{owner}/{name}" if slash and "\0" not in owner + name else "",
        since=since,
        until=until,
        kind=_one_of(params.get("kind", ""), ("picture", "film")),
        show=_one_of(params.get("show", ""), Item.Visibility.values),
        liked=params.get("liked") == "1",
        shared=params.get("shared") == "1",
        collection=valid_id(params.get("in", "")),
    )


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None
    return day if day and _FIRST <= day <= _LAST else None


def _one_of(text: str, known: Any) -> str:
    return text if text in known else ""


def valid_id(text: str) -> str:
    """The text if it is well-formed as an id, else ""."""
    return (
        text
        if len(text) <= 32 and text.isascii() and text.replace("-", "").replace("_", "").isalnum()
        else ""
    )


def matching(user: User, filter_: Filter) -> ItemQuerySet:
    """The member's items that pass the filter, except for its text, which the search applies.

    Days are those of the current time zone.
    """
    assert user.account is not None
    items = Item.objects.owned_by(user.account).filter(_times(filter_))
    if filter_.show:
        items = items.filter(visibility=filter_.show)
    if filter_.model:
        items = items.filter(model_id=_model_id(filter_.model))
    if filter_.kind:
        films = list(HostedModel.objects.filter(kind=HostedModel.Kind.VIDEO).values_list("pk", flat=True))
        items = (
            items.filter(model_id__in=films) if filter_.kind == "film" else items.exclude(model_id__in=films)
        )
    if filter_.liked:
        items = items.filter(_having(Like.objects.filter(user=user)))
    if filter_.shared:
        # Start from the links, which are few, rather than check every item. Their creators may act for
        # another account now.
        makers = Membership.objects.filter(account=user.account).values("user")
        links = ShareLink.objects.open().filter(created_by__in=makers, item__isnull=False)
        items = items.filter(pk__in=links.values("item_id"))
    if filter_.collection:
        inside = CollectionItem.objects.filter(collection_id=_collection_id(user, filter_.collection))
        items = items.filter(_having(inside))
    return items


def _having(rows: Any) -> Q:
    """Items that have one of these rows, checked item by item from the newest on.

    Given the set alone, PostgreSQL underestimates its size and sorts all of it with every column of a tile; the
    second condition, which no item meets, rules that plan out.
    """
    return Q(Exists(rows.filter(item=OuterRef("pk")))) | Q(pk=_NOBODY)


def _times(filter_: Filter) -> Q:
    """The range of creation times, so that the index on account and time is used as a range."""
    range_ = Q()
    if filter_.since:
        range_ &= Q(created_at__gte=_midnight(filter_.since))
    if filter_.until:
        range_ &= Q(created_at__lt=_midnight(filter_.until + timedelta(days=1)))
    if filter_.asof:
        range_ &= Q(created_at__lte=filter_.asof)
    return range_


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=timezone.get_current_timezone()).astimezone(UTC)


def _model_id(ref: str) -> int:
    owner, _slash, name = ref.partition("/")
    found = HostedModel.objects.filter(owner=owner, name=name).values_list("pk", flat=True).first()
    return found or _NOBODY


def _collection_id(user: User, public_id: str) -> int:
    found = collections_of(user).filter(public_id=public_id).values_list("pk", flat=True).first()
    return found or _NOBODY


def collections_of(user: User) -> Any:
    """The collections that a member may change, the last changed first."""
    return querysets.editable(user).order_by("-changed_at", "-id")


def chips(user: User, filter_: Filter) -> list[Chip]:
    """The active filters, each with the URL that clears it."""
    active: list[tuple[str, str, Any]] = []
    if filter_.text:
        active.append(("text", _("“%(words)s”") % {"words": filter_.text}, ""))
    if filter_.model:
        active.append(("model", filter_.model.partition("/")[2], ""))
    if filter_.since:
        active.append(("since", _("from %(day)s") % {"day": _day_label(filter_.since)}, None))
    if filter_.until:
        active.append(("until", _("until %(day)s") % {"day": _day_label(filter_.until)}, None))
    if filter_.kind:
        active.append(("kind", kinds()[filter_.kind], ""))
    if filter_.show:
        active.append(("show", str(VISIBILITY_LABELS[filter_.show]()), ""))
    if filter_.liked:
        active.append(("liked", _("Liked"), False))
    if filter_.shared:
        active.append(("shared", _("Shared by link"), False))
    if filter_.collection:
        active.append(("collection", _title(user, filter_.collection), ""))
    return [Chip(text, filtered_url(replace(filter_, **{name: empty}))) for name, text, empty in active]


@dataclass(frozen=True)
class Option:
    """One value of a filter: its label, the URL of the list with it, and whether it is active."""

    value: str
    words: str
    url: str
    on: bool


def options(filter_: Filter, name: str, values: Mapping[str, str]) -> list[Option]:
    """The values of one filter; the active one links to the list without it."""
    now = getattr(filter_, name)
    return [
        Option(
            value,
            words,
            filtered_url(replace(filter_, **_as(name, "" if now == value else value))),
            now == value,
        )
        for value, words in values.items()
    ]


def _as(name: str, value: Any) -> dict[str, Any]:
    return {name: value}


def kinds() -> dict[str, str]:
    """The kinds of items, with labels."""
    return {"picture": _("Pictures"), "film": _("Videos")}


VISIBILITY_LABELS: dict[str, Any] = {
    "private": lambda: _("Private"),
    "unlisted": lambda: _("Unlisted"),
    "public": lambda: _("Public"),
}


def _day_label(day: date) -> str:
    return date_format(day, pgettext("format of a day", "j F Y"))


def _title(user: User, public_id: str) -> str:
    title = collections_of(user).filter(public_id=public_id).values_list("title", flat=True).first()
    return title or _("Collection")


def filtered_url(filter_: Filter, **more: str) -> str:
    """The URL of the library with a filter and further parameters."""
    query = urlencode({**filter_.params(), **more})
    return f"{reverse('library')}?{query}" if query else reverse("library")
