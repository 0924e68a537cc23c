"""Comments under open items: by members, removed by their author or the picture's owner, hidden by moderators."""

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

LONGEST = 2000
"""Characters of a comment."""
LIMITS: Limits = ((5, timedelta(minutes=1)), (60, timedelta(hours=1)))
"""So many comments of one member in such a time."""
AGAIN = timedelta(minutes=10)
SHOWN = Q(removed_at__isnull=True, hidden_at__isnull=True)


class EmptyComment(Exception):
    """Nothing of the text would be seen."""


class DuplicateComment(Exception):
    """The same words stand there already, from the same member: a button pressed twice."""


def write(item: Item, user: User, text: str) -> Comment:
    """Put a comment under an open item. Raises Suspended, TooMany, Empty, Said and switches.SwitchedOff."""
    feature_flags.require("comments")
    check_open_account(user)
    check_may_post(user)
    text = safe_text.paragraphs(text, LONGEST)
    if safe_text.is_blank(text):
        raise EmptyComment
    with transaction.atomic():
        Item.objects.select_for_update(no_key=True).filter(pk=item.pk).values_list("pk").first()
        mine = Comment.objects.filter(user=user)
        if mine.filter(SHOWN, item=item, text=text, created_at__gt=Now() - AGAIN).exists():
            raise DuplicateComment
        check_recent(LIMITS, mine)
        comment = Comment.objects.create(item=item, user=user, text=text)
        _count(item.pk, 1)
    return comment


def may_remove(comment: Comment, user: User) -> bool:
    """Whether it is the member's to remove: its author, or who owns the picture."""
    return comment.user_id == user.pk or comment.item.account_id == user.account_id


def remove(comment: Comment) -> bool:
    """Take it away for good; whether it stood there until now."""
    return _take(comment, {"removed_at": Now()})


def hide(comment: Comment) -> bool:
    """A moderator hides it; whether it was shown until now."""
    return _take(comment, {"hidden_at": Now()})


def restore(comment: Comment) -> bool:
    """A moderator shows it again; whether it was hidden. What its author removed stays removed."""
    with transaction.atomic():
        changed = Comment.objects.filter(pk=comment.pk, hidden_at__isnull=False).update(hidden_at=None)
        shown = Comment.objects.filter(SHOWN, pk=comment.pk).exists()
        _count(comment.item_id, 1 if changed and shown else 0)
    return changed == 1


def forget(user: User, most: int) -> int:
    """Delete some comments of one who goes, with what was reported of them; how many."""
    with transaction.atomic():
        some = list(Comment.objects.filter(user=user)[:most])
        for comment in some:
            if comment.removed_at is None and comment.hidden_at is None:
                # Asked rather than left to the database: a count that is wrong must keep nobody from going.
                Item.objects.filter(pk=comment.item_id, comments__gt=0).update(comments=F("comments") - 1)
        numbers = [comment.pk for comment in some]
        Report.objects.filter(comment_id__in=numbers).delete()
        Comment.objects.filter(pk__in=numbers).delete()
    return len(some)


def _take(comment: Comment, how: dict[str, Now]) -> bool:
    with transaction.atomic():
        changed = Comment.objects.filter(SHOWN, pk=comment.pk).update(**how)
        if changed:
            _count(comment.item_id, -1)
        else:
            # Hidden as well as removed: its standing changes, the count does not.
            empty = dict.fromkeys((f"{name}__isnull" for name in how), True)
            changed = Comment.objects.filter(pk=comment.pk, **empty).update(**how)
    return changed == 1


def _count(item_id: int, by: int) -> None:
    if by:
        Item.objects.filter(pk=item_id).update(comments=F("comments") + by)
