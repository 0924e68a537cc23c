"""Likes: one per member and item, counted on the item, and for seven days in the week's list."""

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
"""Items per run of the background job."""


def toggle(item: Item, user: User) -> bool:
    """Like or unlike the item; returns whether it is liked now. Raises Suspended and TooMany."""
    return _set(item, user, None)[0]


def set_liked(item: Item, user: User, liked: bool) -> bool:
    """Like or unlike the item. Returns whether that was a change. Raises Suspended and TooMany."""
    return _set(item, user, liked)[1]


def _set(item: Item, user: User, wanted: bool | None) -> tuple[bool, bool]:
    """Whether the item is liked now (`wanted` None toggles), and whether that was a change.

    Locks the item's row first, so that its count is always the number of its likes.
    """
    check_open_account(user)
    if item.account_id != user.account_id:
        # Liking one's own items concerns nobody else, and the library marks many at once.
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


def delete_batch(user: User, most: int) -> int:
    """Delete a batch of an erased user's likes, whatever their account's status; returns how many."""
    with transaction.atomic():
        batch = list(Like.objects.filter(user=user).values_list("pk", "item_id", "recent")[:most])
        for _pk, item_id, recent in batch:
            # Guarded rather than left to the CHECK constraint: a wrong count must not prevent an erasure.
            Item.objects.filter(pk=item_id, likes__gt=0).update(likes=F("likes") - 1)
            if recent:
                Item.objects.filter(pk=item_id, recent_likes__gt=0).update(recent_likes=F("recent_likes") - 1)
        Like.objects.filter(pk__in=[row[0] for row in batch]).delete()
    return len(batch)


def has_liked(user: User, item: Item) -> bool:
    """Whether the member likes the item."""
    return Like.objects.filter(user=user, item=item).exists()


def expired() -> QuerySet[Like]:
    """Likes counted in the week's list that are older than a week."""
    return Like.objects.filter(recent=True, created_at__lt=Now() - WEEK)


def expire() -> bool:
    """Background job: take likes older than a week out of the week's counts. Returns whether there were any."""
    old = expired()
    # Oldest first, and each item once however many of its likes are due.
    items = dict.fromkeys(old.order_by("created_at").values_list("item_id", flat=True)[: ITEMS_A_TURN * 5])
    for number in list(items)[:ITEMS_A_TURN]:
        with transaction.atomic():
            Item.objects.select_for_update(no_key=True).filter(pk=number).values_list("pk").first()
            gone = old.filter(item_id=number).update(recent=False)
            _count(number, 0, -gone)
    return bool(items)
