"""Following: what a member publishes stands in the lists of those who follow them."""

from __future__ import annotations

from django.db import transaction

from accounts.models import User
from gallery.models import Follow
from gallery.social.interaction_limits import check_open_account, count

MOST = 2000
"""Members that one may follow: more than anybody reads, and few enough that their newest are found at once."""


class CannotFollowSelf(Exception):
    """Nobody follows themselves."""


class TooManyFollowed(Exception):
    """The member follows as many as one may."""


def toggle(follower: User, followed: User) -> bool:
    """Follow, or no longer; whether it is followed now. Raises Oneself, TooManyFollowed, TooMany, Suspended."""
    return set_following(follower, followed, None)


def set_following(follower: User, followed: User, wanted: bool | None) -> bool:
    """Follow or not, whatever was before (None turns it round); whether it is followed now. Raises as `toggle` does."""
    if follower.pk == followed.pk:
        raise CannotFollowSelf
    check_open_account(follower)
    count("follow", follower)
    with transaction.atomic():
        # One after the other, so that two clicks are two clicks.
        User.objects.select_for_update(no_key=True).filter(pk=follower.pk).values_list("pk").first()
        before = Follow.objects.filter(follower=follower, followed=followed)
        if before.exists():
            if not wanted:
                before.delete()
            return bool(wanted)
        if wanted is False:
            return False
        if Follow.objects.filter(follower=follower).values("pk")[:MOST].count() >= MOST:
            raise TooManyFollowed
        Follow.objects.create(follower=follower, followed=followed)
        return True
