"""The filters of the library: read from an address, applied as ranges of indexes, shown as chips.

What a filter names and nobody knows (a model, somebody else's collection) matches nothing; what is no filter at all is
left out, so that a page of somebody's own address book opens all the same.
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
from gallery.models import CollectionItem, Item, ItemQuerySet, Like, ShareLink
from predictions.models import HostedModel

MOST_TEXT = 200
_FIRST, _LAST = date(1971, 1, 1), date(9000, 1, 1)
_NOBODY = 0
"""A row number that no row has."""


@dataclass(frozen=True)
class Chip:
    """One filter that is on: its words, and the address of the same list without it."""

    words: str
    url: str


@dataclass(frozen=True)
class Filter:
    """What is wanted of the library; everything empty means all of it. All of it must be met."""

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
    """Nothing that came later; for deeds on all that matches, and never part of an address."""

    def params(self) -> dict[str, str]:
        """As the parameters of an address."""
        given = {
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
        return {name: value for name, value in given.items() if value}

    @property
    def query(self) -> str:
        """The parameters as they stand in an address, without the question mark."""
        return urlencode(self.params())

    def __bool__(self) -> bool:
        return bool(self.params())


def read(given: Mapping[str, str]) -> Filter:
    """The filter that the parameters of an address ask for."""
    since, until = _day(given.get("from", "")), _day(given.get("to", ""))
    owner, slash, name = given.get("model", "")[:201].partition("/")
    return Filter(
        text=" ".join(given.get("q", "")[:MOST_TEXT].replace("\0", "").split()),
        model=f"{owner}/{name}" if slash and "\0" not in owner + name else "",
        since=since,
        until=until,
        kind=_one_of(given.get("kind", ""), ("picture", "film")),
        show=_one_of(given.get("show", ""), Item.Visibility.values),
        liked=given.get("liked") == "1",
        shared=given.get("shared") == "1",
        collection=word(given.get("in", "")),
    )


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None
    return day if day and _FIRST <= day <= _LAST else None


def _one_of(text: str, known: Any) -> str:
    return text if text in known else ""


def word(text: str) -> str:
    """The text where it may be an id of ours, else nothing."""
    return (
        text
        if len(text) <= 32 and text.isascii() and text.replace("-", "").replace("_", "").isalnum()
        else ""
    )


def matching(user: User, wanted: Filter) -> ItemQuerySet:
    """A member's items that the filter lets through, all but its words, which the search looks for.

    Days are those of the present time zone.
    """
    assert user.account is not None
    items = Item.objects.owned_by(user.account).filter(_times(wanted))
    if wanted.show:
        items = items.filter(visibility=wanted.show)
    if wanted.model:
        items = items.filter(model_id=_model_id(wanted.model))
    if wanted.kind:
        films = list(HostedModel.objects.filter(kind=HostedModel.Kind.VIDEO).values_list("pk", flat=True))
        items = (
            items.filter(model_id__in=films) if wanted.kind == "film" else items.exclude(model_id__in=films)
        )
    if wanted.liked:
        items = items.filter(_walked(Like.objects.filter(user=user)))
    if wanted.shared:
        # From the links, which are few, to the items, and not the other way round through all items.
        # Whoever made them may act for another account now.
        makers = Membership.objects.filter(account=user.account).values("user")
        links = ShareLink.objects.open().filter(created_by__in=makers, item__isnull=False)
        items = items.filter(pk__in=links.values("item_id"))
    if wanted.collection:
        inside = CollectionItem.objects.filter(collection_id=_collection_id(user, wanted.collection))
        items = items.filter(_walked(inside))
    return items


def _walked(rows: Any) -> Q:
    """Items that have one of these rows, asked of each on the way from the newest on.

    As a set of its own PostgreSQL takes it for smaller than it is, and sorts all of it with all that a tile needs; with
    the second half, which no item meets, it cannot.
    """
    return Q(Exists(rows.filter(item=OuterRef("pk")))) | Q(pk=_NOBODY)


def _times(wanted: Filter) -> Q:
    """The range of times, so that the index on account and time begins and ends in it."""
    range_ = Q()
    if wanted.since:
        range_ &= Q(created_at__gte=_midnight(wanted.since))
    if wanted.until:
        range_ &= Q(created_at__lt=_midnight(wanted.until + timedelta(days=1)))
    if wanted.asof:
        range_ &= Q(created_at__lte=wanted.asof)
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
    from gallery.collections import querysets

    return querysets.editable(user).order_by("-changed_at", "-id")


def chips(user: User, wanted: Filter) -> list[Chip]:
    """The filters that are on, each with the way to clear it alone."""
    words: list[tuple[str, str, Any]] = []
    if wanted.text:
        words.append(("text", _("“%(words)s”") % {"words": wanted.text}, ""))
    if wanted.model:
        words.append(("model", wanted.model.partition("/")[2], ""))
    if wanted.since:
        words.append(("since", _("from %(day)s") % {"day": _shown(wanted.since)}, None))
    if wanted.until:
        words.append(("until", _("until %(day)s") % {"day": _shown(wanted.until)}, None))
    if wanted.kind:
        words.append(("kind", kinds()[wanted.kind], ""))
    if wanted.show:
        words.append(("show", str(SHOWN_AS[wanted.show]()), ""))
    if wanted.liked:
        words.append(("liked", _("Liked"), False))
    if wanted.shared:
        words.append(("shared", _("Shared by link"), False))
    if wanted.collection:
        words.append(("collection", _title(user, wanted.collection), ""))
    return [Chip(text, url_of(replace(wanted, **{name: empty}))) for name, text, empty in words]


@dataclass(frozen=True)
class Option:
    """One value of a filter: its words, the address of the list under it, and whether it is on."""

    value: str
    words: str
    url: str
    on: bool


def options(wanted: Filter, name: str, values: Mapping[str, str]) -> list[Option]:
    """The values of one filter; the one that is on leads back to the list without it."""
    now = getattr(wanted, name)
    return [
        Option(
            value, words, url_of(replace(wanted, **_as(name, "" if now == value else value))), now == value
        )
        for value, words in values.items()
    ]


def _as(name: str, value: Any) -> dict[str, Any]:
    return {name: value}


def kinds() -> dict[str, str]:
    """The kinds of items, in words."""
    return {"picture": _("Pictures"), "film": _("Videos")}


SHOWN_AS: dict[str, Any] = {
    "private": lambda: _("Private"),
    "unlisted": lambda: _("Unlisted"),
    "public": lambda: _("Public"),
}


def _shown(day: date) -> str:
    return date_format(day, pgettext("format of a day", "j F Y"))


def _title(user: User, public_id: str) -> str:
    title = collections_of(user).filter(public_id=public_id).values_list("title", flat=True).first()
    return title or _("Collection")


def url_of(wanted: Filter, **more: str) -> str:
    """The address of the library under a filter, with further parameters."""
    query = urlencode({**wanted.params(), **more})
    return f"{reverse('library')}?{query}" if query else reverse("library")
