"""The public pictures of one who was banned, where a moderator chose so: hidden with the ban, back when it is over."""

from __future__ import annotations

from django.db.models import QuerySet

from accounts.models import Sanction, User
from accounts.staff import sanctions
from core.clock import Now
from core.db.due_rows import DueRows
from gallery.items import visibility
from gallery.models import Item, ShareLink

AT_ONCE = 200
"""Pictures in one transaction."""


def connect_signals() -> None:
    """Say what of the gallery a ban would end."""
    sanctions.register_notifier(count_for)


def count_for(user: User) -> dict[str, int]:
    """What a ban would end, or may hide, by name."""
    return {
        "public_items": Item.objects.public().filter(user=user).count(),
        "share_links": ShareLink.objects.open().filter(created_by=user).count(),
    }


def run_once() -> bool:
    """A chore: hide or show again some pictures for each ban that owes it. Whether there was any."""
    return _OWED.step()


def owed() -> QuerySet[Sanction]:
    """Bans that still owe this."""
    return Sanction.objects.filter(hiding_owed=True)


def _go_on(found: tuple[int]) -> bool:
    row = owed().filter(pk=found[0]).first()
    if row is None:
        return False
    mine = Item.objects.open().filter(user=row.user_id)
    if row.lifted_at is not None:
        mine = Item.objects.filter(hidden_for=row)
    some = list(mine.order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
    if not some:
        sanctions.hiding_is_done(row)
    elif row.lifted_at is None:
        # What somebody hid meanwhile for another reason stays theirs.
        Item.objects.filter(pk__in=some, hidden_at__isnull=True).update(
            hidden_at=Now(), hidden_reason=row.reason, hidden_for=row, search_owed=True
        )
    else:
        Item.objects.filter(pk__in=some, hidden_for=row).update(
            hidden_at=None, hidden_reason="", hidden_for=None, search_owed=True
        )
    visibility.propagate(some)
    return True


_OWED = DueRows("banned pictures", lambda: owed().values_list("pk"), _go_on)
