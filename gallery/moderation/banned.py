"""The public pictures of one who was banned, where a moderator chose so: hidden with the ban, back when it is over."""

from __future__ import annotations

from django.db import transaction

from accounts import sanctions
from accounts.clock import Now
from accounts.models import Sanction, User
from gallery import showing
from gallery.models import Item, ShareLink

AT_ONCE = 200
"""Pictures in one transaction."""


def connect() -> None:
    """Say what of the gallery a ban would end."""
    sanctions.is_told_by(tell)


def tell(user: User) -> dict[str, int]:
    """What a ban would end, or may hide, by name."""
    return {
        "public_items": Item.objects.public().filter(user=user).count(),
        "share_links": ShareLink.objects.open().filter(created_by=user).count(),
    }


def step() -> bool:
    """A chore: hide or show again some pictures for the oldest ban that owes it. Whether there was any."""
    row = Sanction.objects.filter(hiding_owed=True).select_related("user").order_by("id").first()
    if row is None:
        return False
    mine = Item.objects.open().filter(user=row.user_id)
    if row.lifted_at is not None:
        mine = Item.objects.filter(hidden_for=row)
    with transaction.atomic():
        found = list(mine.order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
        if row.lifted_at is None:
            # What somebody hid meanwhile for another reason stays theirs.
            Item.objects.filter(pk__in=found, hidden_at__isnull=True).update(
                hidden_at=Now(), hidden_reason=row.reason, hidden_for=row, search_owed=True
            )
        else:
            Item.objects.filter(pk__in=found, hidden_for=row).update(
                hidden_at=None, hidden_reason="", hidden_for=None, search_owed=True
            )
        showing.follow(found)
    if not found:
        sanctions.hiding_is_done(row)
    return True
