"""Follows: a member's public items appear in the feeds of their followers."""

from __future__ import annotations

from django.db import transaction

from accounts.models import User
from gallery.models import Follow
from gallery.social.interaction_limits import check_open_account, count

MAX_FOLLOWED = 2000
"""Members that one may follow: more than anybody reads, and few enough to find their newest items quickly."""


class CannotFollowSelf(Exception):
    """Following oneself is not possible."""


class TooManyFollowed(Exception):
    """The member already follows MAX_FOLLOWED members."""


def toggle(follower: User, followed: User) -> bool:
    """Follow or unfollow; returns whether the member follows now. Raises CannotFollowSelf, TooManyFollowed,
    TooMany, Suspended."""
    return set_following(follower, followed, None)


def set_following(follower: User, followed: User, wanted: bool | None) -> bool:
    """Follow (True), unfollow (False) or toggle (None); returns whether the member follows now. Raises as
    `toggle` does."""
    if follower.pk == followed.pk:
        raise CannotFollowSelf
    check_open_account(follower)
    count("follow", follower)
    with transaction.atomic():
        # Serialised, so that two clicks are two clicks.
        User.objects.select_for_update(no_key=True).filter(pk=follower.pk).values_list("pk").first()
        before = Follow.objects.filter(follower=follower, followed=followed)
        if before.exists():
            if not wanted:
                before.delete()
            return bool(wanted)
        if wanted is False:
            return False
        if Follow.objects.filter(follower=follower).values("pk")[:MAX_FOLLOWED].count() >= MAX_FOLLOWED:
            raise TooManyFollowed
        Follow.objects.create(follower=follower, followed=followed)
        return True
