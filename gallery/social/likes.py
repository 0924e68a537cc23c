"""Likes: one of a member for an item, counted on the item, and for a week towards the week's list."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import F, QuerySet

from accounts.models import User
from core.clock import Now
from gallery.models import Item, Like
from gallery.social.interaction_limits import check_open_account, count

WEEK = timedelta(days=7)
ITEMS_A_TURN = 100
"""Items whose likes the chore looks at before it lets others have their turn."""


def toggle(item: Item, user: User) -> bool:
    """Like the item, or take the like back; whether it is liked now. Raises Suspended and TooMany."""
    return _set(item, user, None)[0]


def set_liked(item: Item, user: User, liked: bool) -> bool:
    """Have the item liked by the member, or not; whether that was a change. Raises Suspended and TooMany."""
    return _set(item, user, liked)[1]


def _set(item: Item, user: User, wanted: bool | None) -> tuple[bool, bool]:
    """Whether it is liked now (None turns it round), and whether that is a change.

    The item's row is locked first, so that its count always is the number of its likes.
    """
    check_open_account(user)
    if item.account_id != user.account_id:
        # Favourites of one's own are nobody else's business, and many at once are marked in the library.
        count("like", user)
    with transaction.atomic():
        Item.objects.select_for_update(no_key=True).filter(pk=item.pk).values_list("pk").first()
        before = Like.objects.filter(item=item, user=user).values_list("pk", "recent").first()
        if wanted is (before is not None):
            return wanted, False
        if before is None:
            Like.objects.create(item=item, user=user)
            _count(item.pk, 1, 1)
        else:
            number, recent = before
            Like.objects.filter(pk=number).delete()
            _count(item.pk, -1, -1 if recent else 0)
    return before is None, True


def _count(item_id: int, likes: int, recent: int) -> None:
    Item.objects.filter(pk=item_id).update(likes=F("likes") + likes, recent_likes=F("recent_likes") + recent)


def forget(user: User, most: int) -> int:
    """Take back some likes of one who goes, whether they may like or not; how many."""
    with transaction.atomic():
        some = list(Like.objects.filter(user=user).values_list("pk", "item_id", "recent")[:most])
        for _pk, item_id, recent in some:
            # Asked rather than left to the database: a count that is wrong must keep nobody from going.
            Item.objects.filter(pk=item_id, likes__gt=0).update(likes=F("likes") - 1)
            if recent:
                Item.objects.filter(pk=item_id, recent_likes__gt=0).update(recent_likes=F("recent_likes") - 1)
        Like.objects.filter(pk__in=[row[0] for row in some]).delete()
    return len(some)


def has_liked(user: User, item: Item) -> bool:
    """Whether the member likes the item."""
    return Like.objects.filter(user=user, item=item).exists()


def aged() -> QuerySet[Like]:
    """Likes of the week's list that are older than a week."""
    return Like.objects.filter(recent=True, created_at__lt=Now() - WEEK)


def age() -> bool:
    """A chore: take likes that are older than a week out of what the week's list goes by; whether there were any."""
    old = aged()
    # The oldest first, and each item once however many likes of it are due.
    items = dict.fromkeys(old.order_by("created_at").values_list("item_id", flat=True)[: ITEMS_A_TURN * 5])
    for number in list(items)[:ITEMS_A_TURN]:
        with transaction.atomic():
            Item.objects.select_for_update(no_key=True).filter(pk=number).values_list("pk").first()
            gone = old.filter(item_id=number).update(recent=False)
            _count(number, 0, -gone)
    return bool(items)
