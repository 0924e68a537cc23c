"""Items of a banned member: hidden with the ban where a moderator chose so, and restored when it is lifted."""

from __future__ import annotations

from django.db.models import QuerySet

from accounts.models import Sanction, User
from accounts.staff import sanctions
from core.clock import Now
from core.db.due_rows import DueRows
from gallery.items import visibility
from gallery.models import Item, ShareLink

AT_ONCE = 200
"""Items per transaction."""


def connect_signals() -> None:
    """Register the counts shown before a ban."""
    sanctions.register_consequences(count_for)


def count_for(user: User) -> dict[str, int]:
    """What a ban would end or may hide, by name."""
    return {
        "public_items": Item.objects.public().filter(user=user).count(),
        "share_links": ShareLink.objects.open().filter(created_by=user).count(),
    }


def run_once() -> bool:
    """Background job: hide or restore a batch of items for each ban that requires it. Returns whether there was
    any."""
    return _JOB.step()


def pending() -> QuerySet[Sanction]:
    """Bans with items still to hide or restore."""
    return Sanction.objects.filter(hiding_owed=True)


def _process(key: tuple[int]) -> bool:
    row = pending().filter(pk=key[0]).first()
    if row is None:
        return False
    items = Item.objects.open().filter(user=row.user_id)
    if row.lifted_at is not None:
        items = Item.objects.filter(hidden_for=row)
    batch = list(items.order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
    if not batch:
        sanctions.mark_items_updated(row)
    elif row.lifted_at is None:
        # Items hidden meanwhile for another reason stay so.
        Item.objects.filter(pk__in=batch, hidden_at__isnull=True).update(
            hidden_at=Now(), hidden_reason=row.reason, hidden_for=row, search_owed=True
        )
    else:
        Item.objects.filter(pk__in=batch, hidden_for=row).update(
            hidden_at=None, hidden_reason="", hidden_for=None, search_owed=True
        )
    visibility.propagate(batch)
    return True


_JOB = DueRows("banned pictures", lambda: pending().values_list("pk"), _process)
