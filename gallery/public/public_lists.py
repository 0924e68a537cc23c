"""The public lists: newest, the week's, a tag's, a member's, a model's, and of those one follows.

Each is a range of one index, newest first, and a page of it costs the same at any depth (see `core.pagination`).
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.core.cache import cache
from django.db.models import OuterRef, Q, QuerySet, Subquery

from accounts.models import User
from core import pagination
from core.pagination import BadCursor, Place, older_than, two_numbers
from gallery.items import access
from gallery.models import Follow, Item, ItemQuerySet, ItemTag, Tag
from gallery.models.items import SHOWN
from gallery.public.reader_preferences import Reader
from predictions.models import HostedModel

PAGE = 48
NEWEST_FOR_TAGS = 200
"""Of so many newest pictures the tags are offered that most of them have."""
TAGS_KEPT_S = 300
TAGS_SHOWN = 10
MOST_AT_ONCE = 1000
"""Items of those one follows that are looked at for one page, before it is asked more narrowly."""
Found = pagination.RowsPage[Item]


def base(reader: Reader) -> ItemQuerySet:
    """What stands in this reader's public lists, with what a tile needs."""
    return reader.within(_shown(reader)(Item.objects.public()))


def _shown(reader: Reader) -> Callable[[ItemQuerySet], ItemQuerySet]:
    return access.for_tiles if reader.tiles_alone else access.with_files


def newest(reader: Reader, size: int, after: str = "") -> Found:
    """Everything public."""
    return pagination.page_or_newest(base(reader), "published_at", size, after)


def of_author(reader: Reader, author: User, size: int, after: str = "") -> Found:
    """What one member published."""
    return pagination.page_or_newest(base(reader).filter(user=author), "published_at", size, after)


def of_model(reader: Reader, model: HostedModel, size: int, after: str = "") -> Found:
    """What was made by one model."""
    return pagination.page_or_newest(base(reader).filter(model=model), "published_at", size, after)


def week(reader: Reader, size: int, after: str = "") -> Found:
    """The most liked of the last seven days."""
    rows = base(reader).filter(recent_likes__gt=0)
    try:
        likes, number = two_numbers(after)
        rows = rows.filter(Q(recent_likes__lte=likes) & (Q(recent_likes__lt=likes) | Q(id__lt=number)))
    except BadCursor:
        pass
    found = list(rows.order_by("-recent_likes", "-id")[: size + 1])
    if len(found) <= size:
        return pagination.RowsPage(found)
    last = found[size - 1]
    return pagination.RowsPage(found[:size], f"{last.recent_likes}.{last.pk}")


def tagged(reader: Reader, tag: Tag, size: int, after: str = "") -> Found:
    """What has the tag. The order is the tag's own index; what may be seen is asked of the items themselves."""
    rows = ItemTag.objects.filter(
        reader.conditions("item__"),
        tag=tag,
        listed_at__isnull=False,
        item__visibility=Item.Visibility.PUBLIC,
        item__hidden_at__isnull=True,
        item__trashed_at__isnull=True,
    )
    place = _place(after)
    if place is not None:
        older = Q(listed_at__lt=place.at) | Q(item_id__lt=place.id)
        rows = rows.filter(Q(listed_at__lte=place.at) & older)
    found = list(rows.order_by("-listed_at", "-item_id").values_list("item_id", "listed_at")[: size + 1])
    kept = found[:size]
    items = _in_order(reader, [number for number, _at in kept])
    if len(found) <= size:
        return pagination.RowsPage(items)
    number, at = kept[-1]
    assert at is not None
    return pagination.RowsPage(items, str(Place(at, number)))


def followed(reader: Reader, size: int, after: str = "") -> Found:
    """What those published whom the reader follows, however many they are and however much they published.

    First a time is found since when there is enough, by a step in the index for each who is followed; then what is of
    them since then is read, by one range for each. Neither ever walks through all there is.
    """
    assert reader.user is not None
    place = _place(after)
    some = reader.within(Item.objects.public()).order_by("-published_at", "-id")
    if place is not None:
        some = some.filter(older_than("published_at", place))
    people = Follow.objects.filter(follower=reader.user).order_by()
    numbers = _newest_of(some, people, size + 1)
    items = _in_order(reader, numbers[:size])
    if len(numbers) <= size or not items:
        return pagination.RowsPage(items)
    last = items[-1]
    assert last.published_at is not None
    return pagination.RowsPage(items, str(Place(last.published_at, last.pk)))


def _newest_of(some: ItemQuerySet, people: QuerySet[Follow], wanted: int) -> list[int]:
    """The newest of these members' items, by their ids."""
    followed = list(people.values_list("followed", flat=True))
    if not followed:
        return []
    theirs = some.filter(user__in=followed).order_by().values_list("published_at", "pk")
    since = _enough_since(some, people, len(followed), wanted)
    found = list((theirs.filter(published_at__gte=since) if since else theirs)[: MOST_AT_ONCE + 1])
    if len(found) > MOST_AT_ONCE:
        # Somebody published many at once. No more than a page can be of one alone.
        times = [time for time in _nth_times(some, people, wanted) if time is not None]
        since = max([*times, *([since] if since else [])], default=None)
        found = list(theirs.filter(published_at__gte=since) if since else theirs)
    return [number for _at, number in heapq.nlargest(wanted, found)]


def _enough_since(some: ItemQuerySet, people: QuerySet[Follow], count: int, wanted: int) -> datetime | None:
    """A time since when these members published as many as are wanted, or more; None where none is found."""
    each = -(-wanted // count)
    times = sorted((time for time in _nth_times(some, people, each) if time is not None), reverse=True)
    members = -(-wanted // each)
    return times[members - 1] if len(times) >= members else None


def _nth_times(some: ItemQuerySet, people: QuerySet[Follow], number: int) -> list[datetime | None]:
    """For each of these members when their item of that number, counted from the newest, was published."""
    own = some.filter(user=OuterRef("followed")).values("published_at")[number - 1 : number]
    return list(people.values_list(Subquery(own), flat=True))


def _in_order(reader: Reader, numbers: Sequence[int]) -> list[Item]:
    """These items with what a tile needs, in this order; what went away meanwhile is left out."""
    rows = {row.pk: row for row in _shown(reader)(Item.objects.public()).filter(pk__in=numbers)}
    return [rows[number] for number in numbers if number in rows]


def _place(after: str) -> Place | None:
    try:
        return Place.parse(after)
    except BadCursor:
        return None


def current_tags() -> list[str]:
    """The tags that the newest safe pictures share, most used first; asked anew every few minutes."""
    kept: list[str] | None = cache.get("gallery-tags")
    if kept is None:
        kept = _counted_tags()
        cache.set("gallery-tags", kept, TAGS_KEPT_S)
    return kept


def _counted_tags() -> list[str]:
    safe = Item.objects.filter(SHOWN, sensitive=False).order_by("-published_at", "-id")
    rows = ItemTag.objects.filter(item__in=safe.values("pk")[:NEWEST_FOR_TAGS]).order_by()
    counted: Counter[Any] = Counter(rows.values_list("tag__name", flat=True))
    return [name for name, _times in counted.most_common(TAGS_SHOWN)]
