"""Public lists of items: newest, most liked of the week, by tag, author or model, and from followed members.

Each is a range of one index, newest first, and a page costs the same at any depth (see `core.pagination`).
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
from gallery.models.items import IS_PUBLIC
from gallery.public.reader_preferences import Reader
from predictions.models import HostedModel

PAGE = 48
NEWEST_FOR_TAGS = 200
"""Newest items whose most frequent tags are offered."""
TAGS_KEPT_S = 300
MAX_TAGS = 10
MAX_ROWS = 1000
"""Rows read at once for the feed of followed members, before the query is narrowed."""
Found = pagination.Page[Item]


def base_queryset(reader: Reader) -> ItemQuerySet:
    """Items in this reader's public lists, with what a tile needs."""
    return reader.within(_with_display_fields(reader)(Item.objects.public()))


def _with_display_fields(reader: Reader) -> Callable[[ItemQuerySet], ItemQuerySet]:
    return access.for_tiles if reader.tiles_alone else access.with_files


def newest(reader: Reader, size: int, after: str = "") -> Found:
    """All public items."""
    return pagination.page_or_newest(base_queryset(reader), "published_at", size, after)


def of_author(reader: Reader, author: User, size: int, after: str = "") -> Found:
    """Public items of one member."""
    return pagination.page_or_newest(base_queryset(reader).filter(user=author), "published_at", size, after)


def of_model(reader: Reader, model: HostedModel, size: int, after: str = "") -> Found:
    """Public items made by one model."""
    return pagination.page_or_newest(base_queryset(reader).filter(model=model), "published_at", size, after)


def week(reader: Reader, size: int, after: str = "") -> Found:
    """The most liked items of the last seven days."""
    rows = base_queryset(reader).filter(recent_likes__gt=0)
    try:
        likes, number = two_numbers(after)
        rows = rows.filter(Q(recent_likes__lte=likes) & (Q(recent_likes__lt=likes) | Q(id__lt=number)))
    except BadCursor:
        pass
    found = list(rows.order_by("-recent_likes", "-id")[: size + 1])
    if len(found) <= size:
        return pagination.Page(found)
    last = found[size - 1]
    return pagination.Page(found[:size], f"{last.recent_likes}.{last.pk}")


def tagged(reader: Reader, tag: Tag, size: int, after: str = "") -> Found:
    """Public items with the tag. The order comes from the tag's index; visibility is checked on the items
    themselves."""
    rows = ItemTag.objects.filter(
        reader.conditions("item__"),
        tag=tag,
        listed_at__isnull=False,
        item__visibility=Item.Visibility.PUBLIC,
        item__hidden_at__isnull=True,
        item__trashed_at__isnull=True,
    )
    place = _parsed_place(after)
    if place is not None:
        older = Q(listed_at__lt=place.at) | Q(item_id__lt=place.id)
        rows = rows.filter(Q(listed_at__lte=place.at) & older)
    found = list(rows.order_by("-listed_at", "-item_id").values_list("item_id", "listed_at")[: size + 1])
    page = found[:size]
    items = _in_order(reader, [number for number, _at in page])
    if len(found) <= size:
        return pagination.Page(items)
    number, listed_at = page[-1]
    assert listed_at is not None
    return pagination.Page(items, str(Place(listed_at, number)))


def followed(reader: Reader, size: int, after: str = "") -> Found:
    """Public items of members whom the reader follows, however many they are and however much they published.

    First a time is found since when there is enough, by one index step per followed member; then one range per
    member is read since that time. Neither ever scans everything.
    """
    assert reader.user is not None
    place = _parsed_place(after)
    items_ = reader.within(Item.objects.public()).order_by("-published_at", "-id")
    if place is not None:
        items_ = items_.filter(older_than("published_at", place))
    follows = Follow.objects.filter(follower=reader.user).order_by()
    numbers = _newest_of(items_, follows, size + 1)
    items = _in_order(reader, numbers[:size])
    if len(numbers) <= size or not items:
        return pagination.Page(items)
    last = items[-1]
    assert last.published_at is not None
    return pagination.Page(items, str(Place(last.published_at, last.pk)))


def _newest_of(items: ItemQuerySet, follows: QuerySet[Follow], wanted: int) -> list[int]:
    """Ids of the newest items of these members."""
    followed = list(follows.values_list("followed", flat=True))
    if not followed:
        return []
    rows = items.filter(user__in=followed).order_by().values_list("published_at", "pk")
    since = _enough_since(items, follows, len(followed), wanted)
    found = list((rows.filter(published_at__gte=since) if since else rows)[: MAX_ROWS + 1])
    if len(found) > MAX_ROWS:
        # Somebody published many at once; a page can hold no more than `wanted` of one member.
        times = [time for time in _nth_times(items, follows, wanted) if time is not None]
        since = max([*times, *([since] if since else [])], default=None)
        found = list(rows.filter(published_at__gte=since) if since else rows)
    return [number for _at, number in heapq.nlargest(wanted, found)]


def _enough_since(items: ItemQuerySet, follows: QuerySet[Follow], count: int, wanted: int) -> datetime | None:
    """A time since when these members together published at least `wanted`; None where none is found."""
    per_member = -(-wanted // count)
    times = sorted(
        (time for time in _nth_times(items, follows, per_member) if time is not None), reverse=True
    )
    members = -(-wanted // per_member)
    return times[members - 1] if len(times) >= members else None


def _nth_times(items: ItemQuerySet, follows: QuerySet[Follow], number: int) -> list[datetime | None]:
    """For each of these members, when their item number `number`, counted from the newest, was published."""
    own = items.filter(user=OuterRef("followed")).values("published_at")[number - 1 : number]
    return list(follows.values_list(Subquery(own), flat=True))


def _in_order(reader: Reader, numbers: Sequence[int]) -> list[Item]:
    """These items with what a tile needs, in this order; those no longer public are left out."""
    rows = {row.pk: row for row in _with_display_fields(reader)(Item.objects.public()).filter(pk__in=numbers)}
    return [rows[number] for number in numbers if number in rows]


def _parsed_place(after: str) -> Place | None:
    try:
        return Place.parse(after)
    except BadCursor:
        return None


def current_tags() -> list[str]:
    """The tags that the newest safe items share, most used first; recomputed every few minutes."""
    tags: list[str] | None = cache.get("gallery-tags")
    if tags is None:
        tags = _counted_tags()
        cache.set("gallery-tags", tags, TAGS_KEPT_S)
    return tags


def _counted_tags() -> list[str]:
    safe = Item.objects.filter(IS_PUBLIC, sensitive=False).order_by("-published_at", "-id")
    rows = ItemTag.objects.filter(item__in=safe.values("pk")[:NEWEST_FOR_TAGS]).order_by()
    counted: Counter[Any] = Counter(rows.values_list("tag__name", flat=True))
    return [name for name, _times in counted.most_common(MAX_TAGS)]
