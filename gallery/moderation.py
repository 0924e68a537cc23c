"""Hiding and restoring items and collections. A hidden item leaves every public place at once, and its file goes to its
owner alone; a hidden collection has no public page and no share link, and its pictures stay what they are.

An item's tags leave their lists with it, and the search index is owed the change; feeds and maps read the item itself.
"""

from __future__ import annotations

from django.db import transaction

from accounts.clock import Now
from gallery import showing
from gallery.models import Collection, Item

LONGEST_REASON = 200
"""Characters of what a moderator tells the owner."""


def hide(item: Item, reason: str) -> bool:
    """Hide it, with a reason that its owner sees. False where it was hidden already."""
    with transaction.atomic():
        changed = Item.objects.filter(pk=item.pk, hidden_at__isnull=True).update(
            hidden_at=Now(), hidden_reason=reason.strip()[:LONGEST_REASON], search_owed=True
        )
        showing.follow([item.pk])
    return changed == 1


def restore(item: Item) -> bool:
    """Show it again where it was shown before. False where it was not hidden."""
    with transaction.atomic():
        changed = Item.objects.filter(pk=item.pk, hidden_at__isnull=False).update(
            hidden_at=None, hidden_reason="", search_owed=True
        )
        showing.follow([item.pk])
    return changed == 1


def hide_collection(collection: Collection, reason: str) -> bool:
    """Hide a collection, with a reason that its owner sees. False where it was hidden already."""
    rows = Collection.objects.filter(pk=collection.pk, hidden_at__isnull=True)
    return bool(rows.update(hidden_at=Now(), hidden_reason=reason.strip()[:LONGEST_REASON]))


def restore_collection(collection: Collection) -> bool:
    """Show it again to whom it was shown before. False where it was not hidden."""
    rows = Collection.objects.filter(pk=collection.pk, hidden_at__isnull=False)
    return bool(rows.update(hidden_at=None, hidden_reason=""))
