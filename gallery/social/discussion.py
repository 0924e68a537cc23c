"""Comments under published items: written by members, removed by author or item owner, hidden by moderators."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q

from accounts.models import User
from accounts.site import feature_flags
from core.clock import Now
from gallery import safe_text
from gallery.models import Comment, Item, Report
from gallery.permissions import check_may_post
from gallery.social.interaction_limits import Limits, check_open_account, check_recent

MAX_LENGTH = 2000
"""Characters of a comment."""
LIMITS: Limits = ((5, timedelta(minutes=1)), (60, timedelta(hours=1)))
"""Comments per member in a period."""
DUPLICATE_WINDOW = timedelta(minutes=10)
VISIBLE = Q(removed_at__isnull=True, hidden_at__isnull=True)


class EmptyComment(Exception):
    """The text is empty or has no visible character."""


class DuplicateComment(Exception):
    """The member posted the same text there within the last minutes: a button clicked twice."""


def write(item: Item, user: User, text: str) -> Comment:
    """Post a comment under an open item. Raises Suspended, TooMany, EmptyComment, DuplicateComment and
    feature_flags.FeatureOff."""
    feature_flags.require("comments")
    check_open_account(user)
    check_may_post(user)
    text = safe_text.paragraphs(text, MAX_LENGTH)
    if safe_text.is_blank(text):
        raise EmptyComment
    with transaction.atomic():
        Item.objects.select_for_update(no_key=True).filter(pk=item.pk).values_list("pk").first()
        own = Comment.objects.filter(user=user)
        if own.filter(VISIBLE, item=item, text=text, created_at__gt=Now() - DUPLICATE_WINDOW).exists():
            raise DuplicateComment
        check_recent(LIMITS, own)
        comment = Comment.objects.create(item=item, user=user, text=text)
        _count(item.pk, 1)
    return comment


def may_remove(comment: Comment, user: User) -> bool:
    """Whether the user may remove it: its author, or the owner of the item."""
    return comment.user_id == user.pk or comment.item.account_id == user.account_id


def remove(comment: Comment) -> bool:
    """Remove it for good. Returns whether it was there until now."""
    return _set_invisible(comment, {"removed_at": Now()})


def hide(comment: Comment) -> bool:
    """Hide it (moderator). Returns whether it was visible until now."""
    return _set_invisible(comment, {"hidden_at": Now()})


def restore(comment: Comment) -> bool:
    """Restore it (moderator). Returns whether it was hidden; what its author removed stays removed."""
    with transaction.atomic():
        changed = Comment.objects.filter(pk=comment.pk, hidden_at__isnull=False).update(hidden_at=None)
        shown = Comment.objects.filter(VISIBLE, pk=comment.pk).exists()
        _count(comment.item_id, 1 if changed and shown else 0)
    return changed == 1


def delete_batch(user: User, most: int) -> int:
    """Delete a batch of an erased user's comments with the reports about them; returns how many."""
    with transaction.atomic():
        batch = list(Comment.objects.filter(user=user)[:most])
        for comment in batch:
            if comment.removed_at is None and comment.hidden_at is None:
                # Guarded rather than left to the CHECK constraint: a wrong count must not prevent an erasure.
                Item.objects.filter(pk=comment.item_id, comments__gt=0).update(comments=F("comments") - 1)
        numbers = [comment.pk for comment in batch]
        Report.objects.filter(comment_id__in=numbers).delete()
        Comment.objects.filter(pk__in=numbers).delete()
    return len(batch)


def _set_invisible(comment: Comment, how: dict[str, Now]) -> bool:
    with transaction.atomic():
        changed = Comment.objects.filter(VISIBLE, pk=comment.pk).update(**how)
        if changed:
            _count(comment.item_id, -1)
        else:
            # Hidden and removed: the row changes, the count was adjusted before.
            empty = dict.fromkeys((f"{name}__isnull" for name in how), True)
            changed = Comment.objects.filter(pk=comment.pk, **empty).update(**how)
    return changed == 1


def _count(item_id: int, by: int) -> None:
    if by:
        Item.objects.filter(pk=item_id).update(comments=F("comments") + by)
